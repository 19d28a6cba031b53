"""How drawn notes are phrased: what the planner's own line lacks beside humans', set right.

After human notes the planner's choices are right; after its own it ends too few phrases, rests too
long between them, holds notes too long at slow tempi and leaves too many short gaps
(docs/engineers/planner.md). It hears intervals, so that what it learns holds in all keys; humans
come back to the very pitches, and stay nearer to the middle of their register. And it begins at
once where humans wait. These leans are chosen so that plans have as much of each as humans. NumPy
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .note_events_saxsolo import LONGEST, NO_PITCH, STEPS, TICKS
from .vocabulary_saxsolo import NUM_PITCHES

# frames of a short gap within a phrase: 50 to 200 ms
_SHORTEST, _LONGEST = 3, 9
# share of closed gaps that keep none, one and two frames: as the gaps of humans below 50 ms
_KEPT = np.cumsum([0.4, 0.45, 0.15])
# notes that a return looks back, and the notes that it rests on, at least and at most
_BACK, _LEAST, _MOST = 96, 2, 4
# notes whose middle is the register
_SOUNDING = 64
_OCTAVE = 12
# seconds from which on a note is long, and how many times as much the seconds count from there
_LONG, _COUNTS = 1.0, 4.0


# name -> least and most
_LIMITS = {
    "endings": (-5, 5),
    "rests": (-5, 5),
    "holds": (-5, 5),
    "gaps": (0, 1),
    "returns": (-5, 5),
    "centre": (-5, 5),
    "recalls": (0, 1),
    "entry": (0, 64),
}


@dataclass(frozen=True)
class Phrasing:
    """Leans of a plan, as the model's config has them in `phrasing`.

    Attributes:
        endings: added to the logit that a phrase ends with a note.
        rests: taken from the logits of the steps after such a note, for each beat.
        holds: taken from the logits of a note's length, for each second; four times as much for
            those beyond the first.
        gaps: share of the gaps of 50 to 200 ms before a note that the note before fills.
        returns: added to the logit of the pitch that followed the last time that the last two notes
            or more had these pitches, if it is another than the last.
        centre: taken from the logits of pitches an octave from the middle of the last 64 notes, and
            by the square of the distance from others.
        recalls: chance that a phrase follows what was played some bars ago where the chords move
            alike, if something was, see `PhraseMemory`.
        entry: mean in beats of the wait before a solo, before it is cut, see `entry_beat`.

    Raises:
        ValueError: for a value out of its range.
    """

    endings: float = 0.0
    rests: float = 0.0
    holds: float = 0.0
    gaps: float = 0.0
    returns: float = 0.0
    centre: float = 0.0
    recalls: float = 0.0
    entry: float = 0.0

    def __post_init__(self) -> None:
        for name, (least, most) in _LIMITS.items():
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
        unknown = sorted(set(values or {}) - set(_LIMITS))
        if unknown:
            raise ValueError(f"phrasing: {unknown} unknown; give {', '.join(_LIMITS)}.")
        return cls(**(values or {}))

    def entry_beat(self, first: float, end: float, random: np.random.Generator) -> float:
        """The beat from which on the planner may begin a solo that has room from `first` to `end`:
        a whole beat in the first quarter of that room, or `first` itself.

        The wait is drawn from an exponential distribution, as are those of humans: in the training
        solos the first, fifth and ninth decile are 0.5, 2.2 and 7.5 beats, the mean 3.3.
        """
        wait = min(random.exponential(self.entry), (end - first) / 4)
        return max(first, float(np.floor(first + wait)))

    def steps(self, after_end: bool) -> np.ndarray:
        """What is added to the step logits (97,), after a note that ends a phrase or another."""
        beats = np.arange(STEPS) / TICKS if after_end else np.zeros(STEPS)
        return np.asarray(-self.rests * beats, dtype=np.float32)

    def lengths(self, beat: float) -> np.ndarray:
        """What is added to the length logits (LONGEST + 1,) where a beat lasts so many seconds."""
        seconds = beat * np.arange(LONGEST + 1) / TICKS
        counted = seconds + (_COUNTS - 1) * np.maximum(0, seconds - _LONG)
        return np.asarray(-self.holds * counted, dtype=np.float32)

    def pitches(self, played: np.ndarray) -> np.ndarray:
        """What is added to the pitch logits (60,), after notes of these pitches (N,)."""
        leans = np.zeros(NUM_PITCHES, dtype=np.float32)
        back = returning(played) if self.returns else NO_PITCH
        # what comes back is a turn; a pitch that repeats itself would lean to itself for ever
        if back not in (NO_PITCH, int(played[-1]) if len(played) else NO_PITCH):
            leans[back] += self.returns
        if self.centre and len(played):
            middle = float(np.mean(played[-_SOUNDING:]))
            leans -= self.centre * ((np.arange(NUM_PITCHES) - middle) / _OCTAVE) ** 2
        return leans

    def gap(self, frames: int, chance: float) -> int:
        """Frames that are left of a gap before a note; `chance` is drawn evenly from 0 to 1."""
        if not _SHORTEST <= frames <= _LONGEST or chance >= self.gaps:
            return frames
        return int(np.searchsorted(_KEPT, chance / self.gaps, side="right"))


def returning(played: np.ndarray) -> int:
    """The pitch that followed when as many of the last pitches (N,) as possible, two at least, came
    before; of several places the last. `NO_PITCH` where they never did."""
    recent = np.asarray(played)[-_BACK - 1 :]
    last = len(recent) - 1
    if last < _LEAST:
        return NO_PITCH
    same, agreed = np.ones(last, dtype=bool), np.zeros(last, dtype=np.int64)
    for back in range(min(_MOST, last)):
        same[:back] = False
        same[back:] &= recent[: last - back] == recent[last - back]
        agreed += same
    best = last - 1 - int(agreed[::-1].argmax())
    return int(recent[best + 1]) if agreed[best] >= _LEAST else NO_PITCH
