"""What a band is asked to play: bars with chords and players, and a clock from beats to seconds.

A beat is what a listener taps: a quarter note in 3/4, 4/4 and 5/4, a dotted quarter in 6/8 (two a
bar) and 12/8 (four a bar), an eighth note in 7/8 (seven a bar).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from saxsolo.music.chord_symbols import Chord, parse_chord

#: metre -> beats a bar
METRES = {"4/4": 4, "3/4": 3, "5/4": 5, "6/8": 2, "7/8": 7, "12/8": 4}


class Note(NamedTuple):
    """A key played: place and length in beats, MIDI key, velocity 1..127."""

    beat: float
    length: float
    key: int
    velocity: float


class Span(NamedTuple):
    """A chord symbol from one beat to another."""

    start: float
    end: float
    symbol: str


@dataclass(frozen=True)
class Bar:
    """A bar: its first beat, its beats, what part of the form it is, how and by whom it is played.

    `part`: pickup, intro, count, chorus, stop (one stroke on the first beat), break, tag, end.
    `missing`: beats of the bar that are not there, before `start` (a pick-up).
    """

    start: float
    size: int
    part: str
    feel: str
    players: frozenset[str]
    spans: tuple[Span, ...]
    missing: int = 0

    @property
    def end(self) -> float:
        """The first beat of what follows."""
        return self.start + self.size


class Harmony:
    """The chord in force at any beat of a list of bars."""

    def __init__(self, bars: tuple[Bar, ...]) -> None:
        self.spans = [span for bar in bars for span in bar.spans]
        self._starts = [span.start for span in self.spans]

    def span(self, beat: float) -> Span | None:
        """The span at a beat, or None."""
        index = bisect_right(self._starts, beat + 1e-6) - 1
        if index < 0 or beat >= self.spans[index].end - 1e-6:
            return None
        return self.spans[index]

    def chord(self, beat: float) -> Chord | None:
        """The chord at a beat; None where there is none."""
        span = self.span(beat)
        if span is None or span.symbol in ("NC", ""):
            return None
        return parse_chord(span.symbol)


@dataclass(frozen=True)
class Plan:
    """A whole performance before anybody plays: bars, seconds of every beat, swing.

    `times`: seconds of the beats 0..N, (N + 1,). `swing`: where the second eighth note of a beat
    falls, 0.5 = straight. `grid`: eighths (2) or triplets (3) in a beat.
    """

    title: str
    metre: str
    tempo: float
    bars: tuple[Bar, ...]
    times: np.ndarray
    swing: float
    grid: int
    chart: tuple[Span, ...]

    def seconds(self, beat: float) -> float:
        """Seconds of a place in beats, with swung off-beats."""
        whole = int(np.floor(beat + 1e-9))
        rest = beat - whole
        if self.swing != 0.5 and rest > 0:
            swung = self.swing
            rest = 2 * swung * rest if rest < 0.5 else swung + (rest - 0.5) * 2 * (1 - swung)
        last = len(self.times) - 1
        if whole >= last:
            step = self.times[last] - self.times[last - 1]
            return float(self.times[last] + (whole - last + rest) * step)
        return float(self.times[whole] + rest * (self.times[whole + 1] - self.times[whole]))
