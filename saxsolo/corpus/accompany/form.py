"""From a chart to a performance: style, key, tempo, metre, what comes before, between, after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .charts import BarChords, Chart
from .plan import METRES, Bar, Plan, Span
from .progressions import reharmonise

ALL = frozenset({"bass", "chords", "second", "drums"})
# style -> chance, metre, tempo range in beats a minute, grid, chance of swung eighths
STYLES = {
    "swing": (0.30, "4/4", (80, 290), 2, 0.97),
    "ballad": (0.09, "4/4", (46, 92), 2, 0.6),
    "bossa": (0.10, "4/4", (100, 185), 2, 0.0),
    "samba": (0.05, "4/4", (160, 260), 2, 0.0),
    "latin": (0.05, "4/4", (140, 240), 2, 0.0),
    "funk": (0.07, "4/4", (70, 132), 2, 0.15),
    "pop": (0.06, "4/4", (66, 170), 2, 0.15),
    "waltz": (0.11, "3/4", (76, 250), 2, 0.85),
    "five": (0.05, "5/4", (96, 220), 2, 0.6),
    "seven": (0.035, "7/8", (170, 300), 2, 0.0),
    "six": (0.04, "6/8", (45, 120), 3, 0.0),
    "twelve": (0.045, "12/8", (45, 110), 3, 0.0),
}
_SAME_MANNER = {"waltz": "swing", "five": "swing", "seven": "pop", "six": "triplet",
                "twelve": "triplet"}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """Drawn once for a performance."""

    name: str
    metre: str
    tempo: float
    grid: int
    swing: float

    @property
    def feel(self) -> str:
        """The manner of the players."""
        return _SAME_MANNER.get(self.name, self.name)


def choose_style(rng: np.random.Generator, metre: str | None = None) -> Style:
    """A style with its metre, tempo and swing. `metre` restricts what is drawn."""
    names = [name for name in STYLES if metre is None or STYLES[name][1] == metre]
    chances = np.array([STYLES[name][0] for name in names])
    name = str(rng.choice(names, p=chances / chances.sum()))
    _, bars, (low, high), grid, swung = STYLES[name]
    tempo = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    if rng.random() < 0.12 and grid == 2:
        tempo = float(rng.uniform(60, 280))
    if rng.random() < 0.03:
        tempo = float(rng.uniform(45, 300))
    off_beat = swung_off_beat(tempo, rng)
    swing = off_beat if rng.random() < swung else 0.5
    return Style(name, bars, tempo, grid, swing)


def swung_off_beat(tempo: float, rng: np.random.Generator) -> float:
    """Where the off-beat of a band that swings falls in the beat, see `Plan.swing`.

    Measured swing ratios fall from about 2 at slow tempi to nearly even eighths at 300.
    """
    ratio = float(np.clip(2.3 - 0.0052 * (tempo - 100) + rng.normal(0, 0.25), 1.0, 3.0))
    return ratio / (1 + ratio)


def fit_chart(chart: Chart, style: Style, rng: np.random.Generator) -> Chart:
    """The chart in the style's metre, in any key, at times reharmonised."""
    size = METRES[style.metre]
    if style.metre == "6/8" and chart.size == 4:
        chart = chart.halved()
    elif size == 3 and chart.size == 4 and rng.random() < 0.5:
        chart = chart.halved()
    chart = chart.refit(size).transpose(int(rng.integers(12)))
    return reharmonise(chart, rng) if rng.random() < 0.4 else chart


