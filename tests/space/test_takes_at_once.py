"""Several takes at once with their fit, strengths, and a motif, without a model or a browser."""

from types import SimpleNamespace

import pytest

pytest.importorskip("gradio")

from saxsolo.music.score import Note
from saxsolo.notation.midi import write_midi
from saxsolo.page import handlers, line_box, say_box
from saxsolo.page.controls import Controls
from saxsolo.page.playing import Step


class Soloist:
    """Plays nothing: its takes fit the chords as well as told."""

    def __init__(self, *fits: float | None):
        self.fits = dict(zip("abc", fits, strict=False))
        self.left = iter(self.fits)
        self.asked = []
        self.store = self

    def info(self, name: str) -> SimpleNamespace:
        fit = self.fits[name]
        run = {"fit": None if fit is None else {"value": fit, "chord_tones": 0.5}}
        return SimpleNamespace(run=run)

    def play(self, source, request):
        self.asked.append(request)
        yield Step(b"x", 1, 4, 2.0)
        yield Step(b"", 4, 4, 0.0, next(self.left))


def pressed(soloist, monkeypatch, button: str = "play", **changes) -> list[tuple]:
    monkeypatch.setattr(handlers.page, "show_take", lambda store, name: f"take {name}")
    controls = Controls(**{"example": "ballad", "seconds": 4, "seed": 7, **changes})
    values = [*vars(controls).values(), None, None, "", [], None, 12, 5, 8]
    return list(handlers.answer(soloist, button, *values))


def test_the_best_fit_comes_first_and_is_shown(monkeypatch):
    soloist = Soloist(0.1, 0.3, None)
    answers = pressed(soloist, monkeypatch, takes=3, harmony=2.0, time=0.5)
    *_, (_, status, takes, history, shown, _, seed) = answers
    assert [name for _, name in takes] == ["b", "a", "c"] and history["value"] == "b"
    assert shown == "take b" and seed == 7 and "Take 3" in status
    assert takes[0][0].endswith("seed 8, fit 0.30") and takes[2][0].endswith("seed 9")
    # one take is streamed; each link plays its own take again
    assert [answer[0] for answer in answers].count(b"x") == 1
    assert [(r.settings.seed, r.settings.harmony, r.settings.time) for r in soloist.asked] == [
        (seed, 2.0, 0.5) for seed in (7, 8, 9)
    ]
    assert all("takes=1" in r.link and f"seed={r.settings.seed}" in r.link for r in soloist.asked)


def test_another_goes_on_behind_the_takes_that_are_there(monkeypatch):
    soloist = Soloist(0.1, 0.2)
    *_, last = pressed(soloist, monkeypatch, "another", takes=2)
    assert [r.settings.seed for r in soloist.asked] == [9, 10] and last[-1] == 9


def test_a_motif_is_read_from_a_file_and_kept(monkeypatch, tmp_path):
    mido = pytest.importorskip("mido")
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for pitch in (60, 62, 65):
        track.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
        track.append(mido.Message("note_off", note=pitch, time=480))
    file.save(tmp_path / "motif.mid")
    text, notice = say_box.read_motif(str(tmp_path / "motif.mid"))
    assert text == "1 1 1 C4; 1 2 1 D4; 1 3 1 F4" and "3 notes, C4 to F4" in notice
    soloist = Soloist(None)
    pressed(soloist, monkeypatch, motif=text, motif_at=2)
    (request,) = soloist.asked
    assert (request.settings.motif, request.settings.motif_at) == (text, 2)
    assert "motif=1+1+1+C4" in request.link


def test_a_dropped_line_keeps_its_seconds_and_is_voiced(monkeypatch, tmp_path):
    pytest.importorskip("mido")
    notes = [Note(0.5, 0.25, 58, 0.5), Note(1.0, 1.0, 65, 0.5)]
    path = write_midi(tmp_path / "solo.mid", notes)
    text, notice = line_box.read_line(str(path))
    assert text == "@0.5 0.25 Bb3; @1 1 F4" and "voices this line and adds nothing" in notice
    soloist = Soloist(None)
    pressed(soloist, monkeypatch, line=text)
    (request,) = soloist.asked
    assert request.settings.line == text and "line=" in request.link


def test_what_is_no_motif_is_said_in_a_line(tmp_path):
    (tmp_path / "notes.txt").write_text("C D E")
    _, notice = say_box.read_motif(str(tmp_path / "notes.txt"))
    assert 'role="alert"' in notice and "otes.txt is neither MIDI nor MusicXML" in notice
    assert "is no note" in say_box.described_motif("1 1 x")
    assert "No motif" in say_box.described_motif(" ")
