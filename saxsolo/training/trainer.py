"""The training loop of the solo model, on one process or many."""

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from safetensors.torch import save_file
from tqdm import tqdm

from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from saxsolo.corpus.tokens.collate import Collator
from saxsolo.corpus.tokens.score_rows import Row

from .batches import Batches
from .heldout import HeldoutResult, choose_clips, evaluate_heldout, partners
from .optimiser import learning_rate, make_optimizer, progress
from .processes import Processes
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
from .solo_step import SoloStep
from .stop_signal import StopSignal
from .trackers import make_accelerator
from .weight_average import WeightAverage

BEST = "best"


class SoloTrainer:
    """One run: model, data, optimiser, and the folder it writes to.

    Args:
        run: folder of the run; a run that was broken off there goes on.
        audio, scores: training rows of the two corpora, either may be empty.
        heldout: rows to evaluate on, all with audio or all without.
        resume: go on from the newest whole checkpoint of `run`, if there is one.
        device: "cpu", "cuda", "mps", or None for accelerate's choice.
        trackers: see `checked_trackers`.
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
        device: str | None = None,
        trackers: Sequence[str] | None = None,
    ):
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self.accelerator = make_accelerator(run, device, trackers, settings.model_dump())
        self.processes = Processes(self.accelerator)
        self.settings = settings
        self.run = run
        self.heldout = choose_clips(heldout, settings.heldout_clips)
        if partners(self.heldout) is None and self.accelerator.is_main_process:
            print(
                f"all {len(self.heldout)} held-out clips are of one tune: the loss over another "
                "tune's backing, which needs two, is left out",
                file=sys.stderr,
            )
        collator = Collator(
            model.config,
            backing_dropout=settings.backing_dropout,
            condition_dropout=settings.condition_dropout,
            label_inputs=settings.label_inputs,
            transpose=True,
            articulation_dropout=settings.articulation_dropout,
        )
        rows = settings.batch_size * self.accelerator.num_processes
        batches = Batches(audio, scores, collator, rows, settings.score_fraction, settings.seed)
        self.model = model.to(self.accelerator.device)
        self.model.train()
        self.optimizer = make_optimizer(self.model, settings)
        self.average: WeightAverage | None = None
        if settings.weight_average:
            self.average = WeightAverage(model, settings.weight_average)
        self.state = TrainingState()
        self.log = RunLog(run, self.accelerator)
        if resume:
            self._resume()
        self.step = SoloStep(
            self.model, settings, batches, self.optimizer, self.accelerator, self.processes
        )

    def train(self) -> bool:
        """Trains to the end of the settings or an early stop, then saves and evaluates: True. False
        when a signal broke it off: only a checkpoint is written, to go on from.

        Raises:
            TrainingError: on a non-finite loss; the last checkpoint stays as it was.
        """
        settings, state = self.settings, self.state
        began = time.monotonic() - state.seconds
        bar = tqdm(
            total=settings.max_steps,
            initial=state.step,
            unit="step",
            disable=not (self.accelerator.is_main_process and sys.stderr.isatty()),
        )
        evaluated_at, broken_off = -1, False
        with StopSignal() as stop, bar:
            while state.step < settings.max_steps:
                elapsed = time.monotonic() - began
                elapsed, broken_off = self.processes.agree(elapsed, stop.asked)
                if broken_off or progress(settings, state.step, elapsed) >= 1:
                    break
                self._step(elapsed)
                state.step += 1
                state.seconds = time.monotonic() - began
                bar.update()
                if state.step % settings.log_every == 0:
                    figures = {**self.step.means(), "minutes": state.seconds / 60}
                    self.log.write("train", state.step, figures)
                if state.step % settings.evaluate_every == 0:
                    evaluated_at = state.step
                    if self._evaluate():
                        break
                if state.step % settings.save_every == 0:
                    self._save()
        if not broken_off and evaluated_at != state.step:
            self._evaluate()
        self._save()
        return not broken_off

    def evaluate(self, rows: Sequence[Row] | None = None) -> HeldoutResult:
        """Held-out losses of the weights that would be kept."""
        rows = self.heldout if rows is None else rows
        with self.average.applied(self.model) if self.average else nullcontext():
            return evaluate_heldout(self.model, rows, autocast=self.step.autocast)

    def load_best(self) -> None:
        """Puts the weights with the best held-out loss into the model, else the averaged ones."""
        best = self.run / BEST
        if best.is_dir() and not manifest_faults(best):
            load_weights(self.model, best / "model.safetensors")
        elif self.average is not None:
            self.model.load_state_dict(self.average.tensors, strict=False)
        self.average = None

    def _step(self, elapsed: float) -> None:
        step = self.state.step
        self.step.take(step, learning_rate(self.settings, step, elapsed))
        if self.average is not None:
            self.average.update(self.model, step)

    def _evaluate(self) -> bool:
        """Evaluates, keeps the weights if they are the best so far; True = time to stop early."""
        if not self.heldout:
            return False
        own = float("inf")
        if self.accelerator.is_main_process:
            result = self.evaluate()
            own = result.own_loss
            self.log.write("heldout", self.state.step, result.figures())
        own = self.processes.of_first(own)
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
                self.average.tensors if self.average else None,
                self.state,
                self.settings.model_dump(mode="json"),
                self.settings.keep_checkpoints,
            )
        self.accelerator.wait_for_everyone()

    def _save_best(self) -> None:
        folder = self.run / BEST
        folder.mkdir(exist_ok=True)
        weights = dict(self.model.state_dict())
        weights.update(self.average.tensors if self.average else {})
        weights = {name: value.contiguous() for name, value in weights.items()}
        save_file(weights, folder / "model.safetensors.partial")
        (folder / "model.safetensors.partial").replace(folder / "model.safetensors")
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
            self.average.load(average)
        self.log.write("resume", self.state.step, {"minutes": self.state.seconds / 60})
