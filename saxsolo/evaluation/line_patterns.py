"""A stretch of a solo as words: short patterns of intervals, rhythm, lengths and degrees.

A critic that counts these knows none of the figures that self-training learns by.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from modeling_saxsolo.note_events_saxsolo import TICKS

from .critic_features import STEP_EDGES
from .line import Line

# semitones; a wider interval is as this one
_WIDEST = 13
# seconds between kinds of lengths
_LENGTHS = (0.08, 0.12, 0.17, 0.25, 0.4, 0.8)


def patterns(line: Line) -> str:
    """Words of patterns of one to three moves, a blank between two; empty for one note or none."""
    moves = _letters("i", np.clip(line.intervals, -_WIDEST, _WIDEST))
    steps = _letters("s", np.searchsorted(STEP_EDGES, line.steps, side="right"))
    lengths = _letters("l", np.searchsorted(_LENGTHS, line.lengths[:-1]))
    degrees = _letters("d", line.degrees[1:])
    places = _letters("p", line.ticks[1:] % TICKS)
    kinds = [moves, steps, lengths, degrees, places]
    kinds += [_joined(moves, steps), _joined(steps, lengths), _joined(degrees, steps)]
    return " ".join(word for kind in kinds for word in _grams(kind))


def _letters(kind: str, values: np.ndarray) -> list[str]:
    return [f"{kind}{value}" for value in values.tolist()]


def _joined(first: list[str], second: list[str]) -> list[str]:
    return [one + two for one, two in zip(first, second, strict=True)]


def _grams(letters: list[str]) -> list[str]:
    singles, pairs = letters, ["_".join(pair) for pair in pairwise(letters)]
    triples = ["_".join(three) for three in zip(letters, letters[1:], letters[2:], strict=False)]
    return [*singles, *pairs, *triples]
