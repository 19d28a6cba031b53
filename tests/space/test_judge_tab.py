"""The tab that describes a solo: its answer, its page and its files."""

import json
from pathlib import Path

import mido
import pytest

pytest.importorskip("gradio")

from saxsolo.listening.judged_solo import LOWEST_PITCH, judge_solo, without_splinters
from saxsolo.music.charts.chart import ChartError
from saxsolo.music.charts.reading import chart_of_text
from saxsolo.music.score import Note
from saxsolo.page.controls import EXAMPLE, EXAMPLES
from saxsolo.page.judge_tab import answer
from saxsolo.page.listener import Listener

CHOSEN = (EXAMPLE, "blues_in_f", None, None)
BACKING = EXAMPLES / "blues_in_f.flac"


@pytest.fixture(name="solo")
def fixture_solo(tmp_path: Path) -> Path:
    """Sixty seconds of eighths: longer than the example."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for pitch in [65, 69, 72, 75] * 60:
        track.append(mido.Message("note_on", note=pitch, velocity=80))
        track.append(mido.Message("note_off", note=pitch, time=240))
    file.save(tmp_path / "<b>solo.mid")
    return tmp_path / "<b>solo.mid"


def test_a_solo_is_described_and_its_files_are_there(solo, tmp_path):
    listener = Listener(tmp_path)
    # first bar and tempo are given, so the ear is not needed
    *_, (status, page) = answer(listener, str(solo), 20, "F7 | Bb7", "", 0.6, 108.0, "", *CHOSEN)
    assert "done" in status and "<b>" not in page and "&lt;b&gt;" in page
    assert "Weimar" in page and "the solo lasts" in page
    (name,) = [folder.name for folder in listener.judged.root.iterdir()]
    described = json.loads((listener.judged.folder(name) / "solo.json").read_text())
    assert described["figures"]["chord_tones"] is not None and described["remarks"]
    assert (listener.judged.folder(name) / "solo.png").stat().st_size > 10_000
    words = page.lower()
    assert not any(grade in words for grade in ("wrong", "mistake", "good", "bad", "score"))


@pytest.mark.parametrize(
    ("chords", "shift", "words"),
    [("F7 | H7", 0, "bar 2"), ("F7", 5000, "not between")],
)
def test_what_is_wrong_is_one_line(solo, tmp_path, chords, shift, words):
    listener = Listener(tmp_path)
    *_, (status, page) = answer(listener, str(solo), shift, chords, "", 0.6, 108.0, "", *CHOSEN)
    assert 'role="alert"' in status and words in status and page == ""
    *_, (status, _) = answer(listener, None, 0, "", "", None, None, "", *CHOSEN)
    assert "record a solo" in status.lower()


def test_a_shift_moves_the_solo(solo):
    chart = chart_of_text("F7 | Bb7")
    there, later = (
        judge_solo(solo, BACKING, chart, first_bar=0.0, tempo=120, shift=shift)
        for shift in (0.0, 0.02)
    )
    moved = later.judgement.figures["late_ms"] - there.judgement.figures["late_ms"]
    assert moved == pytest.approx(20, abs=1)


def test_splinters_of_a_note_are_no_notes():
    long = Note(1.0, 0.5, 79, 0.7)
    attack = Note(0.93, 0.064, 67, 0.5)
    assert without_splinters([attack, long]) == [Note(0.93, 0.57, 79, 0.7)]
    hiss = Note(3.0, 0.2, LOWEST_PITCH - 5, 0.2)
    octaves = [Note(1.0, 0.3, 60, 0.6), Note(1.3, 0.3, 72, 0.6)]
    assert without_splinters([*octaves, hiss]) == octaves


def test_a_broken_midi_file_is_named(tmp_path):
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    with pytest.raises(ChartError, match=r"broken\.mid"):
        judge_solo(tmp_path / "broken.mid", BACKING, chart_of_text("F7"), first_bar=0, tempo=90)
