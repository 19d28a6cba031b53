"""The components of the page and their places; `events` connects them to what they do."""

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from . import page
from .chart_box import ChartBox, chart_box
from .controls import (
    FEELS,
    INSTRUMENTS,
    RANGES,
    TIMBRES,
    USUAL_HABITS,
    USUAL_TIMBRE,
    Controls,
)
from .limits import LONGEST_SOLO
from .line_box import LineBox, line_box
from .say_box import SayBox, say_box
from .source_column import SourceColumn, source_column

INTRODUCTION = """# saxsolo
A saxophone listens to your backing track and improvises a solo over it."""
ABOUT_REVISIONS = (
    "Both buttons work on the take shown above and use the settings at the top, with their seed: "
    "choose another seed to get another result. What comes before the chosen time or bar stays as "
    "it is. After the replaced bars the original solo resumes. The picture numbers the bars."
)


@dataclass(frozen=True)
class SettingsColumn:
    """How to play; `timbre` and `articulation` are hidden for a model that cannot be told."""

    instrument: gr.Dropdown
    timbre: gr.Dropdown
    articulation: gr.Dropdown
    feel: gr.Dropdown
    seed: gr.Number
    temperature: gr.Slider
    guidance: gr.Slider
    seconds: gr.Slider
    live: gr.Radio
    takes: gr.Slider


@dataclass(frozen=True)
class SoloArea:
    """The button, the progress and the live stream."""

    start: gr.Button
    status: gr.HTML
    stream: gr.Audio


@dataclass(frozen=True)
class TakesArea:
    """The list of takes, the take that is shown, and the buttons that play more."""

    area: gr.Column
    history: gr.Radio
    take: gr.HTML
    again: gr.Button
    another: gr.Button
    from_second: gr.Number
    go_on: gr.Button
    first_bar: gr.Number
    last_bar: gr.Number
    replace: gr.Button


@dataclass(frozen=True)
class Layout:
    """All components; `played` holds (label, name) of each take of this visitor."""

    played: gr.State
    backing: SourceColumn
    settings: SettingsColumn
    chart: ChartBox
    say: SayBox
    line: LineBox
    solo: SoloArea
    shown: TakesArea

    def controls(self) -> list[Component]:
        """The components of `Controls`, in the order of its fields."""
        parts = {**vars(self.backing), **vars(self.settings)}
        parts |= {**vars(self.chart), **vars(self.say), "line": self.line.text}
        return [parts[name] for name in Controls.__dataclass_fields__]


def lay_out(
    controls: Controls, timbres: Sequence[str] = (), articulations: Sequence[str] = ()
) -> Layout:
    """Places the components of a solo, inside an open `gr.Tab`.

    Args:
        controls: values at the start.
        timbres: whose sounds the model knows. articulations: which kinds of them.
    """
    played = gr.State([])
    with gr.Row():
        with gr.Column(min_width=280):
            backing = source_column(
                controls,
                "Backing track",
                "Record the backing (use headphones to keep the saxophone out of it)",
                band=True,
            )
        with gr.Column(min_width=280):
            settings = _settings_column(controls, timbres, articulations)
    chart = chart_box(controls)
    say = say_box(controls)
    line = line_box(controls)
    return Layout(played, backing, settings, chart, say, line, _solo_area(), _takes_area())


