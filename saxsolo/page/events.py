"""The page: its layout, and which handler each button and field calls."""

from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from . import handlers
from .chart_box import EAR, connect_chart, filled_outputs, written_after_take
from .cleaning import CLEAN_EVERY, OLDEST_UPLOAD
from .controls import Controls, fresh
from .gpu import ON_ZERO_GPU
from .handlers import AGAIN, ANOTHER, BARS, CONTINUE, PLAY
from .harp import add_harp
from .heard_tab import connect_heard, lay_out_heard
from .judge_tab import connect_judge, lay_out_judge
from .layout import INTRODUCTION, Layout, lay_out
from .limits import MOST_PLAYING
from .line_box import connect_line
from .listener import Listener
from .say_box import connect_say
from .soloist import Soloist
from .source_column import SourceColumn
from .tools import add_tools

# how many may wait for the solos that are being played
MOST_WAITING = 8
# solos that are played in one batch, whoever asks for them; a lent GPU plays one
PLAYER: dict[str, Any] = {
    "concurrency_id": "player",
    "concurrency_limit": 1 if ON_ZERO_GPU else MOST_PLAYING,
}


def build(soloist: Soloist, listener: Listener) -> gr.Blocks:
    """The page, ready to be launched.

    Args:
        soloist: plays solos.
        listener: hears tracks.
    """
    controls = fresh(soloist.generation_config)
    with gr.Blocks(
        title="saxsolo", analytics_enabled=False, delete_cache=(CLEAN_EVERY, OLDEST_UPLOAD)
    ) as demo:
        gr.Markdown(INTRODUCTION)
        with gr.Tab("Improvise"):
            layout = lay_out(controls, soloist.timbres, soloist.articulations)
        with gr.Tab("Listen"):
            heard = lay_out_heard(controls)
        with gr.Tab("Judge"):
            judged = lay_out_judge(controls)
        _connect_buttons(layout, soloist, listener)
        _connect_fields(layout, soloist)
        connect_chart(layout.chart, layout.backing, listener)
        connect_say(layout.say)
        connect_line(layout.line)
        connect_heard(heard, listener, _connect_source)
        _connect_source(judged.track)
        connect_chart(judged.chart, judged.track, listener)
        connect_judge(judged, listener)
        _restore_on_load(demo, layout, controls)
        add_tools(soloist, listener, controls, PLAYER)
        add_harp(soloist, controls, PLAYER)
    demo.queue(max_size=MOST_WAITING)
    return demo


def inputs(layout: Layout) -> list[Component]:
    """The components of `handlers.Inputs`, in the order of its fields."""
    backing, shown = layout.backing, layout.shown
    return [
        *layout.controls(),
        backing.upload,
        backing.recording,
        layout.chart.heard,
        layout.played,
        shown.history,
        shown.from_second,
        shown.first_bar,
        shown.last_bar,
    ]


def outputs(layout: Layout) -> list[Any]:
    """The components of `handlers.Outputs`, in its order."""
    solo, shown = layout.solo, layout.shown
    return [
        solo.stream,
        solo.status,
        layout.played,
        shown.history,
        shown.take,
        shown.area,
        layout.settings.seed,
    ]


def _connect_buttons(layout: Layout, soloist: Soloist, listener: Listener) -> None:
    shown, backing = layout.shown, layout.backing
    track = [backing.source, backing.example, backing.upload, backing.recording]
    buttons = {
        PLAY: layout.solo.start,
        AGAIN: shown.again,
        ANOTHER: shown.another,
        CONTINUE: shown.go_on,
        BARS: shown.replace,
    }
    for name, button in buttons.items():
        played = button.click(
            partial(handlers.answer, soloist, name),
            inputs(layout),
            outputs(layout),
            api_name=name,
            # for Gradio's clients, but no tool: a button needs the state of the page
            api_visibility="undocumented",
            show_progress="minimal",
            show_progress_on=layout.solo.status,
            **PLAYER,
        )
        # the take is shown first: hearing a long track takes a while
        played.then(
            partial(written_after_take, listener),
            [layout.chart.chords, *track],
            filled_outputs(layout.chart),
            api_visibility="private",
            show_progress="hidden",
            **EAR,
        )


def _connect_fields(layout: Layout, soloist: Soloist) -> None:
    _connect_source(layout.backing)
    shown, show = layout.shown, partial(handlers.shown_take, soloist.store)
    shown.history.input(show, shown.history, shown.take, **_quick())
    horn, sound = layout.settings.instrument, layout.settings.timbre
    # the events of a person: a link may hold any pair
    sound.input(handlers.horn_of_timbre, sound, horn, **_quick())
    horn.input(handlers.timbre_of_horn, [horn, sound], sound, **_quick())


def _connect_source(column: SourceColumn) -> None:
    chosen = [column.example, column.upload, column.recording, column.notice]
    column.source.change(handlers.shown_source, column.source, chosen, **_quick())
    described = handlers.described_upload
    upload, recording, notice = column.upload, column.recording, column.notice
    upload.upload(described, upload, [upload, notice], **_quick())
    upload.clear(lambda: "", None, notice, **_quick())
    recording.change(described, recording, [recording, notice], **_quick())


def _restore_on_load(demo: gr.Blocks, layout: Layout, controls: Controls) -> None:
    def restore(request: gr.Request) -> list[object]:
        return handlers.restored_controls(controls, dict(request.query_params))

    demo.load(restore, None, [*layout.controls(), layout.solo.start], **_quick())


def _quick() -> dict[str, Any]:
    """Settings of an event that answers at once and belongs to the page alone."""
    return {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
