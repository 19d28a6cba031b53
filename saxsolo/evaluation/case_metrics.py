"""Figures over cases: a mean, its 95 % interval and the number of cases, or the reason why there is
none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modeling_saxsolo.vocabulary_saxsolo import INSTRUMENT_RANGES
from saxsolo.intervals import percentile_interval, resamples

from . import harmony, timing
from .harmony import matched_against_shuffled
from .notes import SoloNotes

DRAWS = 2000
# The players that the check of ranking compares, best first. A retrieved solo is a human's too, put
# on this tune's beats: nothing says that it is less in time.
RANKING = ("human", "retrieval", "human_wrong_backing", "noise")
TIME_RANKING = ("human", "human_wrong_backing", "noise")


@dataclass(frozen=True)
class Metric:
    """How a figure is shown.

    Attributes:
        title: column heading.
        group: which table.
        target: which way is better.
        ranks: if it claims to measure that a solo follows its backing, the players that it has to
            rank, best first.
        digits: decimals shown.
    """

    title: str
    group: str
    target: str
    ranks: tuple[str, ...] = ()
    digits: int = 2


_TOWARDS = "towards the human's"
METRICS: dict[str, Metric] = {
    "auc_chord_tones": Metric("chord tones", "listens", "higher, 0.5 is chance", RANKING),
    "auc_scale_tones": Metric("scale tones", "listens", "higher, 0.5 is chance", RANKING),
    "auc_chroma_cosine": Metric("chroma cosine", "listens", "higher, 0.5 is chance", RANKING),
    "auc_beat_concentration": Metric(
        "beat phase", "listens", "higher, 0.5 is chance", TIME_RANKING
    ),
    "auc_on_beat": Metric("on the beat", "listens", "higher, 0.5 is chance", TIME_RANKING),
    # with our own embedding a held note scores as high as a human: a description, no claim
    "apa_style": Metric("APA-style", "mix", "higher, the human is 1"),
    "chord_tones": Metric("chord tones", "harmony", _TOWARDS, RANKING),
    "scale_tones": Metric("scale tones", "harmony", _TOWARDS, RANKING),
    "chroma_cosine": Metric("chroma cosine", "harmony", _TOWARDS, RANKING),
    "beat_concentration": Metric("beat phase", "time", _TOWARDS, TIME_RANKING),
    "on_beat": Metric("on the beat", "time", _TOWARDS, TIME_RANKING),
    "eighth_concentration": Metric("eighths", "time", _TOWARDS, TIME_RANKING),
    "triplet_concentration": Metric("triplets", "time", _TOWARDS),
    "swing_ratio": Metric("swing ratio", "time", _TOWARDS),
    "offset_ms": Metric("offset, ms", "time", _TOWARDS, digits=0),
    "voiced_share": Metric("time with a pitch", "playing", _TOWARDS),
    "notes_a_second": Metric("notes a second", "playing", _TOWARDS),
    "in_range": Metric("notes in range", "playing", "higher"),
    "longest_copy": Metric("longest copy, notes", "originality", "not above the human's", digits=1),
    "seen_share": Metric("n-grams seen", "originality", "not above the human's"),
}
HARMONY, TIME = harmony.FIGURES, timing.FIGURES
# what is held against every other backing too
CROSSED = tuple(name.removeprefix("auc_") for name in METRICS if name.startswith("auc_"))


def interval(values: npt.ArrayLike, seed: int = 0, draws: int = DRAWS) -> list[float] | None:
    """Bootstrap 95 % interval of the mean of `values` (cases,), NaN left out; None if all are."""
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return None
    drawn = resamples(len(numbers), draws, seed)
    return list(percentile_interval(numbers[drawn].mean(axis=1)))


def figure(values: Sequence[float | None], seed: int = 0, reason: str = "") -> dict[str, Any]:
    """The mean over cases that have a value, with its interval.

    Returns:
        value, interval, n (cases with a value), cases (each one's); where there is none, value is
        None and `reason` says why.
    """
    numbers = np.array([math.nan if v is None else v for v in values], dtype=float)
    known = np.isfinite(numbers)
    figures: dict[str, Any] = {
        "value": float(numbers[known].mean()) if known.any() else None,
        "interval": interval(numbers, seed),
        "n": int(known.sum()),
        "cases": [float(v) if math.isfinite(v) else None for v in numbers],
    }
    if not known.any():
        figures["reason"] = reason or "no case has a value"
    return figures


def nothing(reason: str) -> dict[str, Any]:
    """A figure without a value."""
    return {"value": None, "interval": None, "n": 0, "cases": [], "reason": reason}


def in_range(notes: SoloNotes, instrument: str) -> float | None:
    """Share of the notes within the instrument's range; None without notes."""
    low, high = INSTRUMENT_RANGES[instrument]
    inside = (notes.pitches >= low) & (notes.pitches <= high)
    return float(inside.mean()) if len(notes) else None


def crossed(
    notes: Sequence[SoloNotes | None], labels: Sequence[np.ndarray], titles: Sequence[str]
) -> dict[str, np.ndarray]:
    """Every solo against every backing.

    Args:
        notes: of each case; None where a player has no solo.
        labels: (T, 4) frame labels of each case.
        titles: two cases of one tune are not compared.

    Returns:
        metric -> (cases, cases), row = solo, column = backing, NaN where there is no score.
    """
    size = len(labels)
    grids = {name: np.full((size, size), np.nan) for name in (*HARMONY, *TIME)}
    for i, solo in enumerate(notes):
        if solo is None or not len(solo):
            continue
        for j, chords in enumerate(labels):
            if i != j and titles[i] == titles[j]:
                continue
            scores = {**harmony.fit(solo, chords), **timing.fit(solo, chords)}
            for name, grid in grids.items():
                if scores.get(name) is not None:
                    grid[i, j] = scores[name]
    return grids


def wins(grid: np.ndarray) -> list[float | None]:
    """For each solo the share of other backings that it fits less than its own, ties count half;
    None where it has nothing to compare. `grid` as `crossed` gives it."""
    return [matched_against_shuffled(_only(grid, place)) for place in range(len(grid))]


def _only(grid: np.ndarray, row: int) -> np.ndarray:
    alone = np.full_like(grid, np.nan)
    alone[row] = grid[row]
    return alone


def case_figures(
    notes: Sequence[SoloNotes | None],
    labels: Sequence[np.ndarray],
    titles: Sequence[str],
    instruments: Sequence[str],
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """All figures of a player that come from its notes, labels and instruments."""
    silent = all(n is None or not len(n) for n in notes)
    why = "no notes were found in the sound" if silent else ""
    grids = crossed(notes, labels, titles)
    figures: dict[str, dict[str, Any]] = {}
    for name in CROSSED:
        pooled = matched_against_shuffled(grids[name])
        mean = figure(wins(grids[name]), seed, why or "needs notes and two tunes")
        figures[f"auc_{name}"] = {**mean, "value": pooled} if pooled is not None else mean
    for name in (*HARMONY, *TIME):
        figures[name] = figure(
            np.diag(grids[name]).tolist(), seed, why or "no note can be measured"
        )
    figures["voiced_share"] = figure([None if n is None else n.voiced_share for n in notes], seed)
    figures["notes_a_second"] = figure(
        [None if n is None else len(n) / n.seconds for n in notes], seed
    )
    pairs = zip(notes, instruments, strict=True)
    figures["in_range"] = figure(
        [None if n is None else in_range(n, i) for n, i in pairs], seed, why
    )
    return figures


def check_ranking(systems: Mapping[str, Mapping[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Whether each metric that claims to measure following ranks the players it has to.

    A player without a value (noise has no notes) ranks below all that have one.

    Args:
        systems: player -> metric -> figure.

    Returns:
        metric -> players (best first), their values, what is `broken`, and `holds`.
    """
    rankings = {}
    for name, metric in METRICS.items():
        players = metric.ranks
        if not players or any(player not in systems for player in players):
            continue
        values = [systems[player][name]["value"] for player in players]
        height = [-math.inf if v is None else v for v in values]
        # the last two may both have none
        steps = [a > b for a, b in zip(height, height[1:], strict=False)]
        broken = [
            f"{a} is not above {b}"
            for a, b, good in zip(players, players[1:], steps, strict=False)
            if not good
        ]
        rankings[name] = {
            "players": list(players),
            "values": values,
            "holds": not broken,
            "broken": broken,
        }
    return rankings
