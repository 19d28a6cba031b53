"""A chart of text, and its place on the clock of a track: by a tempo, or by what an ear heard.

NumPy alone: `saxsolo.playing` and the programs without torch place charts by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from saxsolo.errors import SettingError
from saxsolo.music.chart_alignment import align
from saxsolo.music.charts.chart import Chart
from saxsolo.music.charts.reading import chart_of_text
from saxsolo.music.placed_chart import PlacedChart, place_by_tempo

# agreement of the ear with a chart, measured over held-out renders (docs/musicians/charts.md)
SURE, DOUBTFUL = 0.55, 0.4
PLACE_ADVICE = "give --first-bar and --tempo (first_bar, tempo)"
_INTERVALS = ("", "a semitone", "a tone", "a minor third", "a major third", "a fourth", "a tritone")

#: what an ear heard: name -> (F, classes) probabilities, and beats, bars and chords out of them
Hearing = Callable[[], tuple[Mapping[str, np.ndarray], HeardMusic]]


def chart_in_metre(text: str, metre: str | None = None) -> Chart:
    """The chart in a text, in a metre where one is named.

    Raises:
        ChartError: with the bar and the symbol.
    """
    if metre is None:
        return chart_of_text(text)
    if not re.search(r"(?im)^\s*(metre|meter|time)\s*:", text) and "://" not in text:
        # chords that say nothing of a metre are read in this one
        try:
            return chart_of_text(f"Metre: {metre}\n{text}")
        except ValueError:
            pass
    return chart_of_text(text).in_metre(metre)


def placed_on(
    chart: Chart,
    seconds: float,
    hearing: Hearing,
    name: str,
    first_bar: float | None = None,
    tempo: float | None = None,
) -> PlacedChart:
    """Where a chart is played in a track.

    Args:
        seconds: length of the music. hearing: asked where first bar and tempo do not say it.
        name: of the track. first_bar: second at which the chart begins. tempo: beats a minute.

    Raises:
        SettingError: no beats are heard.
    """
    if first_bar is not None and tempo is not None:
        return place_by_tempo(chart, first_bar, tempo, seconds)
    heard, music = hearing()
    placed = align(chart, heard, music, first_bar=first_bar, tempo=tempo)
    if placed is None:
        raise SettingError(
            f"no beats are heard in {name}, so its chart has no place; {PLACE_ADVICE}"
        )
    return placed


def check_first_bar(first_bar: float | None, seconds: float, name: str) -> None:
    """Raises:
    SettingError: a chart begins behind the end of its track.
    """
    if first_bar is not None and first_bar >= seconds:
        raise SettingError(
            f"first_bar {first_bar:g} s lies behind the end of {name} ({seconds:.1f} s)"
        )


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