def _settings_column(
    controls: Controls, timbres: Sequence[str], articulations: Sequence[str]
) -> SettingsColumn:
    with gr.Row():
        instrument = gr.Dropdown(list(INSTRUMENTS), value=controls.instrument, label="Saxophone")
        timbre = _timbre(controls, timbres)
        feel = gr.Dropdown(list(FEELS), value=controls.feel, label="Style")
    articulation = _articulation(controls, articulations)
    seconds = gr.Slider(
        *RANGES["seconds"],
        value=controls.seconds,
        step=1,
        label="Maximum length in seconds",
        info="The solo ends when the backing ends.",
    )
    takes = gr.Slider(
        *RANGES["takes"],
        value=controls.takes,
        step=1,
        label="Takes at once",
        info="The best fit to the chords comes first.",
        elem_id="takes",
    )
    with gr.Accordion("More settings", open=False):
        return SettingsColumn(
            instrument=instrument,
            timbre=timbre,
            articulation=articulation,
            feel=feel,
            seconds=seconds,
            takes=takes,
            seed=gr.Number(
                value=controls.seed,
                precision=0,
                minimum=RANGES["seed"][0],
                maximum=RANGES["seed"][1],
                label="Seed",
                info="The same seed and settings give the same solo.",
            ),
            temperature=gr.Slider(
                *RANGES["temperature"],
                value=controls.temperature,
                step=0.05,
                label="Temperature",
                info="Higher values give more adventurous solos.",
            ),
            guidance=gr.Slider(
                *RANGES["guidance"],
                value=controls.guidance,
                step=0.05,
                label="Guidance",
                info="Higher values follow the backing more closely; 1 turns guidance off.",
            ),
            live=gr.Radio(
                [("solo and band", "mix"), ("solo only", "solo")],
                value=controls.live,
                label="Hear in the live stream",
            ),
        )


def _timbre(controls: Controls, timbres: Sequence[str]) -> gr.Dropdown:
    named = [(TIMBRES[name][0], name) for name in timbres if name in TIMBRES]
    return gr.Dropdown(
        [("the usual one", USUAL_TIMBRE), *named],
        value=controls.timbre,
        label="Sound",
        info="Whose horn it sounds like.",
        visible=len(named) > 1,
        elem_id="timbre",
    )


def _articulation(controls: Controls, kinds: Sequence[str]) -> gr.Dropdown:
    # a share of a kind is typed: a list of examples would be long and say less
    named = [
        ("as a player plays", USUAL_HABITS),
        ("plain: slurred and short only", "none"),
        ("as the model likes", "free"),
    ]
    return gr.Dropdown(
        named,
        value=controls.articulation,
        label="Articulation",
        info=f"Or type shares of the notes, vibrato=1,scoop=0.5, of: {', '.join(kinds)}.",
        allow_custom_value=True,
        visible=bool(kinds),
        elem_id="articulation",
    )


def _solo_area() -> SoloArea:
    return SoloArea(
        # enabled once the settings of a share link are in place: it would ignore them before
        start=gr.Button(
            "Play a solo", variant="primary", size="lg", interactive=False, elem_id="start"
        ),
        status=gr.HTML(page.message("Ready."), elem_id="status"),
        stream=gr.Audio(
            label="Live stream",
            streaming=True,
            autoplay=True,
            interactive=False,
            buttons=[],
            elem_id="stream",
        ),
    )


def _takes_area() -> TakesArea:
    with gr.Column(visible=False, min_width=280, elem_id="taken") as area:
        history = gr.Radio([], label="Takes", elem_id="history")
        take = gr.HTML(elem_id="take")
        with gr.Row():
            again = gr.Button("Play again with the same seed", elem_id="again")
            another = gr.Button("Another take with the next seed", elem_id="another")
        with gr.Row():
            from_second = gr.Number(
                value=12, minimum=0, maximum=LONGEST_SOLO, min_width=120, label="From second"
            )
            go_on = gr.Button("Continue from here", elem_id="continue")
        with gr.Row():
            first_bar = gr.Number(value=5, precision=0, minimum=1, min_width=120, label="From bar")
            last_bar = gr.Number(value=8, precision=0, minimum=1, min_width=120, label="To bar")
            replace = gr.Button("Replace these bars", elem_id="bars")
        gr.Markdown(ABOUT_REVISIONS)
    return TakesArea(
        area, history, take, again, another, from_second, go_on, first_bar, last_bar, replace
    )
