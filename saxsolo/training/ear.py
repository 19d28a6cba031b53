"""Trains the ear on cached accompaniments.

Half an hour on one core, then go on with more data from where it stopped:

    train_ear(Path("cache"), Path("runs/ear"), minutes=30)

RUN/ holds `state/` (model, averaged weights, optimiser; safetensors, and what a run needs to go on
as JSON), `best/` (averaged weights as a model) and `log.jsonl`.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from modeling_saxsolo.chord_search_saxsolo import count_progressions, progression_gains
from modeling_saxsolo.ear_saxsolo import (
    PHASES,
    PLACES,
    QUALITIES,
    SaxsoloEar,
    SaxsoloEarConfig,
    SaxsoloEarOutput,
)
from saxsolo.atomic import replace_folder

from .ear_augment import augment
from .ear_corpus import EarCorpus
from .ear_data import (
    LABELS,
    UNKNOWN,
    Batch,
    Item,
    Stretch,
    draw_batch,
    held_out_batches,
    load_items,
)

#: what each part of the loss counts
WEIGHTS = {
    "chord": 1.0,
    "bass": 0.5,
    "phase": 0.5,
    "place": 0.5,
    "beat": 1.0,
    "metre": 0.4,
    "activity": 0.3,
}
#: the parts that tell beats and bars
RHYTHM = ("phase", "place", "beat", "metre")
# nothing and a count-in are rarer than the band
_ACTIVITY_WEIGHTS = (3.0, 6.0, 1.0)
# longest chunk of causal training, tokens: 2 s
_LONGEST_CHUNK = 25


@dataclass
class EarTraining:
    """Settings of a run.

    Attributes:
        minutes: of wall time, this call. max_steps: steps in all, 0 = as many as fit.
        batch_size: crops a step. tokens: length of a crop, 12.5 a second.
        learning_rate: its peak; it warms up, stays, and falls to nothing in the last part.
        decay: share of this call's minutes in which the learning rate falls.
        full: share of the steps that hear the whole crop at once; the rest is causal.
        average: decay of the moving average of the weights. clip: longest gradient.
        stretch, faster, fastest: see `Stretch`; stretch is its `slower`.
        rhythm: what the losses of beats, bars and metre count, times `WEIGHTS`.
        log_every, evaluate_every: steps from one row of the log, or evaluation and saved state, to
            the next. evaluate_minutes: the latter by time instead, where it is not 0.
    """

    minutes: float = 30.0
    max_steps: int = 0
    batch_size: int = 8
    tokens: int = 300
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warmup_steps: int = 60
    decay: float = 0.35
    full: float = 0.6
    average: float = 0.995
    clip: float = 1.0
    stretch: float = 0.25
    faster: float = 0.0
    fastest: float = 320.0
    rhythm: float = 1.0
    seed: int = 0
    log_every: int = 20
    evaluate_every: int = 200
    evaluate_minutes: float = 0.0


def losses(out: SaxsoloEarOutput, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Mean loss of each label in nats, 0 where a label is nowhere known.

    Args:
        labels: (B, F, 7), see `LABELS`.
    """
    by_name = dict(zip(LABELS, labels.unbind(-1), strict=True))
    parts = {
        name: _cross_entropy(out[name], by_name[name])
        for name in ("chord", "bass", "phase", "place", "metre")
    }
    activity = out["activity"]
    parts["activity"] = _cross_entropy(
        activity, by_name["activity"], activity.new_tensor(_ACTIVITY_WEIGHTS)
    )
    parts["beat"] = _beat_loss(out["beats"], by_name["beat"])
    return parts


def _cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    known = (labels != UNKNOWN).sum().clamp(min=1)
    total = F.cross_entropy(
        logits.flatten(0, 1),
        labels.flatten(),
        weights,
        ignore_index=UNKNOWN,
        reduction="sum",
    )
    return total / known


