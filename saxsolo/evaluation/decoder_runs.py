"""What an input or a size of the decoder is worth: held-out losses of runs beside one of them.

saxsolo measure decoders full=runs/full degrees=runs/without_degrees ...
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saxsolo.errors import CheckpointError
from saxsolo.training.heldout import confidence_interval

_STREAM = "loss_own_"


@dataclass(frozen=True)
class DecoderRun:
    """Held-out losses of a solo model over the clips' own backings.

    Attributes:
        steps: of training. weights: how many.
        streams: name -> nats a token, mean over clips.
        clips: their names. solos: the solo of each. losses: (N,) nats a token, mean over streams.
    """

    steps: int
    weights: int
    streams: dict[str, float]
    clips: list[str]
    solos: list[str]
    losses: np.ndarray


def read_decoder_run(folder: Path, split: str = "validation") -> DecoderRun:
    """A run of `saxsolo train`.

    Raises:
        CheckpointError: no finished run of it in `folder`.
    """
    path = folder / f"heldout-{split}.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is missing: train it (saxsolo train)") from error
    rows = facts["per_clip"]
    return DecoderRun(
        facts["step"],
        facts["parameters"],
        {k.removeprefix(_STREAM): v for k, v in facts.items() if k.startswith(_STREAM)},
        [row["clip"] for row in rows],
        [row["solo"] for row in rows],
        np.array([row["own"] for row in rows]),
    )


def decoders_text(runs: Mapping[str, DecoderRun]) -> str:
    """Markdown; the first run is the one that the others are compared with.

    Raises:
        CheckpointError: for runs that were judged on other clips or streams.
    """
    first = next(iter(runs.values()))
    names = list(first.streams)
    lines = [
        f"{len(first.clips)} held-out clips of {len(set(first.solos))} solos; nats a token",
        "",
        f"| decoder | weights | step | {' | '.join(names)} | mean | mean, difference | 95 % |",
        "| --- | --- | --- |" + " --- |" * (len(names) + 3),
    ]
    for name, run in runs.items():
        if run.clips != first.clips or list(run.streams) != names:
            raise CheckpointError(
                f"{name} was judged on other clips or streams: train it on the same tokens"
            )
        figures = " | ".join(f"{run.streams[stream]:.3f}" for stream in names)
        apart = run.losses - first.losses
        low, high = confidence_interval(apart, run.solos)
        shown = f"{apart.mean():+.3f} | {low:+.3f} to {high:+.3f}" if run is not first else " | "
        lines.append(
            f"| {name} | {run.weights / 1e6:.2f} M | {run.steps} | {figures} | "
            f"{run.losses.mean():.3f} | {shown} |"
        )
    return "\n".join(lines)
