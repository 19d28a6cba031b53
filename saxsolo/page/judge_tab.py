"""The tab that describes a solo of the visitor's own, recorded over a track or sent as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from saxsolo.errors import SaxsoloError, SettingError
from saxsolo.listening.judged_solo import MIDI_SUFFIXES
from saxsolo.playing.chart_placing import chart_of_settings
from saxsolo.playing.settings import Settings

from . import page
from .chart_box import EAR, ChartBox, chart_box
from .controls import Controls, checked
from .handlers import chosen_source
from .judged_page import show_judged
from .limits import MOST_BYTES, SUFFIXES, escaped, open_upload, shown_name
from .listener import Listener
from .source_column import SourceColumn, source_column

ABOUT = (
    "What a teacher would point at in your solo: notes against the changes, time against the beat, "
    "range, space, licks that come again. It describes, and does not grade. Solo and track begin "
    "at the same moment."
)
# milliseconds by which a recording may be moved
FARTHEST_SHIFT = 1000


@dataclass(frozen=True)
class JudgeTab:
    """The components of the tab."""

    track: SourceColumn
    chart: ChartBox
    load: gr.Button
    recorder: gr.HTML
    solo: gr.File
    shift: gr.Number
    start: gr.Button
    status: gr.HTML
    judged: gr.HTML


def lay_out_judge(controls: Controls) -> JudgeTab:
    """Places the components, inside an open `gr.Tab`.

    Args:
        controls: values at the start.
    """
    gr.Markdown(ABOUT)
    with gr.Row():
        with gr.Column(min_width=280):
            track = source_column(controls, "Backing track", "Record the backing", "judge-")
        with gr.Column(min_width=280):
            solo = gr.File(
                label="Your solo, the horn alone (sound or MIDI)",
                file_types=[*SUFFIXES, *MIDI_SUFFIXES],
                height=150,
                elem_id="judge-solo",
            )
            load = gr.Button("Record over the track", elem_id="judge-load")
            recorder = gr.HTML(elem_id="judge-recorder")
    chart = chart_box(Controls(), "judge-", band=False)
    with gr.Accordion("Delay of the recording", open=False):
        shift = gr.Number(
            value=0,
            minimum=-FARTHEST_SHIFT,
            maximum=FARTHEST_SHIFT,
            label="Move the solo later by milliseconds",
            info="Below 0 earlier: for a recording that lags behind the track it was played over.",
        )
    return JudgeTab(
        track=track,
        chart=chart,
        load=load,
        recorder=recorder,
        solo=solo,
        shift=shift,
        start=gr.Button("Describe the solo", variant="primary", size="lg", elem_id="judge"),
        status=gr.HTML(page.message("Ready."), elem_id="judge-status"),
        judged=gr.HTML(elem_id="judged"),
    )


def connect_judge(tab: JudgeTab, listener: Listener) -> None:
    """Connects the components with what they do; the fields of track and chart are connected apart.

    Args:
        tab: the components.
        listener: hears and stores.
    """
    track, chart = tab.track, tab.chart
    chosen = [track.source, track.example, track.upload, track.recording]
    tab.load.click(
        partial(recorder, listener),
        chosen,
        tab.recorder,
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=tab.status,
        **EAR,
    )
    place = [chart.chords, chart.heard, chart.first_bar, chart.tempo, chart.metre]
    tab.start.click(
        partial(answer, listener),
        [tab.solo, tab.shift, *place, *chosen],
        [tab.status, tab.judged],
        api_name="judge",
        # for Gradio's clients, but no tool: it wants files of a visitor
        api_visibility="undocumented",
        show_progress="minimal",
        show_progress_on=tab.status,
        **EAR,
    )


def recorder(
    listener: Listener, source: str, example: str, upload: str | None, recording: str | None
) -> str:
    """A track with a button that plays it and records the microphone; record.js makes it work."""
    try:
        track = chosen_source(Controls(source=source, example=example), upload, recording)
        name = listener.keep(track)
    except SaxsoloError as error:
        return page.error_message(error)
    heard = listener.store.heard(name)
    beats = heard.bars[0].beats if heard.bars else 4
    return f"""<div class="recorder" data-track="heard/{name}/track?play"
 data-tempo="{heard.tempo or 0:.3f}" data-beats="{heard.music.metre or beats}">
<p>{escaped(track.name)}: wear headphones, or the band is recorded too.</p>
<button type="button" class="record">Record</button>
<label><input type="checkbox" class="count-in" checked> Count-in</label>
<span role="status" class="record-status"></span></div>"""


def answer(
    listener: Listener,
    solo: str | None,
    shift: float | None,
    chords: str,
    heard: str,
    first_bar: float | None,
    tempo: float | None,
    metre: str,
    *chosen: Any,
) -> Iterator[tuple[str, object]]:
    """Describes a solo: the handler of the button.

    Args:
        listener: hears and stores.
        solo: path of the solo.
        shift: milliseconds.
        chords, first_bar, tempo, metre: as in `Controls`. heard: chords that the ear wrote.
        chosen: source, example, upload and recording of the track.

    Yields:
        The status, and the description.
    """
    try:
        path = _solo(solo)
        source, example, upload, recording = chosen
        track = chosen_source(Controls(source=source, example=example), upload, recording)
        assert track.path is not None, "every source is a file"
        text = "" if heard and chords.strip() == heard.strip() else chords
        how = Controls(chords=text, first_bar=first_bar, tempo=tempo, metre=metre)
        chart = chart_of_settings(Settings(**checked(how).chart_settings()))
        title = f"{shown_name(path.name)} over {track.name}"
        yield page.message("Listening to the track and to the solo."), gr.skip()
        name = listener.judge(path, track.path, chart, first_bar, tempo, _seconds(shift), title)
        yield page.message(f"{title}: done."), show_judged(listener.judged, name)
    except SaxsoloError as error:
        yield page.error_message(error), ""


def _solo(path: str | None) -> Path:
    """The solo, if the server accepts it."""
    if not path:
        raise SettingError("record a solo over the track first, or choose a file")
    solo = Path(path)
    if solo.suffix.lower() not in MIDI_SUFFIXES:
        open_upload(solo)
    elif not solo.is_file() or solo.stat().st_size > MOST_BYTES:
        raise SettingError(f"{shown_name(solo.name)} was not received; choose it again")
    return solo


def _seconds(shift: float | None) -> float:
    if shift is None:
        return 0.0
    if not abs(shift) <= FARTHEST_SHIFT:
        raise SettingError(f"{shift:g} ms is not between -{FARTHEST_SHIFT} and {FARTHEST_SHIFT}")
    return shift / 1000
