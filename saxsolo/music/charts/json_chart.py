"""Charts as JSON, with every sign that a chart can have:

    {"title": "Blues", "key": "F", "tempo": 140, "feel": "swing",
     "bars": [{"metre": "4/4", "chords": [["F7", 4]], "section": "A"}, {"chords": [["Bb7", 4]]}]}

A bar without a metre has that of the bar before it. `"bars": ["F7", "Bb7 F7"]` will do too.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from .chart import (
    MOST_BARS,
    Chart,
    ChartBar,
    ChartError,
    TimedChord,
    beats_of,
    read_key,
    shared,
    symbol_in,
)
from .spelling import lead_symbol

_KINDS = {"repeat_start": bool, "segno": bool, "coda": bool, "to_coda": bool, "fine": bool,
          "repeat_end": int, "section": str, "jump": str}  # fmt: skip


def read_json(text: str) -> Chart:
    """A chart from JSON.

    Raises:
        ChartError: for what is no JSON, or no chart, with the bar.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ChartError(f"the chart is not JSON: {error}") from None
    if not isinstance(given, dict) or not isinstance(given.get("bars"), list):
        raise ChartError('a chart in JSON is an object with a list of "bars"')
    unknown = set(given) - {"title", "key", "tempo", "feel", "metre", "bars"}
    if unknown:
        raise ChartError(f"the chart has an unknown key {sorted(unknown)[0]!r}")
    tempo = given.get("tempo")
    if tempo is not None and (isinstance(tempo, bool) or not isinstance(tempo, int | float)):
        raise ChartError(f"tempo {tempo!r} is no number")
    metre = _text(given.get("metre", "4/4"), "metre")
    bars: list[ChartBar] = []
    for number, row in enumerate(given["bars"][: MOST_BARS + 1], 1):
        if isinstance(row, str):
            row = {"chords": row}
        if not isinstance(row, dict):
            raise ChartError(f'bar {number} is no object with "chords"')
        metre = _text(row.get("metre", metre), f"bar {number}: metre")
        bars.append(_bar(row, metre, number))
    return Chart(
        tuple(bars),
        _text(given.get("title", ""), "title"),
        read_key(_text(given.get("key", ""), "key")),
        None if tempo is None or tempo <= 0 else float(tempo),
        _text(given.get("feel", ""), "feel"),
    )


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ChartError(f"{name} {str(value)[:20]!r} is no text")
    return value


def _bar(row: dict[str, Any], metre: str, number: int) -> ChartBar:
    known = {field.name for field in fields(ChartBar)}
    unknown = set(row) - known
    if unknown:
        raise ChartError(f"bar {number} has an unknown key {sorted(unknown)[0]!r}")
    signs: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        if name in row:
            value = row[name]
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise ChartError(f"bar {number}: {name} is {value!r}, no {kind.__name__}")
            signs[name] = value
    endings = row.get("endings", [])
    if not isinstance(endings, list) or not all(isinstance(n, int) for n in endings):
        raise ChartError(f"bar {number}: endings are {endings!r}, no list of numbers")
    chords = _chords(row.get("chords"), beats_of(metre), number)
    return ChartBar(chords, metre, endings=tuple(endings), **signs)


def _chords(given: Any, beats: int, number: int) -> tuple[TimedChord, ...]:
    if isinstance(given, str):
        names = given.split() or ["N.C."]
        return shared([symbol_in(name, number) for name in names], beats)
    if not isinstance(given, list) or not given:
        raise ChartError(f'bar {number} has no "chords"')
    if all(isinstance(item, str) for item in given):
        return shared([symbol_in(name, number) for name in given], beats)
    chords = []
    for item in given:
        if not (isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)):
            raise ChartError(f'bar {number}: {str(item)[:30]!r} is no ["C7", 4]')
        length = item[1]
        if isinstance(length, bool) or not isinstance(length, int | float):
            raise ChartError(f"bar {number}: {item[0]!r} lasts {length!r}, no number of beats")
        chords.append((symbol_in(item[0], number), float(length)))
    return tuple(chords)


def write_json(chart: Chart) -> str:
    """The chart as JSON that `read_json` reads back to an equal chart."""
    bars = []
    for bar in chart.bars:
        row: dict[str, Any] = {
            "metre": bar.metre,
            "chords": [[lead_symbol(symbol), beats] for symbol, beats in bar.chords],
        }
        row |= {name: getattr(bar, name) for name in _KINDS if getattr(bar, name)}
        if bar.endings:
            row["endings"] = list(bar.endings)
        bars.append(row)
    head = {"title": chart.title, "key": chart.key, "tempo": chart.tempo, "feel": chart.feel}
    kept = {name: value for name, value in head.items() if value}
    return json.dumps({**kept, "bars": bars}, indent=1, ensure_ascii=False) + "\n"
