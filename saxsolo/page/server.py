"""The page and its server: `saxsolo app`, or a Space on the Hub.

    controls -> one solo, streamed as it is generated (HLS) -> the take on the shelf -> the page

One solo is played at a time, a few wait, more are refused at once. Nothing is asked of another
host: no fonts, no analytics.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

# before gradio is imported: it reads its environment then
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

try:
    # on ZeroGPU this has to come before torch
    import spaces
except ImportError:
    spaces = None

import gradio as gr
from starlette.middleware import Middleware

from saxsolo.audio.files import Source
from saxsolo.errors import SaxsoloError, SettingError
from saxsolo.playing.performance import Revision, Settings
from saxsolo.weights.loading import Player, load_player

from . import page
from .controls import (
    EXAMPLE,
    EXAMPLES,
    FEELS,
    INSTRUMENTS,
    RANGES,
    RECORDING,
    UPLOAD,
    Controls,
    checked,
    examples,
    fresh,
    from_query,
)
from .files import routes
from .limits import LONGEST_BACKING, LONGEST_SOLO, MOST_BYTES, SUFFIXES, open_upload
from .model import place_of_model
from .playing import Step, Wish, bars_anew, continued, play
from .refusals import PoliteRefusals
from .take_store import Shelf

HERE = Path(__file__).resolve().parent
MOST_WAITING = 8
MOST_SESSIONS = 200
CLEAN_EVERY = 300
# files that a visitor brought are cleared away after this time
OLDEST_UPLOAD = 1800
# seconds of a GPU that one solo may take, where it is rented by the second
GPU_SECONDS = 120
INTRODUCTION = """# saxsolo
A saxophone listens to your backing track and improvises over it."""
AGAIN, ANOTHER, CONTINUE, BARS, PLAY = "again", "another", "continue", "bars", "play"


def build(player: Player, root: Path) -> tuple[gr.Blocks, Shelf]:
    """The page.

    Args:
        player: model and codec.
        root: folder for all files that come about.
    """
    shelf = Shelf(root / "takes")
    scratch = root / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    perform = _on_gpu(partial(_perform, player, shelf, scratch))
    controls = fresh(player.solo.model.generation_config)

    def restore(request: gr.Request) -> list:
        asked = from_query(dict(request.query_params), controls)
        values = [getattr(asked, name) for name in Controls.__dataclass_fields__]
        return [*values, gr.update(interactive=True)]

    with gr.Blocks(
        title="saxsolo", analytics_enabled=False, delete_cache=(CLEAN_EVERY, OLDEST_UPLOAD)
    ) as demo:
        gr.Markdown(INTRODUCTION)
        session = gr.State([])
        with gr.Row():
            with gr.Column(min_width=280):
                source = gr.Radio(
                    [("An example", EXAMPLE), ("My file", UPLOAD), ("Record one", RECORDING)],
                    value=controls.source,
                    label="Backing track",
                )
                example = gr.Dropdown(
                    [(name.replace("_", " "), name) for name in examples()],
                    value=controls.example,
                    label="Example",
                )
                upload = gr.File(
                    label=f"WAV, FLAC, OGG, MP3 or AIFF, up to {MOST_BYTES // 10**6} MB "
                    f"and {LONGEST_BACKING / 60:.0f} minutes",
                    file_types=list(SUFFIXES),
                    visible="hidden",
                    height=140,
                    elem_id="upload",
                )
                recording = gr.Audio(
                    sources=["microphone"],
                    type="filepath",
                    label="Record the backing (headphones keep the saxophone out)",
                    visible="hidden",
                    elem_id="recording",
                )
                brought = gr.HTML(elem_id="brought")
            with gr.Column(min_width=280):
                with gr.Row():
                    instrument = gr.Dropdown(
                        list(INSTRUMENTS), value=controls.instrument, label="Saxophone"
                    )
                    feel = gr.Dropdown(list(FEELS), value=controls.feel, label="Style")
                seconds = gr.Slider(
                    *RANGES["seconds"],
                    value=controls.seconds,
                    step=1,
                    label="Length in seconds",
                    info="at most; it ends where the backing ends",
                )
                with gr.Accordion("More", open=False):
                    seed = gr.Number(
                        value=controls.seed,
                        precision=0,
                        minimum=RANGES["seed"][0],
                        maximum=RANGES["seed"][1],
                        label="Seed",
                        info="the same seed plays the same solo",
                    )
                    temperature = gr.Slider(
                        *RANGES["temperature"],
                        value=controls.temperature,
                        step=0.05,
                        label="Temperature",
                        info="higher is bolder",
                    )
                    guidance = gr.Slider(
                        *RANGES["guidance"],
                        value=controls.guidance,
                        step=0.05,
                        label="Guidance",
                        info="higher leans on the backing more; 1 is none",
                    )
                    live = gr.Radio(
                        [("solo and band", "mix"), ("the solo alone", "solo")],
                        value=controls.live,
                        label="While it plays, hear",
                    )
        # not before the link's settings are there: it would play others
        start = gr.Button(
            "Play a solo", variant="primary", size="lg", interactive=False, elem_id="start"
        )
        status = gr.HTML(page.message("Ready."), elem_id="status")
        stream = gr.Audio(
            label="As it is played",
            streaming=True,
            autoplay=True,
            interactive=False,
            buttons=[],
            elem_id="stream",
        )
        with gr.Column(visible=False, min_width=280, elem_id="taken") as taken:
            history = gr.Radio([], label="Takes", elem_id="history")
            shown = gr.HTML(elem_id="take")
            with gr.Row():
                again = gr.Button("Again, same seed", elem_id="again")
                another = gr.Button("Another take", elem_id="another")
            with gr.Row():
                from_seconds = gr.Number(
                    value=12,
                    minimum=0,
                    maximum=LONGEST_SOLO,
                    min_width=120,
                    label="From second",
                )
                go_on = gr.Button("Continue from there", elem_id="continue")
            with gr.Row():
                first_bar = gr.Number(
                    value=5, precision=0, minimum=1, min_width=120, label="From bar"
                )
                last_bar = gr.Number(value=8, precision=0, minimum=1, min_width=120, label="To bar")
                bars = gr.Button("Only these bars again", elem_id="bars")
            gr.Markdown(
                "These two play over the take that is shown, with a seed and settings from the "
                "controls above: choose another seed. What comes before stays as it is. After the "
                "bars (numbered in the picture) the solo of that take goes on."
            )
        given = [source, example, instrument, feel, seed, temperature, guidance, seconds, live]
        inputs = [*given, upload, recording, session, history, from_seconds, first_bar, last_bar]
        outputs = [stream, status, session, history, shown, taken, seed]
        ways = ((start, PLAY), (again, AGAIN), (another, ANOTHER), (go_on, CONTINUE), (bars, BARS))
        for button, way in ways:
            button.click(
                partial(_answer, perform, shelf, way),
                inputs,
                outputs,
                api_name=way,
                show_progress="minimal",
                show_progress_on=status,
                concurrency_id="player",
                concurrency_limit=1,
            )
        quick = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        source.change(_show_source, source, [example, upload, recording, brought], **quick)
        upload.upload(_look_at, upload, [upload, brought], **quick)
        upload.clear(lambda: "", None, brought, **quick)
        recording.change(_look_at, recording, [recording, brought], **quick)
        history.input(partial(_show, shelf), history, shown, **quick)
        demo.load(restore, None, [*given, start], **quick)
    demo.queue(max_size=MOST_WAITING)
    return demo, shelf


def _answer(
    perform: Callable[..., Iterator[Step]],
    shelf: Shelf,
    way: str,
    *values: object,
) -> Iterator[tuple]:
    """What a button does, for all of them: plays, and shows the take.

    Args:
        way: which button.
        values: of the components in `inputs`.

    Yields:
        Values of the components in `outputs`.
    """
    *given, upload, recording, session, selected, from_seconds, first_bar, last_bar = values
    # stream, status, session, history, shown, taken, seed; nothing may be said to the stream before
    # its first sound: the browser gives up on a playlist without segments
    quiet = [gr.skip() for _ in range(7)]

    def say(text: str, sound: object = quiet[0]) -> tuple:
        return (sound, text, *quiet[2:])

    try:
        controls = checked(_controls(given))
        if way == ANOTHER:
            controls = _with(controls, seed=int(controls.seed + 1) % RANGES["seed"][1])
        source, revision, what = _wanted(
            shelf, way, controls, upload, recording, selected, (from_seconds, first_bar, last_bar)
        )
        settings = controls.settings(min(source.seconds, LONGEST_SOLO))
        if revision is not None:
            settings = _as_long(settings, shelf.take(selected).seconds)
        number = len(session) + 1
        label = f"Take {number}: {controls.instrument}, seed {int(controls.seed)}{what}"
        wish = Wish(settings, controls.live == "mix", controls.query(), label, revision)
        yield say(page.message("Listening to the backing."))
        for step in perform(source, wish):
            if step.take is None:
                yield say(page.progress(step), step.sound)
                continue
            session = [*session, (label, step.take)]
            done = page.message(f"{label}: done, {page.clock(step.total)} played.")
            yield (
                quiet[0],
                done,
                session,
                gr.update(choices=session, value=step.take),
                page.show_take(shelf, step.take),
                gr.update(visible=True),
                controls.seed,
            )
    except SaxsoloError as error:
        yield say(page.message(_sentence(str(error)), wrong=True))


def _wanted(
    shelf: Shelf,
    way: str,
    controls: Controls,
    upload: str | None,
    recording: str | None,
    selected: str | None,
    where: tuple[float, int, int],
) -> tuple[Source, Revision | None, str]:
    """The backing, what is kept of an earlier solo, and how to call that."""
    if way in (CONTINUE, BARS):
        if not selected:
            raise SettingError("play a take first")
        earlier = shelf.take(selected)
        source = open_upload(shelf.folder(selected) / "backing.flac", shelf.card(selected).title)
        if way == CONTINUE:
            seconds = float(_number(where[0], "second"))
            return source, continued(earlier.codes, seconds), f", from {page.clock(seconds)} on"
        first, last = (int(_number(bar, "bar")) for bar in where[1:])
        revision = bars_anew(earlier.codes, earlier.grid, first, last)
        return source, revision, f", bars {first} to {last} anew"
    if controls.source == EXAMPLE:
        path = EXAMPLES / f"{controls.example}.flac"
        return open_upload(path), None, ""
    path = upload if controls.source == UPLOAD else recording
    if not path:
        word = "choose a file" if controls.source == UPLOAD else "record something"
        raise SettingError(f"{word} first, or take an example")
    return open_upload(path), None, ""


def _perform(
    player: Player, shelf: Shelf, scratch: Path, source: Source, wish: Wish
) -> Iterator[Step]:
    return play(player, shelf, source, wish, scratch)


def _on_gpu(function: Callable) -> Callable:
    """On ZeroGPU the function is lent a GPU while it runs; elsewhere it is itself."""
    if spaces is None:
        return function

    @spaces.GPU(duration=GPU_SECONDS)
    def perform(source: Source, wish: Wish) -> Iterator[Step]:
        yield from function(source, wish)

    return perform


def _controls(given: list) -> Controls:
    return Controls(**dict(zip(Controls.__dataclass_fields__, given, strict=True)))


def _with(controls: Controls, **changes: object) -> Controls:
    return Controls(**{**vars(controls), **changes})


def _as_long(settings: Settings, seconds: float) -> Settings:
    return Settings(**{**vars(settings), "seconds": seconds})


def _number(value: object, name: str) -> float:
    if not isinstance(value, int | float) or not abs(value) < 1e6:
        raise SettingError(f"say which {name}")
    return value


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _show_source(source: str) -> tuple:
    there = (source == EXAMPLE, source == UPLOAD, source == RECORDING)
    return (*(gr.update(visible=True if wanted else "hidden") for wanted in there), "")


def _look_at(path: str | None) -> tuple:
    """What was brought, in words; what cannot be played over is put away again."""
    if not path:
        return gr.skip(), ""
    try:
        source = open_upload(path)
    except SaxsoloError as error:
        return None, page.message(_sentence(str(error)), wrong=True)
    sound = "mono" if source.channels == 1 else "stereo"
    text = (
        f"{source.name}: {page.clock(source.seconds)}, {source.sampling_rate / 1000:g} kHz, {sound}"
    )
    return gr.skip(), page.message(text)


def _show(shelf: Shelf, name: str | None) -> str:
    try:
        return page.show_take(shelf, name or "")
    except SaxsoloError as error:
        return page.message(_sentence(str(error)), wrong=True)


def launch(
    port: int | None = None,
    host: str | None = None,
    share: bool = False,
    block: bool = True,
    checkpoint: str | None = None,
) -> str:
    """Loads the model, plays a little to warm up, and serves until interrupted.

    Args:
        port: the first free one from 7860 on when None.
        host: address to listen on; this machine alone when None.
        share: through a tunnel of Gradio's, for all the world.
        block: wait for the end.
        checkpoint: folder of the model; what `place_of_model` says when None.

    Returns:
        Where it answers on this machine.

    Raises:
        SaxsoloError: when there is no model, no ffmpeg, or the port is taken.
    """
    if shutil.which("ffmpeg") is None:
        raise SettingError(
            "streaming needs ffmpeg, which is not installed (apt-get install ffmpeg)"
        )
    # tests look here for what is left behind
    root = Path(tempfile.mkdtemp(prefix="saxsolo-", dir=os.environ.get("SAXSOLO_APP_TEMP")))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = str(root / "uploads")
    player = load_player(checkpoint or place_of_model())
    demo, shelf = build(player, root)
    if spaces is None:
        # a rented GPU is not there before somebody plays
        _warm_up(player, shelf, root)
    _clean_now_and_then(shelf)
    try:
        _, url, _ = demo.launch(
            server_name=host,
            server_port=port,
            share=share,
            quiet=False,
            prevent_thread_lock=not block,
            theme=_theme(),
            css_paths=HERE / "page.css",
            head=f"<script>{(HERE / 'page.js').read_text(encoding='utf-8')}</script>",
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            pwa=False,
            enable_monitoring=False,
            max_file_size=MOST_BYTES,
            state_session_capacity=MOST_SESSIONS,
            app_kwargs={"routes": routes(shelf), "middleware": [Middleware(PoliteRefusals)]},
        )
    except OSError as error:
        raise SettingError(f"cannot listen on port {port}: {error}") from error
    return url


def _theme() -> gr.themes.Base:
    """Fonts of the visitor's own machine; orange that white letters can be read on."""
    theme = gr.themes.Soft(
        primary_hue="orange",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return theme.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
        block_label_text_color="*primary_800",
        block_title_text_color="*primary_800",
        body_background_fill="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        input_border_width="1px",
        input_border_color="*neutral_300",
        button_secondary_background_fill="*neutral_200",
        button_secondary_background_fill_hover="*neutral_300",
        checkbox_label_background_fill="*neutral_200",
    )


def _warm_up(player: Player, shelf: Shelf, root: Path) -> None:
    """The first solo of a process takes seconds longer; nobody shall wait for that."""
    source = open_upload(EXAMPLES / f"{Controls().example}.flac")
    wish = Wish(Settings(seconds=1.0), True, "", secrets.token_hex(2))
    for step in _perform(player, shelf, root / "scratch", source, wish):
        if step.take:
            page.show_take(shelf, step.take)
            shutil.rmtree(shelf.folder(step.take))


def _clean_now_and_then(shelf: Shelf) -> None:
    def work() -> None:
        while not pause.wait(CLEAN_EVERY):
            shelf.clean()

    pause = threading.Event()
    threading.Thread(target=work, name="saxsolo-clean", daemon=True).start()
