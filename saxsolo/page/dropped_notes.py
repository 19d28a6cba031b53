"""Notes that a visitor types or drops as a file: read into text, and described in a line."""

from collections.abc import Callable
from pathlib import Path

import gradio as gr

from saxsolo.errors import SaxsoloError, SettingError
from saxsolo.music.given_notes import NOTE_SUFFIXES, notes_of_file, read_notes
from saxsolo.music.pitch_names import pitch_name

from . import page
from .limits import shown_name


def dropped_notes(
    path: str | None, described: Callable[[str], str], timed: bool = False
) -> tuple[object, object]:
    """The notes of a file as text, and words on them; a bad file leaves the text as it is.

    Args:
        path: of the file; None without one.
        described: the words on a text.
        timed: keep the seconds of a MIDI file in place of its bars.
    """
    if not path:
        return gr.skip(), gr.skip()
    name = shown_name(Path(path).name)
    try:
        if Path(path).suffix.lower() not in NOTE_SUFFIXES:
            raise SettingError(f"{name} is neither MIDI nor MusicXML")
        text = notes_of_file(path, timed)
    except SaxsoloError as error:
        return gr.skip(), page.error_message(str(error).replace(str(path), name))
    return text, described(text)


def described_notes(text: str, word: str, none: str) -> str:
    """How many notes there are and how far they reach, or what cannot be read in them.

    Args:
        text: as `given_notes.read_notes` reads it; may be empty.
        word: what the notes are, "Motif".
        none: said of an empty text.
    """
    if not text.strip():
        return page.message(none)
    try:
        notes = read_notes(text)
    except ValueError as error:
        return page.error_message(str(error))
    many = f"{len(notes)} note{'s' if len(notes) > 1 else ''}"
    low, high = (pitch_name(extreme(n.pitch for n in notes)) for extreme in (min, max))
    return page.message(f"{word}: {many}, {low} to {high}, as they sound.")
