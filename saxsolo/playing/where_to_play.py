"""Where the solo plays and where it rests: stretches of the track, and trading bars with the band.

Bars are those of the chart: bar 1 is its first, and they are counted on from chorus to chorus, so
that bars 13-24 are the second chorus of a blues. Without a chart, bar 1 is the first whole bar that
is heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.errors import SettingError
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.music.spans import BARS, SECONDS, Span, read_spans

from .settings import Settings


@dataclass(frozen=True)
class CountedBar:
    """A bar of a track: its number and that of its chorus, from 1, and where it lies in seconds."""

    number: int
    chorus: int
    start: float
    end: float


def playing_frames(
    settings: Settings,
    frames: int,
    placed: PlacedChart | None,
    grid: BeatGrid | None,
    name: str,
) -> np.ndarray | None:
    """(T,) bool, where the solo may play; None where the settings say nothing of it.

    Args:
        frames: T, of the solo.
        placed: the chart on the track's clock. grid: what is heard, for a track without one.
        name: of the track.

    Raises:
        SettingError: no bars or choruses where they are asked for, or nothing of a stretch lies in
            what is played.
    """
    if settings.solo is None and settings.trade is None:
        return None
    spans = [] if settings.solo is None else read_spans(settings.solo)
    bars: list[CountedBar] = []
    if settings.trade is not None or any(span.unit != SECONDS for span in spans):
        bars = counted_bars(placed, grid)
        if not bars:
            raise SettingError(
                f"no bars are heard in {name}; give times (solo 0:08-0:40), or a chart with "
                "--first-bar and --tempo (first_bar, tempo)"
            )
    playing = np.ones(frames, bool)
    if spans:
        playing = np.any([_inside(span, bars, frames, placed) for span in spans], axis=0)
    if settings.trade is not None:
        first = 0 if settings.trade_start == "solo" else 1
        turns = [bar for bar in bars if (bar.number - 1) // settings.trade % 2 == first]
        playing = playing & _marked([(bar.start, bar.end) for bar in turns], frames)
        if not playing.any():
            raise SettingError(
                f"trading {settings.trade} bars leaves nothing to play in "
                f"{frames / FRAME_RATE:g} s; trade fewer bars"
            )
    return playing


def counted_bars(placed: PlacedChart | None, grid: BeatGrid | None) -> list[CountedBar]:
    """The bars of a chart where it is placed, or those that are heard; none of a pick-up."""
    if placed is not None and placed.inside.any():
        return _of_chart(placed)
    return [] if grid is None else _of_grid(grid)


def _of_chart(placed: PlacedChart) -> list[CountedBar]:
    ends = np.append(placed.beats[1:], 2 * placed.beats[-1] - placed.beats[-2])
    form = placed.form
    in_form = int(form.bars[-1]) + 1
    bars: list[CountedBar] = []
    chorus, before = 1, -1
    for beat in np.flatnonzero(placed.inside).tolist():
        index = int(placed.index[beat])
        chorus += index <= before
        before = index
        number = (chorus - 1) * in_form + int(form.bars[index]) + 1
        start, end = float(placed.beats[beat]), float(ends[beat])
        if bars and bars[-1].number == number:
            bars[-1] = CountedBar(number, chorus, bars[-1].start, end)
        else:
            bars.append(CountedBar(number, chorus, start, end))
    return bars


def _of_grid(grid: BeatGrid) -> list[CountedBar]:
    firsts = np.flatnonzero(grid.places == 0)
    ends = np.append(grid.beats[1:], 2 * grid.beats[-1] - grid.beats[-2])
    edges = [*firsts.tolist(), len(grid.beats)]
    return [
        CountedBar(number, 1, float(grid.beats[first]), float(ends[last - 1]))
        for number, (first, last) in enumerate(zip(edges, edges[1:], strict=False), 1)
    ]


def _inside(
    span: Span, bars: list[CountedBar], frames: int, placed: PlacedChart | None
) -> np.ndarray:
    if span.unit == SECONDS:
        playing = _marked([(span.first, span.last)], frames)
        there = f"{frames / FRAME_RATE:g} s are played"
    else:
        if span.unit != BARS and placed is None:
            raise SettingError(f"{span}: choruses are those of a chart; give one, or bars or times")
        number = [bar.number if span.unit == BARS else bar.chorus for bar in bars]
        chosen = [
            (bar.start, bar.end)
            for bar, at in zip(bars, number, strict=True)
            if span.first <= at <= span.last
        ]
        playing = _marked(chosen, frames)
        there = f"there are {span.unit} {min(number)} to {max(number)}"
    if not playing.any():
        raise SettingError(f"solo {span} lies outside the track: {there}")
    return playing


def _marked(stretches: Sequence[tuple[float, float]], frames: int) -> np.ndarray:
    marked = np.zeros(frames, bool)
    for start, end in stretches:
        first, last = (max(0, int(np.floor(s * FRAME_RATE + 0.5))) for s in (start, end))
        marked[first:last] = True
    return marked


def stretches_of(playing: np.ndarray) -> list[tuple[float, float]]:
    """(T,) bool as stretches in seconds, for run.json."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], playing.astype(int), [0]])))
    pairs = edges.reshape(-1, 2) / FRAME_RATE
    return [(float(start), float(end)) for start, end in pairs.round(2)]
