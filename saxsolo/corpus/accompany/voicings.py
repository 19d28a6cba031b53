"""Chords as keys: the voicings of jazz piano and guitar, led from one to the next.

Rootless A and B after Mark Levine, The Jazz Piano Book (1989), chapters 7 and 8; "So What" and
quartal voicings chapter 13; drop-2 and block chords chapters 18 and 19.
"""

from __future__ import annotations

import itertools

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import (
    AUGMENTED,
    DIMINISHED,
    DOMINANT,
    HALF_DIMINISHED,
    MAJOR,
    MINOR,
    SUSPENDED,
)
from saxsolo.music.chord_symbols import Chord

KINDS = ("close", "triad", "shell", "rootless", "drop2", "quartal", "block", "spread", "guide",
         "open", "freddie")  # fmt: skip


def degrees(chord: Chord, rng: np.random.Generator) -> dict[str, int]:
    """Semitones above the root: third, fifth, seventh (or sixth) and two colours for voicings.

    What the symbol leaves open (a plain triad's seventh, a colour) is drawn.
    """
    assert chord.root is not None
    tones = sorted((tone - chord.root) % 12 for tone in chord.tones)
    scale = {(tone - chord.root) % 12 for tone in chord.scale}
    quality = chord.quality
    third = 5 if quality == SUSPENDED else 3 if 3 in tones and 4 not in tones else 4
    fifth = next((tone for tone in (7, 6, 8) if tone in tones), 7)
    top = [tone for tone in tones if tone in (9, 10, 11)]
    seventh = top[0] if top else _free_seventh(quality, rng)
    if quality == MAJOR and seventh == 11 and rng.random() < 0.2:
        seventh = 9
    if quality == DOMINANT:
        nine = _first((2, 1, 3) if rng.random() < 0.8 else (1, 3, 2), scale)
        thirteen = _first((9, 8), scale)
        if fifth == 8:
            thirteen = 8
    elif quality == DIMINISHED:
        nine, thirteen = (0, 11) if rng.random() < 0.15 else (0, 9)
    else:
        nine = _first((2, 0), scale)
        thirteen = {MAJOR: 9, MINOR: 7, HALF_DIMINISHED: 5, SUSPENDED: 9, AUGMENTED: 8}[quality]
        if quality == MINOR and rng.random() < 0.3:
            thirteen = 5
    return {"third": third, "fifth": fifth, "seventh": seventh, "nine": nine, "colour": thirteen}


def _free_seventh(quality: int, rng: np.random.Generator) -> int:
    """What a player adds to a plain triad: 12 (the octave) where nothing."""
    if quality in (MAJOR, AUGMENTED, SUSPENDED):
        return int(rng.choice((12, 12, 12, 9))) if quality == MAJOR else 12
    return 9 if quality == DIMINISHED and rng.random() < 0.5 else 12


def _first(wanted: tuple[int, ...], scale: set[int]) -> int:
    return next((step for step in wanted if step in scale), wanted[0])


