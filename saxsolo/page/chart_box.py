"""The box for a chart: chords typed or pasted, a file dropped, or what is heard in the track."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from saxsolo.errors import SaxsoloError

from . import page
from .chart_text import PageChart, dropped, heard, pasted
from .controls import AS_WRITTEN, BAND, METRES, RANGES, Controls
from .handlers import chosen_source
from .listener import Listener
from .source_column import SourceColumn

# one track at a time; it does not wait for a solo
EAR: dict[str, Any] = {"concurrency_id": "ear", "concurrency_limit": 1}
PLACEHOLDER = "F7 | Bb7 | F7 | Cm7 F7 | ..."
EMPTY_BOX = "Empty: the chords that are heard are used."
HEARD = "Heard in {}. Correct a bar and play again: the solo then follows the chords here."
# values of `filled`: box, playlist, tunes, notice, what was heard
Filled = tuple[object, object, object, object, object]


@dataclass(frozen=True)
class ChartBox:
    """The components.

    `playlist` holds the text of an iReal Pro playlist whose tunes `tune` offers, `heard` the chords
    that were written into the box by ear: as long as they are untouched they are no chart.
    """

    chords: gr.Textbox
    file: gr.File
    tune: gr.Dropdown
    listen: gr.Button
    notice: gr.HTML
    fold: gr.Accordion
    first_bar: gr.Number
    tempo: gr.Number
    metre: gr.Dropdown
    choruses: gr.Slider
    playlist: gr.State
    heard: gr.State


def chart_box(controls: Controls, prefix: str = "", band: bool = True) -> ChartBox:
    """Places the components.

    Args:
        controls: values at the start.
        prefix: of the names that the components have in the page.
        band: whether a band may play the chart.
    """
    with gr.Row(elem_classes="chart-row"):
        chords = gr.Textbox(
            controls.chords,
            label="Chords",
            lines=3,
            max_lines=16,
            placeholder=PLACEHOLDER,
            info="Bars between |, % repeats a bar. Or paste an iReal Pro link, or drop a file: "
            "text, iReal Pro, MusicXML, ChordPro, MIDI, .lab or JSON.",
            elem_id=f"{prefix}chords",
            scale=3,
            min_width=280,
        )
        file = gr.File(
            label="Chart file",
            height=150,
            elem_id=f"{prefix}chart-file",
            scale=1,
            min_width=240,
        )
    tune = gr.Dropdown([], label="Tune of the playlist", visible=False, elem_id=f"{prefix}tune")
    with gr.Row(elem_classes="chart-row"):
        notice = gr.HTML(page.message(EMPTY_BOX), elem_id=f"{prefix}chart-notice")
        listen = gr.Button("Write down what is heard", size="sm", elem_id=f"{prefix}hear-chords")
    label = "Where the chart lies: first bar, tempo, metre" + (", choruses of a band" * band)
    with gr.Accordion(label, open=False) as fold, gr.Row():
        first_bar = _number(
            controls, "first_bar", "First bar at second", "Empty: found by ear.", prefix
        )
        about = "Empty: by ear; of a band: as usual." if band else "Empty: by ear."
        tempo = _number(controls, "tempo", "Beats a minute", about, prefix)
        metre = gr.Dropdown(
            [("as written", AS_WRITTEN), *((name, name) for name in METRES if name)],
            value=controls.metre,
            label="Metre",
            min_width=140,
        )
        choruses = gr.Slider(
            *RANGES["choruses"], value=controls.choruses, step=1, label="Choruses", visible=band
        )
    return ChartBox(
        chords=chords,
        file=file,
        tune=tune,
        listen=listen,
        notice=notice,
        fold=fold,
        first_bar=first_bar,
        tempo=tempo,
        metre=metre,
        choruses=choruses,
        playlist=gr.State(""),
        heard=gr.State(""),
    )


def _number(controls: Controls, name: str, label: str, info: str, prefix: str) -> gr.Number:
    low, high = RANGES[name]
    return gr.Number(
        getattr(controls, name),
        label=label,
        info=info,
        minimum=low,
        maximum=high,
        min_width=140,
        elem_id=f"{prefix}{name.replace('_', '-')}",
    )


def connect_chart(box: ChartBox, track: SourceColumn, listener: Listener) -> None:
    """Connects the components with what they do.

    Args:
        box: the components.
        track: where the track is chosen that they belong to.
        listener: hears.
    """
    outputs = filled_outputs(box)
    quick: dict[str, Any] = {
        "queue": False,
        "show_progress": "hidden",
        "api_visibility": "private",
    }
    box.chords.blur(read_box, [box.chords, box.heard], outputs, **quick)
    box.file.upload(read_file, box.file, outputs, **quick)
    box.tune.input(read_tune, [box.playlist, box.tune], outputs, **quick)
    chosen = [track.source, track.example, track.upload, track.recording]
    changes = [field.change for field in (track.source, track.example)]
    for change in (*changes, track.upload.change, track.recording.change):
        change(forgotten, [box.chords, box.heard], outputs, **quick)
    track.source.change(
        lambda source: gr.update(open=True) if source == BAND else gr.skip(),
        track.source,
        box.fold,
        **quick,
    )
    box.listen.click(
        partial(written_down, listener),
        chosen,
        outputs,
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=box.notice,
        **EAR,
    )


def filled_outputs(box: ChartBox) -> list[Any]:
    """The components of `Filled`, in its order."""
    return [box.chords, box.playlist, box.tune, box.notice, box.heard]


def read_box(text: str, heard_text: str) -> Filled:
    """Reads what stands in the box: says how long it is, or what is wrong with it."""
    if heard_text and text.strip() == heard_text.strip():
        return _unchanged()
    try:
        chart = pasted(text)
    except SaxsoloError as error:
        return _unchanged(page.error_message(error))
    if chart.text == text:
        return _unchanged(page.message(chart.facts or EMPTY_BOX))
    return _filled(chart, text if chart.titles else "")


def read_file(path: str | None) -> Filled:
    """Reads a file into the box; one that cannot be read leaves the box as it is."""
    if not path:
        return _unchanged()
    try:
        return _filled(*dropped(path))
    except SaxsoloError as error:
        return _unchanged(page.error_message(error))


def read_tune(playlist: str, tune: str | None) -> Filled:
    """Another tune of a playlist."""
    if not playlist or not tune:
        return _unchanged()
    try:
        chart = pasted(playlist, tune)
    except SaxsoloError as error:
        return _unchanged(page.error_message(error))
    return chart.text, gr.skip(), gr.skip(), page.message(chart.facts), ""


def forgotten(text: str, heard_text: str) -> Filled:
    """Empties the box where it holds what was heard in a track that is no longer chosen."""
    if not heard_text or text.strip() != heard_text.strip():
        return _unchanged()
    return "", gr.skip(), gr.skip(), page.message(EMPTY_BOX), ""


def written_down(
    listener: Listener, source: str, example: str, upload: str | None, recording: str | None
) -> Filled:
    """Writes what is heard in the chosen track into the box."""
    if source == BAND:
        return _unchanged(page.error_message("a band plays the chords that you write here"))
    try:
        track = chosen_source(Controls(source=source, example=example), upload, recording)
        text = heard(listener.hear(track))
    except SaxsoloError as error:
        return _unchanged(page.error_message(error))
    return text, "", gr.update(visible=False), page.message(HEARD.format(track.name)), text


def written_after_take(listener: Listener, text: str, source: str, *track: Any) -> Filled:
    """The same after a solo, where the box is empty; says nothing where it cannot be done."""
    if text.strip() or source == BAND:
        return _unchanged()
    written = written_down(listener, source, *track)
    return written if isinstance(written[0], str) else _unchanged()


def _filled(chart: PageChart, playlist: str) -> Filled:
    titles = list(chart.titles)
    tunes = gr.update(choices=titles, value=titles[0] if titles else None, visible=bool(titles))
    return chart.text, playlist, tunes, page.message(chart.facts), ""


def _unchanged(notice: str | None = None) -> Filled:
    skip = gr.skip()
    return skip, skip, skip, skip if notice is None else notice, skip
