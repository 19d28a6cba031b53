"""Phrases that come back: a phrase may go as the line went over the same changes some bars ago.

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
class Motif:
    """An earlier stretch that a phrase may follow: so many ticks ago, and so many semitones higher
    now, as the chords are."""

    ago: int
    higher: int


def motifs_before(sheet: LeadSheet, beat: int, first: int) -> list[Motif]:
    """Stretches whose chords' roots go, up to a transposition, as those from `beat` on.

    Args:
        beat: place in the sheet. first: beat before which nothing was played.
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
            found.append(Motif((beat - begin) * TICKS, higher))
    return found


class MotifMemory:
    """Which earlier stretch the phrase that is being played follows, and where that leads.

    Args:
        sheet: beats and chords that are played over.
        chance: that a phrase follows an earlier stretch, where there is one over such chords.
        random: of these choices alone.
    """

    def __init__(self, sheet: LeadSheet, chance: float, random: np.random.Generator):
        self.sheet, self.chance, self.random = sheet, chance, random
        self.ticks: list[int] = []
        self.pitches: list[int] = []
        self.motif: Motif | None = None

    def hear(self, events: Sequence[Event]) -> None:
        """Takes events into the memory. After the last note of a phrase it is drawn whether the
        next one follows an earlier stretch."""
        for event in events if self.chance else ():
            if event.pitch == NO_PITCH:
                continue
            self.ticks.append(event.tick)
            self.pitches.append(event.pitch)
            if event.ending == ENDS:
                self.motif = self._draw(event.tick)

    def steps(self, tick: int) -> np.ndarray:
        """What is added to the step logits (97,) from a tick: the next onset of the motif leans."""
        lean = np.zeros(STEPS, dtype=np.float32)
        if self.motif is not None:
            then = tick - self.motif.ago
            place = bisect_right(self.ticks, then)
            step = self.ticks[place] - then if place < len(self.ticks) else WAIT
            if step < WAIT:
                lean[step] = _STEP
            else:
                self.motif = None
        return lean

    def leans(self, tick: int) -> np.ndarray:
        """What is added to the pitch logits (60,) of a note at a tick: where the motif has a note,
        the interval that led to it and its pitch."""
        lean = np.zeros(NUM_PITCHES, dtype=np.float32)
        if self.motif is None:
            return lean
        place = bisect_left(self.ticks, tick - self.motif.ago)
        if not 0 < place < len(self.ticks) or self.ticks[place] != tick - self.motif.ago:
            return lean
        interval = self.pitches[place] - self.pitches[place - 1]
        targets = (self.pitches[-1] + interval, self.pitches[place] + self.motif.higher)
        for pitch, strength in zip(targets, (_INTERVAL, _PITCH), strict=True):
            if 0 <= pitch < NUM_PITCHES:
                lean[pitch] += strength
        return lean

    def _draw(self, tick: int) -> Motif | None:
        follows, which = self.random.random(2)
        if follows >= self.chance:
            return None
        found = motifs_before(self.sheet, tick // TICKS, -(-self.ticks[0] // TICKS))
        return found[int(which * len(found))] if found else None
