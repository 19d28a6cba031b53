"""How notes are played, in MIDI: the legato pedal for slurs, and a text before each note.

Scoops, falls, bends, slides and vibrato are in the pitch wheel already, ghost notes in the
velocity: the text names them, so that nothing has to be guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modeling_saxsolo.vocabulary_saxsolo import ARTICULATIONS
from saxsolo.music.score import Note

#: controller of the legato pedal
LEGATO = 68
PREFIX = "played: "


def articulation_events(
    notes: Sequence[Note], spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Any]]:
    """(tick, message) that comes before the notes that begin there.

    Args:
        notes: in order. spans: first and last tick of each.
    """
    import mido

    down = False
    for note, (start, _) in zip(notes, spans, strict=True):
        if ("slurred" in note.articulations) != down:
            down = not down
            yield start, mido.Message("control_change", control=LEGATO, value=127 * down)
        if note.articulations:
            text = PREFIX + ", ".join(note.articulations)
            yield start, mido.MetaMessage("text", text=text)
    if down:
        yield spans[-1][1], mido.Message("control_change", control=LEGATO, value=0)


def articulations_of(text: str) -> tuple[str, ...]:
    """The kinds that a text names; none for a text of another kind."""
    if not text.startswith(PREFIX):
        return ()
    names = [name.strip() for name in text[len(PREFIX) :].split(",")]
    return tuple(name for name in ARTICULATIONS if name in names)
