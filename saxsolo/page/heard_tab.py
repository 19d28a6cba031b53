"""The tab that listens: a track in, its chart out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import gradio as gr

from saxsolo.errors import SaxsoloError

from . import page
from .chart_box import EAR
from .controls import Controls
from .handlers import chosen_source
from .heard_page import show_heard
from .listener import Listener
from .source_column import SourceColumn, source_column

ABOUT = "Hear the key, tempo, metre, tuning and chords of any track."


@dataclass(frozen=True)
class HeardTab:
    """The components of the tab."""

    track: SourceColumn
    start: gr.Button
    status: gr.HTML
    heard: gr.HTML


def lay_out_heard(controls: Controls) -> HeardTab:
    """Places the components, inside an open `gr.Tab`.

    Args:
        controls: values at the start.
    """
    gr.Markdown(ABOUT)
    return HeardTab(
        track=source_column(
            controls,
            "Track",
            "Record the track (hold the microphone to the loudspeaker)",
            "track-",
        ),
        start=gr.Button("Listen", variant="primary", size="lg", elem_id="listen"),
        status=gr.HTML(page.message("Ready."), elem_id="heard-status"),
        heard=gr.HTML(elem_id="heard"),
    )


def connect_heard(
    tab: HeardTab, listener: Listener, connect_source: Callable[[SourceColumn], None]
) -> None:
    """Connects the components with what they do.

    Args:
        tab: the components.
        listener: hears and stores.
        connect_source: connects the fields where a track is chosen, as in the other tab.
    """
    track = tab.track
    connect_source(track)
    tab.start.click(
        partial(answer, listener),
        [track.source, track.example, track.upload, track.recording],
        [tab.status, tab.heard],
        api_name="listen",
        # for Gradio's clients; the tool describe_backing answers assistants
        api_visibility="undocumented",
        show_progress="minimal",
        show_progress_on=tab.status,
        **EAR,
    )


def answer(
    listener: Listener, source: str, example: str, upload: str | None, recording: str | None
) -> Iterator[tuple[str, object]]:
    """Listens to the chosen track: the handler of the button.

    Args:
        listener: hears and stores.
        source, example: as in `Controls`.
        upload, recording: paths of files; None without one.

    Yields:
        The status, and the track with its chart.
    """
    try:
        track = chosen_source(Controls(source=source, example=example), upload, recording)
        yield page.message(f"Listening to {track.name}."), gr.skip()
        name = listener.keep(track)
        yield page.message(f"{track.name}: done."), show_heard(listener.store, name)
    except SaxsoloError as error:
        # the chart of an earlier track would look like that of this one
        yield page.error_message(error), ""
