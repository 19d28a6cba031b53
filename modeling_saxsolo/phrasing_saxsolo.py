"""How drawn notes are phrased: what the planner's own line lacks beside humans', set right.

After human notes the planner's choices are right; after its own it ends too few phrases, rests too
long between them and leaves too many short gaps (docs/engineers/planner.md). These leans are
chosen so that plans have as many phrases, rests and gaps as held-out humans. NumPy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .note_events_saxsolo import STEPS, TICKS

# frames of a short gap within a phrase: 50 to 200 ms
_SHORTEST, _LONGEST = 3, 9
# share of closed gaps that keep none, one and two frames: as the gaps of humans below 50 ms
_KEPT = np.cumsum([0.4, 0.45, 0.15])


@dataclass(frozen=True)
class Phrasing:
    """Leans of a plan, as the model's config has them in `phrasing`.

    Attributes:
        endings: added to the logit that a phrase ends with a note.
        rests: taken from the logits of the steps after such a note, for each beat.
        gaps: share of the gaps of 50 to 200 ms before a note that the note before fills.

    Raises:
        ValueError: for a value out of its range.
    """

    endings: float = 0.0
    rests: float = 0.0
    gaps: float = 0.0

    def __post_init__(self) -> None:
        for name, least, most in (("endings", -5, 5), ("rests", -5, 5), ("gaps", 0, 1)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(
                    f"phrasing: {name} is {value}; give a number in {least} to {most}."
                )

    @classmethod
    def of(cls, values: Mapping[str, float] | None) -> Phrasing:
        """From a config's dictionary; None leans nowhere.

        Raises:
            ValueError: for an unknown name, or as the class.
        """
        unknown = sorted(set(values or {}) - {"endings", "rests", "gaps"})
        if unknown:
            raise ValueError(f"phrasing: {unknown} unknown; give endings, rests and gaps.")
        return cls(**(values or {}))

    def steps(self, after_end: bool) -> np.ndarray:
        """What is added to the step logits (97,), after a note that ends a phrase or another."""
        beats = np.arange(STEPS) / TICKS if after_end else np.zeros(STEPS)
        return np.asarray(-self.rests * beats, dtype=np.float32)

    def gap(self, frames: int, chance: float) -> int:
        """Frames that are left of a gap before a note; `chance` is drawn evenly from 0 to 1."""
        if not _SHORTEST <= frames <= _LONGEST or chance >= self.gaps:
            return frames
        return int(np.searchsorted(_KEPT, chance / self.gaps, side="right"))
