"""A chart on the clock of a track: which beat of the form sounds when."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import (
    FRAME_RATE,
    IRREGULAR_BAR,
    LABEL_SIZES,
    NO_CHORD,
    NO_ROOT,
    UNKNOWN,
)
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.charts.chart import Chart, beats_of
from saxsolo.music.charts.form import played
from saxsolo.music.charts.spelling import lead_symbol
from saxsolo.music.chord_symbols import parse_chord
from saxsolo.music.metre import EIGHTH, QUARTER, BeatUnit, beat_unit

OUTSIDE = -1
# a chord that begins this early is the next beat's: half a beat before it and later
ANTICIPATED = 0.5


@dataclass(frozen=True)
class Form:
    """One chorus of a chart, beat by beat.

    Attributes:
        symbols: (P,) the chord on each beat, in the spelling of `chord_symbols`.
        places: (P,) int, beat of the bar from 0. sizes: (P,) beats of its bar.
        bars: (P,) int, number of the bar in the order of playing, from 0.
        sections: (P,) bool, whether a section or a repeat begins on the beat.
    """

    symbols: tuple[str, ...]
    places: np.ndarray
    sizes: np.ndarray
    bars: np.ndarray
    sections: np.ndarray

    @property
    def roots(self) -> np.ndarray:
        """(P,) pitch class of each root, 12 for none."""
        chords = [parse_chord(symbol) for symbol in self.symbols]
        return np.array([NO_ROOT if c.root is None else c.root for c in chords])

    @property
    def qualities(self) -> np.ndarray:
        """(P,) index into QUALITY_NAMES of the vocabulary."""
        return np.array([parse_chord(symbol).quality for symbol in self.symbols])


def form_of(chart: Chart) -> Form:
    """One chorus in the order of playing; a chord that begins between beats has the beat that it
    covers most of."""
    symbols: list[str] = []
    places: list[int] = []
    sizes: list[int] = []
    bars: list[int] = []
    sections: list[bool] = []
    for number, index in enumerate(played(chart)):
        bar = chart.bars[index]
        edges = np.cumsum([0.0, *(beats for _, beats in bar.chords)])
        for beat in range(bar.beats):
            overlap = np.minimum(edges[1:], beat + 1) - np.maximum(edges[:-1], beat)
            symbols.append(bar.chords[int(overlap.argmax())][0])
            places.append(beat)
            sizes.append(bar.beats)
            bars.append(number)
            sections.append(beat == 0 and bool(number == 0 or bar.section or bar.repeat_start))
    return Form(tuple(symbols), np.array(places), np.array(sizes), np.array(bars),
                np.array(sections))  # fmt: skip


@dataclass(frozen=True)
class PlacedChart:
    """A chart on beats in seconds.

    Attributes:
        chart: in the key of the track.
        form: its chorus.
        beats: (N,) seconds, rising.
        index: (N,) int, place in the chorus in beats, OUTSIDE before, between and after choruses.
        agreement: share of the time in which the chart is played and the ear hears its root, 0 to
            1; None where no ear was asked.
        transposed: semitones from the chart as given to the track.
        heard: what the ear heard on the same beats; None where no ear was asked.
        rendered: how often a band of ours plays the form, which it ends on its first chord; None
            over a track.
    """

    chart: Chart
    form: Form
    beats: np.ndarray
    index: np.ndarray
    agreement: float | None = None
    transposed: int = 0
    heard: BeatGrid | None = None
    rendered: int | None = None

    @property
    def inside(self) -> np.ndarray:
        """(N,) bool, whether a beat belongs to the form."""
        return self.index != OUTSIDE

    def until(self, seconds: float) -> PlacedChart:
        """The same for the beginning of the track: the beats before `seconds`, three at least."""
        kept = slice(max(3, int(np.searchsorted(self.beats, seconds))))
        heard = self.heard
        if heard is not None:
            heard = replace(
                heard,
                beats=heard.beats[kept],
                places=heard.places[kept],
                roots=heard.roots[kept],
                qualities=heard.qualities[kept],
            )
        return replace(self, beats=self.beats[kept], index=self.index[kept], heard=heard)

    @property
    def first_bar(self) -> float | None:
        """Second at which the first bar line inside the form lies; None where none does."""
        at = np.flatnonzero(self.inside & (self._places == 0))
        return float(self.beats[at[0]]) if len(at) else None

    @property
    def choruses(self) -> int:
        """How often the form is played; a part of it counts from its half on."""
        if self.rendered is not None:
            return self.rendered
        played = int(np.sum(self.inside))
        return max(int(played > 0), int(played / len(self.form.symbols) + 0.5))

    @cached_property
    def _places(self) -> np.ndarray:
        """(N,) beat of the bar; outside the form what the ear heard, else counted on."""
        places = np.where(self.inside, self.form.places[self.index], 0)
        if self.heard is not None:
            return np.where(self.inside, places, self.heard.places)
        size = int(self.form.sizes[0])
        for beat in np.flatnonzero(~self.inside):
            places[beat] = (places[beat - 1] + 1) % size if beat else 0
        return places

    @property
    def _unit(self) -> BeatUnit:
        """What a foot taps in most bars of the chart: dotted quarters in 6/8, eighths in 7/8."""
        metre = Counter(bar.metre for bar in self.chart.bars).most_common(1)[0][0]
        count, below = (int(part) for part in metre.split("/"))
        if below < 8:
            return QUARTER
        return beat_unit(beats_of(metre), 1.0) if beats_of(metre) < count else EIGHTH

    @property
    def symbols(self) -> tuple[str, ...]:
        """The chord on each beat as a lead sheet has it; empty outside the form."""
        names = [lead_symbol(symbol) for symbol in self.form.symbols]
        return tuple(names[i] if i != OUTSIDE else "" for i in self.index)

    def grid(self) -> BeatGrid:
        """Beats, bars and chords, the chart's inside the form and the ear's outside."""
        roots = np.where(self.inside, self.form.roots[self.index], NO_ROOT)
        qualities = np.where(self.inside, self.form.qualities[self.index], NO_CHORD)
        if self.heard is not None:
            roots = np.where(self.inside, roots, self.heard.roots)
            qualities = np.where(self.inside, qualities, self.heard.qualities)
        size = Counter(self.form.sizes.tolist()).most_common(1)[0][0]
        return BeatGrid(self.beats, self._places, int(size), roots, qualities, self._unit)

    def labels(self, frames: int) -> np.ndarray:
        """Frame labels (T, 4) int16 inside the form, -100 elsewhere.

        Bars of more than seven beats have the class of no metre, as in `frame_labels`.
        """
        labels = self.grid().labels(frames)
        middles = (np.arange(frames) + 0.5) / FRAME_RATE
        at = np.searchsorted(self.beats, middles, side="right") - 1
        labels[(at < 0) | ~self.inside[np.maximum(at, 0)]] = UNKNOWN
        bar = list(LABEL_SIZES).index("bar_beat")
        long = self.form.sizes[self.index[np.maximum(at, 0)]] > IRREGULAR_BAR
        labels[(labels[:, bar] >= 0) & long, bar] = IRREGULAR_BAR
        return labels

    def describe(self) -> dict[str, object]:
        """For run.json."""
        first = self.first_bar
        return {
            "first_bar": None if first is None else round(first, 3),
            "choruses": self.choruses,
            "agreement": None if self.agreement is None else round(self.agreement, 3),
            "transposed": self.transposed,
            "tempo": round(60 / float(np.median(np.diff(self.beats))), 2),
        }


def place_by_tempo(
    chart: Chart, first_bar: float, tempo: float, seconds: float, until: float | None = None
) -> PlacedChart:
    """A chart from a second on in a steady tempo, chorus after chorus, without an ear.

    Args:
        first_bar: second of its first beat.
        tempo: beats a minute, as a foot taps them.
        seconds: how long the music lasts.
        until: where the form ends; with the music when None.
    """
    form = form_of(chart)
    beat = 60 / tempo
    before = int(np.floor(first_bar / beat))
    count = max(3, int(np.ceil((seconds - first_bar) / beat)) + before)
    beats = first_bar + beat * (np.arange(count) - before)
    index = np.where(
        np.arange(count) >= before, (np.arange(count) - before) % len(form.symbols), OUTSIDE
    )
    if until is not None:
        index = np.where(beats >= until, OUTSIDE, index)
    placed = PlacedChart(chart, form, beats, index)
    # the bar before the first counts backwards
    return replace(placed, heard=_counted_back(placed, before))


def _counted_back(placed: PlacedChart, before: int) -> BeatGrid:
    """Places of the beats outside the form, and no chords there."""
    size = int(placed.form.sizes[0])
    count = len(placed.beats)
    places = np.where(
        np.arange(count) < before, (np.arange(count) - before) % size, np.arange(count) % size
    )
    none = np.full(count, NO_ROOT), np.full(count, NO_CHORD)
    return BeatGrid(placed.beats, places, size, *none)
