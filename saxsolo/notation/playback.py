"""What MusicXML needs beside what music21 writes: chords in full, tempo of every bar, swing."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from saxsolo.music.metre import QUARTER

from .harmony import chord_element
from .quantise import Lead

# a tempo is written again once it has changed by so much for so many bars
CHANGE, LASTING = 0.06, 3
# a smaller change is not told to players either: MuseScore prints what they are told
AUDIBLE = 0.02
DOCTYPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)


def tempo_marks(lead: Lead) -> list[tuple[int, int]]:
    """Where a reader sees a tempo: (bar from 0, beats a minute), the first bar and lasting changes.

    Each mark is the median of the bars up to the next.
    """
    tempi = lead.tempi or [lead.tempo]
    starts = [0]
    now = _median(tempi[:LASTING])
    for place, tempo in enumerate(tempi):
        following = tempi[place : place + LASTING]
        if len(following) == LASTING and all(_differ(now, one) for one in following):
            # the first bar of the new tempo, not one on the way to it
            starts.append(place)
            now = _median(following)
        elif not _differ(now, tempo):
            now = 0.9 * now + 0.1 * tempo
    ends = [*starts[1:], len(tempi)]
    return [
        (start, round(_median(tempi[start:end]))) for start, end in zip(starts, ends, strict=True)
    ]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _differ(first: float, second: float) -> bool:
    return abs(math.log(second / first)) > CHANGE


def with_playback(text: bytes, lead: Lead, fifths: int, up: int) -> bytes:
    """The same MusicXML with its chords in full ("N.C." in words), a tempo for each bar that is
    faster or slower than the one before, one for swing, and a pick-up that is marked as such.

    Args:
        text: as music21 wrote it, of one part, with a `harmony` for each chord of `lead`.
        lead: what was written.
        fifths: of the key signature, as written.
        up: semitones that are added for the instrument.
    """
    root = ET.fromstring(text)
    measures = list(root.iter("measure"))
    if lead.pickup:
        measures[0].set("implicit", "yes")
    last = lead.tempo
    for measure, tempo in zip(measures, lead.tempi or [lead.tempo], strict=False):
        quarters = f"{float(tempo * lead.unit.quarters):.1f}"
        sounds = [sound for sound in measure.iter("sound") if "tempo" in sound.attrib]
        for sound in sounds:
            sound.set("tempo", quarters)
        if not sounds and abs(tempo / last - 1) > AUDIBLE:
            sounds = [_unseen(quarters)]
            measure.insert(_behind_attributes(measure), sounds[0])
        if sounds:
            last = tempo
    if lead.unit == QUARTER and lead.swing is not None:
        _add_swing(root, lead.swing)
    held = [(m, harmony) for m in measures for harmony in m.findall("harmony")]
    for (measure, harmony), change in zip(held, lead.chords, strict=True):
        written = chord_element(change.symbol, fifths, up, harmony.findtext("offset"))
        measure[list(measure).index(harmony)] = written
    return DOCTYPE.encode() + ET.tostring(root, encoding="utf-8")


def _behind_attributes(measure: ET.Element) -> int:
    kinds = [child.tag for child in measure]
    return kinds.index("attributes") + 1 if "attributes" in kinds else 0


def _unseen(tempo: str) -> ET.Element:
    """A tempo for players alone."""
    direction = ET.Element("direction", placement="above")
    kind = ET.SubElement(direction, "direction-type")
    ET.SubElement(kind, "words").text = ""
    ET.SubElement(direction, "sound", tempo=tempo)
    return direction


def _add_swing(root: ET.Element, swing: float) -> None:
    """Swing as players understand it, beside the word for readers."""
    for direction in root.iter("direction"):
        if direction.findtext("direction-type/words") != "Swing":
            continue
        ratio = ET.SubElement(ET.SubElement(direction, "sound"), "swing")
        first = round(100 * swing)
        for tag, value in (("first", str(first)), ("second", str(100 - first))):
            ET.SubElement(ratio, tag).text = value
        ET.SubElement(ratio, "swing-type").text = "eighth"
