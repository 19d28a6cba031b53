"""True peak of a sound that comes in blocks: the peak of the waveform between the samples too.

ITU-R BS.1770-4, annex 2: the samples at four times their rate, and the largest of them. The
resampler is soxr's; the annex leaves the filter open and gives a shorter one as an example.
"""

import numpy as np
import soxr

OVERSAMPLING = 4


class TruePeakMeter:
    """The largest absolute value of a waveform.

    Args:
        sampling_rate: samples a second.
        channels: how many.
    """

    def __init__(self, sampling_rate: int, channels: int):
        rates = (sampling_rate, OVERSAMPLING * sampling_rate)
        self._resampler = soxr.ResampleStream(*rates, channels, "float32", quality="HQ")
        self._channels = channels
        self._peak = 0.0

    def push(self, samples: np.ndarray) -> None:
        """Take the next samples (n, channels)."""
        samples = np.ascontiguousarray(samples, np.float32)
        self._hear(samples)
        self._hear(self._resampler.resample_chunk(samples))

    def finish(self) -> float:
        """The peak of all that was pushed, 1 is full scale; nothing is pushed after it."""
        nothing = np.zeros((0, self._channels), np.float32)
        self._hear(self._resampler.resample_chunk(nothing, last=True))
        return self._peak

    def _hear(self, samples: np.ndarray) -> None:
        if len(samples):
            self._peak = max(self._peak, float(np.abs(samples).max()))
