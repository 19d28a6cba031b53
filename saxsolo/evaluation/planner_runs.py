"""What an input or a size of the planner is worth: held-out losses of runs beside one of them.

saxsolo measure planners full=runs/full line=runs/without_line ...
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saxsolo.errors import CheckpointError
from saxsolo.intervals import percentile_interval, resamples
from saxsolo.training.planner import BY_SOLO, CHOICES

DRAWS = 1000
FIGURES = (*CHOICES, "sum")


@dataclass(frozen=True)
class Run:
    """Held-out losses of a planner's best weights.

    Attributes:
        steps: of training until then. weights: how many. solos: their names.
        events: (N,) of each solo. losses: figure -> (N,) nats an event.
    """

    steps: int
    weights: int
    solos: list[str]
    events: np.ndarray
    losses: dict[str, np.ndarray]

    def mean(self, figure: str) -> float:
        """Nats an event over all solos."""
        return float(np.average(self.losses[figure], weights=self.events))


def read_run(folder: Path) -> Run:
    """A run of `saxsolo train-planner`.

    Raises:
        CheckpointError: no finished run of it in `folder`.
    """
    path = folder / "best" / BY_SOLO
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is missing: train it (saxsolo train-planner)") from error
    rows = facts["solos"].values()
    losses = {name: np.array([row[name] for row in rows]) for name in FIGURES}
    events = np.array([row["events"] for row in rows], dtype=float)
    return Run(facts["steps"], facts["weights"], list(facts["solos"]), events, losses)


def difference(run: Run, other: Run, figure: str) -> tuple[float, tuple[float, float]]:
    """Nats an event by which a run is worse than another, and 95 % where solos are drawn anew."""
    apart = run.losses[figure] - other.losses[figure]
    draws = resamples(len(apart), DRAWS, 0)
    means = [float(np.average(apart[draw], weights=run.events[draw])) for draw in draws]
    return float(np.average(apart, weights=run.events)), percentile_interval(means)


def runs_text(runs: Mapping[str, Run]) -> str:
    """Markdown; the first run is the one that the others are compared with.

    Raises:
        CheckpointError: for runs that were judged on other solos.
    """
    first = next(iter(runs.values()))
    lines = [
        f"{len(first.solos)} held-out solos, {first.events.sum():.0f} events; nats an event",
        "",
        f"| planner | weights | step | {' | '.join(FIGURES)} | sum, difference | 95 % |",
        "| --- | --- | --- |" + " --- |" * (len(FIGURES) + 2),
    ]
    for name, run in runs.items():
        if run.solos != first.solos:
            raise CheckpointError(f"{name} was judged on other solos: train it on the same folders")
        figures = " | ".join(f"{run.mean(figure):.3f}" for figure in FIGURES)
        apart, (low, high) = difference(run, first, "sum")
        shown = f"{apart:+.3f} | {low:+.3f} to {high:+.3f}" if run is not first else " | "
        lines.append(f"| {name} | {run.weights / 1e6:.2f} M | {run.steps} | {figures} | {shown} |")
    return "\n".join(lines)
