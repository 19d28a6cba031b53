"""A chart as a lead sheet without notes in MusicXML, as it is written: its repeats and jumps stay.

`charts.musicxml` reads the same chart back. ElementTree writes it: no library is needed.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from saxsolo.atomic import replacing
from saxsolo.music.charts.chart import Chart, ChartBar

from .chart_spelling import key_of_chart
from .harmony import chord_element
from .playback import DOCTYPE

# of a quarter: halves, thirds, fifths, sevenths and sixteenths of a beat are whole numbers of it
DIVISIONS = 5040
# semitones from what sounds up to what is written -> (diatonic, chromatic, octaves) down again
_TRANSPOSE = {2: (-1, -2, 0), 14: (-1, -2, -1), 9: (-5, -9, 0), 21: (-5, -9, -1)}


def write_chart_sheet(path: str | os.PathLike[str], chart: Chart, up: int = 0) -> Path:
    """Writes a chart as MusicXML (.musicxml, uncompressed), all or nothing.

    Args:
        path: the file; an earlier one is replaced.
        chart: as it sounds.
        up: semitones from what sounds up to what is written: 2 or 14 for horns in B flat, 9 or 21
            for those in E flat, 0 at concert pitch.

    Raises:
        OutputError: when it cannot be written.
    """
    path = Path(path)
    with replacing(path) as (partial,):
        partial.write_bytes(chart_sheet(chart, up))
    return path


def chart_sheet(chart: Chart, up: int = 0) -> bytes:
    """The MusicXML of `write_chart_sheet`."""
    root = ET.Element("score-partwise", version="4.0")
    work = ET.SubElement(root, "work")
    ET.SubElement(work, "work-title").text = chart.title or "Chart"
    part_list = ET.SubElement(root, "part-list")
    score_part = ET.SubElement(part_list, "score-part", id="P1")
    ET.SubElement(score_part, "part-name").text = "Chords"
    part = ET.SubElement(root, "part", id="P1")
    fifths = key_of_chart(chart, up)
    ends = _ends_of_endings(chart.bars)
    metre = ""
    for number, bar in enumerate(chart.bars, 1):
        measure = ET.SubElement(part, "measure", number=str(number))
        _left(measure, bar)
        if bar.metre != metre:
            _attributes(measure, bar.metre, fifths if number == 1 else None, up)
            metre = bar.metre
        if number == 1:
            _head(measure, chart)
        _marks(measure, bar)
        _chords(measure, bar, fifths, up)
        _jumps(measure, bar)
        following = chart.bars[number] if number < len(chart.bars) else None
        _right(measure, bar, following, ends.get(number - 1))
    return DOCTYPE.encode() + ET.tostring(root, encoding="utf-8")


def _ends_of_endings(bars: Sequence[ChartBar]) -> dict[int, tuple[int, ...]]:
    """The bar in which each ending ends, and its rounds; the last ending of a repeat, which goes on
    into what follows, is marked in its first bar alone."""
    ends = {}
    for first, bar in enumerate(bars):
        if not bar.endings:
            continue
        ends[first] = bar.endings
        for place in range(first, len(bars)):
            if place > first and (bars[place].repeat_start or bars[place].endings):
                break
            following = place + 1 < len(bars) and bool(bars[place + 1].endings)
            if bars[place].repeat_end or following:
                del ends[first]
                ends[place] = bar.endings
                break
    return ends


def _attributes(measure: ET.Element, metre: str, fifths: int | None, up: int) -> None:
    attributes = ET.SubElement(measure, "attributes")
    if fifths is not None:
        ET.SubElement(attributes, "divisions").text = str(DIVISIONS)
        ET.SubElement(ET.SubElement(attributes, "key"), "fifths").text = str(fifths)
    time = ET.SubElement(attributes, "time")
    for tag, text in zip(("beats", "beat-type"), metre.split("/"), strict=True):
        ET.SubElement(time, tag).text = text
    if fifths is None:
        return
    clef = ET.SubElement(attributes, "clef")
    ET.SubElement(clef, "sign").text = "G"
    ET.SubElement(clef, "line").text = "2"
    if up:
        transpose = ET.SubElement(attributes, "transpose")
        names = ("diatonic", "chromatic", "octave-change")
        for name, value in zip(names, _TRANSPOSE[up], strict=True):
            if value or name != "octave-change":
                ET.SubElement(transpose, name).text = str(value)


def _head(measure: ET.Element, chart: Chart) -> None:
    """Style and tempo above the first bar."""
    if chart.feel:
        _words(measure, chart.feel)
    if chart.tempo is not None:
        beat = _beat(chart.bars[0])
        direction, kind = _direction(measure)
        metronome = ET.SubElement(kind, "metronome")
        dotted = beat.numerator == 3
        units = {Fraction(1, 2): "eighth", Fraction(1): "quarter", Fraction(1, 4): "16th"}
        unit = units.get(2 * beat / 3 if dotted else beat, "quarter")
        ET.SubElement(metronome, "beat-unit").text = unit
        if dotted:
            ET.SubElement(metronome, "beat-unit-dot")
        ET.SubElement(metronome, "per-minute").text = f"{chart.tempo:g}"
        ET.SubElement(direction, "sound", tempo=f"{chart.tempo * float(beat):g}")


def _beat(bar: ChartBar) -> Fraction:
    """Quarters in a beat, as a foot taps them."""
    count, unit = (int(part) for part in bar.metre.split("/"))
    return Fraction(4 * count, unit * bar.beats)


def _marks(measure: ET.Element, bar: ChartBar) -> None:
    if bar.section:
        kind = _direction(measure)[1]
        ET.SubElement(kind, "rehearsal").text = bar.section
    for there, name in ((bar.segno, "segno"), (bar.coda, "coda")):
        if there:
            direction, kind = _direction(measure)
            ET.SubElement(kind, name)
            ET.SubElement(direction, "sound", {name: name})


def _chords(measure: ET.Element, bar: ChartBar, fifths: int, up: int) -> None:
    """Chord symbols over a rest of the whole bar, each at its place in it."""
    beat = _beat(bar) * DIVISIONS
    place = Fraction(0)
    for symbol, beats in bar.chords:
        offset = str(round(place * beat)) if place else None
        measure.append(chord_element(symbol, fifths, up, offset))
        place += Fraction(beats).limit_denominator(1000)
    note = ET.SubElement(measure, "note")
    ET.SubElement(note, "rest", measure="yes")
    ET.SubElement(note, "duration").text = str(round(bar.beats * beat))


def _jumps(measure: ET.Element, bar: ChartBar) -> None:
    if bar.to_coda:
        ET.SubElement(_words(measure, "To Coda"), "sound", tocoda="coda")
    if bar.fine:
        ET.SubElement(_words(measure, "Fine"), "sound", fine="yes")
    if bar.jump:
        sign = {"dalsegno": "segno"} if bar.jump.startswith("D.S.") else {"dacapo": "yes"}
        ET.SubElement(_words(measure, bar.jump), "sound", sign)


def _words(measure: ET.Element, text: str) -> ET.Element:
    direction, kind = _direction(measure)
    ET.SubElement(kind, "words").text = text
    return direction


def _direction(measure: ET.Element) -> tuple[ET.Element, ET.Element]:
    direction = ET.SubElement(measure, "direction", placement="above")
    return direction, ET.SubElement(direction, "direction-type")


def _left(measure: ET.Element, bar: ChartBar) -> None:
    if not (bar.repeat_start or bar.endings):
        return
    line = ET.SubElement(measure, "barline", location="left")
    if bar.repeat_start:
        ET.SubElement(line, "bar-style").text = "heavy-light"
    if bar.endings:
        _ending(line, bar.endings, "start")
    if bar.repeat_start:
        ET.SubElement(line, "repeat", direction="forward")


def _right(
    measure: ET.Element, bar: ChartBar, following: ChartBar | None, ending: tuple[int, ...] | None
) -> None:
    """Args: ending: rounds of the ending that ends here."""
    double = following is not None and bool(following.section or bar.jump or bar.fine)
    if not (bar.repeat_end or ending or following is None or double):
        return
    line = ET.SubElement(measure, "barline", location="right")
    heavy = bar.repeat_end or following is None
    style = "light-heavy" if heavy else "light-light" if double else "regular"
    ET.SubElement(line, "bar-style").text = style
    if ending:
        _ending(line, ending, "stop" if bar.repeat_end else "discontinue")
    if bar.repeat_end:
        times = {"times": str(bar.repeat_end)} if bar.repeat_end > 2 else {}
        ET.SubElement(line, "repeat", {"direction": "backward", **times})


def _ending(line: ET.Element, rounds: tuple[int, ...], kind: str) -> None:
    ending = ET.SubElement(line, "ending", number=",".join(map(str, rounds)), type=kind)
    if kind == "start":
        ending.text = ".".join(map(str, rounds)) + "."
