"""Whether beats divide in two or in three: 4/4 or 12/8, two a bar or 6/8. NumPy alone.

A compound metre has strokes on both thirds of the beat. Swing has them on the last third alone, so
the first third decides, against the half.
"""

from __future__ import annotations

import numpy as np

# columns of onset strength in a second; see `SaxsoloEar.hear`
RATE = 100
# a stroke stands this far out of what lies beside it, as a share of the strokes on the beats
STROKE = 0.1
# faster beats are too short to tell thirds from halves
FASTEST = 140.0
FEWEST = 8
# beats in a bar -> share of beats with a stroke on the first third, less that of beats with one on
# the half, from which thirds are likelier; two a bar are rare but in 6/8
LEVELS = {2: -0.1, 3: 0.5, 4: 0.12}
STEEPNESS = 25.0


def thirds(rises: np.ndarray, beats: np.ndarray, metre: int) -> float:
    """How sure it is that each beat divides in three, 0 to 1.

    A logistic curve over the share of beats that have a stroke on their first third, less the share
    of those that have one on their half.

    Args:
        rises: (F, 2) how much the sound rises in each 10 ms.
        beats: (N,) seconds, rising.
        metre: beats in most bars; 0 for other than 2, 3 or 4.
    """
    level = LEVELS.get(metre)
    if level is None or len(beats) < FEWEST or 60 / float(np.median(np.diff(beats))) > FASTEST:
        return 0.0
    shares = _strokes(rises, beats, [4, 6])
    if shares is None:
        return 0.0
    first, half = shares
    return float(1 / (1 + np.exp(-STEEPNESS * (first - half - level))))


def halves(rises: np.ndarray, beats: np.ndarray) -> float:
    """Share of the beats that have a stroke on their half.

    Args:
        rises: (F, 2) how much the sound rises in each 10 ms. beats: (N,) seconds, rising.
    """
    shares = _strokes(rises, beats, [6]) if len(beats) >= FEWEST else None
    return 0.0 if shares is None else float(shares[0])


def _strokes(rises: np.ndarray, beats: np.ndarray, twelfths: list[int]) -> np.ndarray | None:
    """Share of the beats with a stroke on each of these twelfths, which stands out of both sides;
    None where the beats themselves have none."""
    strength = _on_twelfths(rises.reshape(-1), beats)
    scale = float(np.median(strength[:, 0]))
    if scale <= 0:
        return None
    at = np.array(twelfths)
    out = (strength[:, at] - np.maximum(strength[:, at - 1], strength[:, at + 1])) / scale
    share: np.ndarray = (out > STROKE).mean(axis=0)
    return share


def _on_twelfths(rises: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """(N - 1, 12): the strongest rise around each twelfth of each beat."""
    times = beats[:-1, None] + np.diff(beats)[:, None] * (np.arange(12) / 12)
    columns = np.round(RATE * times).astype(int)
    # the window that measures a rise sees it up to 30 ms late
    around = columns[..., None] + np.arange(-2, 4)
    strongest: np.ndarray = rises[np.clip(around, 0, len(rises) - 1)].max(axis=-1)
    return strongest
