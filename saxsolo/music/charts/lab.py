"""Chord annotations in seconds: .lab lines in the syntax of Harte and others (ISMIR 2005).

    0.000  1.714  D:min7
    1.714  3.428  G:7

The syntax: Harte, Sandler, Abdallah and Gomez, Symbolic Representation of Musical Chords. A chord
keeps its times, so no alignment is needed: `read_lab` gives them, and `chart_of_lab` guesses bars.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from saxsolo.music.chord_symbols import ChordError, pitch_class

from .chart import Chart, ChartBar, ChartError, beats_of
from .form import played
from .spelling import NO_CHORD, advice, read_symbol

MOST_CHORDS = 20_000
# shorthand -> quality of the inner spelling
_SHORT = {
    "maj": "", "min": "-", "7": "7", "maj7": "j7", "min7": "-7", "dim": "o", "dim7": "o7",
    "hdim7": "m7b5", "hdim": "m7b5", "minmaj7": "-j7", "maj6": "6", "6": "6", "min6": "-6",
    "9": "79", "maj9": "j79", "min9": "-79", "sus4": "sus", "sus2": "sus", "aug": "+",
    "11": "711", "min11": "-711", "13": "713", "maj13": "j713", "min13": "-713", "1": "",
    "5": "", "maj(9)": "9", "min(9)": "-9", "maj6(9)": "69", "min6(9)": "-69",
    "sus4(b7)": "sus7", "sus4(b7,9)": "sus79", "7(#9)": "79#", "7(b9)": "79b", "7(#11)": "711#",
    "maj7(#11)": "j711#", "aug(b7)": "+7", "aug(7)": "+j7", "7(b13)": "713b", "": "",
    "7(#5,b9,#9)": "7alt",
}  # fmt: skip
_DEGREES = {"2": 2, "3": 4, "4": 5, "5": 7, "6": 9, "7": 11, "9": 2, "11": 5, "13": 9}
_ROOT = re.compile(r"([A-G])([#b]*)")
_NAMES = {quality: short for short, quality in _SHORT.items() if short not in ("hdim", "maj6", "1",
          "5", "sus2", "maj")}  # fmt: skip


class Span(NamedTuple):
    """A chord from second to second, in the inner spelling."""

    start: float
    end: float
    symbol: str


def read_harte(text: str) -> str:
    """A chord in Harte's syntax in the inner spelling: "D:min7/b7" becomes "D-7/C".

    Raises:
        ChordError: for what is none.
    """
    if text in ("N", "X", "NC"):
        return NO_CHORD
    body, _, degree = text.partition("/")
    name, _, short = body.partition(":")
    root = _ROOT.fullmatch(name)
    if root is None:
        how = advice(name, "write it as D:min7 or N")
        raise ChordError(f"cannot read the chord {text[:20]!r}{how}")
    shown = re.sub(r"\*\w+,?", "", short).replace(",)", ")").replace("()", "")
    quality = _SHORT.get(shown)
    if quality is None:
        quality = _SHORT.get(shown.partition("(")[0])
    if quality is None:
        raise ChordError(f"cannot read the quality {short[:20]!r} of the chord {text[:20]!r}")
    symbol = read_symbol(name) + quality
    if degree:
        symbol += "/" + _bass(read_symbol(name), degree, text)
    return symbol


def _bass(root: str, degree: str, text: str) -> str:
    from modeling_saxsolo.vocabulary_saxsolo import PITCH_NAMES

    match = re.fullmatch(r"([#b]*)(\d+)", degree)
    if match is None or match[2] not in {*_DEGREES, "1"}:
        raise ChordError(f"cannot read the bass {degree[:10]!r} of the chord {text[:20]!r}")
    step = _DEGREES.get(match[2], 0) + match[1].count("#") - match[1].count("b")
    return PITCH_NAMES[(pitch_class(root) + step) % 12]


def harte(symbol: str) -> str:
    """The inner spelling in Harte's syntax; what that has no word for loses its extensions."""
    if symbol in (NO_CHORD, ""):
        return "N"
    body, _, bass = symbol.partition("/")
    root = body[:2] if body[1:2] in ("#", "b") else body[:1]
    quality = body[len(root) :]
    short = _NAMES.get(quality)
    while short is None:
        shorter = re.sub(r"(9|11|13)[#b]?$", "", quality)
        if shorter == quality:
            short = "maj"
            break
        quality, short = shorter, _NAMES.get(shorter)
    text = f"{root}:{short or 'maj'}"
    if bass:
        step = (pitch_class(bass) - pitch_class(root)) % 12
        degree = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")[step]
        text += f"/{degree}"
    return text


