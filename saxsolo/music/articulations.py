"""How each note of a solo is played, by name: from the masks of frames that the model was told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import ARTICULATIONS, FRAME_RATE

from .score import Note


def named_articulations(notes: Sequence[Note], masks: np.ndarray | None) -> list[Note]:
    """The notes, each with the kinds that any of its frames has.

    Args:
        notes: in seconds on the grid of frames.
        masks: (T,), a bit for each kind of `ARTICULATIONS`, -1 = nobody said; None for no masks.
    """
    if masks is None:
        return list(notes)
    told = []
    for note in notes:
        first = round(note.onset * FRAME_RATE)
        last = max(first + 1, round((note.onset + note.duration) * FRAME_RATE))
        frames = masks[first:last]
        mask = int(np.bitwise_or.reduce(frames[frames >= 0])) if (frames >= 0).any() else 0
        told.append(replace(note, articulations=names_of(mask)))
    return told


def names_of(mask: int) -> tuple[str, ...]:
    """The kinds of a mask, in the order of `ARTICULATIONS`."""
    return tuple(name for bit, name in enumerate(ARTICULATIONS) if mask >> bit & 1)


def counted(notes: Iterable[Note], masks: np.ndarray | None) -> dict[str, int] | None:
    """How many notes have each kind; None where nobody said how they are played."""
    if masks is None or (masks < 0).all():
        return None
    found = [name for note in notes for name in note.articulations]
    return {name: found.count(name) for name in ARTICULATIONS if name in found}
