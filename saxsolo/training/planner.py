"""Training of the planner: minutes on one core, on notes alone.

The averaged weights are judged on held-out performers; the best are kept in OUT/best.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from modeling_saxsolo.planner_saxsolo import SaxsoloPlanner
from modeling_saxsolo.vocabulary_saxsolo import INSTRUMENTS
from saxsolo.atomic import replacing, write_text
from saxsolo.config_model import ConfigModel, read_yaml, with_overrides
from saxsolo.errors import CheckpointError

from .errors import SettingsError
from .planner_ablations import AblatedPlanner, without_inputs
from .planner_data import Excerpts, Noise, Solo, excerpt_batch, whole_excerpts
from .planner_losses import planner_losses
from .settings import Count, NotNegative, Positive, Share

WEIGHTS, SIZES, BY_SOLO = "planner.safetensors", "planner.json", "by_solo.json"
CHOICES = ("step", "ending", "pitch", "length", "offset")
#: what an offset counts beside the three other choices
OFFSET_WEIGHT = 0.5


class PlannerTraining(ConfigModel):
    """One run; configs/planner.yaml says what each value is good for.

    Attributes:
        model: sizes of the planner, see `SaxsoloPlanner`.
        minutes: of training; the learning rate falls to a hundredth over the second half.
        batch_size: excerpts a step. events: of an excerpt.
        weight_average: of the averaged weights, a step.
        noise: fields of `Noise`.
        max_steps: end of the run before its time; None for none.
        without: names of `planner_ablations.ABLATIONS`, for a planner that only measures.

    Raises:
        SettingsError: an unknown name, one that is missing, a value of another kind or out of its
            range.
    """

    mistake: ClassVar[type[ValueError]] = SettingsError

    model: dict[str, Any]
    minutes: NotNegative
    batch_size: Positive
    events: Positive
    learning_rate: NotNegative
    weight_decay: NotNegative
    weight_average: Share
    evaluate_every: Positive
    seed: Count
    noise: dict[str, float]
    max_steps: Positive | None = None
    without: list[str] = []


def read_planner_settings(path: Path, overrides: dict[str, Any] | None = None) -> PlannerTraining:
    """Settings of a YAML file, with `overrides` in place of its values; "model.NAME" is one of the
    model's.

    Raises:
        SettingsError: no such file, or as `PlannerTraining`.
    """
    values = read_yaml(path, SettingsError)
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds a {type(values).__name__}; expected names and values")
    return PlannerTraining.parse(with_overrides(values, overrides or {}), str(path))


def train_planner(
    solos: dict[str, list[Solo]], out: Path, settings: PlannerTraining
) -> dict[str, float]:
    """Trains a planner and keeps the best in OUT/best.

    Args:
        solos: split -> solos; trains on "train", judges on "validation".
        out: folder of the run, with log.jsonl.

    Returns:
        Held-out losses of the best, nats: step, pitch, length, offset, and their "sum".
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    noise = Noise(**settings.noise)
    without = settings.without
    planner = AblatedPlanner(settings.model, without) if without else SaxsoloPlanner(settings.model)
    planner.reset()
    averaged = AveragedModel(planner, multi_avg_fn=get_ema_multi_avg_fn(settings.weight_average))
    optimiser = torch.optim.AdamW(
        planner.parameters(),
        settings.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=settings.weight_decay,
    )
    ranges = ranges_of(solos["train"])
    held_out = [
        without_inputs(batch, without)
        for batch in whole_excerpts(solos["validation"], settings.events)
    ]
    best: dict[str, float] = {"sum": math.inf}
    kept, best_step = averaged.module, 0
    began, step = time.monotonic(), 0
    while (share := _share(settings, time.monotonic() - began, step)) < 1:
        rate = settings.learning_rate * min(1.0, (step + 1) / 50) * (0.01 + 0.99 * _fall(share))
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = excerpt_batch(solos["train"], settings.batch_size, settings.events, rng, noise)
        planner.train()
        losses = losses_of(planner, without_inputs(batch, without))
        optimiser.zero_grad()
        total(losses).backward()
        torch.nn.utils.clip_grad_norm_(planner.parameters(), 1.0)
        optimiser.step()
        averaged.update_parameters(planner)
        step += 1
        over = _share(settings, time.monotonic() - began, step) >= 1
        if over or step % settings.evaluate_every == 0:
            figures = evaluate(averaged.module, held_out)
            if figures["sum"] < best["sum"]:
                best = figures
                facts = {"ranges": ranges, "figures": figures, "without": without}
                save_planner(averaged.module, out / "best", facts)
                kept, best_step = copy.deepcopy(averaged.module), step
            row: dict[str, Any] = {
                "step": step,
                "minutes": round((time.monotonic() - began) / 60, 2),
            }
            row |= {"train": {name: round(float(x.detach()), 4) for name, x in losses.items()}}
            append_row(out, {**row, "validation": {k: round(v, 4) for k, v in figures.items()}})
    if best_step:
        _save_by_solo(kept, out / "best", solos["validation"], settings, best_step)
    write_text(out / "settings.json", json.dumps(settings.model_dump(), indent=1) + "\n")
    return best


def total(losses: dict[str, torch.Tensor]) -> torch.Tensor:
    """What is made small: the choices of a note together."""
    parts = [losses[name] * (OFFSET_WEIGHT if name == "offset" else 1.0) for name in CHOICES]
    return torch.stack(parts).sum()


