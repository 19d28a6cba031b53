"""The bars of a solo, from one place for MIDI, MusicXML and lead sheet.

A beat grid begins and ends where beats are heard. Bars reach from second 0 to the end of the
sound, and are whole but for a pick-up at the beginning and bars that were heard to break off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .beat_grid import BeatGrid
from .metre import BeatUnit


@dataclass(frozen=True)
class Bars:
    """Beats and bars without a gap.

    Attributes:
        beats: (N + 1,) seconds at which each beat begins, the first 0, and at which the last ends.
        lengths: beats in each bar; their sum is N.
        pickup: whether the first bar is a pick-up, shorter than a whole one.
        before: beats before the grid's first; negative where the grid begins before second 0.
        unit: note value of a beat.
    """

    beats: np.ndarray
    lengths: list[int]
    pickup: bool
    before: int
    unit: BeatUnit

    @property
    def starts(self) -> list[int]:
        """Beat with which each bar begins."""
        return [0, *np.cumsum(self.lengths)[:-1].tolist()]

    @property
    def tempi(self) -> list[float]:
        """Beats a minute of each bar; a pick-up, which begins at second 0 whatever the tempo, has
        that of the bar after it."""
        edges = self.beats[[*self.starts, len(self.beats) - 1]]
        tempi = [60 * n / float(s) for n, s in zip(self.lengths, np.diff(edges), strict=True)]
        return [tempi[1], *tempi[1:]] if self.pickup and len(tempi) > 1 else tempi


def bars_of(grid: BeatGrid, seconds: float) -> Bars:
    """The grid's beats, continued to second 0 and to the end of the last bar.

    The time before the grid's first beat is as many whole beats as come nearest. Where that is
    none, the first beat begins at second 0 in place of its own time.

    Args:
        grid: what was heard.
        seconds: length of the sound; the last bar ends there or later.
    """
    beats, places = _to_the_end(grid, seconds)
    skipped = int(np.sum(beats < 0))
    beats, places = beats[skipped:], places[skipped:]
    lead = int(np.round(beats[0] / (beats[1] - beats[0])))
    heard = beats[1:] if lead == 0 else beats
    beats = np.concatenate([np.linspace(0, heard[0], max(lead, 1) + 1)[:-1], heard])
    earlier = int(places[0]) - np.arange(lead, 0, -1)
    places = np.concatenate([np.where(earlier < 0, earlier % grid.beats_per_bar, earlier), places])
    firsts = np.flatnonzero(places[:-1] == 0).tolist()
    starts = [*sorted({0, *firsts}), len(beats) - 1]
    lengths = np.diff(starts).tolist()
    return Bars(beats, lengths, bool(places[0] != 0), lead - skipped, grid.unit)


def _to_the_end(grid: BeatGrid, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Beats and places, continued at the last tempo to the first beat of a bar at or after
    `seconds`, and two beats behind second 0 at least."""
    length = float(grid.beats[-1] - grid.beats[-2])
    place, now = int(grid.places[-1]), float(grid.beats[-1])
    beats: list[float] = []
    places: list[int] = []
    while place != 0 or now < max(seconds, 2 * length) - 1e-6 or not beats:
        place = place + 1 if place + 1 < grid.beats_per_bar else 0
        now += length
        beats.append(now)
        places.append(place)
    return np.concatenate([grid.beats, beats]), np.concatenate([grid.places, places]).astype(int)
