"""A band that plays the visitor's chart, where the renderer and a sound font are installed.

A Space has neither: it holds only the packages that play.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec

from saxsolo.audio.files import Source
from saxsolo.errors import SettingError
from saxsolo.music.charts.form import played
from saxsolo.music.metre import SLOWEST
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.playing.chart_placing import chart_of_settings
from saxsolo.playing.rendered_band import render_chart
from saxsolo.playing.settings import Settings

from .controls import ANY_FEEL, Controls, checked

# seconds of a band: longer than the longest solo
LONGEST_BAND = 300.0
# the takes of a visitor are played over the same band, whatever their seed
BAND_SEED = 0
# beats a minute, of a chart that names no tempo: only to guess its length
GUESSED_TEMPO = 66.0


@dataclass(frozen=True)
class PageBand:
    """A band to play over: its sound, the settings of a solo over it, its chart on its clock."""

    source: Source
    settings: Settings
    placed: PlacedChart | None


def band_of(controls: Controls) -> PageBand:
    """Renders the chart of the controls; the last band is kept for the next take.

    Raises:
        SettingError: no chart, too long a band, or what is missing on this machine.
    """
    missing = why_no_band()
    if missing:
        raise SettingError(missing)
    controls = checked(controls)
    if not controls.chords.strip():
        raise SettingError("a band needs a chart: write chords in the box, or drop a file there")
    feel = None if controls.feel == ANY_FEEL else controls.feel
    settings = Settings(seed=BAND_SEED, feel=feel, **controls.chart_settings())
    _check_length(settings, int(controls.choruses))
    return _rendered(settings.changed(first_bar=None), int(controls.choruses))


def why_no_band() -> str:
    """What a band lacks on this machine, with the remedy; empty where it can be rendered."""
    if find_spec("saxsolo.corpus") is None:
        return "this server renders no band; choose a track instead"
    from saxsolo.corpus.render.sounds import MissingSoundError, Sounds

    try:
        Sounds().check()
    except MissingSoundError as error:
        return f"no band can be rendered: {error}"
    return ""


def _check_length(settings: Settings, choruses: int) -> None:
    chart = chart_of_settings(settings)
    assert chart is not None, "the box was not empty"
    beats = choruses * sum(chart.bars[index].beats for index in played(chart))
    tempo = max(settings.tempo or chart.tempo or GUESSED_TEMPO, SLOWEST)
    if 60 * beats / tempo > LONGEST_BAND:
        raise SettingError(
            f"{beats} beats would last more than {LONGEST_BAND / 60:.0f} minutes; "
            "choose fewer choruses or a higher tempo"
        )


@lru_cache(maxsize=1)
def _rendered(settings: Settings, choruses: int) -> PageBand:
    band = render_chart(settings, choruses)
    # the stems are not needed here, and are larger than their sum
    return PageBand(band.source, band.settings, band.placed)
