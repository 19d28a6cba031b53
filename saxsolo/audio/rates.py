"""Sampling rates: sound brought to another one, and to a number of samples."""

from __future__ import annotations

import numpy as np
import soxr

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE


def at_rate(audio: np.ndarray, rate: int, wanted: int = SAMPLING_RATE) -> np.ndarray:
    """Mono audio (n,) at `rate` hertz -> float32 at `wanted` hertz, by default that of pairs."""
    if rate == wanted:
        return audio.astype(np.float32)
    resampled: np.ndarray = soxr.resample(audio, rate, wanted, quality="HQ")
    return resampled.astype(np.float32)


def to_rate(audio: np.ndarray, rate: int, samples: int, wanted: int = SAMPLING_RATE) -> np.ndarray:
    """The same, cut or padded to `samples`."""
    return fit(at_rate(audio, rate, wanted), samples)


def fit(audio: np.ndarray, samples: int) -> np.ndarray:
    """Cut or zero-pad a 1-D array to `samples`."""
    if len(audio) >= samples:
        return audio[:samples]
    return np.pad(audio, (0, samples - len(audio)))
