"""saxsolo: a saxophone that improvises over a backing track.

    import saxsolo
    take = saxsolo.improvise("backing.wav", seed=1)
    take.save("out")

Names are loaded when they are first used: importing this is quick, torch comes with the first solo.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import AudioError as AudioError
    from .errors import CheckpointError as CheckpointError
    from .errors import OutputError as OutputError
    from .errors import SaxsoloError as SaxsoloError
    from .errors import SettingError as SettingError
    from .music.charts.chart import Chart as Chart
    from .music.charts.chart import ChartError as ChartError
    from .music.charts.reading import read_chart as read_chart
    from .playing.performance import Performance as Performance
    from .playing.performance import improvise as improvise
    from .playing.performance import stream as stream
    from .playing.rendered_band import RenderedBand as RenderedBand
    from .playing.rendered_band import render_band as render_band
    from .playing.round_trip import round_trip as round_trip
    from .playing.settings import Settings as Settings
    from .playing.take import Take as Take
    from .playing.takes import improvise_takes as improvise_takes
    from .weights.loading import Player as Player
    from .weights.loading import load_player as load_player

_PLACES = {
    "AudioError": "errors",
    "CheckpointError": "errors",
    "OutputError": "errors",
    "Performance": "playing.performance",
    "Player": "weights.loading",
    "SaxsoloError": "errors",
    "SettingError": "errors",
    "Settings": "playing.settings",
    "Take": "playing.take",
    "Listening": "listening.heard",
    "improvise": "playing.performance",
    "improvise_takes": "playing.takes",
    "listen": "listening.track",
    "load_player": "weights.loading",
    "Chart": "music.charts.chart",
    "ChartError": "music.charts.chart",
    "RenderedBand": "playing.rendered_band",
    "read_chart": "music.charts.reading",
    "render_band": "playing.rendered_band",
    "round_trip": "playing.round_trip",
    "stream": "playing.performance",
}

__all__ = sorted(_PLACES)


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    if name not in _PLACES:
        raise AttributeError(f"module 'saxsolo' has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _version() -> str:
    """As installed; a copy that was never installed, as in a Space, has no version."""
    try:
        return version("saxsolo")
    except PackageNotFoundError:
        return "0+unknown"
