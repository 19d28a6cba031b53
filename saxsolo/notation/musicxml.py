"""A solo as a lead sheet in MusicXML: chord symbols and form, transposed for the instrument.

A solo is written out: its notes differ from chorus to chorus, so that repeats of the chart become
marks of the form. music21 writes it; `playback` adds what it does not write.
"""

import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from saxsolo.atomic import replacing
from saxsolo.music.metre import EIGHTH, BeatUnit, signature

from .articulation_marks import mark_notes
from .playback import tempo_marks, with_playback
from .quantise import Lead, Written
from .spelling import key_of, letter, note_name, octave, root_name
from .values import GROUPS, pieces

# semitones from what sounds up to what is written, and the instrument's name in music21
TRANSPOSITIONS = {
    "soprano": (2, "SopranoSaxophone"),
    "alto": (9, "AltoSaxophone"),
    "tenor": (14, "TenorSaxophone"),
    "baritone": (21, "BaritoneSaxophone"),
}
# from this place in the beat on eighths are marked as swung
SWUNG = 0.55


def write_musicxml(
    path: str | os.PathLike[str],
    lead: Lead,
    *,
    instrument: str | None = "tenor",
    title: str = "Solo",
    composer: str = "saxsolo",
) -> Path:
    """Writes a lead sheet as MusicXML (.musicxml, uncompressed), all or nothing; needs music21.

    Args:
        path: the file; an earlier one is replaced.
        lead: as `quantise` gives it, at concert pitch.
        instrument: which saxophone; tenor reads a ninth above what sounds. None for all players:
            concert pitch.
        title, composer: on top of the page.

    Raises:
        OutputError: when it cannot be written.
    """
    from music21 import metadata, stream
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    score = stream.Score()
    score.metadata = metadata.Metadata(title=title, composer=composer)
    score.insert(0, _part(lead, instrument))
    up = TRANSPOSITIONS[instrument][0] if instrument else 0
    text = with_playback(GeneralObjectExporter(score).parse(), lead, key_of(lead, up), up)
    path = Path(path)
    with replacing(path) as (partial,):
        partial.write_bytes(text)
    return path


def _part(lead: Lead, instrument: str | None) -> Any:
    from music21 import bar, clef, harmony, key, stream
    from music21 import instrument as instruments

    up, name = TRANSPOSITIONS[instrument] if instrument else (0, "Instrument")
    fifths = key_of(lead, up)
    part = stream.Part()
    part.atSoundingPitch = False
    part.insert(0, getattr(instruments, name)())
    marks = dict(tempo_marks(lead))
    start, metre = 0, 0
    elements: dict[Written, list[Any]] = {note: [] for note in lead.notes}
    for place, beats in enumerate(lead.bars):
        # a pick-up is bar 0
        measure = stream.Measure(number=place if lead.pickup else place + 1)
        if place == 0:
            measure.insert(0, clef.TrebleClef())
            measure.insert(0, key.KeySignature(fifths))
        for mark in _marks(lead, marks.get(place), place == 0):
            measure.insert(0, mark)
        for beat, text in _form(lead):
            if start <= beat < start + beats:
                measure.insert((beat - start) * lead.unit.quarters, _form_mark(text))
        # a pick-up stands in the metre of the bar after it
        whole = max(lead.bars[:2]) if lead.pickup and place == 0 else beats
        if whole != metre:
            measure.insert(0, _time_signature(whole, lead.unit))
            metre = whole
        measure.paddingLeft = (whole - beats) * lead.unit.quarters
        for change in lead.chords:
            if start <= change.beat < start + beats:
                # `playback` writes the chord itself in its place
                held = harmony.ChordSymbol(root="C")
                measure.insert((change.beat - start) * lead.unit.quarters, held)
        if place and any(start <= beat < start + beats for beat, _ in _form(lead)):
            part[-1].rightBarline = bar.Barline("double")
        for offset, element in _elements(lead, start, beats, up, fifths, elements):
            measure.insert(offset, element)
        part.append(measure)
        start += beats
    part[-1].rightBarline = bar.Barline("final")
    mark_notes(part, lead.notes, elements)
    part.makeBeams(inPlace=True)
    stream.makeNotation.makeTupletBrackets(part, inPlace=True)
    return part


