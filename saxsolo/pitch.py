"""The pitch of a monophonic sound, every 16 ms."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

HOP_SECONDS = 256 / 16000
# below this the tracker calls a frame unvoiced
SURE = 0.5


@dataclass(frozen=True)
class PitchTrack:
    """Pitch over time, one value every `HOP_SECONDS`, the first at 0.

    Attributes:
        hertz: (F,), of no meaning where the confidence is low.
        confidence: (F,) 0..1; from `SURE` on there is a pitch.
        level: (F,) dB of full scale.
    """

    hertz: np.ndarray
    confidence: np.ndarray
    level: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """(F,) seconds."""
        return np.arange(len(self.hertz)) * HOP_SECONDS


def track_pitch(audio: np.ndarray, sampling_rate: int) -> PitchTrack:
    """Tracks the pitch with SwiftF0 (arXiv:2508.18440), 47 to 2094 Hz; needs swift-f0.

    Args:
        audio: (n,) float32, finite, n >= 1.
        sampling_rate: samples a second.
    """
    found = _detector().detect(audio, sampling_rate)
    return PitchTrack(found.pitch_hz, found.confidence, found.loudness_db)


@lru_cache(maxsize=1)
def _detector():
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)
