"""Chord symbols, bars, repeats and signs of a MusicXML lead sheet (4.0, also compressed .mxl).

ElementTree reads the file: only `harmony`, `barline`, `direction` and the lengths of notes matter
here. Chord symbols of a part for a transposing instrument come at concert pitch.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .chart import (
    MOST_BARS,
    NO_CHORD,
    Chart,
    ChartBar,
    ChartError,
    TimedChord,
    beats_of,
    read_key,
    symbol_in,
)

MOST_BYTES = 50_000_000
_KINDS = {
    "major": "", "minor": "m", "augmented": "aug", "diminished": "dim", "dominant": "7",
    "major-seventh": "maj7", "minor-seventh": "m7", "diminished-seventh": "dim7",
    "augmented-seventh": "7#5", "half-diminished": "m7b5", "major-minor": "m(maj7)",
    "major-sixth": "6", "minor-sixth": "m6", "dominant-ninth": "9", "major-ninth": "maj9",
    "minor-ninth": "m9", "dominant-11th": "11", "major-11th": "maj11", "minor-11th": "m11",
    "dominant-13th": "13", "major-13th": "maj13", "minor-13th": "m13", "suspended-second": "sus2",
    "suspended-fourth": "sus4", "power": "5", "pedal": "",
}  # fmt: skip
_FIFTHS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_ALTERS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}


def read_musicxml(data: bytes) -> Chart:
    """The chart of the first part that has chord symbols.

    Raises:
        ChartError: for what is no MusicXML, has no chord symbols, or a symbol that cannot be read,
            with its bar.
    """
    root = _root(_unpacked(data))
    if root.tag != "score-partwise":
        raise ChartError(
            f"the file is {root.tag[:30]!r}, no MusicXML score in parts (score-partwise)"
        )
    part = next((part for part in root.iter("part") if part.find(".//harmony") is not None), None)
    if part is None:
        raise ChartError("the MusicXML file has no chord symbols (harmony)")
    reader = _Reader()
    measures = part.findall("measure")
    if len(measures) > MOST_BARS:
        raise ChartError(f"the chart has {len(measures)} bars, more than {MOST_BARS}")
    for measure in measures:
        reader.read(measure)
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    chart = Chart(tuple(reader.bars), " ".join(title.split()), reader.key, reader.tempo,
                  reader.feel)  # fmt: skip
    return chart.transpose(reader.transposed) if reader.transposed else chart


def _unpacked(data: bytes) -> bytes:
    """The score inside a .mxl; anything else as it is."""
    if not data.startswith(b"PK"):
        return data
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if not name.startswith("META-INF")]
            if "META-INF/container.xml" in archive.namelist():
                container = _root(_member(archive, "META-INF/container.xml"))
                found = [e.get("full-path", "") for e in container.iter() if _is(e, "rootfile")]
                names = found + names
            name = next(n for n in names if n.lower().endswith((".xml", ".musicxml")))
            return _member(archive, name)
    except (zipfile.BadZipFile, StopIteration, KeyError, RuntimeError, EOFError) as error:
        raise ChartError(f"the .mxl file cannot be unpacked: {error or 'no score'}") from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise ChartError(f"{name[:40]} in the .mxl file is larger than {MOST_BYTES // 10**6} MB")
    return archive.read(name)


def _root(data: bytes) -> Element:
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ChartError(f"the file is not MusicXML: {error}") from None


def _is(element: Element, name: str) -> bool:
    return element.tag.rpartition("}")[2] == name


@dataclass
class _Bar:
    """One measure while it is read; places in quarter notes."""

    starts: list[tuple[float, str]] = field(default_factory=list)
    length: float = 0.0
    signs: dict[str, bool | int | str | tuple[int, ...]] = field(default_factory=dict)


class _Reader:
    def __init__(self) -> None:
        self.bars: list[ChartBar] = []
        self.metre = "4/4"
        self.divisions = 1.0
        self.key = self.feel = ""
        self.tempo: float | None = None
        self.transposed = 0
        self.last = NO_CHORD
        self.repeats_bar = 0
        self.section = ""

    def read(self, measure: Element) -> None:
        bar, now = _Bar(), 0.0
        for element in measure:
            if element.tag == "attributes":
                self._attributes(element)
            elif element.tag == "note":
                if element.find("chord") is None and element.find("grace") is None:
                    now += self._quarters(element)
            elif element.tag == "forward":
                now += self._quarters(element)
            elif element.tag == "backup":
                now -= self._quarters(element)
            elif element.tag == "harmony" or _no_chord(element):
                shift = _number(element.findtext("offset")) / self.divisions
                symbol = self._symbol(element) if element.tag == "harmony" else NO_CHORD
                bar.starts.append((max(0.0, now + shift), symbol))
            elif element.tag == "barline":
                _barline(element, bar)
            elif element.tag == "direction":
                self._direction(element, bar)
            bar.length = max(bar.length, now)
        self._add(measure, bar)

    def _quarters(self, element: Element) -> float:
        return _number(element.findtext("duration")) / self.divisions

    def _attributes(self, element: Element) -> None:
        self.divisions = _number(element.findtext("divisions")) or self.divisions
        beats, unit = element.findtext("time/beats"), element.findtext("time/beat-type")
        if beats and unit:
            count = sum(int(part) for part in re.findall(r"\d+", beats))
            self.metre = f"{count}/{unit.strip()}"
            beats_of(self.metre)
        fifths = element.findtext("key/fifths")
        if fifths and not self.key and abs(int(_number(fifths))) <= 7:
            minor = element.findtext("key/mode") == "minor"
            name = _FIFTHS[int(_number(fifths)) + 7 + (3 if minor else 0)] if not minor else ""
            if minor and int(_number(fifths)) + 10 < len(_FIFTHS):
                name = _FIFTHS[int(_number(fifths)) + 10] + "m"
            self.key = read_key(name)
        chromatic = element.findtext("transpose/chromatic")
        if chromatic:
            self.transposed = int(_number(chromatic)) % 12
        repeat = element.find("measure-style/measure-repeat")
        if repeat is not None:
            starts = repeat.get("type") == "start"
            self.repeats_bar = max(1, int(_number(repeat.text))) if starts else 0

    def _symbol(self, element: Element) -> str:
        number = len(self.bars) + 1
        kind = element.find("kind")
        value = (kind.text or "").strip() if kind is not None else ""
        shown = (kind.get("text") or "").strip() if kind is not None else ""
        if value == "none":
            return NO_CHORD
        root = element.findtext("root/root-step") or ""
        alter = int(_number(element.findtext("root/root-alter")))
        if value not in _KINDS and not shown:
            raise ChartError(f"bar {number}: chord kind {value[:30]!r} cannot be played")
        quality = _KINDS.get(value, shown)
        # what a program calls "dominant" and shows as "7alt"
        if "alt" in shown.lower():
            quality = "7alt"
        degrees = "".join(_degree(degree) for degree in element.findall("degree"))
        text = root.strip() + _ALTERS.get(alter, "") + quality + degrees
        bass = element.findtext("bass/bass-step")
        if bass:
            low = int(_number(element.findtext("bass/bass-alter")))
            text += "/" + bass.strip() + _ALTERS.get(low, "")
        return symbol_in(text, number)

    def _direction(self, element: Element, bar: _Bar) -> None:
        for sign in ("segno", "coda"):
            if element.find(f"direction-type/{sign}") is not None:
                # a coda sign with a jump is where the coda is left for
                bar.signs[sign] = True
        rehearsal = element.findtext("direction-type/rehearsal")
        if rehearsal:
            self.section = " ".join(rehearsal.split())
        words = " ".join(w.text or "" for w in element.findall("direction-type/words"))
        sounds = [element.find("sound")]
        sound = sounds[0] if sounds[0] is not None else Element("sound")
        if self.tempo is None:
            quarters = _number(sound.get("tempo")) or _metronome(element)
            count, unit = (int(part) for part in self.metre.split("/"))
            # as a foot taps them
            self.tempo = quarters * unit * beats_of(self.metre) / (4 * count) or None
        _jumps(words, sound, bar)
        if re.fullmatch(r"\s*(medium |up |slow |fast )*(swing|bossa|latin|ballad|waltz|funk)\w*\s*",
                        words, re.IGNORECASE):  # fmt: skip
            self.feel = words.strip()

    def _add(self, measure: Element, bar: _Bar) -> None:
        beats = beats_of(self.metre)
        count, unit = (int(part) for part in self.metre.split("/"))
        whole = 4.0 * count / unit
        partial = 0 < bar.length < whole - 0.01
        implicit = measure.get("implicit") == "yes" or measure.get("number") == "0"
        if not self.bars and partial and (implicit or not bar.starts):
            # a pick-up
            return
        chords = self._chords(bar, beats, whole)
        if self.repeats_bar and not bar.starts and len(self.bars) >= self.repeats_bar:
            copied = self.bars[-self.repeats_bar]
            if copied.metre == self.metre:
                chords = copied.chords
        made = ChartBar(chords, self.metre, self.section)
        self.section = ""
        self.last = chords[-1][0]
        self.bars.append(replace(made, **bar.signs))  # type: ignore[arg-type]

    def _chords(self, bar: _Bar, beats: int, whole: float) -> tuple[TimedChord, ...]:
        places: dict[float, str] = {}
        for start, symbol in sorted(bar.starts, key=lambda item: item[0]):
            place = round(4 * start * beats / whole) / 4
            if place < beats:
                places[place] = symbol
        if 0.0 not in places:
            places[0.0] = self.last
        order = sorted(places)
        ends = [*order[1:], float(beats)]
        return tuple((places[at], end - at) for at, end in zip(order, ends, strict=True))


def _no_chord(element: Element) -> bool:
    """Whether words say that there is no chord, as programs write it that have no sign for it."""
    words = element.findtext("direction-type/words") or ""
    return element.tag == "direction" and re.fullmatch(r"\s*n\.? ?c\.?\s*", words, re.I) is not None


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _degree(element: Element) -> str:
    value = (element.findtext("degree-value") or "").strip()
    sign = _ALTERS.get(int(_number(element.findtext("degree-alter"))), "")
    kind = element.findtext("degree-type")
    if kind == "subtract" or not value:
        return ""
    if value in ("9", "11", "13", "2", "4") and kind == "add":
        return f"add{sign}{value}"
    if value == "7" and sign == "#":
        # an added seventh is minor unless it is raised
        return "(maj7)"
    return f"({value})" if value == "7" else f"({sign}{value})"


def _barline(element: Element, bar: _Bar) -> None:
    repeat = element.find("repeat")
    if repeat is not None and repeat.get("direction") == "forward":
        bar.signs["repeat_start"] = True
    elif repeat is not None:
        bar.signs["repeat_end"] = max(2, int(_number(repeat.get("times"))) or 2)
    ending = element.find("ending")
    if ending is not None and ending.get("type") == "start":
        numbers = {int(n) for n in re.findall(r"\d+", ending.get("number") or "")}
        bar.signs["endings"] = tuple(sorted(numbers))
    for sign in ("segno", "coda"):
        if element.find(sign) is not None:
            bar.signs[sign] = True


def _jumps(words: str, sound: Element, bar: _Bar) -> None:
    """D.C., D.S., To Coda and Fine, from words and from what `sound` says."""
    text = " ".join(words.split())
    found = re.search(r"D\.? ?([CS])\.?( al (fine|coda))?", text, re.IGNORECASE)
    spoken = re.search(r"da(l segno| capo)( al (fine|coda))?", text, re.IGNORECASE)
    letter = al = ""
    if found:
        letter, al = found[1].upper(), (found[3] or "").capitalize()
    elif spoken:
        letter = "S" if "segno" in spoken[1].lower() else "C"
        al = (spoken[3] or "").capitalize()
    elif sound.get("dacapo") == "yes":
        letter = "C"
    elif sound.get("dalsegno"):
        letter = "S"
    if letter:
        bar.signs["jump"] = f"D.{letter}." + (f" al {al}" if al else "")
    elif sound.get("tocoda") or re.fullmatch(r"to coda", text, re.IGNORECASE):
        bar.signs["to_coda"] = True
        bar.signs.pop("coda", None)
    elif sound.get("fine") or re.fullmatch(r"fine", text, re.IGNORECASE):
        bar.signs["fine"] = True
    elif sound.get("segno"):
        bar.signs["segno"] = True
    elif sound.get("coda"):
        bar.signs["coda"] = True


def _metronome(element: Element) -> float:
    """Quarters a minute of a metronome mark; 0 without one."""
    mark = element.find("direction-type/metronome")
    if mark is None:
        return 0.0
    units = {"half": 2.0, "eighth": 0.5, "16th": 0.25, "whole": 4.0}
    quarters = units.get(mark.findtext("beat-unit") or "", 1.0)
    if mark.find("beat-unit-dot") is not None:
        quarters *= 1.5
    return _number(mark.findtext("per-minute")) * quarters
