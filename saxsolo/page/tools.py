"""The tools that the page offers over MCP, so that an assistant can ask for a solo.

Gradio turns the public functions of a page into MCP tools: names and descriptions come from the
functions and their docstrings, types and choices from the (hidden) components. A tool waits in the
same queue as the buttons of the page, and the same limits hold.
https://www.gradio.app/guides/building-mcp-server-with-gradio
"""

import json
from typing import Any

import gradio as gr
from gradio.route_utils import get_root_url

from saxsolo.audio.files import Source
from saxsolo.errors import SettingError
from saxsolo.playing.settings import LONGEST_CHART

from .chart_box import EAR
from .controls import (
    EXAMPLES,
    FEELS,
    INSTRUMENTS,
    METRES,
    RANGES,
    USUAL_TIMBRE,
    Controls,
    checked,
    examples,
)
from .delivery import shown_errors
from .heard_answer import answered
from .limits import LONGEST_BACKING, open_upload
from .listener import Listener
from .listening import described, take_grid
from .playing import SoloRequest
from .soloist import Soloist
from .uploaded_audio import uploaded_audio


class Tools:
    """The functions behind the tools.

    Args:
        soloist: plays and stores.
        listener: hears.
    """

    def __init__(self, soloist: Soloist, listener: Listener):
        self._soloist, self._listener = soloist, listener

    def improvise(
        self,
        backing: str | None = None,
        example: str = Controls.example,
        instrument: str = Controls.instrument,
        style: str = Controls.feel,
        seed: float = Controls.seed,
        seconds: float = Controls.seconds,
        temperature: float = Controls.temperature,
        guidance: float = Controls.guidance,
        timbre: str = Controls.timbre,
        articulation: str = Controls.articulation,
        chords: str = Controls.chords,
        first_bar: float | None = Controls.first_bar,
        tempo: float | None = Controls.tempo,
        metre: str = Controls.metre,
        density: float | None = Controls.density,
        space: float | None = Controls.space,
        lowest: str = Controls.lowest,
        highest: str = Controls.highest,
        where: str = Controls.where,
        trade: float = Controls.trade,
        harmony: float | None = Controls.harmony,
        time: float | None = Controls.time,
        motif: str = Controls.motif,
        motif_at: float = Controls.motif_at,
        line: str = Controls.line,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (how Gradio finds it)
    ) -> str:
        """Improvises a saxophone solo over a jazz backing track and returns links to audio files.

        Give a backing (WAV, FLAC, OGG, MP3 or AIFF, at most 25 MB and 10 minutes) or the name of
        an example. Requests wait in a queue; a solo takes about as long to generate as it lasts.

        Args:
            backing: audio file to play over; without it the example is used
            example: name of a built-in backing track
            instrument: saxophone that plays; it sets the pitch range
            style: rhythmic feel; "as heard" follows the backing
            seed: whole number; the same seed and settings give the same solo
            seconds: maximum length of the solo, 4 to 120; it ends when the backing ends
            temperature: 0.3 to 1.5; higher values give more adventurous solos
            guidance: 1 to 4; higher values follow the backing more closely, 1 turns guidance off
            timbre: whose saxophone it sounds like; empty for the usual one
            articulation: player, none, free, or shares of the notes such as vibrato=1,scoop=0.5;
                empty is player where the model knows how
            chords: the chart, such as F7 | Bb7 | F7 | Cm7 F7, or an iReal Pro link; the solo
                follows it rather than what is heard
            first_bar: second at which the chart begins; empty finds its place by ear
            tempo: beats a minute of the chart, 30 to 400; with first_bar no ear is needed
            metre: of the chart, such as 3/4; empty is the chart's own
            density: notes a second, 0.2 to 20; empty as the model likes
            space: share of the time without a note, 0 to 1
            lowest: lowest note as it sounds, such as Bb2
            highest: highest note as it sounds, such as F5
            where: stretches in which it plays, such as 0:08-0:40, bars 9-24, choruses 2-3
            trade: so many bars solo and so many bars rest, in turn; 0 does not trade
            harmony: how far pitches lean to the chords, 0 to 4; 1 as trained
            time: how far onsets keep to the beat, 0 (floats free of it) to 4; 1 as trained
            motif: notes that the solo plays and goes on from, bar, beat, beats and pitch of each,
                such as 1 1 0.5 Bb3; 1 1.5 0.5 C4
            motif_at: bar of the track in which the motif's bar 1 lies
            line: a whole line that the horn voices as it stands, nothing added, second, seconds and
                pitch of each note, such as @0.5 0.4 Bb3; @1 0.2 C4

        Returns:
            JSON with links to the solo alone (solo, WAV), the mix of solo and backing (mix, WAV)
            and the notes (midi, musicxml), which expire after two hours at most
            and with tempo, beats_per_bar, first_bar, chart and chords detected in the backing
        """
        controls = Controls(
            instrument=instrument,
            example=example,
            feel=style,
            # `checked` refuses a seed that is not a whole number
            seed=seed,  # type: ignore[arg-type]
            seconds=seconds,
            temperature=temperature,
            guidance=guidance,
            timbre=timbre,
            articulation=articulation,
            chords=chords,
            first_bar=first_bar,
            tempo=tempo,
            metre=metre,
            density=density,
            space=space,
            lowest=lowest,
            highest=highest,
            where=where,
            trade=trade,  # type: ignore[arg-type]
            harmony=harmony,
            time=time,
            motif=motif,
            motif_at=motif_at,  # type: ignore[arg-type]
            line=line,
        )
        with shown_errors():
            source = self._source(backing, checked(controls))
            settings = controls.settings(source.seconds)
            label = f"{instrument}, seed {int(seed)}"
            wanted = SoloRequest(settings, False, controls.query(), label)
            take = None
            for step in self._soloist.play(source, wanted):
                progress((int(step.done), int(step.total)), desc="Improvising", unit="seconds")
                take = step.take
            assert take is not None, "the last step names the take"
            return json.dumps(self._result(take, _address(request)))

    def describe_backing(
        self,
        backing: str | None = None,
        example: str = Controls.example,
        seconds: float = LONGEST_BACKING,
    ) -> str:
        """Hears key, tempo, metre, tuning, bars and chords in a track, without playing a solo.

        Args:
            backing: audio file to listen to, with the limits of improvise; without it the example
            example: name of a built-in backing track
            seconds: bars and chords that begin later are left out, 4 to 600

        Returns:
            JSON with key, tempo (beats per minute), tempo_spread (0.01 is very steady), metre,
            beats_per_bar, tuning_cents (from A = 440 Hz), first_bar (seconds), chart (the chords of
            each bar as on a lead sheet), bars (with the beat of each chord) and chords (start and
            end in seconds); each confidence is between 0 and 1
        """
        with shown_errors():
            if not 4 <= seconds <= LONGEST_BACKING:
                raise SettingError(f"seconds {seconds:g} is not between 4 and {LONGEST_BACKING:g}")
            source = self._source(backing, checked(Controls(example=example)))
            return json.dumps(answered(self._listener.hear(source), seconds))

    def _source(self, backing: str | None, controls: Controls) -> Source:
        return open_upload(backing or EXAMPLES / f"{controls.example}.flac")

    def _result(self, name: str, address: str) -> dict[str, object]:
        """Links and facts in one text: Gradio's MCP server mangles several outputs."""
        take = self._soloist.store.take(name)
        files = {"solo": "solo.wav", "mix": "mix.wav"}
        if take.has_score:
            files |= {"midi": "solo.mid", "musicxml": "solo.musicxml"}
        links = {part: f"{address}/take/{name}/{file}" for part, file in files.items()}
        return {**links, "seconds": take.seconds, **described(take_grid(take), take.seconds)}


