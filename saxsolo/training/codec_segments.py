"""What the codec trains on: stretches of solos with their pitch, and of backings with chords."""

from pathlib import Path

import numpy as np
import soundfile
import torch
from tqdm import tqdm

from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES, UNKNOWN
from saxsolo.audio.pitch import track_f0

from .codec_settings import CodecTraining

F0_HOP = 320
F0_CENTRE = 640
CHORD_COLUMNS = [list(LABEL_SIZES).index(name) for name in ("chord_root", "chord_quality")]


class Segments:
    """Random stretches of solos (with their pitch) and backings, all kept in memory as int16.

    Args:
        pairs: folder of the rendered pairs.
        split: which split.
        limit_hours: stop reading after this much of each.

    Raises:
        FileNotFoundError: no pairs of that split.
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
    """Pitch of a solo at every spectrum frame, hertz with 0 = unvoiced; kept in f0_640.npy.

    Frame j is sounded around sample j * 320 + 640, the middle of its synthesis window.
    """
    kept = folder / f"f0_{F0_CENTRE}.npy"
    if kept.exists():
        earlier: np.ndarray = np.load(kept, allow_pickle=False)
        return earlier
    times, track = track_f0((solo / 32768).astype(np.float32), rate)
    wanted = (np.arange(len(solo) // F0_HOP) * F0_HOP + F0_CENTRE) / rate
    after = np.searchsorted(times, wanted).clip(1, len(times) - 1)
    before = after - 1
    share = ((wanted - times[before]) / (times[after] - times[before])).clip(0, 1)
    a, b = track[before], track[after]
    near = (a > 0) & (b > 0) & (np.abs(np.log2(np.maximum(a, 1) / np.maximum(b, 1))) < 0.06)
    between = np.exp((1 - share) * np.log(np.maximum(a, 1)) + share * np.log(np.maximum(b, 1)))
    f0: np.ndarray = np.where(near, between, np.where(share < 0.5, a, b)).astype(np.float32)
    half = folder / "f0_half.npy"
    np.save(half, f0)
    half.replace(kept)
    return f0
