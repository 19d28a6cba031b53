"""Chord symbols in the spelling of the Weimar Jazz Database.

A symbol is a root (`A`-`G` with `#` or `b`), a quality, extensions, and a bass note after a slash:

    C  C6  C69  Cj7  Cj7911#       major, j7 = major seventh
    C-  C-6  C-7  C-j7  C-7911     minor
    C7  C79b  C7913  C7alt  C+7    dominant; an accidental FOLLOWS its number (79b = 7, flat 9)
    Cm7b5  Co  Co7  Csus79  C+     half-diminished, diminished, suspended, augmented
    D/Eb  NC                       D over Eb in the bass; no chord
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from modeling_saxsolo.vocabulary_saxsolo import (
    AUGMENTED,
    DIMINISHED,
    DOMINANT,
    HALF_DIMINISHED,
    MAJOR,
    MINOR,
    NO_CHORD,
    PITCH_NAMES,
    SUSPENDED,
)

_NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SYMBOL = re.compile(
    r"(?P<root>[A-G][#b]?)"
    r"(?P<quality>m7b5|sus|o|-|\+)?"
    r"(?P<seventh>j7|7alt|7|69|6)?"
    r"(?P<extensions>(?:(?:9|11|13)[#b]?)*)"
    r"(?:/(?P<bass>[A-G][#b]?))?"
)
_EXTENSION = re.compile(r"(9|11|13)([#b]?)")
_DEGREE = {"9": 2, "11": 5, "13": 9}

# Scales as semitones above the root: the usual chord-scale choices of jazz teaching.
_IONIAN = (0, 2, 4, 5, 7, 9, 11)
_LYDIAN = (0, 2, 4, 6, 7, 9, 11)
_DORIAN = (0, 2, 3, 5, 7, 9, 10)
_MELODIC_MINOR = (0, 2, 3, 5, 7, 9, 11)
_MIXOLYDIAN = (0, 2, 4, 5, 7, 9, 10)
_LYDIAN_DOMINANT = (0, 2, 4, 6, 7, 9, 10)
_ALTERED = (0, 1, 3, 4, 6, 8, 10)
_HALF_WHOLE = (0, 1, 3, 4, 6, 7, 9, 10)
_WHOLE_HALF = (0, 2, 3, 5, 6, 8, 9, 11)
_WHOLE_TONE = (0, 2, 4, 6, 8, 10)
_LYDIAN_AUGMENTED = (0, 2, 4, 6, 8, 9, 11)
_LOCRIAN = (0, 1, 3, 5, 6, 8, 10)


class ChordError(ValueError):
    """A chord symbol that cannot be read."""


@dataclass(frozen=True)
class Chord:
    """A chord in pitch classes (C = 0).

    `root` and `bass` are None for "no chord"; `bass` equals `root` without a slash. `tones` are
    root, third, fifth and sixth or seventh; extensions belong to `scale`, which contains `tones`.
    """

    root: int | None
    quality: int
    tones: frozenset[int]
    scale: frozenset[int]
    bass: int | None


def pitch_class(name: str) -> int:
    """The pitch class 0..11 of a note name such as `Eb` or `F#`."""
    return (_NATURAL[name[0]] + {"#": 1, "b": -1}.get(name[1:], 0)) % 12


@lru_cache(maxsize=4096)
def parse_chord(symbol: str) -> Chord:
    """Reads one chord symbol. `NC` and the empty string are "no chord"; anything unknown raises
    `ChordError`."""
    if symbol in ("NC", ""):
        return Chord(None, NO_CHORD, frozenset(), frozenset(), None)
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise ChordError(
            f"cannot read the chord symbol {symbol!r}; expected a Weimar spelling such as C-7, "
            f"Ebj7, Am7b5, G79b, D/Eb or NC"
        )
    root = pitch_class(match["root"])
    quality, tones, scale = _shape(
        match["quality"] or "", match["seventh"] or "", match["extensions"]
    )
    extensions = {
        (_DEGREE[number] + {"#": 1, "b": -1}.get(accidental, 0)) % 12
        for number, accidental in _EXTENSION.findall(match["extensions"])
    }
    bass = pitch_class(match["bass"]) if match["bass"] else root
    return Chord(
        root=root,
        quality=quality,
        tones=frozenset((root + step) % 12 for step in tones),
        scale=frozenset((root + step) % 12 for step in {*scale, *tones, *extensions}),
        bass=bass,
    )


def _shape(
    mark: str, seventh: str, extensions: str
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Quality, chord tones and scale, as semitones above the root."""
    top = {"j7": (11,), "7": (10,), "7alt": (10,), "6": (9,), "69": (9,)}.get(seventh, ())
    if mark == "m7b5":
        return HALF_DIMINISHED, (0, 3, 6, 10), _LOCRIAN
    if mark == "o":
        return DIMINISHED, (0, 3, 6, 9) if seventh else (0, 3, 6), _WHOLE_HALF
    if mark == "sus":
        return SUSPENDED, (0, 5, 7, *top), _MIXOLYDIAN
    if mark == "-":
        scale = _MELODIC_MINOR if seventh in ("j7", "6", "69") else _DORIAN
        return MINOR, (0, 3, 7, *top), scale
    if mark == "+":
        if seventh == "7":
            return DOMINANT, (0, 4, 8, 10), _WHOLE_TONE
        return AUGMENTED, (0, 4, 8, *top), _LYDIAN_AUGMENTED
    if seventh == "7alt":
        return DOMINANT, (0, 4, 8, 10), _ALTERED
    if seventh == "7":
        if "9b" in extensions or "9#" in extensions:
            return DOMINANT, (0, 4, 7, 10), _HALF_WHOLE
        return (
            DOMINANT,
            (0, 4, 7, 10),
            _LYDIAN_DOMINANT if "11#" in extensions else _MIXOLYDIAN,
        )
    return MAJOR, (0, 4, 7, *top), _LYDIAN if "11#" in extensions else _IONIAN


def transpose_chord(symbol: str, semitones: int) -> str:
    """Moves root and bass by `semitones`; other keys are spelled with flats, 0 changes nothing."""
    parse_chord(symbol)
    if semitones % 12 == 0 or symbol in ("NC", ""):
        return symbol

    def move(match: re.Match[str]) -> str:
        return match[1] + PITCH_NAMES[(pitch_class(match[2]) + semitones) % 12]

    return re.sub(r"(^|/)([A-G][#b]?)", move, symbol)


# One symbol for each quality of the frame labels, in their order. The labels keep no sixths,
# sevenths or extensions, so each quality has its usual seventh and its plain scale.
QUALITY_SYMBOLS = ("Cj7", "C-7", "C7", "Cm7b5", "Co7", "Csus7", "C+")
#: semitones above the root, by quality
TONES = tuple(tuple(sorted(parse_chord(symbol).tones)) for symbol in QUALITY_SYMBOLS)
SCALES = tuple(tuple(sorted(parse_chord(symbol).scale)) for symbol in QUALITY_SYMBOLS)


# what a lead sheet writes behind the root, by quality
SUFFIXES = ("maj7", "m7", "7", "m7b5", "dim", "sus", "aug", "")


def chord_name(root: int, quality: int) -> str:
    """As a lead sheet has it, "Ebm7"; empty for no chord (root 12)."""
    return PITCH_NAMES[root] + SUFFIXES[quality] if root < 12 else ""
