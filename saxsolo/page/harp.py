"""HARP: a DAW sends a backing track and gets a saxophone solo.

HARP is an editor that REAPER, Logic and others open for an audio region
(https://github.com/TEAMuP-dev/HARP). It talks to a Gradio server through three endpoints:

    controls    what the model is called, and its inputs and outputs, which HARP draws
    process     values of the inputs in that order -> values of the outputs in that order
    cancel      stops the processing

The layout of their JSON follows pyharp 0.3.0 (TEAMuP-dev/pyharp at bd7889f, core.py and labels.py)
and what HARP 3.0.1 reads of it (TEAMuP-dev/HARP at 0243656, WebModel.h and GradioClient.cpp). HARP
keeps numbers in single precision and draws no number boxes, so the seed is a short slider.
"""

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from saxsolo.audio.files import Source
from saxsolo.errors import SettingError
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.given_notes import notes_of_file
from saxsolo.playing.settings import LONGEST_CHART

from .controls import FEELS, INSTRUMENTS, RANGES, USUAL_TIMBRE, Controls, checked
from .delivery import delivered, shown_errors
from .limits import LONGEST_SOLO, open_upload
from .listening import chord_spans, take_grid
from .playing import SoloRequest
from .soloist import Soloist

CARD = {
    "name": "saxsolo",
    "description": "Listens to a jazz backing track and improvises a saxophone solo over it. "
    "Outputs: the solo alone, its notes as MIDI, and the detected chords as labels.",
    "author": "saxsolo",
    "tags": ["saxophone", "jazz", "improvisation", "audio-to-audio"],
}
HIGHEST_SEED = 999
USUAL_SOUND = "usual"
# blue, half transparent, as ARGB: the colour of the band on the page
CHORD_COLOUR = 0x800072B2


@dataclass(frozen=True)
class Track:
    """An audio or MIDI track; `required` only matters for an input."""

    type: str
    label: str
    info: str
    required: bool = True

    def component(self) -> Component:
        """The Gradio component that carries its file."""
        if self.type == "midi_track":
            return gr.File(label=self.label, file_types=[".mid", ".midi"])
        return gr.Audio(type="filepath", label=self.label)


@dataclass(frozen=True)
class Slider:
    """A number between `minimum` and `maximum`."""

    label: str
    info: str
    minimum: float
    maximum: float
    step: float
    value: float
    type: str = "slider"

    def component(self) -> Component:
        """The Gradio component that carries its value."""
        return gr.Number(
            value=self.value, minimum=self.minimum, maximum=self.maximum, label=self.label
        )


@dataclass(frozen=True)
class Dropdown:
    """One of several texts; HARP reads pairs of a label and a value, and sends the label."""

    label: str
    info: str
    choices: list[tuple[str, str]]
    value: str
    type: str = "dropdown"

    def component(self) -> Component:
        """The Gradio component that carries its value."""
        return gr.Dropdown(self.choices, value=self.value, label=self.label)


@dataclass(frozen=True)
class Labels:
    """Labels that HARP draws above the output tracks."""

    label: str
    info: str
    type: str = "json"

    def component(self) -> Component:
        """The Gradio component that carries them."""
        return gr.JSON(label=self.label)


@dataclass(frozen=True)
class Text:
    """A line of text."""

    label: str
    info: str
    value: str = ""
    type: str = "text_box"

    def component(self) -> Component:
        """The Gradio component that carries its value."""
        return gr.Textbox(self.value, label=self.label, max_length=LONGEST_CHART)


Part = Track | Slider | Dropdown | Text | Labels


def input_parts(defaults: Controls, timbres: Sequence[str] = ()) -> list[Part]:
    """The inputs, in the order of the arguments of `Harp.process`.

    Args:
        defaults: values when HARP loads the model. timbres: whose sounds it knows.
    """
    line = "Notes that the horn voices as they stand, adding nothing; leave it empty to improvise."
    return [
        Track("audio_track", "Backing track", "The music that the saxophone plays over."),
        _dropdown("Saxophone", "Sets the pitch range.", INSTRUMENTS, defaults.instrument),
        _dropdown("Style", "Rhythmic feel; as heard follows the backing.", FEELS, defaults.feel),
        _slider("seconds", 1, LONGEST_SOLO, "Maximum length (s)", "It ends with the backing."),
        Slider("Seed", "Another seed gives another solo.", 0, HIGHEST_SEED, 1, defaults.seed),
        _slider("temperature", 0.05, defaults.temperature, "Temperature", "Higher is bolder."),
        _slider("guidance", 0.05, defaults.guidance, "Guidance", "Higher follows it more closely."),
        _dropdown("Sound", "Whose horn it sounds like.", (USUAL_SOUND, *timbres), USUAL_SOUND),
        Text("Articulation", "player, none, free, or shares: vibrato=1,scoop=0.5."),
        Text("Chords", "The chart, F7 | Bb7 | F7 | Cm7 F7; empty follows what is heard."),
        Track("midi_track", "Line", line, required=False),
    ]


def output_parts(writes_notes: bool) -> list[Part]:
    """The outputs, in the order of what `Harp.process` returns."""
    midi = [Track("midi_track", "Solo (MIDI)", "The notes of the solo.")] if writes_notes else []
    return [
        Track("audio_track", "Solo", "The saxophone alone, aligned with the backing."),
        *midi,
        Labels("Chords", "The chords detected in the backing."),
    ]


