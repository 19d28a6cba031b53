"""Phrases that come back: a phrase may follow what the line did some bars ago, where the chords
move alike.

Humans come back to what they played 2, 4, 8 or 16 bars ago more often than chance; the planner,
which hears intervals and counts of its line, does not (docs/engineers/planner.md). NumPy alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .lead_sheet_saxsolo import LeadSheet
from .note_events_saxsolo import ENDS, NO_PITCH, STEPS, TICKS, WAIT, Event
from .vocabulary_saxsolo import NO_ROOT, NUM_PITCHES

#: bars after which a phrase may come back
BARS = (2, 4, 8, 12, 16, 24, 32)
# beats whose chords are compared, and how many of them must go alike
_BEATS, _ALIKE = 6, 5
# added to the logits of the step, the interval and the pitch that were played then
_STEP, _INTERVAL, _PITCH = 3.0, 2.0, 2.0
_OCTAVE = 12


@dataclass(frozen=True)
class Recall:
    """An earlier stretch that a phrase may follow: so many ticks ago, and so many semitones higher
    now, as the chords are."""

    ago: int
    higher: int


def recalls_at(sheet: LeadSheet, beat: int, first: int) -> list[Recall]:
    """Stretches whose roots move, up to a transposition, as those of the six beats from `beat` on;
    whether chords are major or minor is not compared.

    Args:
        sheet: beats and chords. beat: place in it. first: beat before which nothing was played.
    """
    if not 0 <= beat < len(sheet) or sheet.metres[beat] < 2:
        return []
    now = sheet.roots[beat : beat + _BEATS]
    found = []
    for bars in BARS:
        begin = beat - bars * int(sheet.metres[beat])
        if begin < max(0, first):
            continue
        then = sheet.roots[begin : begin + len(now)]
        moved = (now - then)[(now != NO_ROOT) & (then != NO_ROOT)] % _OCTAVE
        higher = int(np.bincount(moved, minlength=_OCTAVE).argmax())
        if (moved == higher).sum() >= _ALIKE:
            higher -= _OCTAVE if higher > _OCTAVE // 2 else 0
            found.append(Recall((beat - begin) * TICKS, higher))
    return found


class PhraseMemory:
    """Which earlier stretch the phrase that is being played follows, and where that leads.

    Args:
        sheet: beats and chords that are played over.
        chance: that a phrase follows an earlier stretch, where there is one over chords that move
            alike.
        random: of these choices alone.
    """

    def __init__(self, sheet: LeadSheet, chance: float, random: np.random.Generator):
        self.sheet, self.chance, self.random = sheet, chance, random
        self.ticks: list[int] = []
        self.pitches: list[int] = []
        self.recall: Recall | None = None

    def hear(self, events: Sequence[Event]) -> None:
        """Takes events into the memory. After the last note of a phrase it is drawn whether the
        next one follows an earlier stretch."""
        for event in events if self.chance else ():
            if event.pitch == NO_PITCH:
                continue
            self.ticks.append(event.tick)
            self.pitches.append(event.pitch)
            if event.ending == ENDS:
                self.recall = self._draw(event.tick)

    def steps(self, tick: int) -> np.ndarray:
        """What is added to the step logits (97,) from a tick: the next onset of the stretch that is
        followed leans. It is followed no longer where it has none within eight beats."""
        lean = np.zeros(STEPS, dtype=np.float32)
        if self.recall is not None:
            then = tick - self.recall.ago
            place = bisect_right(self.ticks, then)
            step = self.ticks[place] - then if place < len(self.ticks) else WAIT
            if step < WAIT:
                lean[step] = _STEP
            else:
                self.recall = None
        return lean

    def leans(self, tick: int) -> np.ndarray:
        """What is added to the pitch logits (60,) of a note at a tick: the interval that led to the
        note of the stretch there, if it has one, and its pitch lean."""
        lean = np.zeros(NUM_PITCHES, dtype=np.float32)
        if self.recall is None:
            return lean
        place = bisect_left(self.ticks, tick - self.recall.ago)
        if not 0 < place < len(self.ticks) or self.ticks[place] != tick - self.recall.ago:
            return lean
        interval = self.pitches[place] - self.pitches[place - 1]
        targets = (self.pitches[-1] + interval, self.pitches[place] + self.recall.higher)
        for pitch, strength in zip(targets, (_INTERVAL, _PITCH), strict=True):
            if 0 <= pitch < NUM_PITCHES:
                lean[pitch] += strength
        return lean

    def forget(self) -> None:
        """Follows nothing from here on: something else was given."""
        self.recall = None

    def _draw(self, tick: int) -> Recall | None:
        follows, which = self.random.random(2)
        if follows >= self.chance:
            return None
        found = recalls_at(self.sheet, tick // TICKS, -(-self.ticks[0] // TICKS))
        return found[int(which * len(found))] if found else None
