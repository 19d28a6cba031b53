"""The sampling rate of the pairs, and the way to it and others."""

from __future__ import annotations

import numpy as np
import soxr

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE


def to_rate(audio: np.ndarray, rate: int, samples: int, wanted: int = SAMPLING_RATE) -> np.ndarray:
    """Mono `audio` at `rate` Hz -> float32 at `wanted` Hz, cut or padded to `samples`."""
    if rate == wanted:
        return fit(audio.astype(np.float32), samples)
    out = soxr.resample(audio, rate, wanted, quality="HQ").astype(np.float32)
    return fit(out, samples)


def fit(audio: np.ndarray, samples: int) -> np.ndarray:
    """Cut or zero-pad a 1-D array to `samples`."""
    if len(audio) >= samples:
        return audio[:samples]
    return np.pad(audio, (0, samples - len(audio)))
