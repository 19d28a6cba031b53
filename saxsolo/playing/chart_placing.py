"""The chart that a person gives for a backing, placed on its clock: by the ear, or by a tempo."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from saxsolo.errors import SettingError
from saxsolo.music.chart_alignment import align
from saxsolo.music.charts.chart import Chart, ChartError
from saxsolo.music.charts.reading import chart_of_text, read_chart
from saxsolo.music.charts.text import write_text
from saxsolo.music.placed_chart import PlacedChart, place_by_tempo

if TYPE_CHECKING:
    import torch

    from saxsolo.weights.loading import Player

    from .settings import Settings

# agreement of the ear with a chart, measured over held-out renders (docs/musicians/charts.md)
SURE, DOUBTFUL = 0.55, 0.4
_INTERVALS = ("", "a semitone", "a tone", "a minor third", "a major third", "a fourth", "a tritone")


def chart_of_settings(settings: Settings) -> Chart | None:
    """The chart of the settings, in the metre that they name; None where they have no chords.

    Raises:
        ChartError: with the bar and the symbol.
    """
    if settings.chords is None:
        return None
    text, metre = settings.chords, settings.metre
    if metre is None:
        return chart_of_text(text)
    if not re.search(r"(?im)^\s*(metre|meter|time)\s*:", text) and "://" not in text:
        # chords that say nothing of a metre are read in this one
        try:
            return chart_of_text(f"Metre: {metre}\n{text}")
        except ValueError:
            pass
    return chart_of_text(text).in_metre(metre)


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
    if settings.first_bar is not None and settings.tempo is not None:
        return place_by_tempo(chart, settings.first_bar, settings.tempo, seconds)
    advice = "give --first-bar and --tempo (first_bar, tempo)"
    if ear is None or player.ear is None:
        raise SettingError(f"{player.solo.name} has no ear to place a chart with; {advice}")
    # the command line reads a chart before it loads torch
    from saxsolo.listening.track import decoded

    music = decoded(player.ear.model, ear, cents)
    arrays = {part: values.numpy() for part, values in ear.items()}
    placed = align(chart, arrays, music, first_bar=settings.first_bar, tempo=settings.tempo)
    if placed is None:
        raise SettingError(f"no beats are heard in {name}, so its chart has no place; {advice}")
    return placed


def chart_notes(placed: PlacedChart) -> list[str]:
    """What a person should know of where the chart lies, one line each."""
    notes = []
    if placed.transposed:
        up = "higher" if placed.transposed > 0 else "lower"
        by = _INTERVALS[abs(placed.transposed)]
        notes.append(f"the track is {by} {up} than the chart; the chart was moved")
    if not placed.inside.any():
        notes.append("the chart was found nowhere in the track; what is heard is played")
    elif placed.agreement is not None and placed.agreement < SURE:
        word = "does not fit" if placed.agreement < DOUBTFUL else "may not fit"
        notes.append(
            f"the chart {word} the track: the ear hears its roots in {placed.agreement:.0%} of the "
            "time; the chart is played all the same"
        )
    return notes
