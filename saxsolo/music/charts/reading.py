"""One door for charts of every format: by what a file holds, not by its name alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .chart import Chart, ChartError
from .chordpro import read_chordpro, write_chordpro
from .form import check_repeats, played, without_open_repeats
from .ireal import links_in, read_ireal, write_ireal
from .json_chart import read_json, write_json
from .lab import chart_of_lab, read_lab, write_lab
from .midi import read_midi
from .musicxml import read_musicxml
from .text import read_text, write_text

MOST_BYTES = 20_000_000
#: format -> its text
WRITERS: dict[str, Callable[[Chart], str]] = {
    "txt": write_text,
    "ireal": write_ireal,
    "chordpro": write_chordpro,
    "json": write_json,
    "lab": write_lab,
}
KINDS = "plain text, iReal Pro, MusicXML, ChordPro, .lab, MIDI, JSON"


def read_chart(path: Path | str, title: str | None = None) -> Chart:
    """The chart of a file, whatever its format.

    Args:
        title: which tune of an iReal Pro playlist; the first when None.

    Raises:
        ChartError: for a file that cannot be read, with its name, the bar and the symbol.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ChartError(f"{path} has {size} bytes, more than a chart may have ({MOST_BYTES})")
        data = path.read_bytes()
    except OSError as error:
        raise ChartError(f"chart {path} cannot be read: {error.strerror}") from error
    try:
        chart = chart_of(data, path.suffix.lower(), title)
    except ChartError as error:
        raise ChartError(f"{path.name}: {error}") from None
    if title is not None and chart.title.casefold() != title.casefold():
        raise ChartError(
            f"{path.name} holds one chart and no tune {title[:40]!r}; leave --tune (tune) out"
        )
    if chart.title:
        return chart
    return Chart(chart.bars, path.stem, chart.key, chart.tempo, chart.feel)


def chart_of(data: bytes, suffix: str = "", title: str | None = None) -> Chart:
    """The chart in the bytes of a file.

    Args:
        suffix: of its name, ".lab"; decides only where the bytes do not.

    Raises:
        ChartError: with the bar and the symbol.
    """
    if data.startswith(b"MThd") or (data.startswith(b"RIFF") and data[8:12] == b"RMID"):
        return read_midi(data[data.index(b"MThd") :] if b"MThd" in data else data)
    if data.startswith(b"PK"):
        return _as_programs_play(read_musicxml(data))
    text = _decoded(data)
    start = text.lstrip()[:400].lower()
    if "<score-" in text[:20_000] or suffix in (".musicxml", ".mxl", ".xml"):
        return _as_programs_play(read_musicxml(data))
    return chart_of_text(text, suffix, title, start)


def _as_programs_play(chart: Chart) -> Chart:
    """The chart of a notation program, if its jumps can be played; a repeat that it never ends is
    played once, as the program itself does."""
    played(chart)
    return without_open_repeats(chart)


def chart_of_text(
    text: str, suffix: str = "", title: str | None = None, start: str | None = None
) -> Chart:
    """The chart in a text: an iReal link, JSON, ChordPro, .lab or plain text.

    Raises:
        ChartError: with the bar and the symbol; for a form that cannot be played too.
    """
    chart = _of_text(text, suffix, title, start)
    if links_in(text):
        return _as_programs_play(chart)
    played(chart)
    check_repeats(chart)
    return chart


def _of_text(text: str, suffix: str, title: str | None, start: str | None) -> Chart:
    start = text.lstrip()[:400].lower() if start is None else start
    if links_in(text):
        return read_ireal(text, title)
    if start.startswith(('{"', '{ "', "{\n")) or suffix == ".json":
        return read_json(text)
    if "start_of_grid" in text or "{sog" in text or start.startswith("{title"):
        return read_chordpro(text)
    if suffix in (".cho", ".crd", ".chopro", ".chordpro", ".pro"):
        return read_chordpro(text)
    if suffix == ".lab":
        return chart_of_lab(read_lab(text))
    if start.startswith(("<!doctype html", "<html")):
        raise ChartError("the page holds no iReal Pro chart; expected a link irealb://...")
    return read_text(text)


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text:
        raise ChartError(f"the file is none of {KINDS}")
    return text
