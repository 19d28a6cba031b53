"""A chord symbol as MusicXML's `harmony`: root, kind, degrees and bass, and the text of a chart;
"N.C." as words, which every program shows.

`charts.musicxml` reads the same chord back. Programs that know the kind play it; `text` is what
they show, so that "C13b9" stays what the chart says.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from saxsolo.music.charts.spelling import NO_CHORD, chord_parts, lead_symbol
from saxsolo.music.chord_symbols import parse_chord, pitch_class

from .spelling import letter, note_name, root_name

# mark and seventh of the inner spelling -> kind, and degrees that make up for what it lacks
_KINDS: dict[tuple[str, str], tuple[str, tuple[tuple[int, int], ...]]] = {
    ("", ""): ("major", ()),
    ("", "6"): ("major-sixth", ()),
    ("", "69"): ("major-sixth", ((9, 0),)),
    ("", "7"): ("dominant", ()),
    ("", "7alt"): ("dominant", ()),
    ("", "j7"): ("major-seventh", ()),
    ("-", ""): ("minor", ()),
    ("-", "6"): ("minor-sixth", ()),
    ("-", "69"): ("minor-sixth", ((9, 0),)),
    ("-", "7"): ("minor-seventh", ()),
    ("-", "j7"): ("major-minor", ()),
    ("m7b5", ""): ("half-diminished", ()),
    ("o", ""): ("diminished", ()),
    ("o", "7"): ("diminished-seventh", ()),
    ("+", ""): ("augmented", ()),
    ("+", "7"): ("augmented-seventh", ()),
    ("+", "j7"): ("major-seventh", ((5, 1),)),
    ("+", "6"): ("augmented", ((6, 0),)),
    ("+", "69"): ("augmented", ((6, 0), (9, 0))),
    ("sus", ""): ("suspended-fourth", ()),
    ("sus", "6"): ("suspended-fourth", ((6, 0),)),
    ("sus", "69"): ("suspended-fourth", ((6, 0), (9, 0))),
    ("sus", "7"): ("suspended-fourth", ((7, 0),)),
    # a seventh that is added is minor unless it is raised
    ("sus", "j7"): ("suspended-fourth", ((7, 1),)),
}
# kinds that hold a natural extension in their own name
_EXTENDED = {"dominant": "dominant", "major-seventh": "major", "minor-seventh": "minor"}
_NAMED = {"9": "ninth", "11": "11th", "13": "13th"}
_ALTERS = {"": 0, "b": -1, "#": 1}
# of an altered dominant: by these MuseScore knows it
_ALTERED = ((5, 1), (9, 1), (11, 1))


def chord_element(
    symbol: str, fifths: int = 0, up: int = 0, offset: str | None = None
) -> ET.Element:
    """A `harmony` element; a `direction` with words for no chord.

    Args:
        symbol: in the spelling of `chord_symbols`, as it sounds.
        fifths: sharps (above 0) or flats of the key signature, as written.
        up: semitones that are added for the instrument.
        offset: text of `offset`, in divisions.

    Raises:
        ChordError: where the symbol is not in the inner spelling.
    """
    if symbol in (NO_CHORD, ""):
        element = ET.Element("direction", placement="above")
        kind = ET.SubElement(element, "direction-type")
        ET.SubElement(kind, "words").text = "N.C."
    else:
        element = ET.Element("harmony")
        _write(element, symbol, fifths, up)
    if offset is not None:
        ET.SubElement(element, "offset").text = offset
    return element


def _write(harmony: ET.Element, symbol: str, fifths: int, up: int) -> None:
    root, mark, seventh, extensions, bass = chord_parts(symbol)
    quality = parse_chord(symbol).quality
    place = root_name((pitch_class(root) + up) % 12, fifths, quality)
    _step(harmony, "root", place)
    kind, missing = _KINDS.get((mark, seventh)) or _KINDS[mark, ""]
    degrees = [*missing, *((int(number), _ALTERS[sign]) for number, sign in extensions)]
    natural = [number for number, alter in degrees if alter == 0 and number > 7]
    if kind in _EXTENDED and natural:
        highest = max(natural)
        kind = f"{_EXTENDED[kind]}-{_NAMED[str(highest)]}"
        degrees.remove((highest, 0))
    shown = lead_symbol(symbol).removeprefix(root).removesuffix(bass)
    ET.SubElement(harmony, "kind", text=shown).text = kind
    if bass:
        low = note_name((pitch_class(bass[1:]) + up) % 12, fifths, place, quality)
        _step(harmony, "bass", low)
    for value, alter in (*degrees, *(_ALTERED if seventh == "7alt" else ())):
        # the text shows it already
        degree = ET.SubElement(harmony, "degree", {"print-object": "no"})
        ET.SubElement(degree, "degree-value").text = str(value)
        ET.SubElement(degree, "degree-alter").text = str(alter)
        ET.SubElement(degree, "degree-type").text = "alter" if value == 5 else "add"


def _step(harmony: ET.Element, name: str, place: int) -> None:
    """`root` or `bass` of a place on the line of fifths."""
    step, alteration = letter(place)
    note = ET.SubElement(harmony, name)
    ET.SubElement(note, f"{name}-step").text = step
    if alteration:
        ET.SubElement(note, f"{name}-alter").text = str(alteration)
