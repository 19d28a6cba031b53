"""A solo as MIDI: what is written can be read again, in time and in tune."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saxsolo.audio.pitch import HOP_SECONDS, PitchTrack, track_pitch, track_pitch_of_blocks
from saxsolo.errors import AudioError
from saxsolo.music.bars import Bars, bars_of
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.metre import DOTTED_QUARTER, EIGHTH, QUARTER
from saxsolo.music.score import Note
from saxsolo.notation.midi import BEND_STEP, bends_of, read_midi, with_loudness, write_midi

mido = pytest.importorskip("mido", reason="needs mido (pip install saxsolo[notes])")
NOTES = [Note(0.1, 0.4, 60, 1.0), Note(0.5, 0.02, 62, 0.0), Note(0.52, 1.0, 62, 0.5)]


def same(first: list[Note], second: list[Note]) -> None:
    assert [n.pitch for n in first] == [n.pitch for n in second]
    for name in ("onset", "duration"):
        pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(first, second, strict=True)]
        assert np.abs(np.subtract(*np.array(pairs).T)).max() < 0.002, name


def bars(beats, metre: int = 4, place: int = 0, seconds: float = 2.0, unit=QUARTER) -> Bars:
    """Bars over these beats, the first of which has that place."""
    places = (np.arange(len(beats)) + place) % metre
    chords = np.full(len(beats), 12), np.full(len(beats), 7)
    return bars_of(BeatGrid(np.array(beats), places, metre, *chords, unit), seconds)


@pytest.mark.parametrize("unit", [QUARTER, DOTTED_QUARTER, EIGHTH])
@pytest.mark.parametrize(
    "beats", [None, [0.3, 0.8, 1.32], [0.0, 0.5, 1.0, 1.6], [-0.1, 0.4, 1.0], [3.0, 3.5, 4.0]]
)
def test_time_stays_whatever_the_beats(tmp_path, beats, unit):
    found = None if beats is None else bars(beats, unit=unit)
    path = write_midi(tmp_path / "solo.mid", NOTES, bars=found)
    same(NOTES, read_midi(path))
    assert [p.name for p in tmp_path.iterdir()] == ["solo.mid"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30), st.integers(40, 99)), max_size=60),
    st.lists(st.floats(0.2, 1.5), min_size=3, max_size=40),
)
def test_any_solo_comes_back(tmp_path_factory, steps, lengths):
    notes, now = [], 0
    for rest, length, pitch in steps:
        notes.append(Note((now + rest) / 50, length / 50, pitch, 0.5))
        now += rest + length
    path = tmp_path_factory.mktemp("midi") / "solo.mid"
    back = read_midi(write_midi(path, notes, bars=bars(np.cumsum(lengths), 3, 1, now / 50)))
    assert len(back) == len(notes)
    if notes:
        same(notes, back)


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
    assert abs(bends[-1].semitones) < BEND_STEP and bends[-1].time < 1
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
    assert wheel == [2048, 0]
    kinds = [m.type for m in messages]
    assert kinds.index("pitchwheel") < kinds.index("note_on")


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60), st.integers(40, 99)), min_size=1),
    st.integers(0, 2**32 - 1),
)
def test_the_wheel_rests_outside_notes_and_its_range_is_told(tmp_path_factory, steps, seed):
    notes, now = [], 0.0
    for rest, length, pitch in steps[:40]:
        notes.append(Note((now + rest) / 50, length / 50, pitch, 0.5))
        now += rest + length
    rng = np.random.default_rng(seed)
    frames = int(now / 50 / HOP_SECONDS) + 5
    index = np.searchsorted([n.onset for n in notes], np.arange(frames) * HOP_SECONDS, "right") - 1
    pitch = np.array([n.pitch for n in notes])[np.maximum(index, 0)] + rng.normal(0, 0.5, frames)
    bends = bends_of(notes, track(pitch))
    path = write_midi(tmp_path_factory.mktemp("midi") / "a.mid", notes, bends=bends)
    file = mido.MidiFile(path)
    tick = wheel = sounding = 0
    moved: dict[int, tuple[int, int]] = {}
    for message in file.tracks[0]:
        tick += message.time
        if message.type == "pitchwheel":
            wheel = message.pitch
        elif message.type in ("note_on", "note_off"):
            sounding += 1 if message.type == "note_on" else -1
        moved[tick] = sounding, wheel
    # at the end of every tick
    assert all(wheel == 0 for sounding, wheel in moved.values() if not sounding)
    assert moved[tick] == (0, 0)
    controls = [(m.control, m.value) for m in file.tracks[0] if m.type == "control_change"]
    # registered parameter 0, pitch bend sensitivity: two semitones, no cents; then none
    expected = [(101, 0), (100, 0), (6, 2), (38, 0), (101, 127), (100, 127)]
    assert controls == (expected if bends else [])


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
