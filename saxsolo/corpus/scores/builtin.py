"""Scores written for this project, so that tests and examples need no outside data.

A blues and a ii-V-I study with solos, a bossa and a ballad without. Written by the project's
authors and dedicated to the public domain (CC0-1.0).
"""

from __future__ import annotations

from dataclasses import dataclass

from saxsolo.music.chord_symbols import parse_chord
from saxsolo.music.score import Beat, Note, Score

SOURCE = "saxsolo built-in scores"
LICENCE = "CC0-1.0"
ATTRIBUTION = "Written for saxsolo; no attribution needed"
LEAD_IN = 0.5
_SWUNG_OFFBEAT = 2 / 3

# A line is a list of (pitch, eighths); pitch None is a rest. Eighths swing where the feel does.
Line = list[tuple[int | None, int]]

_BLUES_CHANGES = "F7 Bb7 F7 F7 Bb7 Bo7 F7 D79b G-7 C7 F7,D7 G-7,C7"
_BLUES_FIRST: Line = [
    (60, 1), (63, 1), (65, 1), (69, 2), (67, 1), (65, 2),
    (None, 2), (68, 1), (65, 1), (62, 2), (None, 2),
    (60, 1), (63, 1), (65, 1), (69, 2), (72, 1), (69, 2),
    (75, 2), (72, 1), (69, 1), (68, 1), (67, 1), (65, 2),
    (None, 1), (62, 1), (65, 1), (68, 1), (70, 1), (74, 1), (72, 1), (70, 1),
    (71, 1), (68, 1), (65, 1), (62, 1), (65, 2), (None, 2),
    (60, 1), (62, 1), (63, 1), (64, 1), (65, 1), (69, 1), (72, 2),
    (None, 2), (75, 1), (72, 1), (69, 1), (66, 1), (63, 1), (62, 1),
    (67, 1), (70, 1), (74, 1), (77, 1), (76, 1), (74, 1), (70, 1), (67, 1),
    (64, 1), (67, 1), (70, 1), (73, 1), (72, 1), (70, 1), (67, 1), (64, 1),
    (65, 3), (63, 1), (62, 2), (None, 2),
    (None, 4), (67, 1), (64, 1), (60, 2),
]  # fmt: skip
_BLUES_SECOND: Line = [
    (77, 3), (75, 1), (72, 2), (None, 2),
    (74, 3), (72, 1), (68, 2), (None, 2),
    (69, 1), (70, 1), (71, 1), (72, 1), (75, 1), (72, 1), (69, 1), (67, 1),
    (65, 4), (None, 2), (63, 1), (64, 1),
    (65, 1), (68, 1), (70, 1), (72, 1), (74, 2), (70, 2),
    (71, 1), (74, 1), (77, 2), (None, 4),
    (75, 1), (72, 1), (69, 1), (65, 1), (67, 1), (69, 1), (72, 1), (75, 1),
    (74, 1), (72, 1), (69, 1), (66, 1), (63, 2), (None, 2),
    (70, 3), (69, 1), (67, 1), (65, 1), (62, 1), (58, 1),
    (None, 1), (60, 1), (64, 1), (67, 1), (70, 2), (68, 2),
    (69, 2), (65, 2), (66, 1), (69, 1), (72, 2),
    (70, 1), (67, 1), (64, 1), (61, 1), (65, 4),
]  # fmt: skip

_STUDY_CHANGES = "D-7 G7 Cj7 Cj7 C-7 F7 Bbj7 Bbj7 Bb-7 Eb7 Abj7 Abj7 Am7b5 D79b G-6 G-6"
_STUDY_LINE: Line = [
    (62, 1), (64, 1), (65, 1), (69, 1), (72, 1), (69, 1), (65, 1), (62, 1),
    (59, 1), (62, 1), (65, 1), (69, 1), (68, 1), (67, 1), (65, 1), (62, 1),
    (64, 2), (67, 2), (71, 3), (67, 1),
    (None, 4), (64, 1), (62, 1), (60, 2),
    (63, 1), (67, 1), (70, 1), (74, 1), (72, 1), (70, 1), (67, 1), (63, 1),
    (69, 1), (65, 1), (63, 1), (60, 1), (66, 1), (65, 1), (63, 1), (60, 1),
    (62, 2), (65, 1), (69, 1), (74, 4),
    (None, 4), (72, 1), (69, 1), (65, 2),
    (61, 1), (65, 1), (68, 1), (72, 1), (70, 1), (68, 1), (65, 1), (61, 1),
    (67, 1), (70, 1), (73, 1), (77, 1), (76, 1), (75, 1), (73, 1), (70, 1),
    (72, 3), (67, 1), (63, 2), (60, 2),
    (None, 6), (68, 1), (67, 1),
    (63, 1), (60, 1), (63, 1), (67, 1), (69, 2), (72, 2),
    (75, 1), (72, 1), (69, 1), (66, 1), (63, 1), (62, 1), (66, 1), (69, 1),
    (70, 2), (67, 2), (64, 2), (62, 2),
    (67, 6), (None, 2),
]  # fmt: skip

