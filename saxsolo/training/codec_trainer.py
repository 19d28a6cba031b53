"""The training loop of the codec.

- Saxophone weighs most: only the solo is ever decoded, the backing's codes only inform.
- The pitch of the solos is tracked once (SwiftF0) and kept beside them; it teaches the decoder's
  pitch, and drives its pulse train until the prediction can.
- A small head names the backing's chord from the codes' vectors, so that the codes keep what the
  solo model has to hear (as SpeechTokenizer, arXiv:2308.16692, makes its codes keep the words). It
  is thrown away afterwards.
- A folder of any sound (`audio`) does as well: all of it is decoded, no chord is known.
- Discriminators (`adversarial_weight`, `feature_weight`) teach the decoder what a spectral distance
  averages away: breath, reed noise, attacks.
- With `train_codes: false` encoder and codebooks stay as they are: whatever was tokenised stays
  valid, only the sound gets better.
- Time, not steps, is the budget: the learning rate falls along a cosine over `minutes`, or over
  `max_steps`, whichever is used up first: runs that are compared take the same steps.
"""

import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from tqdm import tqdm

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.device import chosen_device

from .codec_audio import AudioFolder
from .codec_balance import GradientBalance
from .codec_batches import drawn_batches
from .codec_losses import CodecLoss
from .codec_run import CodecRun
from .codec_segments import Segments
from .codec_settings import CodecTraining
from .errors import SettingsError, TrainingError

# the codebooks start from the latents of so many steps before
START_STEPS = 60
LOG_EVERY = 50
SAVE_SECONDS = 180


def train_codec(
    config: CodecTraining,
    pairs: Path | None,
    out: Path,
    init_from: Path | None = None,
    device: str | None = None,
    audio: Path | None = None,
) -> Path:
    """Trains until `config.minutes` are used; returns the folder with the weights.

    Args:
        pairs: what `saxsolo corpus render` writes: SPLIT/PAIR/{solo,backing}.flac, labels.npz.
        audio: in place of pairs a folder of any sound.
        out: folder of the run: state/ (to resume), final/ (a Hugging Face folder), log.jsonl.
        init_from: a trained codec whose weights a new run starts with, codebooks and all.
        device: "cpu", "cuda" or "mps"; the processor when None.

    Raises:
        TrainingError: the loss is no longer finite.
        SettingsError: codes that were never learnt are to stay as they are; neither pairs nor
            audio; pairs for a codec of another rate than theirs.
        FileNotFoundError: no pairs.
    """
    if not config.train_codes and init_from is None:
        raise SettingsError(
            "train_codes is false: name the codec whose codes stay, --init-from CODEC"
        )
    out.mkdir(parents=True, exist_ok=True)
    run = CodecRun(config, out, init_from, chosen_device(device or "cpu"))
    data = _lessons(run, pairs, audio)
    stepper = CodecStep(run, trained_codes=init_from is not None)
    samples = config.segment_frames * run.codec.config.frame_samples
    batches = drawn_batches(data, run.rng, config, samples, run.step)
    bar = tqdm(total=round(config.minutes * 60), unit="s", disable=None)
    last = saved = time.monotonic()
    while run.seconds < 60 * config.minutes and run.step != config.max_steps:
        share = run.seconds / (60 * config.minutes)
        if config.max_steps is not None:
            share = max(share, run.step / config.max_steps)
        rate = 0.5 * (1 + math.cos(math.pi * share)) * min(1, (run.step + 1) / config.warmup_steps)
        figures = stepper.take(*next(batches), rate)
        run.step += 1
        moment = time.monotonic()
        run.seconds += moment - last
        bar.update(round(run.seconds) - bar.n)
        last = moment
        if run.step % LOG_EVERY == 0:
            row = {"step": run.step, "minutes": round(run.seconds / 60, 2), **figures.row()}
            run.log(**row)
            if not sys.stderr.isatty():
                print(json.dumps(row), flush=True)
        if moment - saved > SAVE_SECONDS:
            run.save()
            run.save_final()
            saved = moment
    run.save()
    return run.save_final()


def _lessons(run: CodecRun, pairs: Path | None, audio: Path | None) -> Segments | AudioFolder:
    if audio is not None:
        folder = AudioFolder(audio, run.codec.config, run.out / "pitch")
        print(folder.report(), flush=True)
        return folder
    if pairs is None:
        raise SettingsError("nothing to train on: give --pairs PAIRS or --audio FOLDER")
    rate = run.codec.config.sampling_rate
    if rate != SAMPLING_RATE or run.codec.config.pitch_codes:
        raise SettingsError(
            f"pairs are {SAMPLING_RATE} Hz with the pitch of each window, but this codec works at "
            f"{rate} Hz or with pitch codes: train it on --audio FOLDER"
        )
    return Segments(pairs, "train")


