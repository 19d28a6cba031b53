"""The chart of the settings, placed on the clock of a backing by a player's ear or by a tempo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from saxsolo.errors import SettingError
from saxsolo.music.chart_placing import PLACE_ADVICE, chart_in_metre, placed_on
from saxsolo.music.charts.chart import Chart, ChartError
from saxsolo.music.charts.reading import read_chart
from saxsolo.music.charts.text import write_text
from saxsolo.music.placed_chart import PlacedChart

if TYPE_CHECKING:
    import numpy as np
    import torch

    from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
    from saxsolo.weights.loading import Player

    from .settings import Settings


def chart_of_settings(settings: Settings) -> Chart | None:
    """The chart of the settings, in the metre that they name; None where they have no chords.

    Raises:
        ChartError: with the bar and the symbol.
    """
    if settings.chords is None:
        return None
    return chart_in_metre(settings.chords, settings.metre)


def chart_text(chart: Chart | Path | str, tune: str | None = None) -> str:
    """A chart, or the chart of a file, as the settings keep it.

    Args:
        tune: which one of an iReal Pro playlist; the first when None.

    Raises:
        ChartError: for a file that cannot be read, with the bar and the symbol.
    """
    if isinstance(chart, Chart):
        return write_text(chart)
    if isinstance(chart, str) and not _names_a_file(chart):
        raise ChartError(
            f"chart {chart[:40]!r} names no file; give a chart as text with --chords (chords=)"
        )
    return write_text(read_chart(chart, tune))


def _names_a_file(text: str) -> bool:
    """Whether a text is the name of a file rather than a chart."""
    return "|" not in text and "\n" not in text and "://" not in text


def place_chart(
    settings: Settings,
    player: Player,
    ear: Mapping[str, torch.Tensor] | None,
    cents: float,
    seconds: float,
    name: str,
) -> PlacedChart | None:
    """Where the chart of the settings is played in a backing; None where they have no chords.

    Args:
        ear: what the ear heard in the backing, None for a player without one.
        cents: tuning of the backing. seconds: length of the solo. name: of the backing.

    Raises:
        SettingError: no beats are heard, or there is no ear and no first bar and tempo.
        ChartError: with the bar and the symbol.
    """
    chart = chart_of_settings(settings)
    if chart is None:
        return None

    def hearing() -> tuple[Mapping[str, np.ndarray], HeardMusic]:
        if ear is None or player.ear is None:
            raise SettingError(
                f"{player.solo.name} has no ear to place a chart with; {PLACE_ADVICE}"
            )
        # the command line reads a chart before it loads torch
        from saxsolo.listening.track import decoded

        arrays = {part: values.numpy() for part, values in ear.items()}
        return arrays, decoded(player.ear.model, ear, cents)

    return placed_on(chart, seconds, hearing, name, settings.first_bar, settings.tempo)
