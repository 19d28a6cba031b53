"""What is played and where: density, space, range, strengths, stretches, trading, a motif."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from . import page
from .controls import RANGES, Controls
from .dropped_notes import described_notes, dropped_notes

NO_MOTIF = "No motif: the solo begins as the model likes."


@dataclass(frozen=True)
class SayBox:
    """The components; what is empty, or 0 bars, is left to the model."""

    density: gr.Number
    space: gr.Number
    lowest: gr.Textbox
    highest: gr.Textbox
    where: gr.Textbox
    trade: gr.Slider
    harmony: gr.Number
    time: gr.Number
    motif: gr.Textbox
    motif_at: gr.Number
    motif_file: gr.File
    motif_notice: gr.HTML


def say_box(controls: Controls) -> SayBox:
    """Places the components.

    Args:
        controls: values at the start.
    """
    title = "What and where it plays: density, space, range, chords and time, trading, a motif"
    with gr.Accordion(title, open=False):
        with gr.Row():
            density = _number(controls, "density", "Notes a second", "Empty: as the model likes.")
            space = _number(controls, "space", "Space", "Share of the time at rest, 0 to 1.")
            lowest = gr.Textbox(
                controls.lowest, label="Lowest note", placeholder="Bb2", info="As it sounds.",
                max_length=8, min_width=120,
            )  # fmt: skip
            highest = gr.Textbox(
                controls.highest, label="Highest note", placeholder="F5", info="As it sounds.",
                max_length=8, min_width=120,
            )  # fmt: skip
        with gr.Row():
            where = gr.Textbox(
                controls.where,
                label="Where to play",
                placeholder="0:08-0:40, bars 9-24, choruses 2-3",
                info="Empty: everywhere. Elsewhere the horn rests.",
                max_length=400,
                min_width=240,
            )
            trade = gr.Slider(
                0,
                16,
                value=controls.trade,
                step=1,
                label="Trade bars",
                info="4: four bars solo, four bars rest; 0: no trading.",
                min_width=200,
            )
        with gr.Row():
            about = "0 {}, 1 as trained, more is stricter."
            ignores, floats = about.format("ignores them"), about.format("floats free of it")
            harmony = _number(controls, "harmony", "Lean to the chords", ignores)
            time = _number(controls, "time", "Lean to the beat", floats)
        parts = _motif(controls)
    return SayBox(density, space, lowest, highest, where, trade, harmony, time, *parts)


def _motif(controls: Controls) -> tuple[gr.Textbox, gr.Number, gr.File, gr.HTML]:
    with gr.Row(elem_classes="chart-row"):
        motif = gr.Textbox(
            controls.motif,
            label="Motif",
            placeholder="1 1 0.5 Bb3; 1 1.5 0.5 C4",
            info="Played where it stands and played on from: bar, beat, beats and pitch of each "
            "note. Or drop MIDI or MusicXML.",
            lines=2,
            max_lines=6,
            elem_id="motif",
            scale=3,
            min_width=240,
        )
        motif_file = gr.File(
            label="Motif file", height=130, elem_id="motif-file", scale=1, min_width=200
        )
    with gr.Row(elem_classes="chart-row"):
        notice = gr.HTML(page.message(NO_MOTIF), elem_id="motif-notice")
        motif_at = _number(controls, "motif_at", "Motif begins in bar", "Its bar 1 lies there.", 1)
    return motif, motif_at, motif_file, notice


def connect_say(box: SayBox) -> None:
    """Connects the file and the text of a motif with what they do."""
    quick: dict[str, Any] = {
        "queue": False, "show_progress": "hidden", "api_visibility": "private"
    }  # fmt: skip
    box.motif_file.upload(read_motif, box.motif_file, [box.motif, box.motif_notice], **quick)
    box.motif.blur(described_motif, box.motif, box.motif_notice, **quick)


def read_motif(path: str | None) -> tuple[object, object]:
    """The notes of a file as text, and words on them; a bad file leaves the text as it is."""
    return dropped_notes(path, described_motif)


def described_motif(text: str) -> str:
    """How many notes a motif has, or what cannot be read in it."""
    return described_notes(text, "Motif", NO_MOTIF)


def _number(controls: Controls, name: str, label: str, info: str, step: float = 0.1) -> gr.Number:
    low, high = RANGES[name]
    return gr.Number(
        getattr(controls, name), label=label, info=info, minimum=low, maximum=high, step=step,
        min_width=140, elem_id=name.replace("_", "-"),
    )  # fmt: skip
