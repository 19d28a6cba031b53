"""ChordPro (chordpro.org): chord grids between {start_of_grid} and {end_of_grid}.

A bar of a grid has cells; each lasts the same part of the bar, and "." goes on with the chord
before it. Songs whose chords stand in the lyrics say nothing of time and cannot be played from.
"""

from __future__ import annotations

import re
from dataclasses import replace

from .chart import (
    NO_CHORD,
    Chart,
    ChartBar,
    ChartError,
    TimedChord,
    beats_of,
    read_key,
    symbol_in,
)
from .form import unrolled
from .spelling import lead_symbol

BARS_A_LINE = 4
_DIRECTIVE = re.compile(r"\{\s*([a-z_]+)\s*(?:[:\s]\s*([^}]*))?\}", re.IGNORECASE)
_BAR_LINE = re.compile(r"(:?\|+[:.]?(?:\d(?![\w])>?)?)")
_STARTS = {"start_of_grid", "sog"}
_ENDS = {"end_of_grid", "eog"}


def read_chordpro(text: str) -> Chart:
    """The chord grids of a ChordPro song, one after the other.

    Raises:
        ChartError: without a grid, or with the bar and the symbol that cannot be read.
    """
    head = {"time": "4/4"}
    bars: list[ChartBar] = []
    inside, section, grids = False, "", 0
    for line in text.splitlines():
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive:
            name, value = directive[1].lower(), (directive[2] or "").strip()
            if name in _STARTS:
                inside, grids = True, grids + 1
                label = re.search(r'label\s*=\s*"([^"]*)"', value)
                section = label[1] if label else re.sub(r"shape\s*=\s*\S+", "", value).strip()
                section = "" if re.fullmatch(r"[\d+x]*", section) else section
            elif name in _ENDS:
                inside = False
            elif name in ("comment", "c", "ci", "cb") and grids:
                bars = _with_comment(bars, value)
            else:
                head[name] = value
        elif inside and "|" in line:
            row = _row(line, head["time"], bars)
            if row and section:
                row[0] = replace(row[0], section=section)
                section = ""
            bars += row
    if not grids:
        raise ChartError(
            "the ChordPro song has no grid ({start_of_grid}); chords over lyrics have no length"
        )
    tempo = re.search(r"\d+(\.\d+)?", head.get("tempo", ""))
    return Chart(
        tuple(bars),
        head.get("title", head.get("t", "")),
        read_key(head.get("key", "")),
        float(tempo[0]) if tempo and float(tempo[0]) > 0 else None,
        head.get("feel", ""),
    )


def _with_comment(bars: list[ChartBar], text: str) -> list[ChartBar]:
    """Jumps have no sign in a grid; a comment behind their bar says them."""
    jump = re.fullmatch(r"D\.([CS])\.(?: al (Fine|Coda))?", text)
    if not bars:
        return bars
    if jump:
        return [*bars[:-1], replace(bars[-1], jump=text)]
    if text == "Fine":
        return [*bars[:-1], replace(bars[-1], fine=True)]
    if text == "To Coda":
        return [*bars[:-1], replace(bars[-1], to_coda=True)]
    return bars


def _row(line: str, metre: str, before: list[ChartBar]) -> list[ChartBar]:
    """The bars of one line; a label before the first bar line and a remark behind the last go."""
    parts = _BAR_LINE.split(line)
    label, parts = parts[0].strip(), parts[1:]
    bars: list[ChartBar] = []
    for place in range(0, len(parts) - 1, 2):
        sign, cells = parts[place], parts[place + 1].split()
        if sign.startswith(":") and (bars or before):
            target = bars if bars else before
            target[-1] = replace(target[-1], repeat_end=2)
        if place + 2 >= len(parts):
            # what stands behind the last line
            break
        number = len(before) + len(bars) + 1
        ending = re.search(r"\d", sign)
        for chords in _bars_of(cells, metre, [*before, *bars], number):
            bars.append(
                ChartBar(
                    chords,
                    metre,
                    section=label if not bars else "",
                    repeat_start=sign.endswith(":"),
                    endings=(int(ending[0]),) if ending else (),
                    segno=cells[:1] == ["segno"],
                    coda=cells[:1] == ["coda"],
                )
            )
            sign, ending = "|", None
    return bars


