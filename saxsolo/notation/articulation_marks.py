"""How notes are played, as a sheet says it.

slurred: slur · short: staccato · vibrato: wavy line · scoop, fall: their signs · glide: a line from
the note before · ghost: note head in parentheses · bend, growl, sub-tone: words, the last two once
for the notes up to "ord."
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .quantise import Written

WORDS = {"growl": "growl", "subtone": "sub-tone"}
ORDINARY = "ord."


def mark_notes(part: Any, notes: Sequence[Written], elements: Mapping[Written, list[Any]]) -> None:
    """Marks the notes of a music21 part, in place.

    Args:
        notes: in order. elements: the music21 notes of each, tied one to the next.
    """
    from music21 import articulations, expressions, spanner

    for note in notes:
        first, last = elements[note][0], elements[note][-1]
        if "short" in note.articulations:
            first.articulations.append(articulations.Staccato())
        if "scoop" in note.articulations:
            first.articulations.append(articulations.Scoop())
        if "fall" in note.articulations:
            last.articulations.append(articulations.Falloff())
        if "bend" in note.articulations:
            _say("bend", first)
        if "vibrato" in note.articulations:
            part.insert(0, expressions.TrillExtension(*elements[note]))
        for element in elements[note] if "ghost" in note.articulations else ():
            element.noteheadParenthesis = True
    for before, note in zip(notes, notes[1:], strict=False):
        if "glide" in note.articulations and before.end == note.start:
            line = spanner.Glissando(elements[before][-1], elements[note][0])
            line.lineType = "solid"
            part.insert(0, line)
    for group in slurs(notes):
        part.insert(0, spanner.Slur(*(element for note in group for element in elements[note])))
    said: list[str] = []
    for note in notes:
        colours = [words for name, words in WORDS.items() if name in note.articulations]
        if not set(said) <= set(colours):
            # it ends all of them
            _say(ORDINARY, elements[note][0])
            said = []
        for words in colours:
            if words not in said:
                _say(words, elements[note][0])
        said = colours


def slurs(notes: Sequence[Written]) -> Iterator[list[Written]]:
    """Notes under one slur each: the first, and those that follow it slurred and without a rest."""
    group: list[Written] = []
    for note in notes:
        if group and "slurred" in note.articulations and group[-1].end == note.start:
            group.append(note)
            continue
        if len(group) > 1:
            yield group
        group = [note]
    if len(group) > 1:
        yield group


def _say(text: str, element: Any) -> None:
    """Words above a note of a measure."""
    from music21 import expressions

    words: Any = expressions.TextExpression(text)
    words.placement = "above"
    element.activeSite.insert(element.offset, words)