def _marks(lead: Lead, tempo_here: int | None, first: bool) -> Iterator[Any]:
    """What stands above a bar: its tempo, and once that eighths swing."""
    from music21 import expressions, note, tempo

    if tempo_here is not None:
        beat = note.Note(quarterLength=lead.unit.quarters).duration
        mark: Any = tempo.MetronomeMark(number=tempo_here, referent=beat)
        mark.placement = "above"
        yield mark
    if first and lead.swing is not None and lead.swing >= SWUNG:
        words: Any = expressions.TextExpression("Swing")
        words.placement = "above"
        yield words


def _form(lead: Lead) -> list[tuple[int, str | int]]:
    """(beat, name of a section or number of a chorus); the first chorus needs no number."""
    choruses = [(beat, number) for beat, number in lead.choruses if number > 1]
    return [*choruses, *lead.sections]


def _form_mark(text: str | int) -> Any:
    """A section in a box; a chorus, of which a form may have many, in words."""
    from music21 import expressions

    mark: Any = (
        expressions.RehearsalMark(text)
        if isinstance(text, str)
        else expressions.TextExpression(f"Chorus {text}")
    )
    mark.placement = "above"
    return mark


def _time_signature(beats: int, unit: BeatUnit) -> Any:
    """With eighths beamed as they are counted: 7/8 in two, two and three."""
    from music21 import meter

    above, below = signature(beats, unit)
    if unit != EIGHTH or beats not in GROUPS:
        return meter.TimeSignature(f"{above}/{below}")
    edges = [0, *GROUPS[beats], beats]
    counted = "+".join(f"{b - a}/8" for a, b in zip(edges, edges[1:], strict=False))
    found = meter.TimeSignature(counted)
    found.displaySequence.load(f"{above}/{below}")
    return found


def _elements(
    lead: Lead,
    start: int,
    beats: int,
    up: int,
    fifths: int,
    elements: Mapping[Written, list[Any]],
) -> Iterator[tuple[Fraction, Any]]:
    """Notes and rests of one bar: (offset in quarters, music21 object); notes are added to the
    `elements` of what they write."""
    from music21 import note, tie

    unit = lead.unit
    first, last = Fraction(start), Fraction(start + beats)
    divisions = lead.divisions[start : start + beats]
    now = first
    inside = [n for n in lead.notes if n.start < last and n.end > first]
    if not inside and not (start == 0 and lead.pickup):
        rest = note.Rest(quarterLength=beats * unit.quarters)
        rest.fullMeasure = True
        yield Fraction(0), rest
        return
    for heard in [*inside, None]:
        begin = last if heard is None else max(heard.start, first)
        for offset, length in pieces(now - first, begin - first, beats, divisions, unit, rest=True):
            yield offset * unit.quarters, note.Rest(quarterLength=length * unit.quarters)
        if heard is None:
            return
        now = min(heard.end, last)
        name = _spelled(lead, heard.pitch, heard.start, up, fifths)
        for offset, length in pieces(begin - first, now - first, beats, divisions, unit):
            sounding = note.Note(name, quarterLength=length * unit.quarters)
            begins, ends = first + offset == heard.start, first + offset + length == heard.end
            if not (begins and ends):
                kind = "start" if begins else "stop" if ends else "continue"
                sounding.tie = tie.Tie(kind)
            elements[heard].append(sounding)
            yield offset * unit.quarters, sounding


def _spelled(lead: Lead, pitch: int, start: Fraction, up: int, fifths: int) -> str:
    """A pitch as music21 names it, "B-4", spelled by the chord that sounds and the key."""
    before = [chord for chord in lead.chords if chord.beat <= start]
    written = pitch + up
    root: int | None = None
    quality = 0
    if before and before[-1].root < 12:
        quality = before[-1].quality
        root = root_name((before[-1].root + up) % 12, fifths, quality)
    place = note_name(written, fifths, root, quality)
    return _name(place) + str(octave(written, place))


def _name(place: int) -> str:
    """Name of a place on the line of fifths as music21 has it: "B-" is B flat."""
    step, alteration = letter(place)
    return step + ("#" * alteration if alteration > 0 else "-" * -alteration)
