"""One sampling rate for all that is compared: that of the cases, whatever a codec's is."""

from __future__ import annotations

import numpy as np
import soxr

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE


def at_rate(audio: np.ndarray, rate: int, wanted: int = SAMPLING_RATE) -> np.ndarray:
    """Mono audio (n,) at `rate` hertz -> float32 at `wanted` hertz."""
    if rate == wanted:
        return audio.astype(np.float32)
    resampled: np.ndarray = soxr.resample(audio, rate, wanted, quality="HQ")
    return resampled.astype(np.float32)
