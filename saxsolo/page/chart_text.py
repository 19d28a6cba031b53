"""Charts as the page shows them: plain text, bar by bar, from what a visitor pastes or drops."""

from dataclasses import dataclass, replace
from pathlib import Path

from saxsolo.listening.exports import chart_of as heard_chart
from saxsolo.listening.heard import Listening
from saxsolo.music.charts.chart import Chart, ChartError
from saxsolo.music.charts.form import played
from saxsolo.music.charts.ireal import links_in, titles_in
from saxsolo.music.charts.reading import MOST_BYTES, chart_of
from saxsolo.music.charts.text import write_text

from .limits import shown_name

# headers that say what the reader of a text assumes anyway
_ASSUMED = ("Metre: 4/4",)
# tunes of a playlist that are offered
MOST_TUNES = 2000


@dataclass(frozen=True)
class PageChart:
    """A chart of a visitor.

    Attributes:
        text: for the box: as it was typed, or what was read from another format.
        titles: of the tunes of an iReal Pro playlist; empty for one chart.
        facts: "12 bars of 4/4, key F"; empty without a chart.
    """

    text: str
    titles: tuple[str, ...] = ()
    facts: str = ""


def plain(chart: Chart) -> str:
    """The chart as text, four bars a line."""
    lines = write_text(chart).splitlines()
    return "\n".join(line for line in lines if line not in _ASSUMED)


def pasted(text: str, tune: str | None = None) -> PageChart:
    """What stands in the box, read: other formats become plain text, text stays as it is typed.

    Args:
        tune: which one of a playlist; the first when None.

    Raises:
        ChartError: with the bar and the symbol.
    """
    if not text.strip():
        return PageChart("")
    chart = chart_of(text.encode(), title=tune)
    links = links_in(text)
    typed = not links and not text.lstrip().startswith(("{", "<"))
    titles = tuple(titles_in(text))[:MOST_TUNES] if links else ()
    return PageChart(
        text if typed else plain(chart), titles if len(titles) > 1 else (), facts(chart)
    )


def dropped(path: str | Path) -> tuple[PageChart, str]:
    """The chart of a file, and the text of a playlist it holds, which is empty for one chart.

    Raises:
        ChartError: with the name of the file, the bar and the symbol.
    """
    path, name = Path(path), shown_name(Path(path).name)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ChartError(f"more than {MOST_BYTES // 10**6} MB; no chart is that large")
        data = path.read_bytes()
        chart = chart_of(data, path.suffix.lower())
    except OSError:
        raise ChartError(f"{name} was not received; drop it again") from None
    except ChartError as error:
        raise ChartError(f"{name}: {error}") from None
    text = data.decode("utf-8", errors="replace")
    links = links_in(text) if len(data) < MOST_BYTES and b"irealb" in data else []
    if links:
        read = pasted(text)
        return read, text if read.titles else ""
    return PageChart(plain(chart), (), facts(chart)), ""


def heard(listening: Listening) -> str:
    """What was heard in a track, bar by bar, ready to be edited.

    Raises:
        SettingError: no bars were heard.
    """
    return plain(replace(heard_chart(listening), title="", key="", tempo=None))


def facts(chart: Chart) -> str:
    """How long the form is, and what the chart says of itself."""
    bars = len(played(chart))
    parts = [f"{bars} bar{'s' if bars > 1 else ''} of {chart.metre}"]
    if len({bar.metre for bar in chart.bars}) > 1:
        parts[0] = f"{bars} bars, the first of {chart.metre}"
    if chart.title:
        parts.insert(0, chart.title)
    if chart.key:
        parts.append(f"key {chart.key}")
    if chart.tempo is not None:
        parts.append(f"{chart.tempo:g} beats a minute")
    if chart.feel:
        parts.append(chart.feel)
    return ", ".join(parts)
