"""Trains the saxophone codec on rendered or separated pairs.

    python train_codec.py configs/codec.yaml --pairs PAIRS --out runs/codec    # trains, resumes
    python train_codec.py --evaluate runs/codec/final --pairs PAIRS --split test
    python train_codec.py configs/codec-tiny.yaml --pairs PAIRS --out runs/look  # seconds, a look
    python train_codec.py configs/codec-decoder.yaml --pairs PAIRS --init-from CODEC --out RUN

- PAIRS is what `saxsolo corpus render` writes: <split>/<pair>/{solo,backing}.flac.
- Saxophone weighs most: only the solo is ever decoded, the backing's codes only inform.
- The pitch of the solos is tracked once (SwiftF0) and kept beside them; it teaches the decoder's
  pitch, and drives its pulse train until the prediction can.
- A small head names the backing's chord from the codes' vectors, so that the codes keep what the
  solo model has to hear (as SpeechTokenizer, arXiv:2308.16692, makes its codes keep the words). It
  is thrown away afterwards.
- With `train_codes: false` encoder and codebooks stay as they are in CODEC: whatever was tokenised
  stays valid, only the sound gets better.
- Time, not steps, is the budget: the learning rate falls along a cosine over `minutes`.
- The run's folder holds state/ (to resume), final/ (a Hugging Face folder, fp16) and log.jsonl.
"""

import argparse
import json
import math
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
import yaml
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.quantizer_saxcodec import CodebookTrainer
from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES, UNKNOWN
from saxsolo.audio.codec_metrics import LogMel
from saxsolo.audio.pitch import track_f0
from saxsolo.training.codec_evaluation import evaluate_codec

F0_HOP = 320
F0_CENTRE = 640
CHORD_COLUMNS = [list(LABEL_SIZES).index(name) for name in ("chord_root", "chord_quality")]
CHORD_SIZES = [list(LABEL_SIZES.values())[column] for column in CHORD_COLUMNS]
MEL_SIZES = ((512, 40), (1024, 80), (2048, 128), (4096, 160))


class TrainingError(RuntimeError):
    """Training cannot go on."""


@dataclass(frozen=True)
class CodecTraining:
    """One run; see configs/codec.yaml for the words."""

    model: dict
    minutes: float
    batch_size: int
    segment_frames: int
    solo_share: float
    learning_rate: float
    warmup_steps: int
    quantize_after: int
    predicted_f0_share: float
    f0_weight: float
    commitment_weight: float
    average_decay: float
    backing_code_weight: float
    chord_weight: float
    train_codes: bool
    seed: int
    threads: int
    max_steps: int | None = None


