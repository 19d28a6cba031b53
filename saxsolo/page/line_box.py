"""A line that the horn voices as it stands: dropped, typed, or edited in the picture of a take.

editor.js writes the edited notes into the box.
"""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from . import page
from .controls import Controls
from .dropped_notes import described_notes, dropped_notes

NO_LINE = "No line: the solo is improvised."


@dataclass(frozen=True)
class LineBox:
    """The components; without text the solo is improvised."""

    text: gr.Textbox
    file: gr.File
    notice: gr.HTML
    clear: gr.Button


def line_box(controls: Controls) -> LineBox:
    """Places the components.

    Args:
        controls: values at the start.
    """
    title = "A line of yours: the horn voices notes as they stand"
    with gr.Accordion(title, open=False, elem_id="line-fold"):
        with gr.Row(elem_classes="chart-row"):
            text = gr.Textbox(
                controls.line,
                label="Line",
                placeholder="@2.86 0.4 Bb3; @3.3 0.2 C4",
                info="Second, seconds and pitch of each note, as it sounds. Or drop MIDI, such as "
                "the MIDI of a take that you have edited, or MusicXML, which goes by its bars.",
                lines=2,
                max_lines=6,
                elem_id="line",
                scale=3,
                min_width=240,
            )
            file = gr.File(
                label="Line file", height=130, elem_id="line-file", scale=1, min_width=200
            )
        with gr.Row(elem_classes="chart-row"):
            notice = gr.HTML(page.message(NO_LINE), elem_id="line-notice")
            clear = gr.Button("Improvise again", size="sm", elem_id="no-line")
    return LineBox(text, file, notice, clear)


def connect_line(box: LineBox) -> None:
    """Connects the components with what they do."""
    quick: dict[str, Any] = {
        "queue": False, "show_progress": "hidden", "api_visibility": "private"
    }  # fmt: skip
    box.file.upload(read_line, box.file, [box.text, box.notice], **quick)
    box.text.change(described_line, box.text, box.notice, **quick)
    box.clear.click(lambda: "", None, box.text, **quick)


def read_line(path: str | None) -> tuple[object, object]:
    """The notes of a file as text, those of MIDI where they are in seconds, and words on them."""
    return dropped_notes(path, described_line, timed=True)


def described_line(text: str) -> str:
    """How many notes a line has and what becomes of them, or what cannot be read in it."""
    return described_notes(text, "The next take voices this line and adds nothing", NO_LINE)