def read_lab(text: str) -> list[Span]:
    """Chords with their times.

    Raises:
        ChartError: with the line and the chord.
    """
    spans: list[Span] = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split()
        if not parts or line.startswith("#"):
            continue
        if len(parts) < 3 or len(spans) >= MOST_CHORDS:
            raise ChartError(f"line {number} of the .lab file is no start, end and chord")
        try:
            start, end = float(parts[0]), float(parts[1])
            span = Span(start, end, read_harte(parts[2]))
        except ChordError as error:
            raise ChartError(f"line {number}: {error}") from None
        except ValueError:
            raise ChartError(f"line {number}: {line[:40]!r} does not begin with seconds") from None
        if not (0 <= start < end < 1e6) or (spans and start < spans[-1].end - 0.01):
            raise ChartError(f"line {number}: {start:g} to {end:g} s is out of order")
        spans.append(span)
    if not spans:
        raise ChartError("the .lab file holds no chords")
    return spans


def chart_of_lab(spans: list[Span], metre: str = "4/4") -> Chart:
    """Bars out of chords in seconds: the bar is the length that fits most chord changes.

    Chords last whole beats. What comes before the first chord and after the last is left out.

    Raises:
        ChartError: where no length of a bar fits.
    """
    inside = list(spans)
    while inside and inside[0].symbol == NO_CHORD:
        inside.pop(0)
    while inside and inside[-1].symbol == NO_CHORD:
        inside.pop()
    if not inside:
        raise ChartError("the .lab file holds no chords but N")
    size = beats_of(metre)
    beat = _beat(inside, size)
    cells: list[str] = []
    for span in inside:
        wanted = round((span.end - inside[0].start) / beat)
        cells += [span.symbol] * (wanted - len(cells))
    cells += [cells[-1]] * (-len(cells) % size)
    bars = []
    for first in range(0, len(cells), size):
        chords: list[tuple[str, float]] = []
        for symbol in cells[first : first + size]:
            if chords and chords[-1][0] == symbol:
                chords[-1] = (symbol, chords[-1][1] + 1)
            else:
                chords.append((symbol, 1.0))
        bars.append(ChartBar(tuple(chords), metre))
    return Chart(tuple(bars), tempo=round(60 / beat, 2))


def _beat(spans: list[Span], size: int) -> float:
    """Seconds of a beat, 0.2 to 1.4, of which the chords' lengths are multiples, best of bars."""
    lengths = [span.end - span.start for span in spans]
    unit = sorted(lengths)[len(lengths) // 2]
    best, chosen = float("inf"), 0.0
    for parts in range(1, 33):
        beat = unit / parts
        if not 0.2 <= beat <= 1.4:
            continue
        apart = sum(abs(length / beat - round(length / beat)) for length in lengths)
        whole = sum(round(length / beat) % size != 0 for length in lengths)
        odd = apart / len(lengths) + 0.1 * whole / len(lengths) + 0.002 * abs(beat - 0.45)
        if odd < best:
            best, chosen = odd, beat
    if not chosen:
        raise ChartError(f"the chords of the .lab file last {unit:.2f} s: no bars fit them")
    first, last = spans[0].start, spans[-1].end
    return (last - first) / max(1, round((last - first) / chosen))


def write_lab(chart: Chart, tempo: float | None = None, start: float = 0.0) -> str:
    """One chorus of the chart in seconds, at its own tempo or the one given, else 120."""
    beat = 60 / (tempo or chart.tempo or 120.0)
    rows: list[list[float | str]] = []
    place = start
    for index in played(chart):
        for symbol, beats in chart.bars[index].chords:
            end = place + beats * beat
            if rows and rows[-1][2] == harte(symbol):
                rows[-1][1] = end
            else:
                rows.append([place, end, harte(symbol)])
            place = end
    return "".join(f"{a:.3f}\t{b:.3f}\t{name}\n" for a, b, name in rows)
