"""Names of notes and chords by key and chord."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling_saxsolo.vocabulary_saxsolo import (
    AUGMENTED,
    DIMINISHED,
    DOMINANT,
    HALF_DIMINISHED,
    MAJOR,
    MINOR,
)
from saxsolo.music.chord_symbols import TONES
from saxsolo.notation.spelling import letter, note_name, octave, root_name


def named(place: int) -> str:
    step, alteration = letter(place)
    return step + {-1: "b", 0: "", 1: "#"}[alteration]


def spelled(pitches: list[int], fifths: int, root: int | None = None, quality: int = 0) -> str:
    place = None if root is None else root_name(root, fifths, quality)
    return " ".join(named(note_name(pitch, fifths, place, quality)) for pitch in pitches)


@pytest.mark.parametrize(
    "fifths, scale",
    [
        (0, "C D E F G A B"),
        (2, "D E F# G A B C#"),
        (4, "E F# G# A B C# D#"),
        (6, "F# G# A# B C# D# E#"),
        (-3, "Eb F G Ab Bb C D"),
        (-5, "Db Eb F Gb Ab Bb C"),
    ],
)
def test_a_scale_has_one_letter_a_step(fifths, scale):
    tonic = 7 * fifths % 12
    assert spelled([60 + tonic + step for step in (0, 2, 4, 5, 7, 9, 11)], fifths) == scale


@pytest.mark.parametrize(
    "root, quality, fifths, tones",
    [
        (2, DOMINANT, 0, "D F# A C"),
        (9, DOMINANT, 0, "A C# E G"),
        (4, DOMINANT, -1, "E G# B D"),
        (11, HALF_DIMINISHED, 0, "B D F A"),
        (3, MAJOR, 0, "Eb G Bb D"),
        (6, MINOR, 4, "F# A C# E"),
        (0, AUGMENTED, 0, "C E G#"),
        (10, DOMINANT, 1, "Bb D F Ab"),
        (8, DIMINISHED, 0, "G# B D F"),
    ],
)
def test_chord_tones_are_spelled_in_thirds(root, quality, fifths, tones):
    count = len(tones.split())
    pitches = [60 + root + tone for tone in sorted(TONES[quality])[:count]]
    assert spelled(pitches, fifths, root, quality) == tones


@given(st.integers(30, 100), st.integers(-5, 6), st.integers(0, 11), st.integers(0, 6))
def test_any_name_sounds_as_the_pitch(pitch, fifths, root, quality):
    place = note_name(pitch, fifths, root_name(root, fifths, quality), quality)
    step, alteration = letter(place)
    assert alteration in (-1, 0, 1)
    sounding = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[step] + alteration
    assert 12 * (octave(pitch, place) + 1) + sounding == pitch