def _bars_of(
    cells: list[str], metre: str, before: list[ChartBar], number: int
) -> list[tuple[TimedChord, ...]]:
    cells = [cell for cell in cells if cell not in ("segno", "coda")]
    size = beats_of(metre)
    if "%%" in cells and len(before) >= 2:
        return [before[-2].chords, before[-1].chords]
    if "%" in cells and before:
        return [before[-1].chords]
    if not cells:
        return []
    last = before[-1].chords[-1][0] if before else NO_CHORD
    length = size / len(cells)
    chords: list[TimedChord] = []
    for cell in cells:
        # several chords share a cell: "C~Am"
        names = [cell] if cell in (".", "/") else [name for name in cell.split("~") if name]
        for name in names:
            symbol = last if name in (".", "/") else symbol_in(name, number)
            goes_on = name in (".", "/") and bool(chords)
            part = length / len(names)
            if goes_on:
                chords[-1] = (symbol, chords[-1][1] + part)
            else:
                chords.append((symbol, part))
            last = symbol
    return [tuple((symbol, round(beats, 6)) for symbol, beats in chords)]


def write_chordpro(chart: Chart, subtitle: str = "") -> str:
    """A chord grid with a cell a beat, four bars a line; repeats and endings stay.

    Chords that begin between beats share their beat's cell. Where the metre changes, the grid ends
    and another begins. Repeats of three and endings of several rounds, which a grid cannot say,
    are written out.
    """
    if any(bar.repeat_end > 2 or len(bar.endings) > 1 for bar in chart.bars):
        chart = unrolled(chart)
    lines = [f"{{title: {' '.join(chart.title.split())}}}"]
    if subtitle:
        lines.append(f"{{subtitle: {subtitle}}}")
    if chart.key:
        lines.append(f"{{key: {chart.key}}}")
    lines.append(f"{{time: {chart.metre}}}")
    if chart.tempo is not None:
        lines.append(f"{{tempo: {chart.tempo:g}}}")
    if chart.feel:
        lines.append(f"{{feel: {chart.feel}}}")
    row: list[ChartBar] = []
    metre = ""
    for bar in chart.bars:
        if row and (len(row) == BARS_A_LINE or bar.section or bar.metre != metre):
            lines += _line(row)
            row = []
        if bar.section or bar.metre != metre:
            if metre:
                lines.append("{end_of_grid}")
            if bar.metre != metre and metre:
                lines.append(f"{{time: {bar.metre}}}")
            label = f' label="{bar.section}"' if bar.section else ""
            lines.append(f"{{start_of_grid{label}}}")
        metre = bar.metre
        row.append(bar)
        if bar.jump or bar.fine or bar.to_coda:
            lines += _line(row)
            row = []
            for there, word in ((bar.to_coda, "To Coda"), (bar.fine, "Fine"), (bar.jump, bar.jump)):
                if there:
                    lines.append(f"{{comment: {word}}}")
    if row:
        lines += _line(row)
    lines.append("{end_of_grid}")
    return "\n".join(lines) + "\n"


def _line(row: list[ChartBar]) -> list[str]:
    text = ""
    for place, bar in enumerate(row):
        ended = place > 0 and row[place - 1].repeat_end
        sign = (":|" if ended else "|") + (":" if bar.repeat_start else "")
        if bar.endings:
            sign += str(bar.endings[0])
        signs = ("segno " if bar.segno else "") + ("coda " if bar.coda else "")
        text += f"{sign} {signs}{_cells(bar)} "
    return [text + (":|" if row[-1].repeat_end else "|")]


def _cells(bar: ChartBar) -> str:
    cells: list[list[str]] = [[] for _ in range(bar.beats)]
    place = 0.0
    for symbol, beats in bar.chords:
        name = lead_symbol(symbol).replace("N.C.", "N.C")
        cells[min(int(place), bar.beats - 1)].append(name)
        place += beats
    return " ".join("~".join(cell) if cell else "." for cell in cells)
