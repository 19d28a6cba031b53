"""A solo is described: changes, time, phrases, licks; text, JSON, picture, command."""

import json

import numpy as np
import pytest

from saxsolo.listening.judged_solo import judge_solo, judged_picture, solo_notes
from saxsolo.listening.judging import FIGURES, as_dict, as_text, judge, masters
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.charts.text import read_text
from saxsolo.music.placed_chart import place_by_tempo
from saxsolo.music.score import Note

BEAT = 0.5


def grid(text: str = "Cmaj7 | F7 | Cmaj7 | G7", seconds: float = 16.0) -> BeatGrid:
    return place_by_tempo(read_text(text), 0.0, 120, seconds).grid()


def eighths(pitches, late: float = 0.0, swing: float = 0.5, start: int = 0) -> list[Note]:
    """Two notes a beat, each held to the next."""
    onsets = [
        BEAT * (start + i // 2 + (swing if i % 2 else 0)) + late for i in range(len(pitches) + 1)
    ]
    return [
        Note(a, b - a, pitch, 0.6) for a, b, pitch in zip(onsets, onsets[1:], pitches, strict=False)
    ]


def test_chord_tones_are_counted_bar_by_bar():
    notes = [Note(0.0, 2.0, 60, 0.6), Note(2.0, 1.0, 69, 0.6), Note(3.0, 1.0, 66, 0.6)]
    found = judge(notes, grid())
    assert [bar.chord_tones for bar in found.bars[:3]] == [1.0, 0.5, None]
    assert found.bars[0].chords == ["Cmaj7"] and found.bars[1].outside == ["Gb over F7"]
    assert found.figures["range"] == 9 and found.figures["landing"] is None


@pytest.mark.parametrize("late", [-0.04, 0.0, 0.03])
def test_how_late_is_measured_where_notes_lie_on_beats(late: float):
    found = judge(eighths([60, 62, 64, 65] * 6, late=late, start=1), grid())
    assert found.figures["late_ms"] == pytest.approx(1000 * late, abs=1)
    assert found.figures["spread_ms"] == pytest.approx(0, abs=1)
    assert found.phrases[0].late_ms == pytest.approx(1000 * late, abs=1)


@pytest.mark.parametrize(("place", "ratio"), [(0.5, 1.0), (2 / 3, 2.0), (0.6, 1.5)])
def test_swing_is_the_first_eighth_to_the_second(place: float, ratio: float):
    found = judge(eighths([60, 62, 64, 65] * 6, swing=place), grid())
    assert found.figures["swing"] == pytest.approx(ratio, abs=0.05)


def test_a_rest_ends_a_phrase_and_is_space():
    first, second = eighths([60, 62, 64, 65]), eighths([67, 65, 64, 62], start=6)
    found = judge(first + second, grid())
    assert [phrase.notes for phrase in found.phrases] == [4, 4]
    assert found.figures["space"] == pytest.approx(0.5, abs=0.02)


def test_a_lick_that_comes_again_is_named_in_any_key():
    lick = [60, 62, 63, 65, 67, 63]
    found = judge(eighths([*lick, 50, 70, *(p + 2 for p in lick)]), grid())
    assert found.licks[0] == ("C D Eb F G Eb", 2)
    assert found.figures["repeated"] == pytest.approx(6 / 14, abs=0.01)
    assert not judge(eighths([60, 61, 63, 66, 70, 75, 81]), grid()).licks


def test_text_and_json_hold_every_figure_and_the_masters():
    found = judge(eighths([60, 64, 67, 71] * 8), grid())
    known = masters()
    assert known["licence"] == "ODbL-1.0" and known["solos"] > 20
    assert set(known["figures"]) == set(FIGURES)
    assert all(low <= middle <= high for low, middle, high in known["figures"].values())
    text = as_text(found)
    assert all(name in text for name in FIGURES) and "Cmaj7" in text
    assert json.loads(json.dumps(as_dict(found)))["figures"]["chord_tones"] is not None


def test_silence_has_no_figures():
    assert set(judge([], grid()).figures.values()) == {None}


@pytest.fixture(name="files")
def fixture_files(tmp_path):
    """A solo as MIDI, and clicks to be played over."""
    mido = pytest.importorskip("mido")
    import soundfile

    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for pitch in [60, 62, 64, 65, 67, 65, 64, 62] * 2:
        track.append(mido.Message("note_on", note=pitch, velocity=80))
        track.append(mido.Message("note_off", note=pitch, time=240))
    file.save(tmp_path / "solo.mid")
    clicks = np.zeros(16_000 * 8, np.float32)
    clicks[:: 16_000 // 2] = 0.5
    soundfile.write(tmp_path / "backing.wav", clicks, 16_000)
    return tmp_path / "solo.mid", tmp_path / "backing.wav"


def test_a_midi_solo_over_a_chart_with_a_tempo_needs_no_ear(files, tmp_path):
    pytest.importorskip("matplotlib")
    solo, backing = files
    assert [note.pitch for note in solo_notes(solo)][:3] == [60, 62, 64]
    judged = judge_solo(solo, backing, read_text("C | F"), first_bar=0.0, tempo=120)
    assert judged.judgement.figures["late_ms"] == pytest.approx(0, abs=1)
    assert judged.judgement.bars[1].chords == ["F"]
    figure = judged_picture(judged, "solo")
    figure.savefig(tmp_path / "solo.png")
    assert (tmp_path / "solo.png").stat().st_size > 10_000
