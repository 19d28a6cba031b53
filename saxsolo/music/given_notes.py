"""Notes that a person gives, a motif or a whole line, as a text and from MIDI and MusicXML files.

Each note is written "bar beat beats pitch", with semicolons between: "1 1 0.5 Bb3; 1 1.5 0.5 C4".
Bars and beats count from 1, bar 0 is a pick-up. "@second seconds pitch" gives times in place of
bars: "@2.86 0.4 Bb3".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modeling_saxsolo.vocabulary_saxsolo import LOWEST_PITCH, NUM_PITCHES
from saxsolo.errors import SettingError

from .charts.chart import ChartError, beats_of
from .charts.midi import read_midi_track
from .pitch_names import pitch_name, pitch_of

NOTE_SUFFIXES = (".mid", ".midi", ".smf", ".kar", ".musicxml", ".xml", ".mxl")
MOST_NOTES = 20_000
MOST_BYTES = 20_000_000
ADVICE = 'write "bar beat beats pitch", such as 1 1 0.5 Bb3, or "@second seconds pitch"'


@dataclass(frozen=True)
class GivenNote:
    """A note.

    Attributes:
        bar: from 1; None where `at` and `length` are seconds.
        at: beats from the beginning of the bar, from 0. length: beats.
        pitch: MIDI.
    """

    bar: int | None
    at: float
    length: float
    pitch: int


def read_notes(text: str) -> list[GivenNote]:
    """The notes of a text, in order, one at a time.

    Raises:
        ValueError: for what is no note, or lies outside what a saxophone plays here.
    """
    notes = [_note(part.strip()) for part in re.split(r"[;\n]", text) if part.strip()]
    if not notes:
        raise ValueError(f"no notes are given; {ADVICE}")
    if len(notes) > MOST_NOTES:
        raise ValueError(f"{len(notes)} notes are more than {MOST_NOTES}")
    if len({note.bar is None for note in notes}) > 1:
        raise ValueError("some notes have bars and some have seconds; give one or the other")
    return one_voice(notes)


def _note(text: str) -> GivenNote:
    words = text.removeprefix("@").split()
    timed = text.startswith("@")
    try:
        numbers = [float(word) for word in words[:-1]]
        if len(words) != (3 if timed else 4):
            raise ValueError(f"{len(words)} words")
        bar = None if timed else int(words[0])
    except ValueError:
        raise ValueError(f"{text!r} is no note; {ADVICE}") from None
    at, length = numbers[-2] - (0 if timed else 1), numbers[-1]
    if not (0 <= at < 1e5 and 0 < length < 1e4) or (bar is not None and not 0 <= bar < 1e5):
        raise ValueError(f"{text!r}: bars and beats count from 1, and a note has a length")
    return _in_range(GivenNote(bar, at, length, pitch_of(words[-1])))


def _in_range(note: GivenNote) -> GivenNote:
    top = LOWEST_PITCH + NUM_PITCHES - 1
    if not LOWEST_PITCH <= note.pitch <= top:
        raise ValueError(
            f"{pitch_name(note.pitch)} lies outside {pitch_name(LOWEST_PITCH)} to "
            f"{pitch_name(top)}; move it by octaves"
        )
    return note


def notes_text(notes: Sequence[GivenNote]) -> str:
    """Notes as `read_notes` reads them."""
    return "; ".join(
        f"@{_short(n.at)} {_short(n.length)} {pitch_name(n.pitch)}"
        if n.bar is None
        else f"{n.bar} {_short(n.at + 1)} {_short(n.length)} {pitch_name(n.pitch)}"
        for n in notes
    )


def one_voice(notes: Sequence[GivenNote]) -> list[GivenNote]:
    """In order; of notes that begin together the highest."""
    kept: dict[tuple[int, float], GivenNote] = {}
    for note in sorted(notes, key=lambda note: note.pitch):
        kept[(note.bar or 0, round(note.at, 4))] = note
    return [kept[place] for place in sorted(kept)]


def notes_of_file(path: Path | str, timed: bool = False) -> str:
    """The notes of a MIDI or MusicXML file as a text.

    Args:
        timed: keep the seconds of a MIDI file in place of its bars.

    Raises:
        SettingError: for a file that cannot be read, or holds no notes.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SettingError(f"{path} has more than {MOST_BYTES} bytes")
        data = path.read_bytes()
        notes = _of_midi(data, timed) if data[:4] in (b"MThd", b"RIFF") else _of_musicxml(path)
        return notes_text(one_voice([_in_range(note) for note in notes]))
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}") from error
    except ChartError as error:
        raise SettingError(f"{path.name}: {error}") from None
    except SettingError:
        raise
    except ValueError as error:
        raise SettingError(f"{path.name}: {error}") from None


def _of_midi(data: bytes, timed: bool) -> list[GivenNote]:
    track = read_midi_track(data[data.index(b"MThd") :])
    if not track.notes:
        raise ValueError("the MIDI file holds no notes")
    if timed:
        return [
            GivenNote(None, float(track.at(start)), float(track.at(end) - track.at(start)), pitch)
            for start, end, _, pitch, *_ in track.notes
        ]
    starts = [tick for tick, _ in track.bars]
    notes = []
    for start, end, _, pitch, *_ in track.notes:
        index = max(place for place, tick in enumerate(starts) if tick <= start)
        tick, metre = track.bars[index]
        count, unit = (int(part) for part in metre.split("/"))
        beat = 4 * track.quarter * count / unit / beats_of(metre)
        notes.append(GivenNote(index + 1, (start - tick) / beat, (end - start) / beat, pitch))
    return notes


def _of_musicxml(path: Path) -> list[GivenNote]:
    try:
        from music21 import converter
    except ModuleNotFoundError:
        from saxsolo.extras import missing_extra

        raise SettingError(missing_extra("music21", "notes")) from None
    try:
        score: Any = converter.parse(str(path), format="musicxml")
        part = score.parts[0].toSoundingPitch().stripTies()
    except Exception as error:  # the parsers' errors have no common class
        raise ValueError(f"neither MIDI nor MusicXML ({type(error).__name__})") from None
    notes = []
    measures = list(part.getElementsByClass("Measure"))
    pickup = bool(measures and measures[0].paddingLeft)
    metre = "4/4"
    for index, measure in enumerate(measures):
        signature = measure.timeSignature
        metre = signature.ratioString if signature is not None else metre
        count, unit = (int(number) for number in metre.split("/"))
        beat = 4 * count / unit / beats_of(metre)
        for element in measure.flatten().notes:
            if not hasattr(element, "pitches") or not element.duration.quarterLength:
                continue
            at = (float(element.offset) + measure.paddingLeft) / beat
            length = float(element.duration.quarterLength) / beat
            pitch = max(one.midi for one in element.pitches)
            notes.append(GivenNote(index + (0 if pickup else 1), at, length, pitch))
    if not notes:
        raise ValueError("it holds no notes")
    return notes


def moved(notes: Sequence[GivenNote], bars: int) -> list[GivenNote]:
    """The same so many bars later; what has seconds stays."""
    return [n if n.bar is None else replace(n, bar=n.bar + bars) for n in notes]


def _short(number: float) -> str:
    return f"{number:.4f}".rstrip("0").rstrip(".")
