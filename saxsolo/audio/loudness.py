"""Loudness of a sound of any length, by blocks: ITU-R BS.1770-4.

pyloudnorm has the filters and the same sum over a whole array; an hour of stereo as float64 would
be 2 GB there. Here the filters keep their state and only the energies of 100 ms steps stay.
"""

import math

import numpy as np
import pyloudnorm
from scipy.signal import lfilter

GATE_ABSOLUTE = -70.0
GATE_RELATIVE = -10.0
OFFSET = -0.691
STEPS_IN_BLOCK = 4


class LoudnessMeter:
    """Integrated loudness and peak of samples that come in blocks.

    Args:
        sampling_rate: samples a second, a multiple of 10.
        channels: 1 or 2.
    """

    def __init__(self, sampling_rate: int, channels: int):
        if sampling_rate % 10:
            raise ValueError(f"sampling_rate={sampling_rate} is not a multiple of 10; resample it")
        self.peak = 0.0
        self._step = sampling_rate // 10
        filters = (
            pyloudnorm.IIRfilter(4.0, 1 / math.sqrt(2), 1500.0, sampling_rate, "high_shelf"),
            pyloudnorm.IIRfilter(0.0, 0.5, 38.0, sampling_rate, "high_pass"),
        )
        self._filters = [(f.passband_gain * f.b, f.a) for f in filters]
        self._states = [np.zeros((2, channels)) for _ in filters]
        self._rest = np.zeros((0, channels))
        self._energies: list[float] = []

    def push(self, samples: np.ndarray) -> None:
        """Takes the next samples (n, channels)."""
        if not len(samples):
            return
        self.peak = max(self.peak, float(np.abs(samples).max()))
        weighted = samples.astype(np.float64)
        for i, (b, a) in enumerate(self._filters):
            weighted, self._states[i] = lfilter(b, a, weighted, axis=0, zi=self._states[i])
        joined = np.concatenate([self._rest, weighted])
        whole = len(joined) // self._step * self._step
        steps = joined[:whole].reshape(-1, self._step, joined.shape[1])
        self._energies.extend(np.square(steps).mean(1).sum(1).tolist())
        self._rest = joined[whole:]

    @property
    def loudness(self) -> float | None:
        """LUFS of what was pushed; None when all of it is below the gate (silence)."""
        steps = np.array(self._energies)
        if len(steps) < STEPS_IN_BLOCK:
            return None
        blocks = np.convolve(steps, np.full(STEPS_IN_BLOCK, 1 / STEPS_IN_BLOCK), "valid")
        heard = blocks[_lufs(blocks) >= GATE_ABSOLUTE]
        if not len(heard):
            return None
        heard = heard[_lufs(heard) > _lufs(heard.mean()) + GATE_RELATIVE]
        return float(_lufs(heard.mean()))


def _lufs(energy: np.ndarray) -> np.ndarray:
    return OFFSET + 10 * np.log10(np.maximum(energy, 1e-12))
