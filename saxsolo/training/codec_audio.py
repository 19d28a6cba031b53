"""What the codec trains on without pairs: any folder of sound, no labels."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path

import numpy as np
import soxr
import torch
from tqdm import tqdm

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.vocabulary_saxsolo import UNKNOWN
from saxsolo.audio.files import open_sound
from saxsolo.audio.fine_pitch import HOP, fine_f0
from saxsolo.errors import AudioError

from .codec_settings import CodecTraining
from .errors import SettingsError

#: the pitch of `x.flac`, hertz every 5 ms, where somebody has measured it already
F0_SUFFIX = ".f0.npy"
#: what `saxsolo corpus solos` writes beside a sound
BESIDE = ("notes.json",)
BLOCK = 1 << 20
SILENT = 1e-3
LEAST_VOICED = 0.02
LOWEST_RATE_SHARE = 0.5
KINDS = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".aif", ".aiff", ".opus", ".wma", ".aac", ".mp4")


class AudioFolder:
    """Random stretches of all sounds below a folder, with their pitch; kept in memory as int16.

    Args:
        folder: of sounds; a pitch that lies beside one (F0_SUFFIX) is taken as it is.
        config: the codec's.
        kept: folder for the pitches that are measured here.

    Attributes:
        refused: how often each reason for leaving a file out occurred.
        hours: of what was kept.

    Raises:
        SettingsError: no such folder, or nothing in it can be trained on.
    """

    def __init__(self, folder: Path, config: SaxcodecConfig, kept: Path):
        self.config = config
        self.sounds: list[np.ndarray] = []
        self.f0: list[np.ndarray] = []
        self.refused: Counter[str] = Counter()
        if not folder.is_dir():
            raise SettingsError(f"{folder} is not a folder; --audio takes a folder of sounds")
        # what is hidden is half written, or a system's
        paths = sorted(
            path
            for path in folder.rglob("*")
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
        for path in tqdm(paths, desc=f"reading {folder}", disable=None):
            if path.suffix.lower() in KINDS:
                self._take(path, kept)
            elif path.name not in BESIDE and not path.name.endswith(F0_SUFFIX):
                self.refused["not a sound by its name"] += 1
        seconds = sum(map(len, self.sounds)) / config.sampling_rate
        self.hours = seconds / 3600
        if not self.sounds:
            raise SettingsError(f"{folder} holds no sound to train on: {self.report()}")
        lengths = np.array([len(sound) for sound in self.sounds], dtype=np.float64)
        self.weights = lengths / lengths.sum()

    def report(self) -> str:
        """One line: what was kept, and what was left out and why."""
        left = "; ".join(f"{count} {reason}" for reason, count in sorted(self.refused.items()))
        kept = f"kept {len(self.sounds)} sounds, {self.hours:.2f} hours" if self.sounds else ""
        return ", ".join(part for part in (kept, f"left out {left}" if left else "") if part)

    def _take(self, path: Path, kept: Path) -> None:
        rate = self.config.sampling_rate
        try:
            source = open_sound(path)
            if source.sampling_rate < LOWEST_RATE_SHARE * rate:
                self.refused[f"below {LOWEST_RATE_SHARE * rate:g} samples a second"] += 1
                return
            blocks = source.blocks(BLOCK, rate, source.length_at(rate), mono=True)
            sound = np.concatenate([block[:, 0] for block in blocks])
        except AudioError:
            self.refused["that cannot be read or are shorter than a second"] += 1
            return
        if np.abs(sound).max() < SILENT:
            self.refused["silent"] += 1
            return
        f0 = _pitch(path, sound, rate, kept)
        if (f0 > 0).mean() < LEAST_VOICED:
            self.refused["without pitch"] += 1
            return
        self.sounds.append(np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16))
        self.f0.append(f0)

    def batch(
        self, rng: np.random.Generator, config: CodecTraining, samples: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draws audio (B, 1, n), pitch (B, P) in hertz with 0 = none, that all are solos (B,), and
        that no chord is known (B, T, 2)."""
        rows = [self._row(rng, config, samples) for _ in range(config.batch_size)]
        audio, f0 = (np.stack(part).astype(np.float32) for part in zip(*rows, strict=True))
        frames = samples // self.config.frame_samples
        return (
            torch.from_numpy(audio)[:, None],
            torch.from_numpy(f0),
            torch.ones(len(rows), dtype=torch.bool),
            torch.full((len(rows), frames, 2), UNKNOWN),
        )

    def _row(
        self, rng: np.random.Generator, config: CodecTraining, samples: int
    ) -> tuple[np.ndarray, np.ndarray]:
        item = int(rng.choice(len(self.sounds), p=self.weights))
        speed = 1.0
        if config.speed_semitones and rng.random() < 0.5:
            # another size of horn: pitch and formants move together
            speed = 2 ** float(rng.uniform(-1, 1) * config.speed_semitones / 12)
        length = int(samples * speed) + 1
        source = self.sounds[item]
        start = int(rng.integers(0, max(1, len(source) - length)))
        piece = source[start : start + length].astype(np.float32) / 32768
        piece = np.pad(piece, (0, length - len(piece)))
        if speed != 1.0:
            piece = soxr.resample(piece, length, samples)
        piece = np.pad(piece[:samples], (0, max(0, samples - len(piece))))
        rate = self.config.sampling_rate
        wanted = np.arange(self.config.pitch_start, samples + 1, self.config.pitch_hop)
        wanted = wanted[: samples // self.config.pitch_hop]
        missing = samples // self.config.pitch_hop - len(wanted)
        wanted = np.append(wanted, np.full(missing, samples))
        f0 = at_times(self.f0[item], (start + wanted * speed) / rate) * speed
        if config.equaliser_db:
            piece = _equalised(piece, rng, config.equaliser_db)
        if rng.random() < config.noise_share:
            level = float(np.abs(piece).max()) * 10 ** (rng.uniform(-65, -45) / 20)
            piece = piece + level * rng.standard_normal(samples).astype(np.float32)
        return piece * 10 ** (rng.uniform(-12, 5) / 20), f0


def at_times(f0: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Pitch at `times` (seconds) of a track every 5 ms; between notes that of the nearer one."""
    place = np.clip(times / HOP, 0, len(f0) - 1)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, len(f0) - 1)
    share = place - before
    a, b = f0[before], f0[after]
    near = (a > 0) & (b > 0) & (np.abs(np.log2(np.maximum(a, 1) / np.maximum(b, 1))) < 0.06)
    between = np.exp((1 - share) * np.log(np.maximum(a, 1)) + share * np.log(np.maximum(b, 1)))
    found: np.ndarray = np.where(near, between, np.where(share < 0.5, a, b))
    return found


def _equalised(piece: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Another room, microphone and mouthpiece: a smooth curve of up to about `strength` dB."""
    knots = np.linspace(0, 1, 7)
    curve = rng.normal(0, 0.5 * strength, 7) * rng.random()
    bins = len(piece) // 2 + 1
    place = np.log1p(np.arange(bins) / (0.01 * bins)) / np.log1p(100)
    gain = 10 ** (np.interp(place, knots, curve) / 20)
    shaped: np.ndarray = np.fft.irfft(np.fft.rfft(piece) * gain, len(piece)).astype(np.float32)
    return shaped


def _pitch(path: Path, sound: np.ndarray, rate: int, kept: Path) -> np.ndarray:
    """Measured once: beside the sound, or in `kept` under a name made of its place and size."""
    beside = path.with_name(path.stem + F0_SUFFIX)
    if beside.is_file():
        told: np.ndarray = np.load(beside, allow_pickle=False)
        return told
    facts = f"{path.resolve()} {path.stat().st_size} {path.stat().st_mtime_ns}"
    place = kept / f"{hashlib.sha256(facts.encode()).hexdigest()[:16]}{F0_SUFFIX}"
    if place.is_file():
        earlier: np.ndarray = np.load(place, allow_pickle=False)
        return earlier
    f0 = fine_f0(sound, rate).astype(np.float32)
    kept.mkdir(parents=True, exist_ok=True)
    half = place.with_suffix(".half.npy")
    np.save(half, f0)
    os.replace(half, place)
    return f0
