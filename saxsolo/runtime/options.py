"""The options of the command line without torch, and the chart that they give."""

import argparse
from pathlib import Path

from saxsolo.music.chart_placing import chart_in_metre
from saxsolo.music.charts.reading import read_chart
from saxsolo.music.charts.text import write_text
from saxsolo.music.metre import FASTEST, SLOWEST

from .charts import GivenChart


def add_playing_options(parser: argparse.ArgumentParser) -> None:
    """How to play and over which chart, as `saxsolo improvise` has it."""
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--instrument", default="tenor")
    parser.add_argument("--temperature", type=float, help="0 takes the likeliest")
    parser.add_argument(
        "--chords", help='the chart: "F7 | Bb7 | F7 | Cm7 F7", or an iReal Pro link'
    )
    parser.add_argument(
        "--chart",
        type=Path,
        help="file with the chart: text, iReal Pro, MusicXML, ChordPro, .lab, MIDI, JSON",
    )
    parser.add_argument("--tune", help="which tune of an iReal Pro playlist")
    parser.add_argument(
        "--first-bar", type=float, help="second at which the chart begins; heard when left out"
    )
    parser.add_argument(
        "--tempo", type=float, help="beats a minute of the chart; heard when left out"
    )
    parser.add_argument("--metre", help="of the chart, such as 3/4")


def chart_of_options(given: argparse.Namespace) -> GivenChart | None:
    """The chart of the options; None where there is none.

    Args:
        given: backing, and what `add_playing_options` adds.

    Raises:
        ValueError: for two charts, a place without a chart, or one out of range; ChartError with
            the bar and the symbol.
    """
    if given.chords is not None and given.chart is not None:
        raise ValueError("--chords and --chart are both given; give one chart")
    if given.tune is not None and given.chart is None:
        raise ValueError("--tune names a tune of a playlist; give --chart too")
    if given.chords is None and given.chart is None:
        for option in ("first_bar", "tempo", "metre"):
            if getattr(given, option) is not None:
                name = option.replace("_", "-")
                raise ValueError(f"--{name} says where a chart is played; give its chords too")
        return None
    if given.tempo is not None and not SLOWEST <= given.tempo <= FASTEST:
        raise ValueError(f"tempo is {given.tempo}; it must lie in {SLOWEST:g}..{FASTEST:g}")
    if given.first_bar is not None and not given.first_bar >= 0:
        raise ValueError(f"first_bar is {given.first_bar}; give 0 or more")
    text = given.chords
    if text is None:
        text = write_text(read_chart(given.chart, given.tune))
    chart = chart_in_metre(text, given.metre)
    return GivenChart(chart, given.first_bar, given.tempo, Path(given.backing).name)