@dataclass(frozen=True)
class StepFigures:
    """What a step came to; losses as tensors, so that only a logged step waits for them."""

    spectral: torch.Tensor
    is_solo: torch.Tensor
    pitch: torch.Tensor
    chord: torch.Tensor
    commitment: torch.Tensor
    revived: int
    norm: torch.Tensor
    against: torch.Tensor

    def row(self) -> dict[str, float]:
        """For the log."""
        halves = {"solo": self.spectral[self.is_solo], "backing": self.spectral[~self.is_solo]}
        opponent = {}
        if self.against.any():
            names = ("discriminators", "adversarial", "features")
            opponent = {n: round(v, 4) for n, v in zip(names, self.against.tolist(), strict=True)}
        return (
            {name: round(part.mean().item(), 4) for name, part in halves.items() if len(part)}
            | opponent
            | {
                "pitch": round(self.pitch.item(), 4),
                "chord": round(self.chord.item(), 4),
                "commitment": round(self.commitment.item(), 4),
                "revived": self.revived,
                "norm": round(float(self.norm), 2),
            }
        )


class CodecStep:
    """One optimiser step of the codec.

    Args:
        run: what is trained.
        trained_codes: the codebooks were learnt by an earlier run.
    """

    def __init__(self, run: CodecRun, trained_codes: bool):
        self.run, self.trained_codes = run, trained_codes
        self.loss_of = CodecLoss(run.codec).to(run.codec.device)
        self.balance = GradientBalance()
        self._collected: list[torch.Tensor] = []

    def take(
        self,
        audio: torch.Tensor,
        f0: torch.Tensor,
        is_solo: torch.Tensor,
        chords: torch.Tensor,
        rate: float,
    ) -> StepFigures:
        """A step on a batch of `Segments.batch` at this share of the learning rates.

        Raises:
            TrainingError: the loss is not finite.
        """
        run, config, device = self.run, self.run.config, self.run.codec.device
        for group in run.optimizer.param_groups:
            group["lr"] = config.learning_rate * rate
        quantize = self._start_codebooks()
        heard = torch.from_numpy(run.rng.random(len(f0)) < config.predicted_f0_share) & is_solo
        audio, f0, is_solo, chords, heard = (
            tensor.to(device) for tensor in (audio, f0, is_solo, chords, heard)
        )
        drive = torch.where((heard & quantize)[:, None], -1.0, f0)
        with torch.autocast(device.type, torch.bfloat16, enabled=run.half_precision):
            output = run.codec(audio, drive, quantize)
        spectral = self.loss_of.spectral(output.audio[:, 0], audio[:, 0])
        pitch = self.loss_of.pitch(output.f0_logits, f0)
        chord = commitment = torch.zeros((), device=device)
        if config.train_codes:
            chord = run.chord_head(output.quantized, chords)
        loss = spectral.mean() + config.f0_weight * pitch + config.chord_weight * chord
        if config.f0_cents_weight:
            cents = self.loss_of.pitch_cents(output.f0_logits, f0)
            loss = loss + config.f0_cents_weight * cents
        against = torch.zeros(3, device=device)
        if run.adversary is not None and is_solo.any():
            pair = audio[is_solo, 0], output.audio[is_solo, 0]
            told_apart = run.adversary.learn(*pair, config.discriminator_rate * rate)
            deceived, features = run.adversary.losses(*pair)
            weighed = (deceived, config.adversarial_weight), (features, config.feature_weight)
            loss = loss + self.balance.loss(output.audio, spectral.mean(), weighed)
            against = torch.stack([told_apart, deceived.detach(), features.detach()])
        latents = output.latents.detach().flatten(0, 1)
        if quantize and config.train_codes:
            commitment = F.mse_loss(output.latents, output.quantized.detach())
            loss = loss + config.commitment_weight * commitment
        elif not quantize and run.step >= config.quantize_after - START_STEPS:
            self._collected.append(latents[is_solo.repeat_interleave(config.segment_frames)])
        norm = self._descend(loss)
        revived = 0
        if quantize and config.train_codes:
            weights = torch.where(is_solo, 1.0, config.backing_code_weight)
            codes = output.audio_codes.transpose(1, 2).flatten(0, 1)
            # the first codes of a codec with pitch codes are not learnt
            codes = codes[:, -len(run.codec.quantizer.vectors) :]
            weights = weights.repeat_interleave(config.segment_frames)
            revived = run.books.update(latents, codes, weights)
        run.average.update(run.codec, run.step)
        return StepFigures(spectral, is_solo, pitch, chord, commitment, revived, norm, against)

    def _start_codebooks(self) -> bool:
        """Whether this step quantises; at the first that does, the codebooks are started."""
        run = self.run
        if self.trained_codes:
            return True
        if run.step == run.config.quantize_after:
            run.books.start(torch.cat(self._collected))
            self._collected.clear()
        return run.step >= run.config.quantize_after

    def _descend(self, loss: torch.Tensor) -> torch.Tensor:
        run = self.run
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"the loss is {loss.item()} at step {run.step}: lower learning_rate"
            )
        run.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(run.trained(), 1.0)
        run.optimizer.step()
        return norm
