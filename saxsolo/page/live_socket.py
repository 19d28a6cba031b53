"""Live playing in the browser: the microphone comes over a WebSocket, the saxophone goes back.

    browser: {"rate": 44100, "lookahead": -0.5, "chords": "", "tempo": 120, "seed": 0}
    server:  {"ready": true}, or {"error": one line} and the end
    browser: samples of the band, float32 mono, as they come
    server:  samples of the solo, float32 at the same rate, each block when it is due

The page at /live records and plays on one clock (live.html). Visitors who play at the same time
share the steps of one decoder.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from saxsolo.errors import SaxsoloError, SettingError
from saxsolo.music.placed_chart import PlacedChart, place_by_tempo
from saxsolo.playing.chart_placing import chart_of_settings
from saxsolo.playing.live import LiveSettings, LiveSolo
from saxsolo.playing.settings import Settings
from saxsolo.weights.loading import Player

from .limits import MOST_LIVE

PAGE = Path(__file__).parent / "live.html"
LOOKAHEADS = (-2.0, 2.0)
# seconds of a visit, and of sound in one message
LONGEST_VISIT, LONGEST_MESSAGE = 600.0, 1.0
BUSY = "Others are playing live, as many as can. Please try again in a few minutes."


def live_routes(player: Player) -> list[BaseRoute]:
    """The page at /live and the socket that it talks to."""
    playing = asyncio.Semaphore(MOST_LIVE)

    async def page(_: Request) -> HTMLResponse:
        html = PAGE.read_text(encoding="utf-8")
        return HTMLResponse(html.replace("SAMPLING_RATE", str(player.sampling_rate)))

    async def visit(socket: WebSocket) -> None:
        await socket.accept()
        try:
            asked = await socket.receive_json()
            if playing.locked():
                raise SettingError(BUSY)
            async with playing:
                solo = await run_in_threadpool(solo_of, player, asked)
                await socket.send_json({"ready": True})
                await _play(socket, solo)
        except WebSocketDisconnect:
            return
        except (SaxsoloError, ValueError, TypeError, KeyError) as error:
            await socket.send_json({"error": " ".join(str(error).split())})
        await socket.close()

    return [Route("/live", page), WebSocketRoute("/live/socket", visit)]


def solo_of(player: Player, asked: Any) -> LiveSolo:
    """The solo that a visitor asks for.

    Args:
        asked: the first message.

    Raises:
        SettingError: for a rate, a lookahead or a tempo that cannot be played, or a model that
            cannot play live.
        ChartError: for chords that cannot be read.
    """
    if not isinstance(asked, dict) or asked.get("rate") != player.sampling_rate:
        raise SettingError(f"live sound comes at {player.sampling_rate} samples a second")
    lookahead, tempo = float(asked.get("lookahead", -0.5)), float(asked.get("tempo", 120))
    if not LOOKAHEADS[0] <= lookahead <= LOOKAHEADS[1]:
        raise SettingError(
            f"lookahead {lookahead:g} s: give {LOOKAHEADS[0]:g} to {LOOKAHEADS[1]:g}"
        )
    settings = LiveSettings(lookahead, seed=int(asked.get("seed", 0)))
    return LiveSolo(player, player.sampling_rate, settings, _placed(asked, tempo))


def _placed(asked: dict[str, Any], tempo: float) -> PlacedChart | None:
    """The chart from the first sample on; None where none was given."""
    chords = str(asked.get("chords", "")).strip()
    if not chords:
        return None
    chart = chart_of_settings(Settings(chords=chords, first_bar=0.0, tempo=tempo))
    assert chart is not None, "chords were given"
    return place_by_tempo(chart, 0.0, tempo, LONGEST_VISIT + 30)


async def _play(socket: WebSocket, solo: LiveSolo) -> None:
    """Feeds the solo with what comes until the visitor leaves or his time is over."""
    while solo.received < LONGEST_VISIT * solo.rate:
        data = await socket.receive_bytes()
        if len(data) % 4 or len(data) > 4 * LONGEST_MESSAGE * solo.rate:
            raise SettingError(f"{len(data)} bytes are no second of float32 samples")
        samples = np.nan_to_num(np.frombuffer(data, "<f4"), posinf=0.0, neginf=0.0)
        for block in await run_in_threadpool(list, solo.push(samples)):
            await socket.send_bytes(block.astype("<f4").tobytes())
