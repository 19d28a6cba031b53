"""A solo as a line in musical time: what is measured of how it is built, note by note.

Everything is relative (beats, intervals, degrees): it tells neither key nor register nor tempo.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet
from modeling_saxsolo.note_events_saxsolo import TICKS, written_ticks
from modeling_saxsolo.vocabulary_saxsolo import NO_CHORD, NO_ROOT
from saxsolo.music.chord_symbols import SCALES, TONES

from .notes import SoloNotes

# a rest of this many beats between two notes ends a phrase
PHRASE_REST = 1.0
# a shorter gap than this is no rest, seconds: the finger, not the breath
SHORTEST_REST = 0.05
# (third, seventh) above the root of each quality of `QUALITY_NAMES`; the sixth where no seventh is
GUIDE_TONES = ((4, 11), (3, 10), (4, 10), (3, 10), (3, 9), (5, 10), (4, 8))


@dataclass(frozen=True)
class Line:
    """Notes over a lead sheet.

    Attributes:
        onsets, ends: (N,) beats from the first beat of the sheet.
        seconds: (N,) of the onsets. lengths: (N,) seconds of the notes.
        pitches: (N,) MIDI.
        sheet: the beats and chords.
    """

    onsets: np.ndarray
    ends: np.ndarray
    seconds: np.ndarray
    lengths: np.ndarray
    pitches: np.ndarray
    sheet: LeadSheet

    def __len__(self) -> int:
        return len(self.pitches)

    @cached_property
    def ticks(self) -> np.ndarray:
        """(N,) int, the twelfth of a beat on which each note is likely to be written."""
        return written_ticks(TICKS * self.onsets) if len(self) else np.zeros(0, int)

    @cached_property
    def late(self) -> np.ndarray:
        """(N,) beats by which each note follows the eighth, triplet or sixteenth it is near."""
        return self.onsets - self.ticks / TICKS

    def concentration(self, times: int) -> float:
        """Mean resultant length of `times` the phase of the onsets in their beats, 0 to 1: the
        figures of `timing.fit`, here over the beats of the sheet. NaN without notes."""
        angles = 2j * np.pi * times * self.onsets
        return float(abs(np.exp(angles).mean())) if len(self) else float("nan")

    @cached_property
    def steps(self) -> np.ndarray:
        """(N - 1,) beats from onset to onset."""
        return np.diff(self.onsets)

    @cached_property
    def intervals(self) -> np.ndarray:
        """(N - 1,) semitones from note to note."""
        return np.diff(self.pitches)

    @cached_property
    def gaps(self) -> np.ndarray:
        """(N - 1,) beats of silence after each note but the last, >= 0."""
        return np.maximum(0.0, self.onsets[1:] - self.ends[:-1])

    @cached_property
    def phrases(self) -> list[slice]:
        """Runs of notes without a rest of `PHRASE_REST` beats inside."""
        breaks = np.flatnonzero(self.gaps >= PHRASE_REST) + 1
        edges = [0, *breaks.tolist(), len(self)] if len(self) else [0]
        return [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]

    @cached_property
    def beats(self) -> np.ndarray:
        """(N,) index of the beat of the sheet in which each note is written."""
        return np.clip(self.ticks // TICKS, 0, len(self.sheet) - 1).astype(int)

    @cached_property
    def degrees(self) -> np.ndarray:
        """(N,) semitones above the root of the chord under each note, -1 without a chord."""
        roots = self.sheet.roots[self.beats]
        return np.where(roots < NO_ROOT, (self.pitches - roots) % 12, -1)

    @cached_property
    def worth(self) -> np.ndarray:
        """(N,) 1 for a chord tone, 0.5 for another note of its scale, 0 outside; NaN for none."""
        qualities = self.sheet.qualities[self.beats]
        known = (self.degrees >= 0) & (qualities < NO_CHORD)
        worth = np.full(len(self), np.nan)
        worth[known] = _WORTH[qualities[known], self.degrees[known]]
        return worth


def _worth_table() -> np.ndarray:
    table = np.zeros((len(TONES), 12))
    for quality, (tones, scale) in enumerate(zip(TONES, SCALES, strict=True)):
        table[quality, list(scale)] = 0.5
        table[quality, list(tones)] = 1.0
    return table


_WORTH = _worth_table()


def line_of(notes: SoloNotes, sheet: LeadSheet) -> Line:
    """Notes in seconds as a line over a lead sheet of the same clock."""
    return Line(
        sheet.beat_at(notes.onsets),
        sheet.beat_at(notes.ends),
        notes.onsets,
        notes.ends - notes.onsets,
        notes.pitches.astype(int),
        sheet,
    )


def resolutions(line: Line) -> tuple[int, int]:
    """How often a guide tone is led on at a change of chord, and how many chances there were.

    A chance is a third or seventh of the old chord as the last note before a change of root, at
    most two beats before the next note; it is led on where that note is at most two semitones away
    and belongs to the new chord (a note that stays counts where it is a tone of both).

    Returns:
        (led on, chances).
    """
    led = chances = 0
    sheet, beats = line.sheet, line.beats
    for i in range(len(line) - 1):
        first, second = beats[i], beats[i + 1]
        root, quality = sheet.roots[first], sheet.qualities[first]
        if second <= first or NO_ROOT in (root, sheet.roots[second]) or quality >= NO_CHORD:
            continue
        if sheet.roots[second] == root or line.steps[i] > 2:
            continue
        if line.degrees[i] not in GUIDE_TONES[quality]:
            continue
        chances += 1
        led += abs(int(line.intervals[i])) <= 2 and line.worth[i + 1] == 1
    return led, chances


def swing_ratio(line: Line) -> float | None:
    """Median length of the first eighth to the second in beats of two; None for fewer than 4.

    1 = straight, 2 = triplets (the beat-upbeat ratio of Benadon 2006).
    """
    ratios = []
    places, near = line.onsets, 1 / 6
    for i in range(len(line) - 2):
        start = np.floor(places[i] + near)
        inside = places[i + 1] - start
        if abs(places[i] - start) > near or not near < inside < 1 - near:
            continue
        if abs(places[i + 2] - start - 1) <= near:
            first, second = places[i + 1] - places[i], places[i + 2] - places[i + 1]
            ratios.append(first / second)
    return float(np.median(ratios)) if len(ratios) >= 4 else None


def similarity(line: Line, beats: int, bins_in_beat: int = 2) -> float | None:
    """How much of the line comes back after so many beats: share of half beats in which both
    places have notes and the same movement, less what other distances nearby give.

    The line is a row of half beats, each with the interval from the note before its first note.
    Distances of one to three half beats less and more are chance.

    Returns:
        share, -1..1; None where the line is not longer than `beats` and two beats.
    """
    if not len(line):
        return None
    cells = np.floor(line.ticks * bins_in_beat / TICKS).astype(int)
    cells -= cells[0]
    row = np.full(cells[-1] + 1, 99)
    row[cells[1:][::-1]] = line.intervals[::-1]
    lag = beats * bins_in_beat

    def agreement(distance: int) -> float:
        if not 0 < distance < len(row) - 2 * bins_in_beat:
            return float("nan")
        first, second = row[:-distance], row[distance:]
        both = (first != 99) & (second != 99)
        return float((first[both] == second[both]).mean()) if both.any() else float("nan")

    other = [agreement(lag + step) for step in (-3, -2, -1, 1, 2, 3)]
    own = agreement(lag)
    if not np.isfinite(own) or not np.isfinite(other).any():
        return None
    return own - float(np.nanmean(other))
