"""What all players played over the held-out cases: the material of every figure and picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .cases import Case
from .notes import SoloNotes


@dataclass
class Performances:
    """All that the players played.

    Attributes:
        labels: (T, 4) frame labels of each case.
        notes: player -> notes in each case, None where it did not play.
        sound: player -> the sound (n,) float32 of a case's number.
        sources: which training solo was retrieved.
        sampler: the instrument that plays the baselines made of notes.
    """

    cases: list[Case]
    labels: list[np.ndarray]
    notes: dict[str, list[SoloNotes | None]]
    sound: dict[str, Callable[[int], np.ndarray]]
    sources: list[str | None]
    sampler: str