class Segments:
    """Random stretches of solos (with their pitch) and backings, all kept in memory as int16.

    Args:
        pairs: folder of the rendered pairs.
        split: which split.
        limit_hours: stop reading after this much of each.
    """

    def __init__(self, pairs: Path, split: str, limit_hours: float = 1e9):
        self.solo: list[np.ndarray] = []
        self.backing: list[np.ndarray] = []
        self.f0: list[np.ndarray] = []
        self.chords: list[np.ndarray] = []
        seconds = 0.0
        folders = sorted(p.parent for p in (pairs / split).glob("*/labels.npz"))
        if not folders:
            raise FileNotFoundError(
                f"no pairs in {pairs / split}: make them with `saxsolo corpus render --out {pairs}`"
            )
        for folder in tqdm(folders, desc=f"reading {split}", disable=None):
            solo, rate = soundfile.read(folder / "solo.flac", dtype="int16")
            backing, _ = soundfile.read(folder / "backing.flac", dtype="int16")
            self.solo.append(solo)
            self.backing.append(backing)
            self.f0.append(solo_f0(folder, solo, rate))
            with np.load(folder / "labels.npz", allow_pickle=False) as labels:
                self.chords.append(labels["frame_labels"][:, CHORD_COLUMNS].astype(np.int64))
            seconds += len(solo) / rate
            if seconds > 3600 * limit_hours:
                break
        self.weights = np.array([len(x) for x in self.solo], dtype=np.float64)
        self.weights /= self.weights.sum()
        self.hours = seconds / 3600

    def batch(
        self, rng: np.random.Generator, config: CodecTraining, samples: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draws audio (B, 1, n), pitch (B, J) in hertz with 0 = none, which are solos (B,), and the
        backings' chord root and quality (B, T, 2), -100 = unknown."""
        audio = np.zeros((config.batch_size, samples), np.float32)
        f0 = np.zeros((config.batch_size, samples // F0_HOP), np.float32)
        chords = np.full((config.batch_size, samples // (2 * F0_HOP), 2), UNKNOWN)
        is_solo = rng.random(config.batch_size) < config.solo_share
        for row, solo in enumerate(is_solo):
            item = rng.choice(len(self.solo), p=self.weights)
            source = self.solo[item] if solo else self.backing[item]
            frame = rng.integers(0, max(1, (len(source) - samples) // (2 * F0_HOP)))
            start = frame * 2 * F0_HOP
            piece = source[start : start + samples].astype(np.float32) / 32768
            audio[row, : len(piece)] = piece * 10 ** (rng.uniform(-12, 5) / 20)
            if solo:
                pitch = self.f0[item][start // F0_HOP : start // F0_HOP + f0.shape[1]]
                f0[row, : len(pitch)] = pitch
            else:
                named = self.chords[item][frame : frame + chords.shape[1]]
                chords[row, : len(named)] = named
        return (
            torch.from_numpy(audio)[:, None],
            torch.from_numpy(f0),
            torch.from_numpy(is_solo),
            torch.from_numpy(chords),
        )


def solo_f0(folder: Path, solo: np.ndarray, rate: int) -> np.ndarray:
    """Pitch of a solo at every spectrum frame, hertz with 0 = unvoiced; kept in f0.npy.

    Frame j is sounded around sample j * 320 + 640, the middle of its synthesis window.
    """
    kept = folder / f"f0_{F0_CENTRE}.npy"
    if kept.exists():
        return np.load(kept, allow_pickle=False)
    times, track = track_f0(solo.astype(np.float32) / 32768, rate)
    wanted = (np.arange(len(solo) // F0_HOP) * F0_HOP + F0_CENTRE) / rate
    after = np.searchsorted(times, wanted).clip(1, len(times) - 1)
    before = after - 1
    share = ((wanted - times[before]) / (times[after] - times[before])).clip(0, 1)
    a, b = track[before], track[after]
    near = (a > 0) & (b > 0) & (np.abs(np.log2(np.maximum(a, 1) / np.maximum(b, 1))) < 0.06)
    between = np.exp((1 - share) * np.log(np.maximum(a, 1)) + share * np.log(np.maximum(b, 1)))
    f0 = np.where(near, between, np.where(share < 0.5, a, b)).astype(np.float32)
    half = folder / "f0_half.npy"
    np.save(half, f0)
    half.rename(kept)
    return f0


class CodecLoss(torch.nn.Module):
    """Log-mel distance at several windows, plus cross-entropy of the pitch."""

    def __init__(self, codec: SaxcodecModel):
        super().__init__()
        rate = codec.config.sampling_rate
        self.mels = torch.nn.ModuleList(LogMel(rate, n, n // 4, bands) for n, bands in MEL_SIZES)
        self.codec = [codec]

    def spectral(self, decoded: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        """Mean absolute log-mel difference over the windows, nepers, a row: (B,)."""
        return sum((m(decoded) - m(audio)).abs().mean((1, 2)) for m in self.mels) / len(self.mels)

    def pitch(self, logits: torch.Tensor, f0: torch.Tensor) -> torch.Tensor:
        """Cross-entropy against a Gaussian of 20 cents around the pitch, as in CREPE, eq. 3."""
        codec = self.codec[0]
        config = codec.config
        cents = 1200 * math.log2(config.max_f0 / config.min_f0) / (config.f0_bins - 1)
        bins = codec.f0_to_bin(f0).clamp(0, config.f0_bins - 1)
        steps = torch.arange(config.f0_bins, device=f0.device)
        near = torch.exp(-0.5 * ((steps - bins[..., None]) * cents / 20).square())
        near = near / near.sum(-1, keepdim=True)
        voiced = (f0 > 0).float()[..., None]
        target = torch.cat([1 - voiced, near * voiced], dim=-1)
        return -(target * logits.float().log_softmax(-1)).sum(-1).mean()


class ChordHead(torch.nn.Module):
    """Names the chord of each frame from the vectors of the codes within a third of a second."""

    def __init__(self, dim: int, size: int = 128, kernel: int = 33):
        super().__init__()
        self.into = torch.nn.Linear(dim, size)
        self.over_time = torch.nn.Conv1d(size, size, kernel, padding=kernel // 2, groups=size)
        self.out = torch.nn.Linear(size, sum(CHORD_SIZES))

    def forward(self, vectors: torch.Tensor, chords: torch.Tensor) -> torch.Tensor:
        """Vectors (B, T, D), chords (B, T, 2) -> mean cross-entropy of root and quality, nats; 0
        where no chord is known."""
        if not (chords >= 0).any():
            return vectors.new_zeros(())
        x = F.gelu(self.into(vectors)).transpose(1, 2)
        logits = self.out(F.gelu(self.over_time(x)).transpose(1, 2)).float()
        pairs = zip(logits.split(CHORD_SIZES, dim=-1), chords.unbind(-1), strict=True)
        losses = [
            F.cross_entropy(part.flatten(0, 1), chord.flatten(), ignore_index=UNKNOWN)
            for part, chord in pairs
        ]
        return torch.stack(losses).mean()


class Run:
    """The state of a run, in a folder that survives a kill."""

    def __init__(self, config: CodecTraining, out: Path, init_from: Path | None = None):
        self.config, self.out = config, out
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        self.rng = np.random.default_rng(config.seed)
        self.codec = SaxcodecModel(SaxcodecConfig(**config.model))
        if init_from is not None:
            start_from(self.codec, init_from)
        if not config.train_codes:
            for part in (self.codec.short_in, self.codec.long_in, self.codec.encoder):
                part.requires_grad_(False)
            self.codec.to_latent.requires_grad_(False)
        self.chord_head = ChordHead(self.codec.config.codebook_dim)
        trained = self.trained()
        self.optimizer = torch.optim.AdamW(
            trained, config.learning_rate, betas=(0.8, 0.99), weight_decay=0.01, fused=True
        )
        self.books = CodebookTrainer(self.codec.quantizer)
        self.average = {n: p.detach().clone() for n, p in self.codec.named_parameters()}
        self.step, self.seconds = 0, 0.0
        self.resume()

    def trained(self) -> list[torch.nn.Parameter]:
        parameters = [p for p in self.codec.parameters() if p.requires_grad]
        if not self.config.train_codes:
            return parameters
        return parameters + list(self.chord_head.parameters())

    def resume(self) -> None:
        state = self.out / "state"
        if not (state / "state.json").exists():
            # the moment between two renames: the older state is whole
            state = self.out / "state.old"
        if not (state / "state.json").exists():
            return
        facts = json.loads((state / "state.json").read_text())
        tensors = load_file(state / "state.safetensors")
        self.codec.load_state_dict(_under(tensors, "codec."))
        self.average = _under(tensors, "average.")
        self.books.counts, self.books.sums = tensors["books.counts"], tensors["books.sums"]
        head = _under(tensors, "chord_head.")
        if head:  # a state from before there was one starts a new head
            self.chord_head.load_state_dict(head)
        for i, p in enumerate(self.trained()):
            found = _under(tensors, f"optimizer.{i}.")
            if found:
                self.optimizer.state[p] = found
        self.step, self.seconds = facts["step"], facts["seconds"]
        self.rng.bit_generator.state = facts["rng"]

    def save(self) -> None:
        tensors = {f"codec.{n}": p.detach() for n, p in self.codec.named_parameters()}
        tensors |= {f"average.{n}": p for n, p in self.average.items()}
        tensors |= {"books.counts": self.books.counts, "books.sums": self.books.sums}
        tensors |= {f"chord_head.{n}": p.detach() for n, p in self.chord_head.named_parameters()}
        for i, p in enumerate(self.trained()):
            for name, value in self.optimizer.state.get(p, {}).items():
                tensors[f"optimizer.{i}.{name}"] = value
        half, whole, old = (self.out / n for n in ("state.half", "state", "state.old"))
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        save_file({n: t.contiguous() for n, t in tensors.items()}, half / "state.safetensors")
        facts = {"step": self.step, "seconds": self.seconds, "rng": self.rng.bit_generator.state}
        (half / "state.json").write_text(json.dumps(facts))
        shutil.rmtree(old, ignore_errors=True)
        if whole.exists():
            whole.rename(old)
        half.rename(whole)

    def save_final(self) -> Path:
        """Writes the averaged weights as a Hugging Face folder in fp16; loads as fp32."""
        final = SaxcodecModel(self.codec.config)
        final.load_state_dict(self.average | {"quantizer.vectors": self.codec.quantizer.vectors})
        return export(final, self.out / "final")

    def log(self, **figures: float) -> None:
        with open(self.out / "log.jsonl", "a") as file:
            file.write(json.dumps(figures) + "\n")


def start_from(codec: SaxcodecModel, folder: Path) -> None:
    """Copies the weights of a trained codec; what the decoder reads of codes ahead, where the old
    one read fewer, starts at nothing, so that the sound is the old one's.

    Raises:
        OSError: no codec in the folder.
        ValueError: a codec of other sizes.
    """
    weights = SaxcodecModel.from_pretrained(folder).state_dict()
    wide = codec.from_latent.in_features
    old = weights["from_latent.weight"]
    if old.shape[1] < wide:
        weights["from_latent.weight"] = F.pad(old, (0, wide - old.shape[1]))
    sizes = {n: tuple(p.shape) for n, p in codec.state_dict().items()}
    theirs = {n: tuple(p.shape) for n, p in weights.items()}
    unlike = sorted(n for n in sizes | theirs if sizes.get(n) != theirs.get(n))
    if unlike:
        name = unlike[0]
        raise ValueError(
            f"{folder} is a codec of other sizes than the config's: {name} is {theirs.get(name)} "
            f"there and {sizes.get(name)} here; take its sizes as `model:`"
        )
    codec.load_state_dict(weights)


def export(codec: SaxcodecModel, folder: Path) -> Path:
    """Saves `codec` in fp16 with a config that asks for fp32 arithmetic (FFTs need it)."""
    codec.half().save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return folder


def train(config: CodecTraining, pairs: Path, out: Path, init_from: Path | None = None) -> Path:
    """Trains until `config.minutes` are used; returns the folder with the weights.

    Args:
        init_from: a trained codec whose weights a new run starts with, codebooks and all.

    Raises:
        TrainingError: the loss is no longer finite.
        ValueError: codes that were never learnt are to stay as they are.
    """
    if not config.train_codes and init_from is None:
        raise ValueError("train_codes is false: name the codec whose codes stay, --init-from CODEC")
    out.mkdir(parents=True, exist_ok=True)
    run = Run(config, out, init_from)
    data = Segments(pairs, "train")
    loss_of = CodecLoss(run.codec)
    samples = config.segment_frames * run.codec.config.frame_samples
    bar = tqdm(total=round(config.minutes * 60), unit="s", disable=None)
    collected: list[torch.Tensor] = []
    last = saved = time.monotonic()
    while run.seconds < 60 * config.minutes and run.step != config.max_steps:
        share = run.seconds / (60 * config.minutes)
        rate = 0.5 * (1 + math.cos(math.pi * share)) * min(1, (run.step + 1) / config.warmup_steps)
        for group in run.optimizer.param_groups:
            group["lr"] = config.learning_rate * rate
        audio, f0, is_solo, chords = data.batch(run.rng, config, samples)
        quantize = init_from is not None or run.step >= config.quantize_after
        if init_from is None and run.step == config.quantize_after:
            run.books.start(torch.cat(collected))
            collected.clear()
        heard = torch.from_numpy(run.rng.random(len(f0)) < config.predicted_f0_share) & is_solo
        drive = torch.where((heard & quantize)[:, None], -1.0, f0)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = run.codec(audio, drive, quantize)
        spectral = loss_of.spectral(output.audio[:, 0], audio[:, 0])
        pitch = loss_of.pitch(output.f0_logits, f0)
        chord = torch.zeros(())
        if config.train_codes:
            chord = run.chord_head(output.quantized, chords)
        loss = spectral.mean() + config.f0_weight * pitch + config.chord_weight * chord
        latents = output.latents.detach().flatten(0, 1)
        commitment = torch.zeros(())
        if quantize and config.train_codes:
            commitment = F.mse_loss(output.latents, output.quantized.detach())
            loss = loss + config.commitment_weight * commitment
        elif not quantize and run.step >= config.quantize_after - 60:
            rows = is_solo.repeat_interleave(config.segment_frames)
            collected.append(latents[rows])
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"the loss is {loss.item()} at step {run.step}: lower learning_rate"
            )
        run.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(run.trained(), 1.0)
        run.optimizer.step()
        revived = 0
        if quantize and config.train_codes:
            weights = torch.where(is_solo, 1.0, config.backing_code_weight)
            weights = weights.repeat_interleave(config.segment_frames)
            codes = output.audio_codes.transpose(1, 2).flatten(0, 1)
            revived = run.books.update(latents, codes, weights)
        decay = min(config.average_decay, (1 + run.step) / (10 + run.step))
        names, now = zip(*run.codec.named_parameters(), strict=True)
        torch._foreach_lerp_([run.average[n] for n in names], [p.detach() for p in now], 1 - decay)
        run.step += 1
        moment = time.monotonic()
        run.seconds += moment - last
        bar.update(round(run.seconds) - bar.n)
        last = moment
        if run.step % 50 == 0:
            solo = spectral[is_solo].mean().item()
            figures = {
                "step": run.step,
                "minutes": round(run.seconds / 60, 2),
                "solo": round(solo, 4),
                "backing": round(spectral[~is_solo].mean().item(), 4),
                "pitch": round(pitch.item(), 4),
                "chord": round(chord.item(), 4),
                "commitment": round(commitment.item(), 4),
                "revived": revived,
                "norm": round(float(norm), 2),
            }
            run.log(**figures)
            if not sys.stderr.isatty():
                print(json.dumps(figures), flush=True)
        if moment - saved > 180:
            run.save()
            saved = moment
    run.save()
    return run.save_final()


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def main(argv: list[str] | None = None) -> None:
    """The command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path, nargs="?")
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--init-from", type=Path, metavar="CODEC")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--evaluate", type=Path, metavar="CODEC")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args(argv)
    if args.evaluate:
        torch.set_num_threads(args.threads or 2)
        codec = SaxcodecModel.from_pretrained(args.evaluate).eval()
        print(json.dumps(evaluate_codec(codec, args.pairs, args.split, args.seconds), indent=2))
        return
    if not args.config or not args.out:
        parser.error("training takes a CONFIG and --out RUN; or give --evaluate CODEC")
    words = yaml.safe_load(args.config.read_text())
    words |= {k: v for k in ("minutes", "threads") if (v := getattr(args, k)) is not None}
    print(train(CodecTraining(**words), args.pairs, args.out, args.init_from))


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, TrainingError) as error:
        print(f"train_codec: {error}", file=sys.stderr)
        sys.exit(2)