def _beat_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary loss of beats and first beats; the neighbours of a beat count as half a beat."""
    known = (labels != UNKNOWN).float()[..., None]
    sharp = torch.stack([labels >= 1, labels == 2], dim=-1).float()
    near = F.pad(sharp, (0, 0, 1, 1))
    near = 0.5 * torch.maximum(near[:, :-2], near[:, 2:])
    loss = F.binary_cross_entropy_with_logits(logits, torch.maximum(sharp, near), reduction="none")
    return (loss * known).sum() / known.sum().clamp(min=1)


@torch.inference_mode()
def frame_figures(
    model: SaxsoloEar, items: list[Item], most: int = 48, tokens: int = 600
) -> dict[str, float]:
    """Shares of frames named right on held-out items, and the mean chord loss in nats."""
    right: dict[str, float] = {}
    count: dict[str, float] = {}
    for on_processor in held_out_batches(items, tokens, most):
        batch = on_processor.to(model.device)
        out = model(batch.harmony, batch.bass, batch.rhythm)
        for name, hits in _hits(out, batch.labels).items():
            right[name] = right.get(name, 0.0) + float(hits.sum())
            count[name] = count.get(name, 0.0) + hits.numel()
    return {name: round(right[name] / max(1.0, count[name]), 4) for name in right}


def _hits(out: SaxsoloEarOutput, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    hits = {}
    by_name = dict(zip(LABELS, labels.unbind(-1), strict=True))
    chord = by_name["chord"]
    best = out["chord"].argmax(-1)
    known = chord != UNKNOWN
    hits["root"] = ((best // QUALITIES) == (chord // QUALITIES))[known].float()
    hits["chord"] = (best == chord)[known].float()
    for name in ("bass", "phase", "place", "metre", "activity"):
        known = by_name[name] != UNKNOWN
        hits[name] = (out[name].argmax(-1) == by_name[name])[known].float()
    hits["chord_loss"] = _frame_loss(out["chord"], chord)
    return hits


def _frame_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    loss = F.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=UNKNOWN, reduction="none"
    )
    return loss[labels.flatten() != UNKNOWN]


def train_ear(
    caches: list[Path],
    run: Path,
    settings: EarTraining,
    config: SaxsoloEarConfig | None = None,
    held_out: Mapping[str, tuple[Path, str]] | None = None,
    init_from: Path | None = None,
    device: str | torch.device = "cpu",
) -> None:
    """Trains until the minutes are over, or goes on with the run that stands in `run`.

    Args:
        caches: folders made by `cache_corpus`; their split "train" is learnt from, and looked
            through again at every evaluation, so that a corpus may grow meanwhile.
        config: sizes of a new ear. init_from: a model's folder whose weights a new run begins with.
        held_out: name -> cache and split that are only looked at, as they stand at that moment.
        device: on any but the processor, all that is learnt from lies in its memory from the
            beginning, and products are computed in bfloat16.

    Raises:
        ValueError: where there is nothing to train on, or the loss is no longer a number.
    """
    run.mkdir(parents=True, exist_ok=True)
    items = [item for cache in caches for item in load_items(cache, "train")]
    if not items:
        raise ValueError(f"no cached items below {caches}; run cache_corpus first")
    trainer = _Trainer(run, settings, config, init_from, torch.device(device))
    trainer.learn_progressions(items)
    corpus = None if trainer.device.type == "cpu" else EarCorpus(items, trainer.device)
    began = evaluated = time.monotonic()
    while (spent := (time.monotonic() - began) / 60) < settings.minutes:
        if settings.max_steps and trainer.step >= settings.max_steps:
            break
        trainer.train_step(corpus or items, spent / settings.minutes)
        if _is_due(settings, trainer.step, (time.monotonic() - evaluated) / 60):
            trainer.evaluate(held_out or {})
            trainer.save()
            evaluated = time.monotonic()
            if corpus is None:
                items = [item for cache in caches for item in load_items(cache, "train")]
    trainer.learn_progressions(items)
    trainer.evaluate(held_out or {})
    trainer.save()


def _is_due(settings: EarTraining, step: int, minutes: float) -> bool:
    if settings.evaluate_minutes:
        return minutes >= settings.evaluate_minutes
    return step % settings.evaluate_every == 0


class _Trainer:
    def __init__(
        self,
        run: Path,
        settings: EarTraining,
        config: SaxsoloEarConfig | None,
        init_from: Path | None,
        device: torch.device,
    ):
        self.run, self.settings, self.device = run, settings, device
        state = run / "state"
        if state.is_dir():
            config = SaxsoloEarConfig.from_pretrained(state)
        torch.manual_seed(settings.seed)
        if init_from is not None and not state.is_dir():
            self.model = SaxsoloEar.from_pretrained(init_from, dtype=torch.float32)
            # they were found for the old weights, and are found anew in the end
            self.model.config.temperatures = None
        else:
            self.model = SaxsoloEar(config or SaxsoloEarConfig())
        self.model.to(device)  # type: ignore[arg-type]
        self.averaged = SaxsoloEar(self.model.config).to(device)  # type: ignore[arg-type]
        self.averaged.train(False)
        self.averaged.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(),
            lr=settings.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=settings.weight_decay,
            fused=device.type == "cuda",
        )
        self.step, self.seconds = 0, 0.0
        self.sums: dict[str, torch.Tensor] = {}
        if state.is_dir():
            self._load(state)
        self.first_step = self.step
        self.began = time.monotonic()

    def learn_progressions(self, items: list[Item]) -> None:
        """Counts which chord follows which in all that is learnt from."""
        chords = LABELS.index("chord")
        counts = sum(count_progressions(np.asarray(item.labels[:, chords])) for item in items)
        gains = torch.from_numpy(progression_gains(np.asarray(counts))).float()
        for model in (self.model, self.averaged):
            model.progressions.copy_(gains)

    def train_step(self, items: list[Item] | EarCorpus, progress: float) -> None:
        settings = self.settings
        rng = np.random.default_rng([settings.seed, self.step])
        torch.manual_seed(int(rng.integers(2**31)))
        stretch = Stretch(settings.stretch, settings.faster, settings.fastest)
        crops = (settings.batch_size, settings.tokens, rng, stretch)
        batch = items.draw(*crops) if isinstance(items, EarCorpus) else draw_batch(items, *crops)
        batch = augment(batch, rng)
        chunk = None
        if rng.random() >= settings.full:
            chunk = int(rng.integers(1, _LONGEST_CHUNK + 1))
        for group in self.optimiser.param_groups:
            group["lr"] = settings.learning_rate * self._slope(progress)
        parts = self._losses(batch, chunk)
        loss = torch.stack([self._weight(name) * part for name, part in parts.items()]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        self.optimiser.step()
        self.step += 1
        self._average()
        for name, part in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + part.detach()
        if self.step % settings.log_every == 0:
            self._log_losses(settings.log_every)

    def _weight(self, name: str) -> float:
        return WEIGHTS[name] * (self.settings.rhythm if name in RHYTHM else 1.0)

    def _log_losses(self, steps: int) -> None:
        """One row of mean losses; asking for them every step would make a GPU
        wait."""
        means = {name: round(float(total) / steps, 4) for name, total in self.sums.items()}
        if not all(math.isfinite(mean) for mean in means.values()):
            raise ValueError(f"the loss is {means} at step {self.step}; lower learning_rate")
        self._log({"lr": round(self.optimiser.param_groups[0]["lr"], 6), **means})
        self.sums = {}

    def _losses(self, batch: Batch, chunk: int | None) -> dict[str, torch.Tensor]:
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type != "cpu"):
            out = self.model(batch.harmony, batch.bass, batch.rhythm, chunk)
            return losses(out, batch.labels)

    def _slope(self, progress: float) -> float:
        warm = min(1.0, (self.step - self.first_step + 1) / self.settings.warmup_steps)
        return warm * min(1.0, max(0.01, (1 - progress) / self.settings.decay))

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.settings.average, (self.step + 1) / (self.step + 10))
        averaged = self.averaged.state_dict()
        for name, value in self.model.state_dict().items():
            averaged[name].lerp_(value, 1 - keep)

    def evaluate(self, held_out: Mapping[str, tuple[Path, str]]) -> None:
        figures = {
            name: frame_figures(self.averaged, load_items(cache, split))
            for name, (cache, split) in held_out.items()
        }
        self._log({"held_out": figures})

    def save(self) -> None:
        part = self.run / ".state.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        self.model.config.save_pretrained(part)
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}
        names = [name for name, _ in self.model.named_parameters()]
        slots = self.optimiser.state_dict()["state"]
        for index, slot in slots.items():
            for key, value in slot.items():
                tensors[f"optimiser.{key}.{names[index]}"] = torch.as_tensor(value)
        save_file(
            {k: v.cpu().clone().contiguous() for k, v in tensors.items()},
            part / "state.safetensors",
        )
        facts = {"step": self.step, "seconds": self._seconds(), "settings": asdict(self.settings)}
        (part / "run.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        replace_folder(part, self.run / "state")
        best = self.run / ".best.part"
        shutil.rmtree(best, ignore_errors=True)
        save_ear(self.averaged, best)
        replace_folder(best, self.run / "best")

    def _load(self, state: Path) -> None:
        tensors = load_file(state / "state.safetensors")
        for model, prefix in ((self.model, "model."), (self.averaged, "averaged.")):
            own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            model.load_state_dict(own)
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for index, (name, _) in enumerate(self.model.named_parameters()):
            for key in ("step", "exp_avg", "exp_avg_sq"):
                if (full := f"optimiser.{key}.{name}") in tensors:
                    slots.setdefault(index, {})[key] = tensors[full]
        self.optimiser.load_state_dict(
            {"state": slots, "param_groups": self.optimiser.state_dict()["param_groups"]}
        )
        facts = json.loads((state / "run.json").read_text(encoding="utf-8"))
        self.step, self.seconds = facts["step"], facts["seconds"]

    def _seconds(self) -> float:
        return self.seconds + time.monotonic() - self.began

    def _log(self, row: dict[str, Any]) -> None:
        row = {"step": self.step, "minutes": round(self._seconds() / 60, 2), **row}
        with (self.run / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def save_ear(model: SaxsoloEar, folder: Path) -> None:
    """Saves the weights in half precision; they are read back as float32."""
    half = SaxsoloEar(model.config)
    half.load_state_dict(model.state_dict())
    half.half()
    half.save_pretrained(folder)


assert (PHASES, PLACES) == (12, 8), (PHASES, PLACES)
