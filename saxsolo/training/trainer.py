"""The training loop of the solo model, on one process or many."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, broadcast
from safetensors.torch import save_file
from tqdm import tqdm

from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from saxsolo.corpus.tokens.collate import IGNORE, Collator
from saxsolo.corpus.tokens.score_rows import Row

from .batches import Batches
from .heldout import HeldoutResult, choose_clips, evaluate_heldout, partners, stream_names
from .run_log import RunLog
from .run_state import (
    RunStateError,
    TrainingState,
    load_checkpoint,
    load_weights,
    manifest_faults,
    newest_whole,
    read_settings_of,
    save_checkpoint,
    write_manifest,
)
from .settings import TrainSettings

BEST = "best"
_LONGEST_WARMUP = 0.05


class TrainingError(RuntimeError):
    """Training cannot go on."""


class SoloTrainer:
    """One run: model, data, optimiser, and the folder it writes to.

    Args:
        run: folder of the run; a run that was broken off there goes on.
        audio, scores: training rows of the two corpora, either may be empty.
        heldout: rows to judge by, all with audio or all without.
        resume: go on from the newest whole checkpoint of `run`, if there is one.
    """

    def __init__(
        self,
        model: SaxsoloForConditionalGeneration,
        settings: TrainSettings,
        run: Path,
        audio: Sequence[Row],
        scores: Sequence[Row],
        heldout: Sequence[Row],
        resume: bool = True,
    ):
        if settings.threads:
            torch.set_num_threads(settings.threads)
        # A step on scores alone leaves the encoder and the codebooks' heads without gradients.
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        self.accelerator = Accelerator(mixed_precision="no", kwargs_handlers=[unused])
        self.autocast = torch.bfloat16 if settings.dtype == "bfloat16" else None
        self.settings = settings
        self.run = run
        self.heldout = choose_clips(heldout, settings.heldout_clips)
        partners(self.heldout)  # refuse now what would only fail at the first evaluation
        collator = Collator(
            model.config,
            backing_dropout=settings.backing_dropout,
            condition_dropout=settings.condition_dropout,
            label_inputs=settings.label_inputs,
            transpose=True,
        )
        rows = settings.batch_size * self.accelerator.num_processes
        self.batches = Batches(
            audio, scores, collator, rows, settings.score_fraction, settings.seed
        )
        self.model = model.to(self.accelerator.device)
        self.model.train()
        self.optimizer = make_optimizer(self.model, settings)
        self.average: dict[str, torch.Tensor] | None = None
        if settings.weight_average:
            self.average = {name: p.detach().clone() for name, p in model.named_parameters()}
        self.state = TrainingState()
        self.log = RunLog(run, self.accelerator.is_main_process)
        if resume:
            self._resume()
        self.parallel = self.accelerator.prepare_model(self.model)
        self._asked_to_stop = False
        self._sums: dict[str, list[float]] = defaultdict(list)

    def train(self) -> bool:
        """Trains to the end of the settings or an early stop, then saves and judges: True. False
        when a signal broke it off: only a checkpoint is written, to go on from.

        Raises `TrainingError` on a non-finite loss; the last checkpoint stays as it was.
        """
        settings, state = self.settings, self.state
        began = time.monotonic() - state.seconds
        bar = tqdm(
            total=settings.max_steps,
            initial=state.step,
            unit="step",
            disable=not (self.accelerator.is_main_process and sys.stderr.isatty()),
        )
        judged_at, broken_off = -1, False
        with self._catch_signals(), bar:
            while state.step < settings.max_steps:
                elapsed, broken_off = self._agree(time.monotonic() - began)
                if broken_off or self._progress(elapsed) >= 1:
                    break
                self._step(elapsed)
                state.step += 1
                state.seconds = time.monotonic() - began
                bar.update()
                if state.step % settings.log_every == 0:
                    self._log_training()
                if state.step % settings.evaluate_every == 0:
                    judged_at = state.step
                    if self._evaluate():
                        break
                if state.step % settings.save_every == 0:
                    self._save()
        if not broken_off and judged_at != state.step:
            self._evaluate()
        self._save()
        return not broken_off

    def learning_rate(self, step: int, elapsed: float) -> float:
        """Linear warm-up over `warmup_steps` or a twentieth of the run, whichever is shorter, then
        a cosine over the run's steps or minutes, whichever end first."""
        settings = self.settings
        progress = self._progress(elapsed, step)
        warm = (step + 1) / max(1, settings.warmup_steps)
        warm = min(1.0, max(warm, progress / _LONGEST_WARMUP))
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        span = settings.learning_rate - settings.final_learning_rate
        return warm * (settings.final_learning_rate + span * fall)

    def judge(self, rows: Sequence[Row] | None = None) -> HeldoutResult:
        """Held-out losses of the weights that would be kept."""
        rows = self.heldout if rows is None else rows
        with self._averaged_weights():
            return evaluate_heldout(self.model, rows, autocast=self.autocast)

    def load_best(self) -> None:
        """Puts the weights with the best held-out loss into the model, else the averaged ones."""
        best = self.run / BEST
        if best.is_dir() and not manifest_faults(best):
            load_weights(self.model, best / "model.safetensors")
        elif self.average is not None:
            self.model.load_state_dict(self.average, strict=False)
        self.average = None

    def _progress(self, elapsed: float, step: int | None = None) -> float:
        step = self.state.step if step is None else step
        minutes = self.settings.max_minutes
        by_time = elapsed / (60 * minutes) if minutes else 0.0
        return max(step / self.settings.max_steps, by_time)

    def _step(self, elapsed: float) -> None:
        """One optimiser step over `accumulation` parts of the batch."""
        settings, step, accelerator = self.settings, self.state.step, self.accelerator
        started = time.monotonic()
        rate = self.learning_rate(step, elapsed)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # All of dropout's randomness: with it, resuming needs no saved random state.
        torch.manual_seed(settings.seed * 1_000_003 + step * 1009 + accelerator.process_index)
        parts = settings.accumulation * accelerator.num_processes
        first = settings.accumulation * accelerator.process_index
        mine = range(first, first + settings.accumulation)
        batches = [self.batches.part(step, part, parts) for part in mine]
        counts = [int((batch["labels"] != IGNORE).sum()) for batch in batches]
        total = self._sum_over_processes(sum(counts))
        mean_loss = 0.0
        for place, (batch, count) in enumerate(zip(batches, counts, strict=True)):
            batch = {name: value.to(accelerator.device) for name, value in batch.items()}
            last = place == len(batches) - 1
            with nullcontext() if last else accelerator.no_sync(self.parallel):
                with torch.autocast(
                    accelerator.device.type, self.autocast, enabled=self.autocast is not None
                ):
                    output = self.parallel(**batch)
                # Each part counts by its share of the targets. Processes average their gradients,
                # hence their number.
                loss = output.loss * (count * accelerator.num_processes / total)
                accelerator.backward(loss)
            mean_loss += loss.item() / accelerator.num_processes
            self._note(output)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.max_grad_norm)
        mean_loss, norm = self._sum_over_processes(mean_loss), norm.item()
        if not (math.isfinite(mean_loss) and math.isfinite(norm)):
            raise TrainingError(
                f"loss {mean_loss} and gradient norm {norm} at step {step}: stopped. The newest "
                f"checkpoint in {self.run} is from before; go on from it with a lower "
                f"learning_rate than {rate:.2g}, or with dtype float32"
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._update_average(step)
        frames = sum(batch["attention_mask"].numel() for batch in batches)
        self._sums["loss"].append(mean_loss)
        self._sums["grad_norm"].append(norm)
        self._sums["frames"].append(frames * accelerator.num_processes)
        self._sums["seconds"].append(time.monotonic() - started)

    def _note(self, output) -> None:
        """Keeps what the log shows of one forward pass; streams without targets are NaN."""
        names = stream_names(self.model.config)
        found = dict(zip(names, output.loss_per_stream.tolist(), strict=True))
        noted = {f"loss_{name}": value for name, value in found.items()}
        if output.frame_label_loss is not None:
            noted["frame_label_loss"] = output.frame_label_loss.item()
        if output.frame_label_accuracy is not None:
            values = output.frame_label_accuracy.tolist()
            for name, value in zip(self.model.config.frame_labels, values, strict=True):
                noted[f"accuracy_{name}"] = value
        for name, value in noted.items():
            if math.isfinite(value):
                self._sums[name].append(value)

    def _log_training(self) -> None:
        sums, self._sums = self._sums, defaultdict(list)
        frames, seconds = sum(sums.pop("frames")), sum(sums.pop("seconds"))
        figures = {name: sum(values) / len(values) for name, values in sums.items()}
        figures["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        figures["frames_per_second"] = frames / seconds
        figures["minutes"] = self.state.seconds / 60
        self.log.write("train", self.state.step, figures)

    def _evaluate(self) -> bool:
        """Judges, keeps the weights if they are the best so far; True = time to stop early."""
        if not self.heldout:
            return False
        own = float("inf")
        if self.accelerator.is_main_process:
            judgement = self.judge()
            own = judgement.own_loss
            self.log.write("heldout", self.state.step, judgement.figures())
        own = self._from_main(own)
        state = self.state
        if state.best_loss is None or own < state.best_loss:
            state.best_loss, state.bad_evaluations = own, 0
            if self.accelerator.is_main_process:
                self._save_best()
        else:
            state.bad_evaluations += 1
        return 0 < self.settings.patience <= state.bad_evaluations

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            save_checkpoint(
                self.run,
                self.model,
                self.optimizer,
                self.average,
                self.state,
                asdict(self.settings),
                self.settings.keep_checkpoints,
            )
        self.accelerator.wait_for_everyone()

    def _save_best(self) -> None:
        folder = self.run / BEST
        folder.mkdir(exist_ok=True)
        weights = dict(self.model.state_dict())
        weights.update(self.average or {})
        weights = {name: value.contiguous() for name, value in weights.items()}
        save_file(weights, folder / "model.safetensors.partial")
        (folder / "model.safetensors.partial").rename(folder / "model.safetensors")
        write_manifest(folder)

    def _resume(self) -> None:
        folder = newest_whole(self.run)
        if folder is None:
            self.log.write("start", 0, {"parameters": self.model.num_parameters()})
            return
        before = read_settings_of(folder)
        if before.get("model") != self.settings.model:
            raise RunStateError(
                f"{folder} was made with model {before.get('model')}, the settings now say "
                f"{self.settings.model}; give another --out or the same settings"
            )
        self.state, average = load_checkpoint(folder, self.model, self.optimizer)
        if self.average is not None and average is not None:
            device = self.accelerator.device
            # In the order of the parameters: files have an order of their own.
            self.average = {name: average[name].to(device) for name in self.average}
        self.log.write("resume", self.state.step, {"minutes": self.state.seconds / 60})

    def _update_average(self, step: int) -> None:
        if self.average is None:
            return
        # Young averages forget quickly, else the random start would linger.
        decay = min(self.settings.weight_average, (1 + step) / (10 + step))
        weights = {name: p.detach() for name, p in self.model.named_parameters()}
        averages = [self.average[name] for name in weights]
        torch._foreach_lerp_(averages, list(weights.values()), 1 - decay)

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        if self.average is None:
            yield
            return
        parameters = dict(self.model.named_parameters())
        own = {name: parameter.data for name, parameter in parameters.items()}
        try:
            for name, value in self.average.items():
                parameters[name].data = value
            yield
        finally:
            for name, value in own.items():
                parameters[name].data = value

    @contextmanager
    def _catch_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the run after the current step, with a checkpoint."""

        def stop(*_: object) -> None:
            self._asked_to_stop = True

        try:
            before = {sig: signal.signal(sig, stop) for sig in (signal.SIGTERM, signal.SIGINT)}
        except ValueError:  # not in the main thread: whoever runs us handles signals
            before = {}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)

    def _agree(self, elapsed: float) -> tuple[float, bool]:
        """The first process's clock and wish to stop: all must take the same steps."""
        if self.accelerator.num_processes == 1:
            return elapsed, self._asked_to_stop
        said = torch.tensor([elapsed, float(self._asked_to_stop)], dtype=torch.float64)
        elapsed, stop = broadcast(said.to(self.accelerator.device)).tolist()
        return elapsed, stop > 0

    def _from_main(self, value: float) -> float:
        if self.accelerator.num_processes == 1:
            return value
        return broadcast(torch.tensor([value], device=self.accelerator.device)).item()

    def _sum_over_processes(self, value: float) -> float:
        if self.accelerator.num_processes == 1:
            return value
        tensor = torch.tensor([float(value)], device=self.accelerator.device)
        return self.accelerator.reduce(tensor, "sum").item()


def make_optimizer(model: torch.nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW; vectors and embedding tables do not decay (rare rows would only shrink)."""
    tables = {
        id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)
    }
    parameters = [p for p in model.parameters() if p.requires_grad]
    still = [p for p in parameters if p.dim() < 2 or id(p) in tables]
    decaying = [p for p in parameters if not (p.dim() < 2 or id(p) in tables)]
    groups = [
        {"params": decaying, "weight_decay": settings.weight_decay},
        {"params": still, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)
