"""How well a chart without times is placed in a track whose beats and chords are known.

A track's chart is found by its title among the charts of a collection (`read_charts`), brought to
the track's metre and key, written as text and read back, so that no time is left in it. Three
charts are tried: the tune's own; the same begun at another bar, as where a track starts late; and
another tune's, which must be known for wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from modeling_saxsolo.ear_saxsolo import SaxsoloEar
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.audio.files import open_sound
from saxsolo.corpus.accompany.charts import Chart as BandChart
from saxsolo.corpus.accompany.charts import plain_title, read_charts
from saxsolo.corpus.accompany.plan import METRES
from saxsolo.listening.track import decoded, hear_track
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chart_alignment import align
from saxsolo.music.charts.chart import Chart, ChartBar
from saxsolo.music.charts.text import read_text, write_text
from saxsolo.music.chord_symbols import parse_chord
from saxsolo.music.placed_chart import PlacedChart

# as beats are judged: mir_eval's window
WINDOW = 0.07
LATE_BARS = 8

#: figure -> its heading
FIGURES = {
    "root": "roots right",
    "ear": "by the ear alone",
    "bars": "bars right",
    "agreement": "agreement",
    "transposed": "another key",
    "inside": "in the form",
}

Hearer = Callable[[Path], tuple[Mapping[str, np.ndarray], HeardMusic]]


def ear_hearer(ear: SaxsoloEar) -> Hearer:
    """Hears a sound file with an ear."""

    def hear(path: Path) -> tuple[Mapping[str, np.ndarray], HeardMusic]:
        posteriors, cents = hear_track(open_sound(path), ear)
        music = decoded(ear, posteriors, cents)
        return {name: values.numpy() for name, values in posteriors.items()}, music

    return hear


@dataclass(frozen=True)
class ChartCase:
    """A track with its truth and its chart.

    Attributes:
        path: the sound. truth: as in truth.json. chart: the tune's, without times.
    """

    path: Path
    truth: dict[str, Any]
    chart: Chart


def read_cases(tracks: Path, charts: Path) -> list[ChartCase]:
    """The tracks below a folder (NAME/truth.json) whose tune is in a folder of charts.

    Raises:
        ValueError: where there are none.
    """
    known: dict[str, list[BandChart]] = {}
    for chart in read_charts(charts):
        known.setdefault(plain_title(chart.title), []).append(chart)
    cases = []
    for path in sorted(tracks.rglob("truth.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        fitting = (
            found
            for chart in known.get(plain_title(truth["title"]), [])
            if (found := _fitted(chart, truth)) is not None
        )
        own = next(fitting, None)
        if own is not None:
            cases.append(ChartCase(path.parent / "backing.flac", truth, own))
    if not cases:
        raise ValueError(f"no track below {tracks} plays a tune of the charts in {charts}")
    return cases


def _fitted(chart: BandChart, truth: dict[str, Any]) -> Chart | None:
    """The chart in the metre and key in which the track plays it; None where it plays another."""
    size = METRES[truth["metre"]]
    names = [parse_chord(name) for *_, name in truth["chart"]]
    played = [(chord.root, chord.quality) for chord in names]
    options = [chart] + ([chart.halved()] if chart.size == 4 and size in (2, 3) else [])
    for option in options:
        refitted = option.refit(size)
        for key in range(12):
            moved = refitted.transpose(key)
            names = [parse_chord(symbol) for bar in moved.bars for symbol, _ in bar]
            expected = [(chord.root, chord.quality) for chord in names]
            count = min(len(expected), len(played))
            if expected[:count] == played[:count]:
                return as_chart(moved, truth["metre"])
    return None


def as_chart(chart: BandChart, metre: str) -> Chart:
    """The same chart as a person would type it, written and read back."""
    bars = [
        ChartBar(tuple(bar), metre, "A" if number in chart.sections else "")
        for number, bar in enumerate(chart.bars)
    ]
    return read_text(write_text(Chart(tuple(bars), chart.title)))


def _late(chart: Chart) -> Chart:
    """The chart begun at its ninth bar, so that the track enters it in the middle."""
    shift = LATE_BARS % len(chart.bars)
    return Chart(chart.bars[-shift:] + chart.bars[:-shift], chart.title) if shift else chart


def measure_charts(cases: Sequence[ChartCase], hear: Hearer) -> dict[str, dict[str, float]]:
    """Figures for each kind of chart, means over the tracks.

    Args:
        hear: what an ear hears in a sound, and what is decoded from it.

    Returns:
        Kind of chart -> "root": share of the seconds with a chord whose root is right; "ear": the
        same by the ear alone; "bars": share of the true bars that are placed within 70 ms with the
        right chords; "agreement": as the placement says; "transposed": share of tracks for which
        another key was believed; "inside": share of the beats inside the form.
    """
    rows: dict[str, list[dict[str, float]]] = {}
    heard = [hear(case.path) for case in cases]
    for number, (case, (posteriors, music)) in enumerate(zip(cases, heard, strict=True)):
        wrong = next(other_charts(cases, number), case.chart)
        kinds = {"own chart": case.chart, "begun elsewhere": _late(case.chart)}
        kinds["a tone lower"] = case.chart.transpose(-2)
        kinds["another tune's"] = wrong
        for kind, chart in kinds.items():
            placed = align(chart, posteriors, music)
            if placed is not None:
                rows.setdefault(kind, []).append(_figures(case, placed, music))
    return {
        kind: {name: float(np.mean([row[name] for row in found])) for name in found[0]}
        for kind, found in rows.items()
    }


def other_charts(cases: Sequence[ChartCase], number: int) -> Iterator[Chart]:
    """Charts of other tunes in the same metre, the next ones first."""
    own = cases[number]
    for step in range(1, len(cases)):
        other = cases[(number + step) % len(cases)]
        same = other.truth["metre"] == own.truth["metre"]
        if same and plain_title(other.truth["title"]) != plain_title(own.truth["title"]):
            yield other.chart


def _figures(case: ChartCase, placed: PlacedChart, music: HeardMusic) -> dict[str, float]:
    grid = placed.grid()
    frames = int(case.truth["duration"] * FRAME_RATE)
    wanted = _true_roots(case.truth, frames)
    told = _roots(grid, frames)
    ear = np.full(frames, -1)
    for chord in music.chords:
        ear[round(chord.start * FRAME_RATE) : round(chord.end * FRAME_RATE)] = (
            12 if chord.root is None else chord.root
        )
    known = (wanted >= 0) & (wanted < 12)
    return {
        "root": float(np.mean(told[known] == wanted[known])),
        "ear": float(np.mean(ear[known] == wanted[known])),
        "bars": _bars_right(case.truth, grid),
        "agreement": placed.agreement or 0.0,
        "transposed": float(placed.transposed != 0),
        "inside": float(np.mean(placed.inside)),
    }


def _roots(grid: BeatGrid, frames: int) -> np.ndarray:
    return grid.labels(frames)[:, 0].astype(int)


def _true_roots(truth: dict[str, Any], frames: int) -> np.ndarray:
    middles = (np.arange(frames) + 0.5) / FRAME_RATE
    roots = np.full(frames, -1)
    for start, end, name in truth["chart"]:
        root = parse_chord(name).root
        roots[(middles >= start) & (middles < end)] = 12 if root is None else root
    return roots


def _bars_right(truth: dict[str, Any], grid: BeatGrid) -> float:
    """Share of the true whole bars with a bar line at their beginning and their roots inside."""
    beats = np.array(truth["beats"], float).reshape(-1, 3)
    starts = np.flatnonzero(beats[:, 1] == 1)
    lines = grid.beats[grid.places == 0]
    right = 0
    for first, last in zip(starts[:-1], starts[1:], strict=True):
        begin, end = beats[first, 0], beats[last, 0]
        near = len(lines) and float(np.abs(lines - begin).min()) <= WINDOW
        inside = [
            row for row in truth["chart"] if row[0] < end - WINDOW and row[1] > begin + WINDOW
        ]
        roots = {parse_chord(name).root for *_, name in inside}
        on = (grid.beats > begin - WINDOW) & (grid.beats < end - WINDOW)
        told = {int(root) if root < 12 else None for root in grid.roots[on]}
        right += bool(near and told == roots)
    return right / max(1, len(starts) - 1)