def make_plan(
    chart: Chart, style: Style, seconds: float, players: frozenset[str], rng: np.random.Generator
) -> Plan:
    """A performance of about `seconds`: maybe silence, count-in, intro; choruses; maybe an end.

    `chart` must have the style's beats a bar. `players`: who is in the band at all.
    """
    size = chart.size
    builder = _Builder(style, players, size)
    loose = style.grid == 2 and style.metre != "7/8"
    halves = rng.random()
    if rng.random() < 0.22 and len(players) > 1:
        builder.count(1 if size > 4 or rng.random() < 0.4 else 2)
    elif rng.random() < 0.15 and size > 2:
        _pickup(builder, chart, rng)
    if rng.random() < 0.35:
        _intro(builder, chart, style, rng)
    wanted = max(4, int(seconds * style.tempo / 60 / size))
    first = int(rng.choice(chart.sections)) if rng.random() < 0.5 else 0
    bars = chart.bars[first:] + chart.bars[:first]
    feels = _chorus_feels(style, rng) if loose else [style.feel]
    number = 0
    while len(builder.bars) < wanted:
        if number and number % 2 == 0 and rng.random() < 0.1:
            bars = Chart("", size, bars).transpose(int(rng.choice((1, 2, 11, 5)))).bars
        _chorus(builder, bars, feels[number % len(feels)], number, wanted, rng)
        number += 1
    if rng.random() < 0.4:
        _ending(builder, bars, rng)
    plan_bars = tuple(builder.bars)
    total = int(plan_bars[-1].end)
    slow_from = total - size if plan_bars[-1].part == "end" else None
    rubato = int(sum(bar.size for bar in plan_bars if bar.feel == "rubato"))
    before = int(sum(bar.size for bar in plan_bars if bar.part == "count"))
    beats = _tempo_curve(total, style.tempo, rng, slow_from, (before, before + rubato), halves)
    lead = float(rng.choice((0.02, 0.3, 1.0, 3.0), p=(0.3, 0.35, 0.25, 0.1)))
    times = np.concatenate([[0.0], np.cumsum(beats)]) + lead * float(rng.uniform(0.6, 1.4))
    chart_spans = tuple(span for bar in plan_bars for span in bar.spans)
    return Plan(chart.title, style.metre, style.tempo, plan_bars, times, style.swing, style.grid,
                chart_spans)  # fmt: skip


class _Builder:
    def __init__(self, style: Style, players: frozenset[str], size: int) -> None:
        self.style, self.players, self.size = style, players, size
        self.bars: list[Bar] = []
        self.place = 0.0

    def add(self, chords: BarChords, part: str, feel: str, players: frozenset[str]) -> None:
        spans = []
        at = self.place
        for symbol, beats in chords:
            spans.append(Span(at, at + beats, symbol))
            at += beats
        playing = players & self.players
        self.bars.append(Bar(self.place, self.size, part, feel, playing, tuple(spans)))
        self.place += self.size

    def pickup(self, beats: int, symbol: str, players: frozenset[str]) -> None:
        """The last `beats` beats of a bar."""
        span = Span(self.place, self.place + beats, symbol)
        playing = players & self.players
        self.bars.append(
            Bar(self.place, beats, "pickup", self.style.feel, playing, (span,), self.size - beats)
        )
        self.place += beats

    def count(self, bars: int) -> None:
        for _ in range(bars):
            self.add((), "count", self.style.feel, frozenset())


def _pickup(builder: _Builder, chart: Chart, rng: np.random.Generator) -> None:
    """Somebody leads into the first bar."""
    symbol = chart.bars[-1][-1][0]
    who = frozenset({str(rng.choice(("bass", "chords", "drums")))})
    builder.pickup(int(rng.integers(1, builder.size)), symbol, who)


def _intro(builder: _Builder, chart: Chart, style: Style, rng: np.random.Generator) -> None:
    """Some bars of the chart's end, or a pedal, or drums alone; at times out of tempo."""
    kind = str(rng.choice(("end", "end", "rubato", "drums", "vamp", "solo")))
    bars = chart.bars[-int(rng.choice((2, 4, 4, 8))) :]
    if kind == "rubato":
        who = frozenset({"chords"}) | (frozenset({"bass"}) if rng.random() < 0.3 else frozenset())
        for bar in bars:
            builder.add(bar, "intro", "rubato", who)
    elif kind == "drums":
        for bar in bars[:4]:
            builder.add(bar, "intro", style.feel, frozenset({"drums"}))
    elif kind == "vamp":
        for _ in range(int(rng.choice((2, 4)))):
            for bar in chart.bars[:2]:
                builder.add(bar, "intro", style.feel, ALL)
    else:
        who = ALL if kind == "end" else frozenset({str(rng.choice(("chords", "bass")))})
        for bar in bars:
            builder.add(bar, "intro", style.feel, who)


