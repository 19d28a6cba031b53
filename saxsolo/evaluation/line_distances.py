"""How plans differ from the solos of held-out humans over the same tunes, figure by figure.

saxsolo measure distances --weimar WEIMAR
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from saxsolo.intervals import percentile_interval, resamples
from saxsolo.training.planner_data import sheet_of_score

from .held_out_plans import Tune
from .line import Line, line_of, resolutions, similarity, swing_ratio
from .notes import notes_of_score
from .shape import BINS, features, histogram, jensen_shannon

DRAWS = 500
BARS = (2, 8, 32)
# beats a minute: below the first, between, above
TEMPI = (140.0, 190.0)
Interval = tuple[float, float]


@dataclass(frozen=True)
class Distance:
    """Jensen-Shannon divergence in bits: plans from humans, and one half of the humans from the
    other (the mean over random halves), which is what so few solos can reach."""

    value: float
    interval: Interval
    halves: float


@dataclass(frozen=True)
class Difference:
    """A figure of both sides, means over the tunes where both have it, and the plan's less the
    human's with its interval."""

    human: float
    plan: float
    interval: Interval
    tunes: int


def distances_of(
    tunes: Sequence[Tune], plans: Sequence[np.ndarray], seed: int = 0
) -> dict[str, Distance]:
    """Distances between distributions: intervals, lengths, phrases, rests, density, range.

    Intervals and halves are drawn over tunes. What both sides lack (loudness) is left out.
    """
    human = [features(notes_of_score(tune.human)) for tune in tunes]
    plan = [features(notes_of_score(stream)) for stream in plans]
    random = np.random.default_rng(seed)
    draws = resamples(len(tunes), DRAWS, random)
    halves = [random.permutation(len(tunes)) for _ in range(40)]
    result = {}
    for name, edges in BINS.items():
        ours, theirs = (
            np.stack([histogram(solo[name], edges) for solo in side]) for side in (plan, human)
        )
        value = jensen_shannon(ours.sum(0), theirs.sum(0))
        if value is None:
            continue
        drawn = [jensen_shannon(ours[d].sum(0), theirs[d].sum(0)) or 0.0 for d in draws]
        middle = len(tunes) // 2
        apart = [
            jensen_shannon(theirs[h[:middle]].sum(0), theirs[h[middle:]].sum(0)) or 0.0
            for h in halves
        ]
        result[name] = Distance(value, percentile_interval(drawn), float(np.mean(apart)))
    return result


def differences_of(
    tunes: Sequence[Tune], plans: Sequence[np.ndarray], seed: int = 0
) -> dict[str, Difference]:
    """Contour, guide tones at changes, self-similarity after 2, 8, 32 bars, swing by tempo."""
    pairs = []
    for tune, stream in zip(tunes, plans, strict=True):
        sheet = sheet_of_score(tune.score)
        pairs.append([line_of(notes_of_score(s), sheet) for s in (tune.human, stream)])
    tempi = np.array([tune.score.tempo for tune in tunes])
    slow, fast = tempi < TEMPI[0], tempi >= TEMPI[1]
    chosen: dict[str, tuple[Callable[[Line], float | None], np.ndarray]] = {
        "notes in one direction": (_run_length, tempi > 0),
        "guide tones led on": (_resolved, tempi > 0),
        **{f"like itself after {bars} bars": (_similar(bars), tempi > 0) for bars in BARS},
        f"swing ratio below {TEMPI[0]:g}": (swing_ratio, slow),
        f"swing ratio {TEMPI[0]:g} to {TEMPI[1]:g}": (swing_ratio, ~slow & ~fast),
        f"swing ratio from {TEMPI[1]:g}": (swing_ratio, fast),
    }
    result = {}
    for name, (measure, rows) in chosen.items():
        values = [
            [measure(line) for line in pair] for pair, row in zip(pairs, rows, strict=True) if row
        ]
        known = np.array([value for value in values if None not in value], dtype=float)
        if len(known):
            result[name] = _difference(known, seed)
    return result


def _difference(values: np.ndarray, seed: int) -> Difference:
    apart = values[:, 1] - values[:, 0]
    drawn = apart[resamples(len(apart), DRAWS, seed)].mean(axis=1)
    human, plan = values.mean(axis=0)
    return Difference(float(human), float(plan), percentile_interval(drawn), len(values))


def _run_length(line: Line) -> float | None:
    moving = np.sign(line.intervals)
    moving = moving[moving != 0]
    if len(moving) < 8:
        return None
    return len(moving) / (1 + int((moving[1:] != moving[:-1]).sum()))


def _resolved(line: Line) -> float | None:
    led, chances = resolutions(line)
    return led / chances if chances >= 3 else None


def _similar(bars: int) -> Callable[[Line], float | None]:
    def measure(line: Line) -> float | None:
        metres = line.sheet.metres[line.sheet.metres > 1]
        metre = int(np.bincount(metres).argmax()) if len(metres) else 4
        return similarity(line, bars * metre)

    return measure


def distances_text(
    distances: dict[str, Distance], differences: dict[str, Difference], tunes: int
) -> str:
    """Both as Markdown."""
    lines = [f"{tunes} tunes", "", "| divergence, bits | plan | 95 % | human halves |"]
    lines.append("| --- | --- | --- | --- |")
    for name, d in distances.items():
        low, high = d.interval
        lines.append(
            f"| {name.replace('_', ' ')} | {d.value:.3f} | {low:.3f} to {high:.3f} | "
            f"{d.halves:.3f} |"
        )
    lines += [
        "",
        "| | human | plan | difference, 95 % | tunes |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, diff in differences.items():
        low, high = diff.interval
        lines.append(
            f"| {name} | {diff.human:.3f} | {diff.plan:.3f} | {low:+.3f} to {high:+.3f} | "
            f"{diff.tunes} |"
        )
    return "\n".join(lines)
