"""Starts the page: `saxsolo app`, or a Space on the Hub.

    controls -> one solo, streamed while it is generated (HLS) -> the stored take -> the page

Four solos are played at a time, in one batch; a few requests wait, further ones are refused at
once. The page loads nothing from another host: no fonts, no analytics.
"""

import os
import secrets
import shutil
from pathlib import Path

from starlette.middleware import Middleware

from saxsolo.errors import SettingError
from saxsolo.playing.settings import Settings
from saxsolo.scratch import scratch_folder
from saxsolo.weights.loading import Player, load_player

from . import page
from .cleaning import clean_regularly
from .controls import EXAMPLES, Controls
from .files import routes
from .gpu import ON_ZERO_GPU
from .heard_files import heard_routes
from .judged_store import judged_routes
from .limited_bodies import LimitedBodies
from .limits import MOST_BODY_BYTES, MOST_BYTES, open_upload
from .listener import Listener
from .live_socket import live_routes
from .model import place_of_model
from .playing import SoloRequest
from .refusals import PoliteRefusals
from .soloist import Soloist

HERE = Path(__file__).resolve().parent
MOST_SESSIONS = 200
STYLES = ("page.css", "heard.css", "judged.css")
SCRIPTS = ("page.js", "editor.js", "heard.js", "chart.js", "record.js")
MIDDLEWARE = [Middleware(LimitedBodies, most_bytes=MOST_BODY_BYTES), Middleware(PoliteRefusals)]


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
        share: whether to open a public tunnel through Gradio's servers.
        block: whether to wait until the server stops.
        checkpoint: folder of the model; `place_of_model` when None.

    Returns:
        The address on this machine.

    Raises:
        SaxsoloError: when there is no model or no ffmpeg, or the port is taken.
    """
    if shutil.which("ffmpeg") is None:
        raise SettingError("streaming needs ffmpeg, which is not installed; apt-get install ffmpeg")
    # tests set the variable to see what is left behind
    root = scratch_folder("page", os.environ.get("SAXSOLO_APP_TEMP"))
    _set_environment(root / "uploads")
    player = load_player(checkpoint or place_of_model())
    soloist = Soloist(player, root)
    if not ON_ZERO_GPU:
        # there the GPU is borrowed only while somebody plays
        _warm_up(soloist)
    listener = Listener(root)
    clean_regularly([soloist.store, listener.store, listener.judged], soloist.uploads)
    try:
        return _serve(player, soloist, listener, port, host, share, block)
    except OSError as error:
        raise SettingError(f"cannot listen on port {port}: {error}") from error


def _set_environment(uploads: Path) -> None:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)


def _serve(
    player: Player,
    soloist: Soloist,
    listener: Listener,
    port: int | None,
    host: str | None,
    share: bool,
    block: bool,
) -> str:
    # these import gradio, which reads its environment when it is imported
    from .events import build
    from .theme import page_theme

    scripts = [(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    served_routes = [
        *routes(soloist.store),
        *heard_routes(listener.store),
        *judged_routes(listener.judged),
        *live_routes(player),
    ]
    _, url, _ = build(soloist, listener).launch(
        server_name=host,
        server_port=port,
        share=share,
        quiet=False,
        prevent_thread_lock=not block,
        theme=page_theme(),
        css_paths=[HERE / name for name in STYLES],
        head="".join(f"<script>{script}</script>" for script in scripts),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=True,
        enable_monitoring=False,
        max_file_size=MOST_BYTES,
        state_session_capacity=MOST_SESSIONS,
        app_kwargs={"routes": served_routes, "middleware": MIDDLEWARE},
    )
    return url


def _warm_up(soloist: Soloist) -> None:
    """Plays one second: the first solo of a process takes seconds longer than the next."""
    source = open_upload(EXAMPLES / f"{Controls().example}.flac")
    request = SoloRequest(Settings(seconds=1.0), True, "", secrets.token_hex(2))
    for step in soloist.play(source, request):
        if step.take:
            page.show_take(soloist.store, step.take)
            shutil.rmtree(soloist.store.folder(step.take))
