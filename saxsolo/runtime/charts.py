"""The chart that a person gives: its place, and what it says in place of the ear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES
from saxsolo.music.chart_placing import Hearing, check_first_bar, placed_on
from saxsolo.music.charts.chart import Chart
from saxsolo.music.placed_chart import PlacedChart

from .spectra import Array


@dataclass(frozen=True)
class GivenChart:
    """A chart and what is known of its place.

    Attributes:
        first_bar: second at which it begins, tempo: beats a minute; by ear where None.
        track: name of the track, for messages.
    """

    chart: Chart
    first_bar: float | None = None
    tempo: float | None = None
    track: str = "the backing"

    def placed(self, seconds: float, hearing: Hearing) -> PlacedChart:
        """Where it is played in a track of so many seconds, see `placed_on`."""
        check_first_bar(self.first_bar, seconds, self.track)
        placed = placed_on(self.chart, seconds, hearing, self.track, self.first_bar, self.tempo)
        return placed.until(seconds)


def told(posteriors: Array, labels: Array) -> Array:
    """Probabilities of all frame labels (41, T), with those that a chart tells, (4, T), certain;
    -100 = heard. As `SaxsoloEncoder._posteriors`."""
    edges = np.cumsum(list(LABEL_SIZES.values()))[:-1]
    parts = [
        np.where(label >= 0, np.arange(len(part))[:, None] == label, part)
        for part, label in zip(np.split(posteriors, edges), labels, strict=True)
    ]
    return np.concatenate(parts).astype(posteriors.dtype)
