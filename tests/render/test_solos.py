"""Lessons for the codec: who plays what, and truth that is true."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from modeling_saxsolo.player_saxsolo import Player, interpret
from saxsolo.corpus.render.horns import TRAINING_HORNS, UNSEEN_FONTS, UNSEEN_HORN
from saxsolo.corpus.render.key_events import key_events
from saxsolo.corpus.render.pairs import CorpusError
from saxsolo.corpus.render.solos import RATE, SETS, SoloPlan, fitted, plan_solos, write_solo
from saxsolo.corpus.render.sounds import Sounds
from saxsolo.corpus.scores.splits import TEST_PERFORMERS, VALIDATION_PERFORMERS
from saxsolo.music.score import Note

from .conftest import make_score

LAGS = TRAINING_HORNS[0].lags


def scores():
    people = ["Art Pepper", "Hank Mobley", "Somebody", "Somebody Else"]
    return [
        replace(make_score(tuple(range(55, 75))), id=name, performer=name, title=f"Tune of {name}")
        for name in people
    ]


def test_nobody_who_is_judged_is_heard_in_training():
    planned = plan_solos(scores(), hours=0.05, held_out=3, seconds=10, seed=0)
    assert {plan.set for plan in planned} == set(SETS)
    for plan in planned:
        held_out = plan.score.performer in TEST_PERFORMERS | VALIDATION_PERFORMERS
        assert held_out == (plan.set != "train")
        unseen = {UNSEEN_HORN.name, *(font.name for font in UNSEEN_FONTS)}
        assert (plan.horn.name in unseen) == (plan.set in ("unseen", "font"))
    again = plan_solos(scores(), hours=0.05, held_out=3, seconds=10, seed=0)
    assert planned == again
    with pytest.raises(CorpusError, match="test"):
        plan_solos(scores()[1:], hours=0.05, held_out=3, seconds=10, seed=0)


@pytest.mark.parametrize("horn", [*TRAINING_HORNS, UNSEEN_HORN], ids=lambda horn: horn.name)
def test_every_note_lies_on_the_horn(horn):
    low = fitted(make_score((20, 30, 64, 100)), horn)
    assert all(horn.low <= note.pitch <= horn.high for note in low.notes)


def test_a_line_is_shaped_as_the_truth_says():
    rng = np.random.default_rng(0)
    notes = [Note(0.5 + 0.6 * i, 0.6, 60 + i % 2, 0.8) for i in range(40)]
    player = replace(
        Player.draw(rng, "ballad"), vibrato_share=1.0, bend_share=0.5, fall_share=0.0, tuning=0.0
    )
    played = interpret(notes, player, rng)
    assert {note.attack for note in played[1:]} == {"slurred"}
    assert any(note.bend for note in played)
    note = next(note for note in played if note.vibrato_depth and not note.bend and not note.glide)
    at = np.linspace(0, note.duration, 500)
    cents = note.cents(at)
    early = at < note.vibrato_start
    assert np.ptp(cents[early]) < 1e-6
    assert np.abs(cents - note.centre).max() <= note.vibrato_depth + 1e-6
    assert 4 < note.vibrato_rate < 7
    json.dumps([note.row() for note in played])


def test_events_never_hold_a_tongued_note_into_the_next():
    rng = np.random.default_rng(1)
    notes = [Note(0.5 + 0.3 * i, 0.12, 60, 0.5) for i in range(10)]
    events = key_events(interpret(notes, Player.draw(rng, "swing"), rng), LAGS)
    ends = [event.time for event in events if event.kind == "off"]
    starts = [event.time for event in events if event.kind == "on"]
    assert len(starts) == len(ends) == 10
    assert all(end < start for end, start in zip(ends, starts[1:], strict=False))
    assert all(abs(event.value) <= 200 for event in events if event.kind == "bend")


@pytest.mark.slow
def test_a_solo_sounds_at_the_pitch_of_its_truth(all_sounds: Sounds, tmp_path):
    pytest.importorskip("swift_f0", reason="needs swift-f0", exc_type=ImportError)
    horn = next(horn for horn in TRAINING_HORNS if horn.name == "mtg_alto")
    score = make_score((60, 62, 64, 65))
    row = write_solo(SoloPlan("x", "train", score, horn, 7), tmp_path, all_sounds)
    folder = tmp_path / "train" / "x"
    sound, rate = soundfile.read(folder / "solo.flac")
    assert rate == RATE and row["seconds"] == pytest.approx(len(sound) / RATE, abs=1e-3)
    f0 = np.load(folder / "solo.f0.npy")
    for note in json.loads((folder / "notes.json").read_text())["notes"]:
        middle = int((note["onset"] + 0.6 * note["duration"]) / 0.005)
        wanted = 440 * 2 ** ((note["pitch"] - 69) / 12)
        assert abs(1200 * np.log2(f0[middle] / wanted)) < 120