def _address(request: gr.Request | None) -> str:
    """Address of the server as the client sees it, also behind a proxy."""
    if request is None or request.request is None:
        return ""
    return get_root_url(request.request, "/gradio_api/queue/join", None)


def add_tools(
    soloist: Soloist, listener: Listener, defaults: Controls, limits: dict[str, Any]
) -> None:
    """Adds the tools to an open `gr.Blocks`, without anything to see on the page.

    Args:
        soloist: plays and stores.
        listener: hears.
        defaults: values of the settings that an assistant leaves out.
        limits: concurrency settings of everything that plays.
    """
    tools = Tools(soloist, listener)
    with gr.Column(visible=False):
        backing = uploaded_audio("Backing")
        example = gr.Dropdown(examples(), value=defaults.example, label="Example")
        seconds = _number("seconds", defaults.seconds)
        heard_seconds = gr.Number(
            value=LONGEST_BACKING, minimum=4, maximum=LONGEST_BACKING, label="Heard seconds"
        )
        settings = [
            gr.Dropdown(list(INSTRUMENTS), value=defaults.instrument, label="Saxophone"),
            gr.Dropdown(list(FEELS), value=defaults.feel, label="Style"),
            _number("seed", defaults.seed),
            seconds,
            _number("temperature", defaults.temperature),
            _number("guidance", defaults.guidance),
            gr.Dropdown([USUAL_TIMBRE, *soloist.timbres], value=USUAL_TIMBRE, label="Sound"),
            _text("articulation"),
            _text("chords"),
            _number("first_bar", None),
            _number("tempo", None),
            gr.Dropdown(list(METRES), value=defaults.metre, label="Metre"),
            _number("density", None),
            _number("space", None),
            _text("lowest"),
            _text("highest"),
            _text("where"),
            _number("trade", defaults.trade),
            _number("harmony", None),
            _number("time", None),
            _text("motif"),
            _number("motif_at", defaults.motif_at),
            _text("line"),
        ]
        answer = gr.Textbox(label="Answer")
        improvise, describe = gr.Button("Improvise"), gr.Button("Describe")
    improvise.click(
        tools.improvise,
        [backing, example, *settings],
        answer,
        api_name="improvise",
        **limits,
    )
    describe.click(
        tools.describe_backing,
        [backing, example, heard_seconds],
        answer,
        api_name="describe_backing",
        **EAR,
    )


def _number(name: str, value: float | None) -> gr.Number:
    low, high = RANGES[name]
    return gr.Number(value=value, minimum=low, maximum=high, label=name.capitalize())


def _text(name: str) -> gr.Textbox:
    return gr.Textbox("", label=name.capitalize(), max_length=LONGEST_CHART)
