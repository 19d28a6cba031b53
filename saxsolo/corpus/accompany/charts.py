"""Chord charts: what a band is given to play.

Charts come from a CSV of chord changes of jazz standards (package parkR of Klaus Frieler, MIT:
`irealpro_changes.csv.gz`) and from progressions written here. Which tunes a model may learn from is
decided by title alone: titles of held-out solos never, a share by hash for validation.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from saxsolo.corpus.scores.splits import title_key
from saxsolo.music.chord_symbols import ChordError, parse_chord, transpose_chord

CHARTS_FILE = "irealpro_changes.csv.gz"
SOURCE_METRES = {"4/4": 4, "3/4": 3, "5/4": 5}
#: shares of the titles by hash
FOREIGN_SHARE, VALIDATION_SHARE = 0.055, 0.05

BarChords = tuple[tuple[str, float], ...]


class ChartError(ValueError):
    """A file of chord charts that cannot be read."""


@dataclass(frozen=True)
class Chart:
    """A tune's chords: for each bar (symbol, beats) in its own metre; sections by first bars."""

    title: str
    size: int
    bars: tuple[BarChords, ...]
    sections: tuple[int, ...] = (0,)

    def transpose(self, semitones: int) -> Chart:
        """The chart in another key."""
        bars = tuple(
            tuple((transpose_chord(symbol, semitones), beats) for symbol, beats in bar)
            for bar in self.bars
        )
        return replace(self, bars=bars)

    def refit(self, size: int) -> Chart:
        """The chart in bars of another number of beats: chords keep their share of the bar."""
        if size == self.size:
            return self
        return replace(self, size=size, bars=tuple(_refit(bar, self.size, size) for bar in
                                                   self.bars))  # fmt: skip

    def halved(self) -> Chart:
        """Every half of a bar of four becomes a bar of two beats."""
        bars: list[BarChords] = []
        for bar in self.bars:
            bars += _halves(bar, self.size)
        sections = tuple(2 * section for section in self.sections)
        return replace(self, size=self.size // 2, bars=tuple(bars), sections=sections)


def _refit(bar: BarChords, old: int, new: int) -> BarChords:
    starts: dict[int, str] = {}
    place = 0.0
    for symbol, beats in bar:
        aim = int(place * new / old + 0.5)
        if aim < new and aim not in starts:
            starts[aim] = symbol
        place += beats
    order = sorted(starts)
    ends = [*order[1:], new]
    return tuple((starts[at], float(end - at)) for at, end in zip(order, ends, strict=True))


def _halves(bar: BarChords, size: int) -> list[BarChords]:
    out: list[list[tuple[str, float]]] = [[], []]
    place = 0.0
    half = size / 2
    for symbol, beats in bar:
        for side in range(2):
            low, high = max(place, side * half), min(place + beats, (side + 1) * half)
            if high > low:
                out[side].append((symbol, high - low))
        place += beats
    return [tuple(side) for side in out]


_SYMBOL = re.compile(r"(?P<root>[A-G][#b]?)(?P<rest>[^/]*)(?:/(?P<bass>[A-G][#b]?))?")
_NAMED = {
    "": "", "maj": "", "min": "-", "min6": "-6", "min7": "-7", "min9": "-79", "min11": "-711",
    "min13": "-713", "minmaj7": "-j7", "minmaj9": "-j79", "minb6": "-", "min69": "-69",
    "maj7": "j7", "maj9": "j79", "maj13": "j713", "maj711#": "j711#", "maj7+": "+j7",
    "maj911#": "j7911#", "6": "6", "69": "69", "add9": "9", "m7b5": "m7b5", "min7b5": "m7b5",
    "m9b5": "m7b5", "o": "o", "o7": "o7", "+": "+", "sus": "sus", "7": "7", "7alt": "7alt",
    "7b5": "711#", "9b5": "7911#", "2": "9", "5": "",
}  # fmt: skip
_NUMBERS = re.compile(r"(?:7|9|11|13)[#b]?")


def weimar_symbol(name: str) -> str:
    """A chord of the CSV in the spelling of saxsolo.music.chord_symbols.

    Raises ChordError for what has no such spelling.
    """
    match = _SYMBOL.fullmatch(name)
    if match is None:
        raise ChordError(f"cannot read the chord {name!r} of the charts")
    rest = match["rest"]
    quality = _NAMED.get(rest)
    if quality is None:
        quality = _dominant(rest)
    symbol = match["root"] + quality + (f"/{match['bass']}" if match["bass"] else "")
    parse_chord(symbol)
    return symbol


def _dominant(rest: str) -> str:
    """7+, 9sus, 79#+, 13b9b and the like."""
    mark = ""
    for text, sign in (("sus", "sus"), ("+", "+")):
        if text in rest:
            mark, rest = sign, rest.replace(text, "")
    rest = rest.replace("b5", "11#")
    numbers = _NUMBERS.findall(rest)
    if "".join(numbers) != rest or not numbers:
        raise ChordError(f"cannot read the quality {rest!r} of a chord of the charts")
    extensions = sorted((n for n in numbers if n != "7"), key=lambda n: int(n.rstrip("#b")))
    return mark + "7" + "".join(extensions)


def read_charts(folder: Path | str) -> list[Chart]:
    """All charts of the folder's CSV that fill whole bars of 3/4, 4/4 or 5/4.

    Raises ChartError where the file is missing or broken.
    """
    path = Path(folder) / CHARTS_FILE
    tunes: dict[str, list[dict[str, str]]] = {}
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                tunes.setdefault(row["compid"], []).append(row)
    except (OSError, EOFError, UnicodeDecodeError, KeyError) as error:
        raise ChartError(
            f"cannot read {path} ({error}): it should be the chord changes of the R package parkR"
        ) from error
    charts = [_chart(rows) for rows in tunes.values()]
    return [chart for chart in charts if chart is not None]


def _chart(rows: list[dict[str, str]]) -> Chart | None:
    size = SOURCE_METRES.get(rows[0]["time"])
    if size is None or any(row["time"] != rows[0]["time"] for row in rows):
        return None
    bars: list[list[tuple[str, float]]] = []
    sections = []
    place = 0.0
    section = None
    try:
        for row in rows:
            symbol, beats = weimar_symbol(row["chord"]), float(row["duration"])
            if row["section"] != section and place % size == 0:
                sections.append(int(place // size))
            section = row["section"]
            while beats > 0:
                if place % size == 0:
                    bars.append([])
                part = min(beats, size - place % size)
                bars[-1].append((symbol, part))
                place, beats = place + part, beats - part
    except (ChordError, ValueError):
        return None
    if place % size or len(bars) < 8:
        return None
    return Chart(rows[0]["title"], size, tuple(tuple(bar) for bar in bars), tuple(sections))


def plain_title(title: str) -> str:
    """`title_key` of a title with its article in front and remarks in brackets gone."""
    title = re.sub(r"\(.*?\)|\[.*?\]", "", title)
    match = re.fullmatch(r"(.*), (The|A|An)\s*", title)
    if match:
        title = f"{match[2]} {match[1]}"
    return title_key(title)


def chart_split(title: str, held_out: Iterable[str]) -> str:
    """`train`, `validation` or `foreign` (for the second arranger alone), by the title.

    `held_out`: titles of the solos of validation and test; they are foreign.
    """
    key = plain_title(title)
    if key in {plain_title(other) for other in held_out}:
        return "foreign"
    place = int.from_bytes(hashlib.sha256(f"chart {key}".encode()).digest()[:4], "big") / 2**32
    if place < FOREIGN_SHARE:
        return "foreign"
    return "validation" if place < FOREIGN_SHARE + VALIDATION_SHARE else "train"
