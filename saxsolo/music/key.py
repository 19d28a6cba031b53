"""The key of a tune from its chords.

Each chord has a probability in each of the 24 keys, by its degree and quality. The tables are
counted over the 1,173 keyed charts of the iRealPro collection in parkR (MIT, Klaus Frieler), each
tune with the same weight, each chord by its duration. With a fifth of the charts left out in turn
they name the key of 78 % of those, and that key or its relative in 82 %
(`saxsolo measure key --charts FOLDER`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import PITCH_NAMES

QUALITIES = 7
# how many independent chords a tune is worth: neighbours follow from each other
EVIDENCE = 8.0
# added to each count, so that nothing is impossible
SMOOTHING = 0.5
TUNE_WEIGHT = 32.0
# natural logarithms, a row for each semitone above the tonic; columns: major, minor, dominant,
# half-diminished, diminished, suspended, augmented
# fmt: off
PROFILES = np.array((
    (
        (-1.8, -4.1, -3.0, -8.7, -6.3, -6.1, -7.4),
        (-5.1, -5.8, -4.6, -7.4, -5.5, -8.9, -11.1),
        (-5.5, -2.2, -3.1, -5.1, -9.1, -7.1, -11.1),
        (-5.0, -5.3, -4.8, -9.2, -4.8, -7.4, -11.1),
        (-5.1, -3.3, -3.7, -4.9, -7.8, -7.1, -10.0),
        (-3.2, -3.8, -3.6, -8.4, -7.5, -6.7, -9.8),
        (-6.1, -5.1, -4.9, -5.1, -5.5, -8.7, -9.5),
        (-5.2, -4.1, -2.1, -7.1, -7.8, -5.1, -8.9),
        (-4.8, -5.9, -4.3, -7.8, -7.0, -8.0, -10.1),
        (-6.0, -3.1, -2.9, -6.5, -7.9, -7.1, -11.1),
        (-4.9, -5.3, -3.8, -8.7, -8.3, -7.5, -11.1),
        (-6.1, -5.1, -4.0, -5.0, -8.8, -8.1, -10.2),
    ),
    (
        (-4.5, -1.2, -3.6, -9.3, -8.2, -5.8, -9.3),
        (-4.3, -4.9, -4.2, -7.3, -9.3, -7.6, -9.3),
        (-6.3, -4.0, -3.7, -3.1, -9.3, -6.4, -9.3),
        (-3.4, -4.7, -4.0, -7.9, -7.0, -6.0, -8.8),
        (-5.7, -5.1, -5.0, -6.4, -7.4, -9.3, -9.3),
        (-4.7, -2.7, -3.7, -7.2, -8.8, -7.5, -9.3),
        (-5.6, -6.7, -5.1, -7.1, -6.4, -7.6, -9.3),
        (-5.9, -4.2, -2.1, -5.4, -6.6, -5.7, -9.3),
        (-3.3, -4.9, -3.4, -7.6, -7.4, -7.9, -9.3),
        (-6.1, -4.9, -4.7, -4.4, -6.2, -7.8, -9.3),
        (-4.6, -4.0, -3.6, -7.8, -7.5, -5.8, -9.3),
        (-4.9, -5.8, -5.3, -6.7, -6.7, -7.7, -9.3),
    ),
))
# fmt: on

TimedChord = tuple[int | None, int, float]
"""Root 0 to 11 or None, quality as in chord_symbols.QUALITY_NAMES, duration in any unit."""


@dataclass(frozen=True)
class Key:
    """A key and how sure it is.

    Attributes:
        tonic: 0 = C .. 11.
        minor: minor rather than major.
        confidence: probability among the 24 keys, 0 to 1.
    """

    tonic: int
    minor: bool
    confidence: float

    @property
    def name(self) -> str:
        """As a musician writes it: "Eb major"."""
        return f"{PITCH_NAMES[self.tonic]} {'minor' if self.minor else 'major'}"


def estimate_key(chords: Iterable[TimedChord], profiles: np.ndarray | None = None) -> Key | None:
    """The likeliest of the 24 keys; None where no chord has a root.

    Args:
        profiles: (2, 12, 7) log-probabilities in place of PROFILES.
    """
    scores = _key_scores(chords, PROFILES if profiles is None else profiles)
    if scores is None:
        return None
    probabilities = np.exp(scores - np.logaddexp.reduce(scores, axis=None))
    minor, tonic = np.unravel_index(int(scores.argmax()), scores.shape)
    return Key(int(tonic), bool(minor), float(probabilities.max()))


def _key_scores(chords: Iterable[TimedChord], profiles: np.ndarray) -> np.ndarray | None:
    """Log-likelihoods (2, 12) of mode and tonic."""
    scores, total = np.zeros((2, 12)), 0.0
    tonics = np.arange(12)
    for root, quality, duration in chords:
        if root is None or quality >= QUALITIES or duration <= 0:
            continue
        total += duration
        scores += duration * profiles[:, (root - tonics) % 12, quality]
    return EVIDENCE * scores / total if total else None


def fit_profiles(tunes: Sequence[tuple[int, bool, Sequence[TimedChord]]]) -> np.ndarray:
    """PROFILES (2, 12, 7) from tunes of known key.

    Args:
        tunes: tonic, whether minor, and the chords of each.
    """
    counts = np.full((2, 12, QUALITIES), SMOOTHING)
    for tonic, minor, chords in tunes:
        known = [(r, q, d) for r, q, d in chords if r is not None and q < QUALITIES]
        total = sum(duration for *_, duration in known)
        for root, quality, duration in known:
            counts[int(minor), (root - tonic) % 12, quality] += TUNE_WEIGHT * duration / total
    return np.asarray(np.log(counts / counts.sum(axis=(1, 2), keepdims=True)))
