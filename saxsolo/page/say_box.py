"""What is played and where: density, space, range, stretches, trading."""

from dataclasses import dataclass

import gradio as gr

from .controls import RANGES, Controls


@dataclass(frozen=True)
class SayBox:
    """The components; what is empty, or 0 bars, is left to the model."""

    density: gr.Number
    space: gr.Number
    lowest: gr.Textbox
    highest: gr.Textbox
    where: gr.Textbox
    trade: gr.Slider


def say_box(controls: Controls) -> SayBox:
    """Places the components.

    Args:
        controls: values at the start.
    """
    with gr.Accordion("What and where it plays: density, space, range, trading", open=False):
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
    return SayBox(density, space, lowest, highest, where, trade)


def _number(controls: Controls, name: str, label: str, info: str) -> gr.Number:
    low, high = RANGES[name]
    return gr.Number(
        getattr(controls, name), label=label, info=info, minimum=low, maximum=high, step=0.1,
        min_width=140, elem_id=name,
    )  # fmt: skip
