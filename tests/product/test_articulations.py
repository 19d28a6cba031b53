"""How notes are played, kept with a take: in its notes, in MIDI and in MusicXML."""

import xml.etree.ElementTree as ET
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.vocabulary_saxsolo import ARTICULATIONS
from saxsolo.music.articulations import counted, named_articulations
from saxsolo.music.beat_grid import plain_grid
from saxsolo.music.score import Note
from saxsolo.notation.articulation_marks import slurs
from saxsolo.notation.midi import read_midi, write_midi
from saxsolo.notation.musicxml import write_musicxml
from saxsolo.notation.quantise import Written, quantise

mido = pytest.importorskip("mido", reason="needs mido (pip install saxsolo[notes])")
SIGNS = {"staccato": "short", "scoop": "scoop", "falloff": "fall", "wavy-line": "vibrato"}
KINDS = st.lists(st.sampled_from(ARTICULATIONS), unique=True).map(
    lambda kinds: tuple(name for name in ARTICULATIONS if name in kinds)
)


def solo(kinds, length=0.5) -> list[Note]:
    """Notes of an eighth and a half one after another."""
    return [
        Note(length * i, length, 55 + i % 20, 0.5, articulations=names)
        for i, names in enumerate(kinds)
    ]


def test_a_note_has_what_any_of_its_frames_has():
    masks = np.full(100, -1, np.int16)
    masks[10:20] = 1
    masks[18:20] |= 1 << ARTICULATIONS.index("fall")
    notes = named_articulations([Note(0.2, 0.2, 60, 0.5), Note(0.4, 0.2, 61, 0.5)], masks)
    assert [note.articulations for note in notes] == [("slurred", "fall"), ()]
    assert counted(notes, masks) == {"slurred": 1, "fall": 1}
    assert counted(notes, np.full(100, -1)) is None


@settings(deadline=None, max_examples=40)
@given(st.lists(KINDS, max_size=30))
def test_midi_tells_how_notes_are_played(tmp_path_factory, kinds):
    notes = solo(kinds)
    path = write_midi(tmp_path_factory.mktemp("midi") / "solo.mid", notes)
    assert [note.articulations for note in read_midi(path)] == kinds
    pedal, heard = 0, []
    for message in mido.MidiFile(path):
        if message.type == "control_change" and message.control == 68:
            pedal = message.value
        if message.type == "note_on" and message.velocity:
            heard.append(pedal)
    assert heard == [127 if "slurred" in names else 0 for names in kinds]
    assert pedal == 0


def read_sheet(path) -> list[set[str]]:
    """What each note of a sheet is marked with, ties joined."""
    notes, slurred, lasting, once = [], False, set(), set()
    for element in ET.parse(path).iter():
        if element.tag == "words" and element.text in ("bend", "growl", "sub-tone", "ord."):
            # "ord." ends both; what goes on is said again
            if element.text == "bend":
                once.add("bend")
            elif element.text == "ord.":
                lasting.clear()
            else:
                lasting.add(element.text.replace("-", ""))
        if element.tag != "note" or element.find("rest") is not None:
            continue
        signs = {part.tag for part in element.iter()} & set(SIGNS)
        kinds = {SIGNS[sign] for sign in signs} | lasting | once
        once = set()
        if any(head.get("parentheses") == "yes" for head in element.iter("notehead")):
            kinds.add("ghost")
        if any(line.get("type") == "stop" for line in element.iter("glissando")):
            kinds.add("glide")
        if slurred:
            kinds.add("slurred")
        types = {slur.get("type") for slur in element.iter("slur")}
        slurred = (slurred or "start" in types) and types != {"stop"}
        if any(tie.get("type") == "stop" for tie in element.findall("tie")):
            # the first of a slur may be tied
            notes[-1] |= kinds - {"slurred"}
        else:
            notes.append(kinds)
    return notes


@pytest.mark.parametrize("length", [0.5, 1.25])  # the second crosses bar lines
def test_a_sheet_tells_how_notes_are_played(tmp_path, schema, length):
    pytest.importorskip("music21", reason="needs music21 (pip install saxsolo[notes])")
    alone = [(name,) for name in ARTICULATIONS]
    kinds = [
        *((), ("growl", "bend"), ("growl",), *alone, ("slurred", "vibrato", "glide")),
        *(("slurred",), ("ghost", "short"), ("growl",), ("subtone",), ()),
    ]
    notes = solo(kinds, length)
    seconds = length * len(kinds) + 1
    lead = quantise(notes, plain_grid(seconds), seconds)
    path = write_musicxml(tmp_path / "solo.musicxml", lead)
    assert read_sheet(path) == [set(names) for names in kinds]
    schema.validate(str(path))


def test_a_slur_does_not_cross_a_rest():
    notes = [
        Written(Fraction(place), Fraction(place + 1), 60 + place, ("slurred",))
        for place in (0, 1, 2, 4, 5)
    ]
    assert list(slurs(notes)) == [notes[:3], notes[3:]]
