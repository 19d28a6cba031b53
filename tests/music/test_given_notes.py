"""Notes that a person gives come through text, MIDI and MusicXML the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saxsolo import SettingError
from saxsolo.music.given_notes import GivenNote, notes_of_file, notes_text, one_voice, read_notes

eighths = st.integers(0, 7).map(lambda place: place / 2)
notes = st.builds(
    GivenNote,
    st.integers(1, 9),
    eighths,
    st.sampled_from([0.25, 0.5, 1.0, 2.5]),
    st.integers(40, 99),
)
MOTIF = "1 1 0.5 Bb3; 1 2.5 1.5 D4; 2 1 2 F4"


@given(st.lists(notes, min_size=1, max_size=9))
def test_notes_are_read_as_they_are_written(some):
    assert read_notes(notes_text(one_voice(some))) == one_voice(some)
    timed = [GivenNote(None, n.at, n.length, n.pitch) for n in some]
    assert read_notes(notes_text(one_voice(timed))) == one_voice(timed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no notes are given"),
        ("1 1 Bb3", "is no note"),
        ("1 0 1 Bb3", "count from 1"),
        ("1 1 0 Bb3", "has a length"),
        ("1 1 1 H3", "is no pitch"),
        ("1 1 1 C1", "C1 lies outside E2 to Eb7"),
        ("1 1 1 C4; @1 1 C4", "one or the other"),
    ],
)
def test_what_is_no_note_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_notes(text)


def test_midi_is_read_by_its_bars_or_by_its_seconds(tmp_path):
    mido = pytest.importorskip("mido")
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=250_000))
    now = 0
    for start, end, pitch in ((0, 240, 58), (720, 1440, 62), (1920, 2880, 65)):
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=start - now))
        track.append(mido.Message("note_off", note=pitch, time=end - start))
        now = end
    path = tmp_path / "motif.mid"
    file.save(path)
    assert notes_of_file(path) == MOTIF
    assert notes_of_file(path, timed=True) == "@0 0.125 Bb3; @0.375 0.375 D4; @1 0.5 F4"


def test_musicxml_is_read_at_concert_pitch(tmp_path):
    music21 = pytest.importorskip("music21")
    part = music21.stream.Part()
    part.insert(0, music21.instrument.TenorSaxophone())
    part.insert(0, music21.meter.TimeSignature("4/4"))
    for at, length, name in ((0, 0.5, "C5"), (1.5, 1.5, "E5"), (4, 2, "G5")):
        part.insert(at, music21.note.Note(name, quarterLength=length))
    part.atSoundingPitch = False
    path = tmp_path / "motif.musicxml"
    music21.stream.Score([part]).write("musicxml", path)
    assert notes_of_file(path) == MOTIF


def test_other_files_are_refused_in_one_line(tmp_path):
    for name, content in (("a.mid", b"MThd"), ("b.mid", b"hello"), ("c.musicxml", b"<score>")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(SettingError, match=name) as error:
            notes_of_file(path)
        assert "\n" not in str(error.value) and not str(error.value).rstrip().endswith(":")
    with pytest.raises(SettingError, match="cannot be read"):
        notes_of_file(tmp_path / "none.mid")
