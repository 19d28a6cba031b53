"""A solo as MIDI: what is written can be read again, in time and in tune."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saxsolo.audio.pitch import HOP_SECONDS, PitchTrack, track_pitch, track_pitch_of_blocks
from saxsolo.errors import AudioError
from saxsolo.music.score import Note
from saxsolo.notation.midi import BEND_STEP, bends_of, read_midi, with_loudness, write_midi

mido = pytest.importorskip("mido", reason="needs mido (pip install saxsolo[notes])")
NOTES = [Note(0.1, 0.4, 60, 1.0), Note(0.5, 0.02, 62, 0.0), Note(0.52, 1.0, 62, 0.5)]


def same(first: list[Note], second: list[Note]) -> None:
    assert [n.pitch for n in first] == [n.pitch for n in second]
    for name in ("onset", "duration"):
        pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(first, second, strict=True)]
        assert np.abs(np.subtract(*np.array(pairs).T)).max() < 0.002, name


@pytest.mark.parametrize(
    "beats", [None, [0.4], [0.3, 0.8, 1.32], [0.0, 0.5, 1.0, 1.6], [-0.1, 0.4, 1.0], [3.0, 3.5]]
)
def test_time_stays_whatever_the_beats(tmp_path, beats):
    path = write_midi(tmp_path / "solo.mid", NOTES, beats=beats)
    same(NOTES, read_midi(path))
    assert [p.name for p in tmp_path.iterdir()] == ["solo.mid"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30), st.integers(40, 99)), max_size=60),
    st.lists(st.floats(0.2, 1.5), max_size=40),
)
def test_any_solo_comes_back(tmp_path_factory, steps, lengths):
    notes, now = [], 0
    for rest, length, pitch in steps:
        notes.append(Note((now + rest) / 50, length / 50, pitch, 0.5))
        now += rest + length
    path = tmp_path_factory.mktemp("midi") / "solo.mid"
    back = read_midi(write_midi(path, notes, beats=np.cumsum(lengths)))
    assert len(back) == len(notes)
    if notes:
        same(notes, back)


def test_beats_fall_on_beats_and_downbeats_on_bars(tmp_path):
    beats = [0.3 + 0.5 * i for i in range(9)]
    notes = [Note(beats[3], 0.2, 60, 0.5)]
    path = write_midi(tmp_path / "a.mid", notes, beats=beats, beats_per_bar=3, first_downbeat=3)
    file = mido.MidiFile(path)
    now, bars, onsets = 0, [], []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "time_signature":
            bars.append((now, message.numerator))
        if message.type == "note_on":
            onsets.append(now)
    start, beats_in_bar = bars[-1]
    assert beats_in_bar == 3 and (onsets[0] - start) % (3 * file.ticks_per_beat) == 0


def track(pitch: np.ndarray, level: float = -20.0) -> PitchTrack:
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    return PitchTrack(hertz, np.full(len(pitch), 0.9), np.full(len(pitch), level))


def test_a_scoop_is_bent_and_an_octave_is_not():
    pitch = np.full(200, 60.0)
    pitch[:10] = np.linspace(59, 60, 10)
    pitch[100:] = 74.0  # the note is a 62, heard an octave higher
    notes = [Note(0.0, 1.0, 60, 0.5), Note(100 * HOP_SECONDS, 1.0, 62, 0.5)]
    bends = bends_of(notes, track(pitch))
    assert bends[0].time == 0 and -1.01 < bends[0].semitones < -0.8
    assert abs(bends[-1].semitones) < BEND_STEP
    assert len(bends) < 12


def test_no_bend_where_another_note_is_heard():
    assert bends_of([Note(0, 1, 60, 0.5)], track(np.full(100, 66.0))) == []
    silent = PitchTrack(np.full(100, 440.0), np.zeros(100), np.full(100, -80.0))
    assert bends_of([Note(0, 1, 60, 0.5)], silent) == []


def test_bends_reach_the_file(tmp_path):
    bends = bends_of([NOTES[0]], track(np.full(100, 60.5)))
    path = write_midi(tmp_path / "solo.mid", [NOTES[0]], bends=bends)
    messages = list(mido.MidiFile(path))
    wheel = [m.pitch for m in messages if m.type == "pitchwheel"]
    assert wheel == [2048]
    kinds = [m.type for m in messages]
    assert kinds.index("pitchwheel") < kinds.index("note_on")


def test_louder_notes_are_louder():
    levels = track(np.full(100, 60.0))
    levels.level[40:] = -32.0
    notes = with_loudness([Note(0, 0.5, 60, 0.6), Note(0.7, 0.5, 60, 0.6)], levels)
    assert [n.loudness for n in notes] == [1.0, pytest.approx(0.5)]


def test_a_tone_is_tracked():
    pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[notes])")
    time = np.arange(32000) / 32000
    tone = sum(0.2 / k * np.sin(2 * np.pi * 450 * k * time) for k in range(1, 8))
    found = track_pitch(tone.astype(np.float32), 32000)
    sure = found.confidence > 0.8
    assert sure.mean() > 0.8 and np.allclose(found.hertz[sure], 450, rtol=0.01)


def test_blocks_are_tracked_as_the_whole_is():
    pytest.importorskip("swift_f0", reason="needs pip install saxsolo[notes]")
    time = np.arange(5 * 32000) / 32000
    sound = (0.3 * np.sin(2 * np.pi * (220 + 40 * time) * time)).astype(np.float32)
    whole = track_pitch(sound, 32000)
    parts = track_pitch_of_blocks(np.split(sound, [20001, 65000, 65001]), 32000)
    for name in ("hertz", "confidence", "level"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-6)


def test_what_is_no_midi_file(tmp_path):
    path = tmp_path / "text.mid"
    path.write_text("no notes here")
    with pytest.raises(AudioError, match="not a MIDI file"):
        read_midi(path)
