"""Charts of iReal Pro: links `irealb://` (scrambled) and `irealbook://`, and HTML that holds them.

The format has no official description of the scrambled kind. What is known of it comes from
irealpro.com ("Custom chord chart protocol") and from the readers pianosnake/ireal-reader and
drs251/pyRealParser (MIT): fields between `=`, songs between `===`, and a song's music behind the
mark `1r34LbKcu7`, with blocks of fifty letters swapped around their middle.

In a bar each chord or blank is a cell; a chord lasts until the next one's cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote

from .chart import (
    MOST_BARS,
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
from .spelling import ireal_symbol

MARK = "1r34LbKcu7"
_LINK = re.compile(r"(irealb(?:ook)?)://([^\"'<>\s]*)")
_METRES = {"128": "12/8", "12": "12/8", "44": "4/4", "34": "3/4", "24": "2/4", "54": "5/4",
           "64": "6/4", "74": "7/4", "22": "2/2", "32": "3/2", "58": "5/8", "68": "6/8",
           "78": "7/8", "98": "9/8"}  # fmt: skip
_TOKEN = re.compile(
    r"(?P<comment><[^>]*>)"
    r"|(?P<alternate>\([^)]*\))"
    r"|\*(?P<section>.)"
    r"|T(?P<metre>128|\d\d)"
    r"|N(?P<ending>\d)"
    r"|(?P<line>[\[\]{}|Z])"
    r"|(?P<sign>[SQfUYslp])"
    r"|(?P<again>Kcl|[xr])"
    r"|(?P<none>n)"
    r"|(?P<chord>[A-GW][#b]?(?:\*[^*]*\*|[+\-^0-9hob#suadlt])*(?:/[A-G][#b]?)?)"
    r"|(?P<cell> )"
    r"|(?P<comma>,)"
)
_SECTIONS = {"I": "Intro", "V": "Verse", "i": "Intro", "v": "Verse"}


def links_in(text: str) -> list[tuple[str, str]]:
    """(scheme, what follows) of each link in a text or HTML page; one alone may hold blanks."""
    alone = re.fullmatch(r"\s*(irealb(?:ook)?)://([^\"<>\n]*?)\s*", text)
    if alone:
        return [(alone[1], unquote(alone[2]))]
    return [(scheme, unquote(rest.replace("&amp;", "&"))) for scheme, rest in _LINK.findall(text)]


def read_ireal(text: str, title: str | None = None) -> Chart:
    """The chart of a link, or of a playlist in a link or an HTML page.

    Args:
        title: which tune of a playlist; the first when None.

    Raises:
        ChartError: no link, no such tune, or a bar that cannot be read.
    """
    songs = [song for scheme, rest in links_in(text) for song in _songs(scheme, rest)]
    if not songs:
        raise ChartError("no iReal Pro chart was found; expected a link irealb://...")
    if title is None:
        return _chart(songs[0])
    for song in songs:
        if song.title.casefold() == title.casefold():
            return _chart(song)
    some = ", ".join(song.title for song in songs[:5])
    raise ChartError(f"no tune {title!r} is in the playlist of {len(songs)}: {some}, ...")


def titles_in(text: str) -> list[str]:
    """Titles of all tunes of a link or HTML page."""
    return [song.title for scheme, rest in links_in(text) for song in _songs(scheme, rest)]


@dataclass(frozen=True)
class _Song:
    title: str
    style: str
    key: str
    music: str
    tempo: float | None = None


def _songs(scheme: str, text: str) -> list[_Song]:
    if scheme == "irealbook":
        parts = [part.strip() for part in text.split("=")]
        rows = [parts[i : i + 6] for i in range(0, len(parts) - 5, 6)]
        return [_Song(r[0], r[2], r[3], r[5]) for r in rows if r[5]]
    songs = []
    for song in text.split("==="):
        # fields may be empty, so the music is found by its mark
        fields = song.split("=")
        at = next((i for i, value in enumerate(fields) if value.startswith(MARK)), None)
        if at is None:
            continue
        before = [value.strip() for value in fields[:at] if value.strip()]
        after = [value for value in fields[at + 1 :] if value.strip()]
        tempo = next((float(v) for v in after if re.fullmatch(r"\d{2,3}", v)), None)
        known = before + [""] * (4 - len(before))
        music = unscramble(fields[at][len(MARK) :])
        songs.append(_Song(known[0], known[2], known[3], music, tempo or None))
    return songs


def unscramble(text: str) -> str:
    """The music of a scrambled link in plain letters."""
    plain = _swapped(text)
    return plain.replace("XyQ", "   ").replace("LZ", " |").replace("Kcl", "| x")


def _swapped(text: str) -> str:
    """Blocks of fifty with letters 0 to 4 and 10 to 23 swapped around the middle, its own inverse;
    the last block stays, and one before a rest of one letter."""
    out = []
    while len(text) > 50:
        block, text = text[:50], text[50:]
        if len(text) >= 2:
            letters = list(block)
            for i in (*range(5), *range(10, 24)):
                letters[i], letters[49 - i] = letters[49 - i], letters[i]
            block = "".join(letters)
        out.append(block)
    return "".join(out) + text


@dataclass
class _Open:
    cells: list[str] = field(default_factory=list)
    section: str = ""
    repeat_start: bool = False
    endings: tuple[int, ...] = ()
    segno: bool = False
    to_coda: bool = False
    coda: bool = False
    fine: bool = False
    again: int = 0
    times: int = 2

    @property
    def empty(self) -> bool:
        return not self.again and not any(cell.strip() for cell in self.cells)


class _Reader:
    def __init__(self, song: _Song) -> None:
        self.metre = "4/4"
        self.bars: list[ChartBar] = []
        self.open = _Open()
        # the second coda sign is where the coda begins
        self.codas = len(re.findall(r"Q", re.sub(r"<[^>]*>", "", song.music)))
        self.coda_signs = 0
        # blanks behind the end of a part only fill the line; between bar lines they are a bar
        self.inside = True
        self.skips_blank = False
        # written below its bars, done where the part ends
        self.jump = ""

    def take(self, match: re.Match[str]) -> None:
        bar = self.open
        if match["comment"]:
            self._comment(match["comment"][1:-1])
        elif match["section"]:
            bar.section = _SECTIONS.get(match["section"], match["section"])
        elif match["metre"]:
            code = match["metre"]
            if code not in _METRES:
                raise ChartError(f"bar {len(self.bars) + 1}: T{code} is no time signature")
            self.metre = _METRES[code]
        elif match["ending"]:
            bar.endings = tuple(sorted({*bar.endings, int(match["ending"])} - {0}))
        elif match["line"]:
            self._line(match["line"])
        elif match["sign"]:
            self._sign(match["sign"])
        elif match["again"]:
            # Kcl and x repeat one bar, r two
            if match["again"] == "Kcl":
                self.close()
            self.open.again = 2 if match["again"] == "r" else 1
        elif match["none"]:
            bar.cells.append("n")
        elif match["chord"]:
            bar.cells.append(match["chord"])
        elif match["cell"]:
            bar.cells.append(" ")

    def _sign(self, sign: str) -> None:
        bar = self.open
        if sign == "S":
            bar.segno = True
        elif sign == "p":
            bar.cells.append("/")
        elif sign == "Q":
            self.coda_signs += 1
            if self.codas > 1 and self.coda_signs == self.codas:
                bar.coda = True
            elif bar.empty and self.bars:
                self.bars[-1] = replace(self.bars[-1], to_coda=True)
            else:
                bar.to_coda = True

    def _comment(self, text: str) -> None:
        times = re.search(r"(\d)\s*x", text)
        if times:
            self.open.times = int(times[1])
        jump = re.search(r"D\.?\s*([CS])\.?(?:\s*al\s*(fine|coda|\w+))?", text, re.IGNORECASE)
        if jump:
            al = (jump[2] or "").capitalize()
            word = f" al {al}" if al in ("Fine", "Coda") else ""
            self.jump = f"D.{jump[1].upper()}.{word}"
        elif re.search(r"\bfine\b", text, re.IGNORECASE):
            self.open.fine = True

    def _line(self, line: str) -> None:
        times = self.open.times
        self.close()
        if line == "}" and self.bars:
            self.bars[-1] = replace(self.bars[-1], repeat_end=times)
        elif line == "{":
            self.open.repeat_start = True
        self.inside = line in "|[{"
        if line in "]}Z":
            self.finish()

    def finish(self) -> None:
        """Puts a jump that waits behind the last bar."""
        if self.jump and self.bars:
            self.bars[-1] = replace(self.bars[-1], jump=self.jump)
            self.jump = ""

    def close(self) -> None:
        bar = self.open
        blank = bool(bar.cells) and self.inside and bool(self.bars) and not self.skips_blank
        self.skips_blank = bar.again == 2
        if bar.empty and not blank:
            # section and signs wait for the bar that they belong to
            bar.cells.clear()
            if self.bars and bar.fine:
                self.bars[-1] = replace(self.bars[-1], fine=True)
                bar.fine = False
            return
        number = len(self.bars) + 1
        if number > MOST_BARS:
            raise ChartError(f"the chart has more than {MOST_BARS} bars")
        made = ChartBar(
            self._chords(bar, number), self.metre, bar.section, bar.repeat_start, 0, bar.endings,
            bar.segno, bar.coda, bar.to_coda, bar.fine,
        )  # fmt: skip
        self.bars.append(made)
        if bar.again == 2 and len(self.bars) > 2:
            self.bars.append(ChartBar(self.bars[-2].chords, self.bars[-2].metre))
        self.open = _Open()

    def _chords(self, bar: _Open, number: int) -> tuple[TimedChord, ...]:
        size = beats_of(self.metre)
        if bar.again:
            back = self.bars[-bar.again] if len(self.bars) >= bar.again else None
            if back is None:
                raise ChartError(f"bar {number}: it repeats a bar that is not there")
            if back.metre == self.metre:
                return back.chords
            return ((back.chords[-1][0], float(size)),)
        starts: list[tuple[int, str]] = []
        last = self.bars[-1].chords[-1][0] if self.bars else NO_CHORD
        for place, cell in enumerate(bar.cells):
            if cell == " " or (cell == "/" and starts):
                continue
            symbol = last if cell == "/" else self._symbol(cell, last, number)
            starts.append((place, symbol))
            last = symbol
        if not starts:
            return ((last, float(size)),)
        return _in_beats(starts, len(bar.cells), size)

    def _symbol(self, cell: str, last: str, number: int) -> str:
        if cell.startswith("W"):
            # the chord before it over another bass
            bass = cell.partition("/")[2]
            root = last.partition("/")[0]
            return f"{root}/{bass}" if bass and root != NO_CHORD else last
        return symbol_in(cell.replace("*", ""), number)


def _in_beats(starts: list[tuple[int, str]], cells: int, size: int) -> tuple[TimedChord, ...]:
    """Chords with the cells that they begin in, spread over the beats of the bar."""
    symbols = [symbol for _, symbol in starts]
    places = [0, *(round(place * size / max(cells, size)) for place, _ in starts[1:])]
    if cells < size and len(starts) > 1:
        places = [0, *(round(place * size / cells) for place, _ in starts[1:])]
    if len(set(places)) < len(places) or places != sorted(places) or places[-1] >= size:
        return shared(symbols, size)
    ends = [*places[1:], size]
    return tuple((s, float(e - a)) for s, a, e in zip(symbols, places, ends, strict=True))


def _chart(song: _Song) -> Chart:
    reader = _Reader(song)
    place, music = 0, song.music
    while place < len(music):
        match = _TOKEN.match(music, place)
        if match is None:
            # what future versions add is no reason to refuse a chart
            if music[place] in "HIJKLMOPRVXabcdeghijkmqtvwyz":
                raise ChartError(
                    f"bar {len(reader.bars) + 1}: cannot read {music[place : place + 8]!r} of the "
                    f"iReal chart"
                )
            place += 1
            continue
        reader.take(match)
        place = match.end()
    reader.close()
    reader.finish()
    return Chart(
        tuple(reader.bars), " ".join(song.title.split()), read_key(song.key), song.tempo, song.style
    )


_CODES = {metre: code for code, metre in _METRES.items()}


def write_ireal(chart: Chart) -> str:
    """A link `irealb://` that iReal Pro opens; one cell a beat.

    Raises:
        ChartError: for a metre that iReal Pro does not have.
    """
    music = _swapped(_music(chart))
    key = chart.key.removesuffix("m") + ("-" if chart.key.endswith("m") else "")
    title = _field(chart.title) or "Untitled"
    tempo = str(round(chart.tempo)) if chart.tempo else "0"
    parts = (title, "Unknown", "", _field(chart.feel) or "Medium Swing", key or "C", "",
             MARK + music, "", tempo, "3")  # fmt: skip
    return "irealb://" + quote("=".join(parts), safe="")


def _field(text: str) -> str:
    return " ".join(text.replace("=", " ").split())


def _music(chart: Chart) -> str:
    out: list[str] = []
    metre = ""
    for number, bar in enumerate(chart.bars):
        last = number == len(chart.bars) - 1
        jumped = number > 0 and bool(chart.bars[number - 1].jump)
        if number == 0 or bar.section or bar.repeat_start or jumped:
            out.append("{" if bar.repeat_start else "[")
        out.append(_signs(bar))
        if bar.metre != metre:
            if bar.metre not in _CODES:
                raise ChartError(f"bar {number + 1}: iReal Pro has no metre {bar.metre}")
            out.append(f"T{_CODES[bar.metre]}")
            metre = bar.metre
        out.append(_cells(bar))
        if bar.to_coda:
            out.append("Q")
        if bar.fine:
            out.append("<Fine>")
        if bar.jump:
            out.append(f"<{bar.jump}>")
        if bar.repeat_end and bar.repeat_end != 2:
            out.append(f"<{bar.repeat_end}x>")
        out.append("}" if bar.repeat_end else "Z" if last else "]" if bar.jump else "|")
    return "".join(out)


_LETTERS = {name: letter for letter, name in _SECTIONS.items()}


def _signs(bar: ChartBar) -> str:
    section = _LETTERS.get(bar.section, bar.section[:1])
    out = f"*{section}" if section else ""
    out += "S" if bar.segno else ""
    out += "Q" if bar.coda else ""
    return out + "".join(f"N{number}" for number in bar.endings)


def _cells(bar: ChartBar) -> str:
    """One cell a beat; chords that begin between beats share the bar evenly when read back."""
    cells = [" "] * bar.beats
    place = 0.0
    crowded = []
    for symbol, beats in bar.chords:
        if place != int(place) or cells[int(place)] != " ":
            crowded = [ireal_symbol(s) for s, _ in bar.chords]
            break
        cells[int(place)] = ireal_symbol(symbol)
        place += beats
    if crowded:
        return ",".join(crowded)
    text = ""
    for cell, following in zip(cells, [*cells[1:], " "], strict=True):
        # a comma keeps neighbouring chords apart
        text += cell + ("," if cell != " " and following != " " else "")
    return text