_BOSSA_CHANGES = (
    "Dj7 Dj7 B-7 B-7 E-7 E-7 A7 A79b Dj7 Dj7 Am7b5 D79b Gj7 G-6 F#-7,B79b E-7,A7 Dj7 A7"
)
_BALLAD_CHANGES = (
    "Ebj7 C7alt F-7 Bb7 G-7,C79b F-7,Bb7 Ebj7 Bbsus7 Abj7 Ab-6 G-7 Gbo7 F-7 Bb79b Eb6 F-7,Bb7"
)


@dataclass(frozen=True)
class _Sheet:
    """One page of music: `changes` has a word a bar, `line` the melody of each chorus."""

    id: str
    title: str
    style: str
    feel: str
    tempo: float
    changes: str
    choruses: tuple[Line | None, ...]


_SHEETS = (
    _Sheet(
        "builtin_first_blues",
        "First Blues",
        "bebop",
        "swing",
        132.0,
        _BLUES_CHANGES,
        (_BLUES_FIRST, _BLUES_SECOND),
    ),
    _Sheet(
        "builtin_turning_study",
        "Turning Study",
        "cool",
        "swing",
        152.0,
        _STUDY_CHANGES,
        (_STUDY_LINE,),
    ),
    _Sheet(
        "builtin_harbour_bossa",
        "Harbour Bossa",
        "cool",
        "latin",
        128.0,
        _BOSSA_CHANGES,
        (None, None),
    ),
    _Sheet(
        "builtin_late_ballad",
        "Late Ballad",
        "cool",
        "ballad",
        66.0,
        _BALLAD_CHANGES,
        (None,),
    ),
)


def builtin_scores() -> list[Score]:
    """The four scores, for tenor; performer `saxsolo`. The bossa and the ballad have no notes."""
    return [_build(sheet) for sheet in _SHEETS]


def _build(sheet: _Sheet) -> Score:
    bars = [bar.split(",") for bar in sheet.changes.split()]
    seconds = 60.0 / sheet.tempo
    chords: list[str] = []
    for bar in bars * len(sheet.choruses):
        chords += [bar[0]] * 2 + [bar[-1]] * 2
    basses = _bass_line(chords, walking=sheet.feel == "swing")
    beats = tuple(
        Beat(LEAD_IN + index * seconds, index // 4 + 1, index % 4 + 1, 4, chord, bass)
        for index, (chord, bass) in enumerate(zip(chords, basses, strict=True))
    )
    notes: list[Note] = []
    for chorus, line in enumerate(sheet.choruses):
        first_beat = chorus * len(bars) * 4
        notes += _play(line or [], LEAD_IN + first_beat * seconds, seconds, sheet.feel == "swing")
    return Score(
        id=sheet.id,
        performer="saxsolo",
        title=sheet.title,
        instrument="tenor",
        style=sheet.style,
        feel=sheet.feel,
        notes=tuple(notes),
        beats=beats,
        source=SOURCE,
        licence=LICENCE,
        attribution=ATTRIBUTION,
    )


def _play(line: Line, start: float, seconds: float, swing: bool) -> list[Note]:
    """Notes of a line of eighths that begins at `start` s, offbeats a little louder."""

    def at(eighth: int) -> float:
        offbeat = _SWUNG_OFFBEAT if swing else 0.5
        return start + seconds * (eighth // 2 + offbeat * (eighth % 2))

    notes, position = [], 0
    for pitch, eighths in line:
        if pitch is not None:
            onset, end = at(position), at(position + eighths)
            loudness = 0.75 if position % 2 else 0.6
            notes.append(Note(onset, 0.92 * (end - onset), pitch, loudness))
        position += eighths
    return notes


def _bass_line(chords: list[str], walking: bool) -> list[int]:
    """A MIDI pitch a beat: root, third, fifth and a step into the next root when walking; else root
    and fifth, two beats each. Stays in 28..51."""

    def near(pitch: int, last: int) -> int:
        return min((p for p in range(28, 52) if p % 12 == pitch % 12), key=lambda p: abs(p - last))

    line: list[int] = []
    last = 40
    for index, symbol in enumerate(chords):
        chord = parse_chord(symbol)
        root = chord.bass if chord.bass is not None else 0
        steps = sorted((tone - root) % 12 for tone in chord.tones)
        following = parse_chord(chords[(index + 1) % len(chords)])
        place = index % 4 if chords[index - index % 4] == symbol else index % 2
        if walking and place == 3 and following.bass is not None:
            last = near(following.bass + (1 if last % 12 > following.bass else -1), last)
        elif walking:
            last = near(root + steps[min(place, len(steps) - 1)], last)
        else:
            last = near(root + (7 if place >= 2 and 7 in steps else 0), last)
        line.append(last)
    return line
