"""One optimiser step of the solo model, over all parts of a batch and all processes."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator

from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from saxsolo.corpus.tokens.collate import IGNORE
from saxsolo.device import fast_bfloat16

from .batches import Batches, drawn_ahead
from .errors import TrainingError
from .heldout import stream_names
from .processes import Processes
from .settings import TrainSettings


class SoloStep:
    """Takes steps and keeps the means that the log shows.

    Args:
        model: on its device.
        batches: where the examples come from.
        optimizer: of the model's parameters.
        accelerator, processes: of this process.
    """

    def __init__(
        self,
        model: SaxsoloForConditionalGeneration,
        settings: TrainSettings,
        batches: Batches,
        optimizer: torch.optim.Optimizer,
        accelerator: Accelerator,
        processes: Processes,
    ):
        self.model, self.settings, self.batches = model, settings, batches
        self.optimizer = optimizer
        self.accelerator, self.processes = accelerator, processes
        half = settings.dtype == "bfloat16"
        if settings.dtype == "auto":
            half = fast_bfloat16(accelerator.device)
        self.autocast = torch.bfloat16 if half else None
        self.parallel = accelerator.prepare_model(model)
        self._sums: dict[str, list[float]] = defaultdict(list)
        self._ahead: Iterator[list[dict[str, torch.Tensor]]] | None = None

    def take(self, step: int, rate: float) -> None:
        """One step with this learning rate.

        The loss of every part is weighed by its share of the targets, so that accumulation and many
        processes give the gradient of one big batch.

        Raises:
            TrainingError: the loss or the gradient is not finite.
        """
        settings, accelerator = self.settings, self.accelerator
        started = time.monotonic()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # All of dropout's randomness: with it, resuming needs no saved random state.
        torch.manual_seed(settings.seed * 1_000_003 + step * 1009 + accelerator.process_index)
        parts = settings.accumulation * accelerator.num_processes
        first = settings.accumulation * accelerator.process_index
        mine = range(first, first + settings.accumulation)
        batches = self._drawn(step, mine, parts)
        counts = [int((batch["labels"] != IGNORE).sum()) for batch in batches]
        total = self.processes.total(sum(counts))
        loss = 0.0
        for place, (batch, count) in enumerate(zip(batches, counts, strict=True)):
            last = place == len(batches) - 1
            # Processes average their gradients, hence their number.
            loss += self._backward(batch, count * accelerator.num_processes / total, last)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.max_grad_norm)
        self._apply(step, rate, self.processes.total(loss), norm.item())
        frames = sum(batch["attention_mask"].numel() for batch in batches)
        self._sums["frames"].append(frames * accelerator.num_processes)
        self._sums["seconds"].append(time.monotonic() - started)

    def _drawn(self, step: int, mine: range, parts: int) -> list[dict[str, torch.Tensor]]:
        workers = self.settings.loader_workers
        if not workers:
            return [self.batches.part(step, part, parts) for part in mine]
        if self._ahead is None:
            steps = range(step, self.settings.max_steps)
            self._ahead = drawn_ahead(self.batches, steps, mine, parts, workers)
        return next(self._ahead)

    def means(self) -> dict[str, float]:
        """Means since the last call, with the learning rate and the frames a second."""
        sums, self._sums = self._sums, defaultdict(list)
        frames, seconds = sum(sums.pop("frames")), sum(sums.pop("seconds"))
        figures = {name: sum(values) / len(values) for name, values in sums.items()}
        figures["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        figures["frames_per_second"] = frames / seconds
        return figures

    def _backward(self, batch: dict[str, torch.Tensor], share: float, last: bool) -> float:
        """Adds the gradients of a part, which counts by its share; its loss, of this process."""
        accelerator = self.accelerator
        batch = {name: value.to(accelerator.device) for name, value in batch.items()}
        # gradients are exchanged with those of the last part
        with nullcontext() if last else accelerator.no_sync(self.parallel):
            with torch.autocast(
                accelerator.device.type, self.autocast, enabled=self.autocast is not None
            ):
                output = self.parallel(**batch)
            loss = output.loss * share
            accelerator.backward(loss)
        self._note(output)
        return float(loss.item() / accelerator.num_processes)

    def _apply(self, step: int, rate: float, loss: float, norm: float) -> None:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(
                f"loss {loss} and gradient norm {norm} at step {step}: stopped. The newest "
                f"checkpoint is from before; go on from it with a lower learning_rate than "
                f"{rate:.2g}, or with dtype float32"
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._sums["loss"].append(loss)
        self._sums["grad_norm"].append(norm)

    def _note(self, output: Any) -> None:
        """Keeps what the log shows of one forward pass; streams without targets are NaN."""
        names = stream_names(self.model.config)
        losses = dict(zip(names, output.loss_per_stream.tolist(), strict=True))
        noted = {f"loss_{name}": value for name, value in losses.items()}
        if output.frame_label_loss is not None:
            noted["frame_label_loss"] = output.frame_label_loss.item()
        if output.frame_label_accuracy is not None:
            values = output.frame_label_accuracy.tolist()
            for name, value in zip(self.model.config.frame_labels or {}, values, strict=True):
                noted[f"accuracy_{name}"] = value
        for name, value in noted.items():
            if math.isfinite(value):
                self._sums[name].append(value)
