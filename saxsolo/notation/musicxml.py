"""A solo as a lead sheet in MusicXML: chord symbols, transposed for the instrument. music21 writes.

A value is split where a reader needs to see the beat: at bar lines, in the middle of a bar of four,
and at every beat that is divided finer than eighths.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from saxsolo.atomic import replacing
from saxsolo.music.chord_symbols import TONES

from .quantise import Lead

# semitones from what sounds up to what is written, and the instrument's name in music21
TRANSPOSITIONS = {
    "soprano": (2, "SopranoSaxophone"),
    "alto": (9, "AltoSaxophone"),
    "tenor": (14, "TenorSaxophone"),
    "baritone": (21, "BaritoneSaxophone"),
}
HARMONY_KINDS = (
    "major-seventh",
    "minor-seventh",
    "dominant-seventh",
    "half-diminished-seventh",
    "diminished-seventh",
    "suspended-fourth",
    "augmented",
)
_SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS = ("C", "D-", "D", "E-", "E", "F", "G-", "G", "A-", "A", "B-", "B")
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
# what an accidental of the key must be worth, as a share of all that sounds
ACCIDENTAL = 0.01
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
    text = GeneralObjectExporter(score).parse()
    path = Path(path)
    with replacing(path) as (partial,):
        partial.write_bytes(text)
    return path


def _part(lead: Lead, instrument: str | None) -> Any:
    from music21 import bar, clef, expressions, key, meter, stream, tempo
    from music21 import instrument as instruments

    up, name = TRANSPOSITIONS[instrument] if instrument else (0, "Instrument")
    fifths = key_of(lead, up)
    part = stream.Part()
    part.atSoundingPitch = False
    player = getattr(instruments, name)()
    part.insert(0, player)
    start, metre = 0, 0
    for number, beats in enumerate(lead.bars, start=1):
        measure = stream.Measure(number=number)
        if number == 1:
            measure.insert(0, clef.TrebleClef())
            measure.insert(0, key.KeySignature(fifths))
            marks: list[Any] = [tempo.MetronomeMark(number=round(lead.tempo))]
            if lead.swing is not None and lead.swing >= SWUNG:
                marks.append(expressions.TextExpression("Swing"))
            for mark in marks:
                mark.placement = "above"
                measure.insert(0, mark)
        if beats != metre:
            measure.insert(0, meter.TimeSignature(f"{beats}/4"))
            metre = beats
        for beat, root, quality in lead.chords:
            if start <= beat < start + beats:
                measure.insert(beat - start, _symbol(root, quality, up, fifths))
        for offset, element in _elements(lead, start, beats, up, fifths):
            measure.insert(offset, element)
        part.append(measure)
        start += beats
    part[-1].rightBarline = bar.Barline("final")
    part.makeBeams(inPlace=True)
    stream.makeNotation.makeTupletBrackets(part, inPlace=True)
    return part


def _elements(
    lead: Lead, start: int, beats: int, up: int, fifths: int
) -> Iterator[tuple[Fraction, Any]]:
    """Notes and rests of one bar, (offset in it, music21 object)."""
    from music21 import note, tie

    first, last = Fraction(start), Fraction(start + beats)
    divisions = lead.divisions[start : start + beats]
    now = first
    inside = [n for n in lead.notes if n.start < last and n.end > first]
    if not inside:
        rest = note.Rest(quarterLength=beats)
        rest.fullMeasure = True
        yield Fraction(0), rest
        return
    for heard in [*inside, None]:
        begin = last if heard is None else max(heard.start, first)
        for offset, length in pieces(now - first, begin - first, beats, divisions):
            yield offset, note.Rest(quarterLength=length)
        if heard is None:
            return
        now = min(heard.end, last)
        for offset, length in pieces(begin - first, now - first, beats, divisions):
            sounding = note.Note(_pitch(heard.pitch + up, fifths), quarterLength=length)
            begins, ends = first + offset == heard.start, first + offset + length == heard.end
            if not (begins and ends):
                kind = "start" if begins else "stop" if ends else "continue"
                sounding.tie = tie.Tie(kind)
            yield offset, sounding


def pieces(
    start: Fraction, end: Fraction, beats: int, divisions: list[int]
) -> Iterator[tuple[Fraction, Fraction]]:
    """Cuts a stretch of a bar into values that can be written: (offset, length) in beats.

    Args:
        start, end: beats from the bar line, 0 <= start <= end <= beats.
        beats: in the bar.
        divisions: of each of its beats.
    """
    while start < end:
        length = _piece(start, end, beats, divisions)
        yield start, length
        start += length


def _piece(start: Fraction, end: Fraction, beats: int, divisions: list[int]) -> Fraction:
    beat, left = int(start), end - start
    middle = beats // 2 if beats == 4 else beats
    wall = beats if beat >= middle or start == 0 else middle
    inside = start - beat
    plain = divisions[beat] <= 2
    plain_after = beat + 1 < beats and divisions[beat + 1] <= 2
    if inside == 0:
        for whole in (4, 3, 2):
            if left >= whole and beat + whole <= wall:
                return Fraction(whole)
        if left >= Fraction(3, 2) and plain_after and beat + 2 <= wall:
            return Fraction(3, 2)
        if left >= 1:
            return Fraction(1)
    elif inside == Fraction(1, 2) and plain and plain_after and left >= 1 and beat + 1 < wall:
        return Fraction(1)
    # within one beat; sextuplets and thirty-seconds show its half too
    limit = beat + 1 - start
    if divisions[beat] in (6, 8) and inside < Fraction(1, 2):
        limit = Fraction(1, 2) - inside
    length = min(left, limit)
    return length if _can_be_written(length) else length - Fraction(1, 8)


def _can_be_written(length: Fraction) -> bool:
    return length.denominator in (1, 2, 3, 6) or length.numerator in (1, 3)


def key_of(lead: Lead, up: int = 0) -> int:
    """Sharps (above 0) or flats (below 0) of the key signature that fits chords and notes best.

    Each beat of a chord counts its tones, each note its length; the major scale that holds most of
    it wins; each accidental must gain one per cent more.

    Args:
        lead: at concert pitch.
        up: semitones that are added for the instrument.
    """
    weights = np.zeros(12)
    ends = [beat for beat, *_ in lead.chords[1:]] + [sum(lead.bars)]
    for (beat, root, quality), end in zip(lead.chords, ends, strict=True):
        if root < 12:
            for tone in TONES[quality]:
                weights[(root + tone) % 12] += end - beat
    for note in lead.notes:
        weights[note.pitch % 12] += float(note.end - note.start)
    fits = []
    for fifths in range(-5, 7):
        tonic = 7 * fifths - up
        fit = sum(weights[(tonic + step) % 12] for step in _MAJOR)
        fits.append((float(fit) - ACCIDENTAL * weights.sum() * abs(fifths), -fifths))
    return -max(fits)[1]


def _pitch(midi: int, fifths: int) -> Any:
    from music21 import pitch

    return pitch.Pitch(_name(midi, fifths) + str(midi // 12 - 1))


def _name(midi: int, fifths: int) -> str:
    """Spelled with the key: flats in flat keys and in C, sharps in sharp keys."""
    return (_SHARPS if fifths > 0 else _FLATS)[midi % 12]


def _symbol(root: int, quality: int, up: int, fifths: int) -> Any:
    from music21 import harmony

    if root > 11:
        return harmony.NoChord()
    name = _name(root + up, fifths)
    # nobody reads A#7 or D#7
    name = {"A#": "B-", "D#": "E-", "G#": "G#" if fifths > 3 else "A-"}.get(name, name)
    return harmony.ChordSymbol(root=name, kind=HARMONY_KINDS[quality])