def _share(settings: PlannerTraining, seconds: float, step: int) -> float:
    """How much of a run is over, by its time and by its steps."""
    by_time = seconds / 60 / settings.minutes if settings.minutes else 1.0
    return max(by_time, step / settings.max_steps if settings.max_steps else 0.0)


def _fall(share: float) -> float:
    """Flat, then a half cosine over the second half."""
    return 0.5 + 0.5 * math.cos(math.pi * max(0.0, 2 * share - 1))


def losses_of(planner: SaxsoloPlanner, batch: Excerpts) -> dict[str, torch.Tensor]:
    """`planner_losses` of excerpts."""
    return planner_losses(
        planner, batch.events, batch.sheet, batch.controls, batch.mask, batch.line, batch.seen
    )


@torch.no_grad()
def evaluate(planner: torch.nn.Module, batches: Sequence[Excerpts]) -> dict[str, float]:
    """Mean losses over excerpts, nats a choice; "sum" without the offsets."""
    planner.eval()
    sums = dict.fromkeys(CHOICES, 0.0)
    weights = 0.0
    for batch in batches:
        weight = float(batch.mask.sum())
        assert isinstance(planner, SaxsoloPlanner)
        for name, value in losses_of(planner, batch).items():
            sums[name] += weight * float(value)
        weights += weight
    figures = {name: value / weights for name, value in sums.items()}
    figures["sum"] = sum(figures[name] for name in CHOICES if name != "offset")
    return figures


def _save_by_solo(
    planner: torch.nn.Module,
    folder: Path,
    solos: Sequence[Solo],
    settings: PlannerTraining,
    step: int,
) -> None:
    """Held-out losses solo by solo, from which an interval can be drawn (`measure planners`)."""
    rows = {}
    for solo in solos:
        batches = whole_excerpts([solo], settings.events)
        batches = [without_inputs(batch, settings.without) for batch in batches]
        events = sum(int(batch.mask.sum()) for batch in batches)
        rows[solo.score.id] = {"events": events, **evaluate(planner, batches)}
    weights = sum(values.numel() for values in planner.parameters())
    facts = {"steps": step, "weights": weights, "solos": rows}
    write_text(folder / BY_SOLO, json.dumps(facts, indent=1) + "\n")


def save_planner(planner: torch.nn.Module, folder: Path, facts: dict[str, Any]) -> None:
    """Weights in bf16, and what is needed to load them and to ask an instrument of them.

    Args:
        facts: "ranges" of the instruments, held-out "figures", and what it is "without".
    """
    folder.mkdir(parents=True, exist_ok=True)
    assert isinstance(planner, SaxsoloPlanner)
    half = {k: v.detach().to(torch.bfloat16).contiguous() for k, v in planner.state_dict().items()}
    part = folder / f".{WEIGHTS}.part"
    save_file(half, part)
    part.replace(folder / WEIGHTS)
    facts = {"sizes": planner.sizes, **facts}
    write_text(folder / SIZES, json.dumps(facts, indent=1) + "\n")


def load_planner(folder: Path) -> SaxsoloPlanner:
    """A planner that `save_planner` wrote, ready to play.

    Raises:
        CheckpointError: no planner in `folder`.
    """
    try:
        facts = json.loads((folder / SIZES).read_text(encoding="utf-8"))
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder} holds no {SIZES} and {WEIGHTS} of a planner: give RUN/best or RUN/round-N"
        ) from error
    planner = SaxsoloPlanner(facts["sizes"])
    planner.load_state_dict({k: v.float() for k, v in weights.items()})
    return planner.eval()


def install_planner(folder: Path, checkpoint: Path, plan: str = "events") -> None:
    """Puts a trained planner into a checkpoint, in place of its own if it has one.

    Args:
        folder: that `save_planner` wrote.
        checkpoint: folder of a solo model in one file of weights.
        plan: what `generate` then plans by, see the model's config.

    Raises:
        CheckpointError: when `checkpoint` is no solo model, or the planner an ablation.
    """
    facts = json.loads((folder / SIZES).read_text(encoding="utf-8"))
    if facts.get("without"):
        raise CheckpointError(
            f"{folder} holds a planner without {facts['without']}: it only measures; train one "
            "that sees everything"
        )
    try:
        config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
        weights = load_file(checkpoint / "model.safetensors")
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint} holds no config.json and model.safetensors of a solo model"
        ) from error
    own = {name: value for name, value in weights.items() if not name.startswith("planner.")}
    new = {f"planner.{name}": value for name, value in load_file(folder / WEIGHTS).items()}
    config.update(plan=plan, planner={**facts["sizes"], "ranges": facts["ranges"]})
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    paths = (checkpoint / "model.safetensors", checkpoint / "config.json")
    with replacing(*paths) as (fresh_weights, fresh_config):
        save_file({**own, **new}, fresh_weights, metadata={"format": "pt"})
        fresh_config.write_text(text, encoding="utf-8")


def ranges_of(solos: Sequence[Solo]) -> dict[str, list[int]]:
    """Instrument -> lowest and highest MIDI pitch of its solos, the medians."""
    ranges = {}
    for instrument in INSTRUMENTS:
        played = [
            [note.pitch for note in solo.score.notes]
            for solo in solos
            if solo.score.instrument == instrument and solo.horn
        ]
        if played:
            lowest = np.median([min(pitches) for pitches in played])
            highest = np.median([max(pitches) for pitches in played])
            ranges[instrument] = [int(lowest), int(highest)]
    return ranges


def append_row(out: Path, row: dict[str, Any]) -> None:
    """A row more of OUT/log.jsonl."""
    with (out / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
