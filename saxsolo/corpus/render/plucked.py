"""A sampled double bass, plucked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy import signal

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE

_PITCH_CLASS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


class PluckedBass:
    """Meatbass pizzicato, played here and not by sfizz: its round robins are drawn by chance.

    Files are named note, octave (A0 = 21), velocity layer 1-4 and round robin 1-4:
    eb2_vl3_rr2.flac.
    """

    def __init__(self, folder: Path) -> None:
        self._files: dict[tuple[int, int], list[Path]] = {}
        for path in sorted(folder.glob("*_vl*_rr*.flac")):
            name, layer, _ = path.stem.split("_")
            note = _PITCH_CLASS[name[0]] + {"b": -1, "s": 1, "#": 1}.get(name[1], 0)
            pitch = note + 12 * (int(name[-1]) + 1)
            self._files.setdefault((pitch, int(layer[2:])), []).append(path)
        if not self._files:
            raise FileNotFoundError(f"no samples like eb2_vl3_rr2.flac in {folder}")
        self._samples: dict[Path, tuple[np.ndarray, float]] = {}

    def _sample(self, path: Path, pitch: int) -> tuple[np.ndarray, float]:
        """A sample from its attack on, float32 at 32 kHz, and how many cents it is sharp."""
        if path not in self._samples:
            audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
            mono = soxr.resample(audio.mean(axis=1), rate, SAMPLING_RATE).astype(np.float32)
            # sound that starts late in the file would drag behind the beat
            loud = np.flatnonzero(np.abs(mono) > 0.05 * np.abs(mono).max())
            mono = mono[max(0, int(loud[0]) - 64) : 4 * SAMPLING_RATE]
            self._samples[path] = mono, cents_sharp(mono, pitch)
        return self._samples[path]

    def play(self, notes: Sequence[tuple[float, float, int, int]], samples: int) -> np.ndarray:
        """Notes (onset s, duration s, MIDI pitch, velocity) -> float32 mono, (samples,)."""
        out = np.zeros(samples + 5 * SAMPLING_RATE, dtype=np.float32)
        pitches = sorted({pitch for pitch, _ in self._files})
        turn = 0
        for onset, duration, pitch, velocity in notes:
            nearest = min(pitches, key=lambda p: (abs(p - pitch), p))
            layer = 1 + int(np.searchsorted((32, 65, 97), velocity, side="right"))
            files = self._files.get((nearest, layer)) or self._files[(nearest, 2)]
            turn += 1
            sound, sharp = self._sample(files[turn % len(files)], nearest)
            step = 2.0 ** ((pitch - nearest - sharp / 100) / 12)
            count = min(int(len(sound) / step) - 2, int((duration + 0.08) * SAMPLING_RATE))
            if count < 64:
                continue
            at = np.arange(count) * step
            played = np.interp(at, np.arange(len(sound)), sound).astype(np.float32)
            release = min(count, int(0.08 * SAMPLING_RATE))
            played[-release:] *= np.linspace(1, 0, release, dtype=np.float32)
            start = max(0, round(onset * SAMPLING_RATE))
            if start >= samples:
                continue
            out[start : start + count] += played * (0.3 + 0.7 * velocity / 127)
        return out[:samples]


def cents_sharp(sound: np.ndarray, pitch: int) -> float:
    """How far a plucked note is above its MIDI pitch, in cents; 0 where it has no clear period.

    The best period within a semitone of the expected one, by autocorrelation of the 0.4 s that
    follow the attack, refined by a parabola. The samples lie up to 40 cents off the piano.
    """
    steady = sound[SAMPLING_RATE // 20 : SAMPLING_RATE * 9 // 20].astype(np.float64)
    period = SAMPLING_RATE / (440 * 2 ** ((pitch - 69) / 12))
    low, high = int(period * 0.944), int(period * 1.06) + 2
    if len(steady) < 4 * high:
        return 0.0
    match = signal.correlate(steady, steady, mode="full", method="fft")[len(steady) - 1 :]
    best = low + int(np.argmax(match[low:high]))
    if not low < best < high - 1 or match[best] < 0.3 * match[0]:
        return 0.0
    left, middle, right = match[best - 1 : best + 2]
    best += (left - right) / (2 * (left - 2 * middle + right))
    return float(1200 * np.log2(period / best))
