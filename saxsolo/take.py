"""A take: the solo that was played, the mix with its backing, and how it came about."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from dataset_scripts.score import Note

from .audio import Source
from .loudness import LoudnessMeter
from .output import PEAK, Scratch, output_folder, replacing, write_wav

BLOCK = 65_536
# the soloist stands a little in front of the band
SOLO_ABOVE_BACKING = 1.0
MAX_GAIN = 10.0


@dataclass
class Take:
    """What `improvise` gives.

    Attributes:
        sampling_rate: samples a second of solo and mix.
        codes: (N, T) int16, what the model wrote: the score stream first where it has one.
        notes: the notes of the score stream; empty for a model without one.
        run: seed, settings, weights, versions and times, as written to run.json.
    """

    sampling_rate: int
    codes: np.ndarray
    notes: list[Note]
    run: dict
    _backing: Source
    _solo: Scratch

    @cached_property
    def solo(self) -> np.ndarray:
        """(n,) float32, the saxophone alone, aligned with the backing's first sample."""
        return self._solo.read()

    @cached_property
    def mix(self) -> np.ndarray:
        """(n, channels) float32, solo and backing balanced by loudness, peak below -1 dBFS."""
        return np.concatenate(list(self._mixed_blocks()))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self._solo.length / self.sampling_rate

    def save(self, folder: str | os.PathLike) -> Path:
        """Writes solo.wav, mix.wav and run.json: all three, or nothing.

        Args:
            folder: made if it is missing; files of an earlier take in it are replaced.

        Returns:
            The folder.

        Raises:
            OutputError: when it cannot be written.
        """
        with output_folder(folder) as place:
            files = [place / name for name in ("solo.wav", "mix.wav", "run.json")]
            with replacing(*files) as (solo, mix, run):
                quieter = min(1.0, PEAK / max(self._solo.peak, PEAK))
                blocks = (quieter * block for block in self._solo.blocks(BLOCK))
                write_wav(solo, blocks, self.sampling_rate)
                write_wav(mix, self._mixed_blocks(), self.sampling_rate, self._backing.channels)
                run.write_text(json.dumps(self.run, indent=2) + "\n", encoding="utf-8")
        return place

    def _pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of the solo (n, 1) and of the backing (n, channels), side by side."""
        backing = self._backing.blocks(BLOCK, self.sampling_rate, self._solo.length, mono=False)
        for solo, band in zip(self._solo.blocks(BLOCK), backing, strict=True):
            yield solo[:, None], band

    def _mixed_blocks(self) -> Iterator[np.ndarray]:
        band_meter = LoudnessMeter(self.sampling_rate, self._backing.channels)
        solo_meter = LoudnessMeter(self.sampling_rate, self._backing.channels)
        for solo, band in self._pairs():
            band_meter.push(band)
            solo_meter.push(np.repeat(solo, self._backing.channels, axis=1))
        gain = balance(solo_meter.loudness, band_meter.loudness)
        peak = max((float(np.abs(gain * s + b).max()) for s, b in self._pairs()), default=0.0)
        quieter = PEAK / max(peak, PEAK)
        for solo, band in self._pairs():
            yield (quieter * (gain * solo + band)).astype(np.float32)


def balance(solo: float | None, backing: float | None) -> float:
    """Factor for the solo that puts it `SOLO_ABOVE_BACKING` over the backing.

    Args:
        solo, backing: LUFS, None for silence, which leaves the solo as it is.
    """
    if solo is None or backing is None:
        return 1.0
    gain = 10 ** ((backing + SOLO_ABOVE_BACKING - solo) / 20)
    return min(max(gain, 1 / MAX_GAIN), MAX_GAIN)
