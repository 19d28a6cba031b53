"""The pitch of a monophonic sound, every 16 ms."""

from collections.abc import Iterable
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


def track_pitch_of_blocks(blocks: Iterable[np.ndarray], sampling_rate: int) -> PitchTrack:
    """`track_pitch` of a sound that comes block by block and is never held whole.

    Args:
        blocks: (n,) float32 each, one after another; at least one sample in all.
        sampling_rate: samples a second.
    """
    stream = _detector().stream()
    parts = [stream.push(block, sampling_rate) for block in blocks]
    parts.append(stream.flush())
    names = ("pitch_hz", "confidence", "loudness_db")
    return PitchTrack(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@lru_cache(maxsize=1)
def _detector():
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)
