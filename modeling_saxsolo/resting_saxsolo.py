"""Rests that have lasted: nothing is left to be chosen in them, so silence is given.

Where a model draws the codes of a rest one by one, breath that was drawn by chance goes on, since
the next codes are heard after it. In training a room has faded 0.4 s after a note, and what follows
is one frame, that of silence (`saxsolo corpus silent-codes` finds it). NumPy alone: the exported
player uses it too.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# frames after the end of a note
LINGERING = 20


def long_rests(score: Array, size: int) -> Array:
    """Where a rest has lasted for LINGERING frames, or no note has been played yet.

    Args:
        score: (..., T) tokens of the score stream, special tokens allowed; those below 0 are not
            known and count as notes.
        size: of the score's vocabulary.

    Returns:
        (..., T) bool.
    """
    places = np.arange(score.shape[-1])
    sounds = (score < 0) | ((score > 0) & (score < size))
    last = np.maximum.accumulate(np.where(sounds, places, -LINGERING - 1), axis=-1)
    resting: Array = places - last > LINGERING
    return resting