def _chorus_feels(style: Style, rng: np.random.Generator) -> list[str]:
    draw = rng.random()
    if style.name == "swing" and draw < 0.35:
        return ["two", "swing", "swing"]
    if draw < 0.42 and style.tempo > 120 and style.metre == "4/4":
        return ["half", style.feel]
    if draw < 0.5 and style.tempo < 100 and style.metre == "4/4":
        return [style.feel, "double"]
    if draw < 0.58 and style.metre == "4/4":
        return [style.feel, str(rng.choice(("swing", "bossa")))]
    return [style.feel]


def _chorus(
    builder: _Builder,
    bars: tuple[BarChords, ...],
    feel: str,
    number: int,
    wanted: int,
    rng: np.random.Generator,
) -> None:
    who = ALL
    if rng.random() < 0.2:
        who = ALL - {str(rng.choice(("bass", "chords", "second", "drums")))}
    stop = rng.random() < 0.05
    for index, bar in enumerate(bars):
        if len(builder.bars) >= wanted:
            return
        if stop and index < 8:
            builder.add(bar, "stop", feel, ALL)
        elif index and index % 8 == 7 and rng.random() < 0.05:
            solo = frozenset({str(rng.choice(("drums", "bass", "chords", "none")))})
            builder.add(bar, "break", feel, solo)
        else:
            builder.add(bar, "chorus", feel, who)


def _ending(builder: _Builder, bars: tuple[BarChords, ...], rng: np.random.Generator) -> None:
    """A tag on the last bars and a held chord."""
    if rng.random() < 0.4:
        for _ in range(2):
            for bar in bars[-4:-2] or bars[-2:]:
                builder.add(bar, "tag", builder.style.feel, ALL)
    symbol = bars[0][0][0]
    builder.add(((symbol, float(builder.size)),), "end", "ballad", ALL - {"drums"})


def _tempo_curve(
    beats: int, tempo: float, rng: np.random.Generator, slow_from: int | None,
    rubato: tuple[int, int], draw: float,
) -> np.ndarray:  # fmt: skip
    """Seconds of each beat: a machine's, a band's that drifts, a sudden or gradual change."""
    lengths = np.full(beats, 60.0 / tempo)
    if draw < 0.6:
        drift = np.cumsum(rng.normal(0, 1, beats)) / np.sqrt(max(beats, 1))
        smooth = np.convolve(drift, np.ones(8) / 8, mode="same")
        lengths *= np.exp(smooth * float(rng.choice((0.005, 0.015, 0.04))))
        lengths *= np.exp(rng.normal(0, 0.004, beats))
    if draw > 0.94 and beats > 32:
        at = int(rng.integers(beats // 4, 3 * beats // 4))
        ratio = float(np.exp(rng.uniform(np.log(0.75), np.log(1.35))))
        width = int(rng.choice((1, 1, 16)))
        lengths *= ratio ** np.clip((np.arange(beats) - at) / width, 0, 1)
    first, end = rubato
    if end > first:
        wander = np.convolve(rng.normal(0, 1, end - first + 4), np.ones(4) / 2, mode="same")
        lengths[first:end] *= np.exp(0.16 * wander[: end - first] + float(rng.uniform(0, 0.4)))
    if slow_from is not None:
        lengths[slow_from:] *= np.linspace(1.05, float(rng.uniform(1.1, 1.8)), beats - slow_from)
        if slow_from >= 4:
            lengths[slow_from - 4 : slow_from] *= np.linspace(1.0, float(rng.uniform(1, 1.2)), 4)
    return np.asarray(np.clip(lengths, 0.19, 2.6))
