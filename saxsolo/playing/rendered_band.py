"""No track at all: a band rendered from a chart or a MIDI file, to be played over.

The renderer is loaded when a band is asked for: its libraries come with an extra, and a Space has
no renderer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saxsolo.atomic import output_folder, replacing
from saxsolo.audio.files import Source, open_sound
from saxsolo.audio.writing import write_audio
from saxsolo.errors import OutputError, SettingError
from saxsolo.extras import missing_extra
from saxsolo.music.charts.chart import Chart, ChartError
from saxsolo.music.charts.midi import read_midi_track
from saxsolo.music.placed_chart import PlacedChart, place_by_tempo

from .chart_placing import chart_of_settings, chart_text
from .settings import Settings

if TYPE_CHECKING:
    from saxsolo.corpus.accompany.from_chart import Band

MOST_CHORUSES = 100
MIDI_SUFFIXES = (".mid", ".midi", ".smf", ".kar")
BLOCK = 65_536
# a feel of the band that the soloist has no name for, and the nearest one that it has
SOLO_FEELS = {"bossa": "latin", "samba": "latin", "pop": "funk"}


@dataclass(frozen=True)
class RenderedBand:
    """A band to play over.

    Attributes:
        band: its stems.
        source: their sum, as a backing.
        settings: how to play over it: with its chart, first bar and tempo.
        placed: the chart on its beats; None where there is none.
        choruses: how often the form is played; None for a MIDI file.
    """

    band: Band
    source: Source
    settings: Settings
    placed: PlacedChart | None
    choruses: int | None = None

    def describe(self) -> dict[str, Any]:
        """For run.json: how often the form is played, in which tempo, and the stems."""
        return {
            "choruses": self.choruses,
            "tempo": round(float(self.band.tempo), 2),
            "stems": [f"stems/{name}.wav" for name in self.band.stems],
        }

    def sources(self) -> dict[str, Source]:
        """Each stem as a sound; together they are `source`."""
        return {name: _source(self.band, name, sound) for name, sound in self.band.stems.items()}

    def save(self, folder: Path) -> list[Path]:
        """Writes band.wav and a file for each stem below stems/.

        Raises:
            OutputError: when they cannot be written.
        """
        names = ["band.wav", *(f"stems/{name}.wav" for name in self.band.stems)]
        sounds = [self.band.audio, *self.band.stems.values()]
        with output_folder(folder) as place, output_folder(place / "stems"):
            files = [place / name for name in names]
            with replacing(*files) as partials:
                for partial, sound in zip(partials, sounds, strict=True):
                    blocks = (sound[i : i + BLOCK] for i in range(0, len(sound), BLOCK))
                    write_audio(partial, blocks, self.band.rate, channels=2)
        return files


def render_chart(settings: Settings, choruses: int = 1) -> RenderedBand:
    """A band that plays the chart of the settings.

    Args:
        settings: chords, and tempo, feel and seed where they are given.
        choruses: how often the form is played.

    Raises:
        SettingError: no chart, another feel, too many choruses, or no sound font: with the package.
    """
    chart = chart_of_settings(settings)
    if chart is None:
        raise SettingError("no backing and no chart: give a BACKING, or --chords or --chart")
    if not 1 <= choruses <= MOST_CHORUSES:
        raise SettingError(f"{choruses} choruses is not between 1 and {MOST_CHORUSES}")
    try:
        from saxsolo.corpus.accompany.from_chart import MANNERS, band_of_chart
        from saxsolo.corpus.render.sounds import MissingSoundError
    except ModuleNotFoundError as error:
        raise _no_renderer(error) from error
    if settings.feel is not None and settings.feel not in MANNERS:
        raise SettingError(f"feel {settings.feel!r} is none of {', '.join(MANNERS)}")
    try:
        band = band_of_chart(
            chart, tempo=settings.tempo, feel=settings.feel, choruses=choruses, seed=settings.seed
        )
    except MissingSoundError as error:
        raise SettingError(f"no band can be rendered: {error}") from None
    tempo = float(np.clip(band.tempo, 30.0, 400.0))
    feel = settings.feel and SOLO_FEELS.get(settings.feel, settings.feel)
    how = settings.changed(first_bar=band.first_bar, tempo=tempo, feel=feel)
    seconds = len(band.audio) / band.rate
    placed = place_by_tempo(chart, band.first_bar, band.tempo, seconds)
    placed = replace(placed, rendered=choruses)
    return RenderedBand(band, _source(band, chart.title or "band"), how, placed, choruses)


def render_midi(path: Path, settings: Settings) -> RenderedBand:
    """The band of a MIDI file, with its tempo map and bars kept.

    Args:
        settings: with a chart, which is laid over the file's bars; else the file's own chords.

    Raises:
        ChartError: for a file that cannot be read.
        SettingError: no sound font or mido: with what to install.
    """
    try:
        from saxsolo.corpus.accompany.from_midi import band_of_midi, placed_on_midi
        from saxsolo.corpus.render.sounds import MissingSoundError
    except ModuleNotFoundError as error:
        raise _no_renderer(error) from error
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror}") from error
    try:
        band, placed = band_of_midi(data)
    except MissingSoundError as error:
        raise SettingError(f"{path.name} cannot be played: {error}") from None
    except ChartError as error:
        raise ChartError(f"{path.name}: {error}") from None
    chart = chart_of_settings(settings)
    if chart is not None:
        placed = placed_on_midi(read_midi_track(data), chart)
    elif placed is not None:
        settings = settings.changed(chords=chart_text(placed.chart))
    return RenderedBand(band, _source(band, path.name), settings, placed)


def _no_renderer(error: ModuleNotFoundError) -> SettingError:
    return SettingError(missing_extra(error.name or "the renderer", "corpus"))


def _source(band: Band, name: str, sound: np.ndarray | None = None) -> Source:
    """The band or one of its stems; what a stem lies off zero stays, or they would not sum."""
    samples = band.audio if sound is None else sound
    return replace(open_sound((samples, band.rate)), name=name, keep_offset=True)


def render_band(
    chart: Chart | Path | str,
    *,
    tempo: float | None = None,
    feel: str | None = None,
    choruses: int = 1,
    seed: int = 0,
    metre: str | None = None,
) -> RenderedBand:
    """Renders a band from a chart: bass, chords and drums.

        band = saxsolo.render_band("F7 | Bb7 | F7 | C7", tempo=160, feel="swing", choruses=2)
        take = saxsolo.improvise(band)

    Args:
        chart: a chart, the path of one, or chords as text.
        tempo: beats a minute, as a foot taps them; the chart's, else what is usual.
        feel: swing, waltz, twobeat, ballad, bossa, samba, latin, funk or pop.
        choruses: how often the form is played.
        seed: equal arguments give equal samples on one machine.
        metre: in place of the chart's.

    Raises:
        SaxsoloError: ChartError or SettingError; one line each.
    """
    text = chart if isinstance(chart, str) and not Path(chart).is_file() else chart_text(chart)
    how = Settings(chords=text, tempo=tempo, feel=feel, seed=seed, metre=metre)
    return render_chart(how, choruses)
