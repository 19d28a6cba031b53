"""The pitch of a monophonic sound, every 16 ms: the one place that calls SwiftF0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

HOP_SECONDS = 256 / 16000
Samples = npt.NDArray[np.float32]
if TYPE_CHECKING:
    from swift_f0 import SwiftF0

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

    hertz: npt.NDArray[np.floating]
    confidence: npt.NDArray[np.floating]
    level: npt.NDArray[np.floating]

    @property
    def times(self) -> npt.NDArray[np.floating]:
        """(F,) seconds."""
        return np.arange(len(self.hertz)) * HOP_SECONDS


def track_pitch(audio: Samples, sampling_rate: int) -> PitchTrack:
    """Tracks the pitch with SwiftF0 (arXiv:2508.18440), 47 to 2094 Hz; needs swift-f0.

    Args:
        audio: (n,) float32, finite, n >= 1.
        sampling_rate: samples a second.
    """
    result = _detector().detect(audio, sampling_rate)
    return PitchTrack(result.pitch_hz, result.confidence, result.loudness_db)


def track_pitch_of_blocks(blocks: Iterable[Samples], sampling_rate: int) -> PitchTrack:
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


def track_f0(
    audio: Samples, sampling_rate: int
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """`track_pitch` as times in seconds and hertz with 0 = unvoiced, (F,) each."""
    track = track_pitch(audio, sampling_rate)
    return track.times, np.where(track.confidence >= SURE, track.hertz, 0.0)


@lru_cache(maxsize=1)
def _detector() -> SwiftF0:
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)
