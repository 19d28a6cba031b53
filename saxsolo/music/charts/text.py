"""Charts as plain text, as people type them:

    Title: Blue Bossa
    Key: Cm
    Metre: 4/4
    [A] ||: Cm7 | % | Fm7 | % | Dm7b5 | G7alt | 1. Cm7 | % :|| 2. Cm7 | Dm7b5 G7 ||

`|` stands between bars and a line ends one. `%` repeats the bar before it, an empty bar too.
Chords share a bar evenly (4 = 2 + 2, 3 = 2 + 1); a slash is one more beat of the chord before it:
`C / / G7`. `(3/4)` changes the metre. `1.`, `2.`: endings; `:|| x3`: three times; `Segno`,
`To Coda`, `Coda`, `Fine`, `D.C. al Fine`, `D.S. al Coda`: what they say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from .chart import (
    NO_CHORD,
    Chart,
    ChartBar,
    ChartError,
    TimedChord,
    beats_of,
    read_key,
    shared,
    symbol_in,
)
from .form import played
from .spelling import lead_symbol
from .typed import plain_line, plain_metre

BARS_A_LINE = 4
_HEADER = re.compile(
    r"(?im)^[ \t]*(title|key|metre|meter|time|tempo|feel|style|composer)[ \t]*[:=][ \t]*(.*)$"
)
_SECTION_LINE = re.compile(r"^[ \t]*([A-Za-z][\w' -]{0,20}):(?![|:])(.*)$")
_TOKEN = re.compile(
    r"(?P<space>[ \t]+)"
    r"|(?P<line>\n)"
    r"|(?P<section>\[[^\]\d.|][^\]|]{0,30}\])"
    r"|(?P<bar>:?\|+:?(?:[ ]*\|+:)?|𝄆|𝄇)"
    r"|(?P<times>\(?[x×][ ]?(?P<count>\d{1,2})\)?(?![\w/]))"
    r"|(?P<ending>\[?(?P<rounds>\d(?:[.,-]\d)*)\.\]?|\[(?P<open>\d(?:[.,]\d)*)\.?\]?)"
    r"|(?P<metre>\(?(?P<signature>\d{1,2}/(?:1|2|4|8|16))\)?(?!\w))"
    r"|(?P<jump>\(?D\.?[ ]?(?P<from>[CS])\.?(?:[ ]?al[ ]?(?P<al>Fine|Coda))?\)?(?![\w#/]))"
    r"|(?P<tocoda>\(?to[ ]coda\)?)"
    r"|(?P<sign>\(?(?:segno|𝄋|coda|𝄌|fine)\)?(?!\w))"
    r"|(?P<again>%|𝄎)"
    r"|(?P<slash>[/.](?=[ \t\n|:]|$))"
    r"|(?P<chord>[^\s|%]+)",
    re.IGNORECASE,
)


def read_text(text: str) -> Chart:
    """A chart from text; see the module for what is understood.

    Raises:
        ChartError: with the number of the bar and the symbol.
    """
    head: dict[str, str] = {}
    for name, value in _HEADER.findall(text):
        head.setdefault(name.lower(), value.strip())
    body = _HEADER.sub("", text)
    metre = head.get("metre") or head.get("meter") or head.get("time") or "4/4"
    reader = _Reader(plain_metre(metre))
    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        reader.read_line(plain_line(line))
    chart = Chart(
        tuple(reader.finished()),
        title=head.get("title", ""),
        key=_key(head.get("key", "")),
        tempo=_tempo(head.get("tempo", "")),
        feel=head.get("feel") or head.get("style", ""),
    )
    _check_endings(chart)
    return chart


def _check_endings(chart: Chart) -> None:
    """Refuses an ending that is never reached: its bars would be lost without a word."""
    if not any(bar.endings for bar in chart.bars):
        return
    reached = set(played(chart))
    for index, bar in enumerate(chart.bars):
        if bar.endings and index not in reached:
            raise ChartError(
                f"bar {index + 1}: ending {bar.endings[0]} is never played; end the one before it "
                "with :||"
            )


def _key(text: str) -> str:
    key = read_key(text)
    if text and not key:
        raise ChartError(f"Key: {text[:20]!r} is no key; write Eb or Cm, or leave the line out")
    return key


def _chord(text: str, bar: int) -> str:
    """A symbol in the inner spelling; "Do7" and "Dom7" are refused, which are French C7 and Cm7, or
    English Ddim7."""
    if re.fullmatch(r"\(?\d+/\d+\)?", text):
        raise ChartError(f"bar {bar}: {text[:20]!r} is no time signature; write (3/4) or (6/8)")
    if text.startswith("Do"):
        raise ChartError(
            f"bar {bar}: cannot read the chord {text[:20]!r}: Do is C in English; write English "
            "note names (D diminished is Ddim)"
        )
    return symbol_in(text, bar)


def _tempo(text: str) -> float | None:
    found = re.search(r"\d+(?:\.\d+)?", text)
    value = float(found[0]) if found else 0.0
    return value if value > 0 else None


@dataclass
class _Open:
    """A bar that is being read."""

    items: list[str] = field(default_factory=list)
    section: str = ""
    repeat_start: bool = False
    endings: tuple[int, ...] = ()
    segno: bool = False
    coda: bool = False
    to_coda: bool = False
    fine: bool = False
    jump: str = ""
    again: bool = False
    written: bool = False

    @property
    def empty(self) -> bool:
        return not self.items and not self.again


class _Reader:
    def __init__(self, metre: str) -> None:
        beats_of(metre)
        self.metre = metre
        self.bars: list[ChartBar] = []
        self.open = _Open()
        # whether a single bar line stands before what comes: "| |" is an empty bar
        self.after_line = False

    def read_line(self, line: str) -> None:
        named = _SECTION_LINE.match(line)
        if named and _is_section(named[1]):
            self.open.section = named[1].strip()
            line = named[2]
        for match in _TOKEN.finditer(line):
            self._take(match)
        self._close()
        self.after_line = False

    def _take(self, match: re.Match[str]) -> None:
        kind, bar = match.lastgroup, self.open
        text = match[0].strip("()[] \t")
        # lastgroup names the innermost group that closed last
        kinds = ("space", "section", "bar", "times", "ending", "metre", "jump", "tocoda", "sign",
                 "again", "slash", "chord")  # fmt: skip
        kind = next((name for name in kinds if match.groupdict().get(name)), kind)
        if kind == "space":
            return
        if kind == "bar":
            self._bar_line(match[0])
            return
        if kind == "section":
            bar.section = text.strip()
        elif kind == "times":
            self._repeat_times(int(match["count"]))
        elif kind == "ending":
            found = match["rounds"] or match["open"]
            bar.endings = tuple(sorted({int(number) for number in re.findall(r"\d", found)}))
        elif kind == "metre":
            beats_of(match["signature"])
            self.metre = match["signature"]
        elif kind == "jump":
            self._jump(match)
        elif kind == "tocoda":
            self._at_end("to_coda", True)
        elif kind == "sign":
            self._sign(text.lower())
        elif kind == "again":
            if not self.bars and not bar.items:
                raise ChartError("bar 1: % repeats the bar before it, and there is none")
            bar.again = True
        else:
            bar.items.append("/" if kind == "slash" else match[0])

    def _sign(self, name: str) -> None:
        if name in ("segno", "𝄋"):
            self.open.segno = True
        elif name == "fine":
            self._at_end("fine", True)
        else:
            self.open.coda = True

    def _jump(self, match: re.Match[str]) -> None:
        al = f" al {match['al'].capitalize()}" if match["al"] else ""
        self._at_end("jump", f"D.{match['from'].upper()}.{al}")

    def _at_end(self, name: str, value: bool | str) -> None:
        """A sign at the end of the open bar, or of the last where none has begun."""
        if self.open.empty and self.bars:
            changes: dict[str, bool | str] = {name: value}
            self.bars[-1] = replace(self.bars[-1], **changes)  # type: ignore[arg-type]
        else:
            setattr(self.open, name, value)

    def _repeat_times(self, count: int) -> None:
        if not self.bars or not self.bars[-1].repeat_end or not self.open.empty:
            raise ChartError(f"bar {len(self.bars) + 1}: x{count} stands behind no repeat sign :||")
        self.bars[-1] = replace(self.bars[-1], repeat_end=max(1, count))

    def _bar_line(self, line: str) -> None:
        line = line.replace("𝄆", "|:").replace("𝄇", ":|").replace(" ", "")
        plain = line == "|"
        if plain and self.after_line and self.open.empty:
            self.open.again = True
        self._close()
        if line.startswith(":"):
            if not self.bars:
                raise ChartError("bar 1: a repeat ends before the first bar; begin it with ||:")
            self.bars[-1] = replace(self.bars[-1], repeat_end=2)
        if line.endswith(":"):
            self.open.repeat_start = True
        self.after_line = plain

    def _close(self) -> None:
        """Ends the open bar, where there is anything in it."""
        bar = self.open
        if bar.empty:
            return
        number = len(self.bars) + 1
        self.bars.append(
            ChartBar(
                self._chords(bar, number),
                self.metre,
                bar.section,
                bar.repeat_start,
                0,
                bar.endings,
                bar.segno,
                bar.coda,
                bar.to_coda,
                bar.fine,
                bar.jump,
            )
        )
        self.open = _Open()

    def _chords(self, bar: _Open, number: int) -> tuple[TimedChord, ...]:
        size = beats_of(self.metre)
        before = self.bars[-1] if self.bars else None
        if not bar.items:
            if before is None:
                return ((NO_CHORD, float(size)),)
            if before.metre == self.metre:
                return before.chords
            return ((before.chords[-1][0], float(size)),)
        if bar.again:
            raise ChartError(f"bar {number}: % stands beside chords; it repeats a whole bar")
        if "/" in bar.items:
            return self._beat_by_beat(bar.items, size, number)
        names, lengths = [], []
        for item in bar.items:
            name, star, length = item.partition("*")
            names.append(_chord(name, number))
            lengths.append(_length(length, item, number) if star else None)
        if any(lengths):
            if not all(lengths):
                raise ChartError(f"bar {number}: give each of its chords a length, or none")
            return tuple((n, float(b or 0)) for n, b in zip(names, lengths, strict=True))
        if len(names) > 2 * size:
            raise ChartError(
                f"bar {number} has {len(names)} chords in {size} beats, the first "
                f"{bar.items[0]!r}; write | between bars"
            )
        return shared(names, size)

    def _beat_by_beat(self, items: list[str], size: int, number: int) -> tuple[TimedChord, ...]:
        if len(items) > size:
            raise ChartError(f"bar {number} has {len(items)} chords and slashes in {size} beats")
        chords: list[TimedChord] = []
        for item in items:
            if item == "/":
                if not chords:
                    last = self.bars[-1].chords[-1][0] if self.bars else NO_CHORD
                    chords.append((last, 1.0))
                else:
                    chords[-1] = (chords[-1][0], chords[-1][1] + 1)
            else:
                chords.append((_chord(item, number), 1.0))
        chords[-1] = (chords[-1][0], chords[-1][1] + size - len(items))
        return tuple(chords)

    def finished(self) -> list[ChartBar]:
        """All bars."""
        return self.bars


def _length(text: str, item: str, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 100:
        raise ChartError(f"bar {number}: {item[:20]!r} has no length behind its *; write C7*1.5")
    return value


def _is_section(name: str) -> bool:
    """Whether a word before a colon names a section: "A:", "Verse 2:", but not "C7:"."""
    if re.fullmatch(r"[A-Za-z]\d?'?", name):
        return True
    try:
        symbol_in(name, 0)
    except ChartError:
        return True
    return False


def write_text(chart: Chart) -> str:
    """The chart as text that `read_text` reads back to an equal chart, four bars a line."""
    head = {"Title": chart.title, "Key": chart.key, "Feel": chart.feel}
    lines = [f"{name}: {_one_line(value)}" for name, value in head.items() if value]
    lines.append(f"Metre: {chart.metre}")
    if chart.tempo is not None:
        lines.append(f"Tempo: {chart.tempo:g}")
    row: list[str] = []
    metre = chart.metre
    for number, bar in enumerate(chart.bars):
        if row and (len(row) >= BARS_A_LINE or bar.section):
            lines.append(_joined(row))
            row = []
        before = chart.bars[number - 1] if number else None
        row.append(_written(bar, before, metre))
        metre = bar.metre
    lines.append(_joined(row))
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _joined(row: list[str]) -> str:
    """Bars with lines between; a repeat sign is a line of its own."""
    line = row[0]
    for cell in row[1:]:
        signed = _ENDS.search(line) or cell.startswith("||:")
        line += (" " if signed else " | ") + cell
    return line if _ENDS.search(line) else line + " |"


_ENDS = re.compile(r":\|\|( x\d+)?( (to coda|fine|D\.[CS]\.( al \w+)?))*$")


def _written(bar: ChartBar, before: ChartBar | None, metre: str) -> str:
    words = []
    if bar.section:
        words.append(f"[{_one_line(bar.section)}]")
    if bar.repeat_start:
        words.append("||:")
    if bar.endings:
        words.append(".".join(str(number) for number in bar.endings) + ".")
    if bar.metre != metre:
        words.append(f"({bar.metre})")
    if bar.segno:
        words.append("segno")
    if bar.coda:
        words.append("coda")
    same = before is not None and before.metre == bar.metre and before.chords == bar.chords
    marked = bar.section or bar.endings or bar.repeat_start or bar.segno or bar.coda
    words.append("%" if same and not marked else _cells(bar))
    for there, word in ((bar.to_coda, "to coda"), (bar.fine, "fine")):
        if there:
            words.append(word)
    if bar.jump:
        words.append(bar.jump)
    if bar.repeat_end:
        words.append(":||" + (f" x{bar.repeat_end}" if bar.repeat_end != 2 else ""))
    return " ".join(words)


def _cells(bar: ChartBar) -> str:
    names = [lead_symbol(symbol) for symbol, _ in bar.chords]
    if bar.chords == shared([symbol for symbol, _ in bar.chords], bar.beats):
        return " ".join(names)
    if all(beats == int(beats) for _, beats in bar.chords):
        cells = [
            name + " /" * (int(beats) - 1)
            for name, (_, beats) in zip(names, bar.chords, strict=True)
        ]
        return " ".join(cells)
    return " ".join(f"{n}*{beats!r}" for n, (_, beats) in zip(names, bar.chords, strict=True))
