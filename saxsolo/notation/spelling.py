"""Names of pitches, by key and chord: F#7 has an A#, Gb7 a Bb, and D major no Gb.

Names lie on the line of fifths, .. Bb -2, F -1, C 0, G 1, D 2 .. (Temperley, The Cognition of Basic
Musical Structures, 2001, chapter 5): a name is chosen near what sounds with it.
"""

from collections.abc import Iterable

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import DIMINISHED
from saxsolo.music.chord_symbols import TONES, pitch_class

from .quantise import Lead

_LETTERS = "FCGDAEB"
# fifths from a chord's root to the note that many semitones above it
_STEPS = (0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5)
# where a chord's own tone has another name: a diminished fifth, an augmented one
_DIMINISHED, _AUGMENTED = {6: -6}, {8: 8}
# by quality: major, minor, dominant, half-diminished, diminished, suspended, augmented
_OWN_STEPS: tuple[dict[int, int], ...] = ({}, {}, {}, _DIMINISHED, _DIMINISHED, {}, _AUGMENTED)
# names that are read without a thought: Gb to A#
_FLATTEST, _SHARPEST = -6, 10
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
# what an accidental of the key must be worth, as a share of all that sounds
ACCIDENTAL = 0.01


def key_of(lead: Lead, up: int = 0) -> int:
    """Sharps (above 0) or flats (below 0) of the key signature: of the key that the chart names,
    else that which fits chords and notes best.

    Each beat of a chord counts its tones, each note its length; the major scale that holds most of
    it wins; each accidental must gain one per cent more. Without a chord there is no key: 0.

    Args:
        lead: at concert pitch.
        up: semitones that are added for the instrument.
    """
    if lead.key:
        return _signature(lead.key, up)
    weights = np.zeros(12)
    ends = [beat for beat, *_ in lead.chords[1:]] + [sum(lead.bars)]
    for (beat, root, quality, _), end in zip(lead.chords, ends, strict=True):
        if root < 12:
            for tone in TONES[quality]:
                weights[(root + tone) % 12] += end - beat
    if not weights.any():
        return 0
    for note in lead.notes:
        weights[note.pitch % 12] += float(note.end - note.start)
    fits = []
    for fifths in range(-5, 7):
        tonic = 7 * fifths - up
        fit = sum(weights[(tonic + step) % 12] for step in _MAJOR)
        fits.append((float(fit) - ACCIDENTAL * weights.sum() * abs(fifths), -fifths))
    return -max(fits)[1]


def _signature(key: str, up: int) -> int:
    """Of a named key, "Eb", "Cm", so many semitones higher: from five flats to six sharps."""
    tonic = (pitch_class(key.removesuffix("m")) + up + (3 if key.endswith("m") else 0)) % 12
    return (7 * tonic + 5) % 12 - 5


def root_name(pitch_class: int, fifths: int, quality: int = 0) -> int:
    """Place on the line of fifths of a chord's root, Gb to G#: as the key has it, else the flat.

    Args:
        pitch_class: 0 = C .. 11. fifths: sharps or flats of the key signature.
        quality: of the chord. A diminished one leads upwards: its root is raised, F#dim7 in C.
    """
    places = _named(pitch_class, range(_FLATTEST, 9))
    in_key = [place for place in places if fifths - 1 <= place <= fifths + 5]
    if quality == DIMINISHED and not in_key:
        return places[-1]
    # outside the scale: flattened second, third, sixth, seventh, raised fourth
    near = [place for place in places if fifths - 5 <= place <= fifths + 6]
    return (in_key or near or places)[0]


def note_name(pitch: int, fifths: int, root: int | None = None, quality: int = 0) -> int:
    """Place on the line of fifths of a note: by the chord that sounds, else by the key.

    Args:
        pitch: MIDI, as written.
        fifths: of the key signature.
        root: of the chord, its place on the line of fifths; None where none sounds.
        quality: of the chord, an index into `QUALITY_NAMES`.
    """
    places = _named(pitch % 12, range(_FLATTEST, _SHARPEST + 1))
    places += [p for p in _named(pitch % 12, (-7, 11, 12)) if fifths - 1 <= p <= fifths + 5]
    if root is not None:
        interval = (pitch - 7 * root) % 12
        place = root + _OWN_STEPS[quality].get(interval, _STEPS[interval])
        if place in places:
            return place
    return min(places, key=lambda place: (not fifths - 5 <= place <= fifths + 6, abs(place)))


def letter(place: int) -> tuple[str, int]:
    """Letter and alteration (-1 flat, 1 sharp) of a place on the line of fifths."""
    return _LETTERS[(place + 1) % 7], (place + 1) // 7


def octave(pitch: int, place: int) -> int:
    """Octave of a MIDI pitch that is written with this name; B# lies in the octave below."""
    return (pitch - letter(place)[1]) // 12 - 1


def _named(pitch_class: int, places: Iterable[int]) -> list[int]:
    return [place for place in places if (7 * place - pitch_class) % 12 == 0]