class Harp:
    """The functions behind the endpoints.

    Args:
        soloist: plays and stores.
        defaults: values of the controls when HARP loads the model.
    """

    def __init__(self, soloist: Soloist, defaults: Controls):
        self._soloist = soloist
        self.inputs = input_parts(defaults, soloist.timbres)
        self.outputs = output_parts(soloist.writes_notes)
        # by the address of the client: HARP names no session when it cancels
        self._running: dict[str, threading.Event] = {}

    def controls(self) -> dict[str, object]:
        """The model card, the inputs and the outputs."""
        return {
            "card": CARD,
            "inputs": [asdict(part) for part in self.inputs],
            "outputs": [asdict(part) for part in self.outputs],
        }

    def process(
        self,
        backing: str | None,
        instrument: str,
        style: str,
        seconds: float,
        seed: float,
        temperature: float,
        guidance: float,
        sound: str,
        articulation: str,
        chords: str,
        line: str | None,
        request: gr.Request,
    ) -> tuple[object, ...]:
        """Plays a solo: paths of the audio and the MIDI, and the labels."""
        with shown_errors():
            notes = notes_of_file(line, timed=True) if line else ""
        # single precision on the way: 0.95 comes as 0.949999988
        controls = Controls(
            instrument=instrument,
            feel=style,
            seed=round(seed),
            seconds=round(seconds),
            temperature=round(temperature, 3),
            guidance=round(guidance, 3),
            timbre=USUAL_TIMBRE if sound == USUAL_SOUND else sound,
            articulation=articulation,
            chords=chords,
            line=notes,
        )
        with shown_errors():
            if not backing:
                raise SettingError("load a backing track first")
            source = open_upload(backing)
            settings = checked(controls).settings(source.seconds)
            label = f"{instrument}, seed {controls.seed}"
            wanted = SoloRequest(settings, False, controls.query(), label)
            name = self._played(source, wanted, _client(request))
            return self._results(name)

    def cancel(self, request: gr.Request) -> None:
        """Stops the solo that is being played for this client."""
        stop = self._running.get(_client(request))
        if stop is not None:
            stop.set()

    def _played(self, source: Source, wanted: SoloRequest, client: str) -> str:
        """Plays a solo to its end; gives the name of its take.

        Raises:
            SettingError: when the client cancels.
        """
        stop = self._running[client] = threading.Event()
        name: str | None = None
        steps = self._soloist.play(source, wanted)
        try:
            for step in steps:
                if stop.is_set():
                    raise SettingError("cancelled")
                name = step.take
        finally:
            # ends the model's thread too
            steps.close()
            self._running.pop(client, None)
        assert name is not None, "the last step names the take"
        return name

    def _results(self, name: str) -> tuple[object, ...]:
        take = self._soloist.store.take(name)
        files = ["solo.wav", "solo.mid"] if take.has_score else ["solo.wav"]
        paths = [delivered(self._soloist, name, file) for file in files]
        return (*paths, chord_labels(take_grid(take), take.seconds, take.has_score))


def chord_labels(grid: BeatGrid | None, seconds: float, on_midi: bool) -> dict[str, object]:
    """The chords as a HARP label list, for the audio track and, if there is one, the MIDI track."""
    kinds = ["AudioLabel", "MidiLabel"] if on_midi else ["AudioLabel"]
    spans = [] if grid is None else chord_spans(grid, seconds)
    labels = [
        {
            "label_type": kind,
            "t": span.start,
            "duration": span.end - span.start,
            "label": span.name,
            "description": f"{span.name}, detected in the backing",
            "color": CHORD_COLOUR,
            "link": None,
        }
        for kind in kinds
        for span in spans
    ]
    return {"meta": {"_type": "pyharp.LabelList"}, "labels": labels}


def add_harp(soloist: Soloist, defaults: Controls, limits: dict[str, Any]) -> None:
    """Adds the endpoints to an open `gr.Blocks`, without anything to see on the page.

    Args:
        soloist: plays and stores.
        defaults: values of the controls when HARP loads the model.
        limits: concurrency settings of everything that uses the model.
    """
    harp = Harp(soloist, defaults)
    # for Gradio's clients, but no MCP tools
    hidden: dict[str, Any] = {"api_visibility": "undocumented"}
    with gr.Column(visible=False):
        inputs = [part.component() for part in harp.inputs]
        outputs = [part.component() for part in harp.outputs]
        card = gr.JSON(label="Controls")
        buttons = {name: gr.Button(name) for name in ("controls", "process", "cancel")}
    buttons["controls"].click(harp.controls, None, card, api_name="controls", queue=False, **hidden)
    buttons["process"].click(harp.process, inputs, outputs, api_name="process", **hidden, **limits)
    buttons["cancel"].click(harp.cancel, None, None, api_name="cancel", queue=False, **hidden)


def _client(request: gr.Request) -> str:
    return request.client.host if request.client else ""


def _dropdown(label: str, info: str, choices: tuple[str, ...], value: str) -> Dropdown:
    return Dropdown(label, info, [(choice, choice) for choice in choices], value)


def _slider(name: str, step: float, value: float, label: str, info: str) -> Slider:
    low, high = RANGES[name]
    return Slider(label, info, low, high, step, value)
