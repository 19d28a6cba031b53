"""Confidence intervals by the percentile bootstrap (Efron 1979): cases are drawn again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEVELS = (0.025, 0.975)

Generator = np.random.Generator


def resamples(count: int, draws: int, rng: int | Generator) -> npt.NDArray[np.int64]:
    """Which cases each draw takes, (draws, count): `count` of 0 .. count - 1, with repetition.

    Args:
        rng: a seed, or a generator to go on with.
    """
    return np.random.default_rng(rng).integers(0, count, (draws, count))


def percentile_interval(statistics: npt.ArrayLike) -> tuple[float, float]:
    """95 % of a statistic over the draws (draws,): its 2.5th and 97.5th percentile."""
    low, high = np.quantile(np.asarray(statistics, dtype=float), LEVELS)
    return float(low), float(high)
