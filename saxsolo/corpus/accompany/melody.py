"""A soloist over the band: phrases of eighth notes, long notes and rests, from the chords' scales.

It is there to be in the way: what is above the band must not change what is heard of it.
"""

from __future__ import annotations

import numpy as np

from .plan import Harmony, Note, Plan


def play_melody(plan: Plan, rng: np.random.Generator, low: int, high: int) -> list[Note]:
    """One voice between two MIDI keys, in phrases."""
    harmony = Harmony(plan.bars)
    end = plan.bars[-1].end
    beat = next((bar.start for bar in plan.bars if bar.part == "chorus"), 0.0)
    key = int(rng.integers(low + 5, high - 4))
    notes: list[Note] = []
    upward = 1
    manner = float(rng.choice((0.2, 0.5, 0.9)))
    loud = float(rng.uniform(60, 105))
    while beat < end:
        phrase_end = beat + float(rng.integers(3, 13))
        while beat < min(phrase_end, end):
            length = _length(plan, manner, rng)
            chord = harmony.chord(beat)
            if chord is None or chord.root is None:
                beat += length
                continue
            if key > high - 4 or key < low + 4 or rng.random() < 0.25:
                upward = -1 if key > (low + high) / 2 else 1
            key = _next(key, upward, chord.tones if beat % 1 == 0 else chord.scale, rng)
            key = int(np.clip(key, low, high))
            notes.append(Note(beat, length * float(rng.uniform(0.7, 1.0)), key,
                              loud * float(rng.uniform(0.8, 1.15))))  # fmt: skip
            beat += length
        beat = float(np.ceil(beat)) + float(rng.choice((0, 0.5, 1, 2, 4)))
    return notes


def _length(plan: Plan, manner: float, rng: np.random.Generator) -> float:
    if plan.grid == 3:
        return float(rng.choice((1 / 3, 1 / 3, 2 / 3, 1.0)))
    if rng.random() < manner:
        return 0.5 if plan.tempo > 90 or rng.random() < 0.4 else 0.25
    return float(rng.choice((0.5, 1.0, 1.5, 2.0, 3.0)))


def _next(key: int, upward: int, tones: frozenset[int], rng: np.random.Generator) -> int:
    if rng.random() < 0.08:
        return key + upward  # a chromatic step
    skips = 1 if rng.random() < 0.7 else 2
    for step in range(1, 13):
        if (key + upward * step) % 12 in tones:
            skips -= 1
            if skips == 0:
                return key + upward * step
    return key
