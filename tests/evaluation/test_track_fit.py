"""Solos against tracks with known chords."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from modeling_saxsolo.vocabulary_saxsolo import QUALITY_NAMES
from saxsolo.evaluation import held_out_plans, track_fit
from saxsolo.evaluation.ear_listeners import Hearing
from saxsolo.evaluation.ear_metrics import ChordTrack, harte
from saxsolo.evaluation.ear_report import Track, read_sounds
from saxsolo.evaluation.notes import notes_of_score
from saxsolo.evaluation.track_fit import (
    fit_of_solos,
    fit_to_tracks,
    judged_from_outside,
    root_and_quality,
    solo_figures,
    track_labels,
)


@pytest.mark.parametrize("root", range(12))
@pytest.mark.parametrize("quality", range(7))
def test_chords_come_back_from_harte(root, quality):
    assert root_and_quality(harte(root, quality)) == (root, quality), QUALITY_NAMES[quality]


@pytest.mark.parametrize(
    "label, wanted",
    [("N", (12, 7)), ("C", (0, 0)), ("F#:min", (6, 1)), ("Bb:9", (10, 2)), ("D:dim", (2, 4)),
     ("E:maj6(9)", (4, 0)), ("G:minmaj7/b3", (7, 1)), ("A:sus4", (9, 5))],
)  # fmt: skip
def test_labels_of_others_are_read(label, wanted):
    assert root_and_quality(label) == wanted


def test_labels_follow_chords_and_beats(tmp_path):
    chords = ChordTrack(np.array([[0.0, 1.0], [1.0, 3.0]]), ["N", "D:min7"])
    beats, places = np.arange(0.5, 3.0, 0.5), np.array([1, 2, 3, 4, 1])
    labels = track_labels(Track("x", tmp_path, chords, beats, places), 3.0)
    assert labels.shape == (150, 4)
    assert (labels[:50, 0] == 12).all() and (labels[50:, :2] == (2, 1)).all()
    assert (labels[:25, 2] == -100).all() and labels[25, 2] == 0 and labels[49, 2] == 11
    assert list(labels[30:130:25, 3]) == [0, 1, 2, 3]


def test_a_judge_hears_the_seconds_that_are_played(tmp_path):
    tone = np.sin(np.arange(40_000) * 0.1).astype(np.float32)
    soundfile.write(tmp_path / "any band.flac", np.stack([tone, 0.5 * tone], axis=1), 16_000)
    heard = []

    def judge(audio, rate):
        heard.append((audio.shape, rate))
        return Hearing(ChordTrack(np.array([[0.0, 2.0]]), ["F:7"]), np.arange(0.0, 2.0, 0.5))

    (track,) = read_sounds(tmp_path)
    labels = track_labels(judged_from_outside(track, judge, 2.0), 2.0)
    assert heard == [((2, 32_000), 16_000)]
    assert (labels[:, :2] == (5, 2)).all()
    assert (labels[:75, 2] >= 0).all() and (labels[:, 3] == -100).all()


def test_a_folder_without_sounds_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no sound"):
        read_sounds(tmp_path)


def test_figures_of_a_solo_alone():
    tokens = np.zeros(500, int)
    tokens[50], tokens[51:100] = 21, 81
    tokens[200], tokens[201:225] = 23, 83
    figures = solo_figures(notes_of_score(tokens))
    assert figures == pytest.approx(
        {"notes_a_second": 0.2, "voiced": 0.15, "pauses": 0.2, "longest_note": 1.0}
    )
    silence = solo_figures(notes_of_score(np.zeros(500, int)))
    assert silence == dict.fromkeys(figures, 0.0)


def test_a_solo_fits_its_own_chords_best():
    """Chord tones of C and of F sharp, each over both."""
    solos, labels = [], []
    for root in (0, 6):
        tokens = np.zeros(500, int)
        for index in range(40):
            tokens[12 * index] = 1 + 20 + root + (0, 4, 7)[index % 3]
        frames = np.arange(500)
        solos.append(notes_of_score(tokens))
        phase, place = frames % 25 * 12 // 25, frames // 25 % 4
        labels.append(np.stack([np.full(500, root), np.zeros(500, int), phase, place], axis=1))
    figures = fit_of_solos(solos, labels)
    assert figures["chord_tones"]["own"] == 1.0 and figures["chord_tones"]["matched"] == 1.0
    assert "matched" not in figures["notes_a_second"]


def test_every_solo_is_drawn_from_a_seed_of_its_own(monkeypatch, tmp_path):
    """Chance in the drawing must average out over tracks, and limits must not change a solo."""
    drawn = []

    class Silent:
        def __init__(self, player, source, settings):
            drawn.append(settings.seed)

        def plan(self):
            return np.zeros(500, int)

    monkeypatch.setattr(track_fit, "Performance", Silent)
    monkeypatch.setattr(track_fit, "open_sound", lambda path: None)
    tracks = [Track(name, tmp_path, None, None, None) for name in "abc"]
    for chosen in (tracks, tracks[1:]):
        fit_to_tracks(None, chosen, 10.0, notes_only=True)
    assert len(set(drawn[:3])) == 3 and drawn[3:] == drawn[1:3]
    fit_to_tracks(None, tracks, 10.0, seed=2, notes_only=True)
    assert len(set(drawn)) == 6


def test_every_plan_is_drawn_from_a_seed_of_its_own(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        held_out_plans, "_by_events", lambda solo, tune, seed: drawn.append(seed) or tune.human
    )
    scores = [SimpleNamespace(id=name) for name in "abc"]
    tunes = [held_out_plans.Tune(score, np.zeros(50, int), None) for score in scores]
    solo = SimpleNamespace(model=SimpleNamespace(config=SimpleNamespace(planner={})), name="x")
    list(held_out_plans.planned_streams(solo, tunes, "events"))
    list(held_out_plans.planned_streams(solo, tunes[1:], "events"))
    assert len(set(drawn[:3])) == 3 and drawn[3:] == drawn[1:3]