def _shapes(chord: Chord, kind: str, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Possible voicings as rising semitones above some root."""
    step = degrees(chord, rng)
    third, fifth, seventh = step["third"], step["fifth"], step["seventh"]
    nine, colour = 12 + step["nine"], step["colour"]
    four = (0, third, fifth, seventh)
    if kind == "triad":
        return _inversions((0, third, fifth))
    if kind == "shell":
        return [(0, third, seventh), (0, seventh, third + 12), (0, third + 12, seventh + 12)]
    if kind == "guide":
        return [(third, seventh), (seventh, third + 12)]
    if kind == "rootless":
        if chord.quality == DIMINISHED:
            return _inversions(four)
        fifth = colour if chord.quality == DOMINANT or rng.random() < 0.15 else fifth
        first = tuple(sorted({third, fifth, seventh, nine}))
        return [first, tuple(sorted({seventh, nine, third + 12, fifth + 12}))]
    if kind == "drop2":
        source = four if rng.random() < 0.5 else (third, fifth, seventh, nine)
        return [_drop2(shape) for shape in _inversions(source)]
    if kind == "quartal":
        return _quartal(chord, step)
    if kind == "block":
        return [(shape[-1] - 12, *shape) for shape in _inversions(four)]
    if kind == "spread":
        return [
            (0, seventh, third + 12, fifth + 12, nine + 12),
            (0, fifth, third + 12, seventh + 12),
            (0, fifth, seventh, third + 12, fifth + 12),
            (0, third + 12, seventh + 12, nine + 12),
        ]
    if kind == "open":
        return [(third, seventh, nine, fifth + 12), (seventh, third + 12, fifth + 12, nine + 12),
                (third, seventh, nine, colour + 12, 24)]  # fmt: skip
    if kind == "freddie":
        return [(0, seventh, third + 12), (0, third + 12), (third, seventh)]
    return _inversions(four)


def _quartal(chord: Chord, step: dict[str, int]) -> list[tuple[int, ...]]:
    third, fifth, seventh = step["third"], step["fifth"], step["seventh"]
    nine, colour = step["nine"], step["colour"]
    if chord.quality == MINOR:
        return [(0, 5, 10, 15, 19), (2, 7, 12, 17), (5, 10, 15), (7, 12, 17, 22)]
    if chord.quality == MAJOR:
        return [(4, 9, 14, 19, 23), (4, 9, 14, 19), (9, 14, 19), (2, 7, 12, 16)]
    if chord.quality == DOMINANT:
        return [(10, 16, 12 + colour, 24 + nine), (10, 16, 12 + colour), (4, 10, 12 + nine)]
    if chord.quality == SUSPENDED:
        return [(0, 5, 10, 14), (7, 12, 17, 22), (0, 5, 10)]
    return _inversions((0, third, fifth, seventh))


def _inversions(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    out = []
    steps = sorted({step % 12 for step in shape})
    for turn in range(len(steps)):
        out.append(tuple(steps[turn:] + [step + 12 for step in steps[:turn]]))
    return out


def _drop2(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) < 4:
        return shape
    return tuple(sorted((*shape[:-2], shape[-2] - 12, shape[-1])))


class Voicer:
    """Voices chord after chord: the nearest possible hand to the one before.

    `centre`: the MIDI key the hands stay around. `kinds` with chances; one is drawn for each
    chord from the few the player likes.
    """

    def __init__(self, kinds: dict[str, float], centre: float, low: int, high: int) -> None:
        self.kinds = kinds
        self.centre = centre
        self.low, self.high = low, high
        self.before: tuple[int, ...] = ()

    def voice(self, chord: Chord, rng: np.random.Generator) -> tuple[int, ...]:
        """Rising MIDI keys of one chord. The chord must have a root."""
        assert chord.root is not None
        names = list(self.kinds)
        weights = np.array([self.kinds[name] for name in names])
        kind = str(rng.choice(names, p=weights / weights.sum()))
        root_low = kind in ("spread", "shell", "freddie")
        centre = self.centre - 5 if root_low else self.centre
        best: tuple[float, tuple[int, ...]] | None = None
        for shape, octave in itertools.product(_shapes(chord, kind, rng), range(1, 8)):
            keys = tuple(chord.root + 12 * octave + step for step in shape)
            if keys[0] < self.low - (7 if root_low else 0) or keys[-1] > self.high:
                continue
            cost = abs(float(np.mean(keys)) - centre) * 0.6 + _motion(self.before, keys)
            cost += float(rng.uniform(0, 3))
            if best is None or cost < best[0]:
                best = cost, keys
        if best is None:
            keys = tuple(chord.root + 48 + step for step in (0, 4, 7))
            best = (
                0.0,
                tuple(
                    sorted(48 + (tone - 48) % 12 + 12 * (self.centre > 66) for tone in chord.tones)
                ),
            )
        self.before = best[1]
        return best[1]


def _motion(before: tuple[int, ...], keys: tuple[int, ...]) -> float:
    """Mean way in semitones from each key to the nearest of the chord before."""
    if not before:
        return 0.0
    return float(np.mean([min(abs(key - old) for old in before) for key in keys]))
