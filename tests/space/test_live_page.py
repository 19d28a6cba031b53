"""Live playing over a socket, and in Chromium with its fake microphone."""

import shutil
import socket as sockets
import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest
import torch

pytest.importorskip("websockets")
starlette = pytest.importorskip("starlette.applications")
from starlette.testclient import TestClient  # noqa: E402

from saxsolo.page.limits import MOST_LIVE  # noqa: E402
from saxsolo.page.live_socket import BUSY, live_routes  # noqa: E402
from saxsolo.weights.loading import load_player  # noqa: E402

CHORDS = "Dm7 | G7 | Cmaj7 | Cmaj7"
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def app():
    torch.set_num_threads(1)
    return starlette.Starlette(routes=live_routes(load_player(device="cpu")))


def asked(**changes):
    return {"rate": 44100, "lookahead": -0.5, "chords": CHORDS, "tempo": 120, "seed": 1, **changes}


def test_blocks_come_when_they_are_due(app):
    with TestClient(app).websocket_connect("/live/socket") as live:
        live.send_json(asked())
        assert live.receive_json() == {"ready": True}
        # with a lookahead of -0.5 s two blocks are due at once, the third after half a second
        live.send_bytes(np.zeros(4410, np.float32).tobytes())
        blocks = [np.frombuffer(live.receive_bytes(), "<f4") for _ in range(2)]
        live.send_bytes(np.zeros(22050, np.float32).tobytes())
        blocks.append(np.frombuffer(live.receive_bytes(), "<f4"))
        # the codec holds back what later codes can change
        assert 1.2 * 44100 < sum(map(len, blocks)) <= 1.5 * 44100
        live.send_bytes(b"odd")
        assert "bytes" in live.receive_json()["error"]


def test_visitors_at_once_hear_what_each_would_alone(app):
    """Up to as many as can; one more is told so."""
    client = TestClient(app)
    with ExitStack() as visits:
        lives = [
            visits.enter_context(client.websocket_connect("/live/socket")) for _ in range(MOST_LIVE)
        ]
        for live in lives:
            live.send_json(asked(seed=1))
            assert live.receive_json() == {"ready": True}
        other = visits.enter_context(client.websocket_connect("/live/socket"))
        other.send_json(asked())
        assert other.receive_json() == {"error": BUSY}
        for live in lives:
            live.send_bytes(np.zeros(44100, np.float32).tobytes())
        heard = [[live.receive_bytes() for _ in range(3)] for live in lives]
    assert len(heard) > 1 and all(blocks == heard[0] for blocks in heard)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate": 8000}, "44100"),
        ({"lookahead": 9}, "lookahead"),
        ({"chords": "H | ?"}, "H"),
        ({"tempo": 0}, "tempo"),
    ],
    ids=["rate", "lookahead", "chords", "tempo"],
)
def test_what_cannot_be_played_is_said_in_one_line(app, changes, words):
    with TestClient(app).websocket_connect("/live/socket") as live:
        live.send_json(asked(**changes))
        error = live.receive_json()["error"]
        assert words in error and "\n" not in error


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_plays_what_comes_back(app):
    sync_api = pytest.importorskip("playwright.sync_api")
    uvicorn = pytest.importorskip("uvicorn")
    with sockets.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    flags += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
            page = browser.new_page()
            errors = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.set_default_timeout(120_000)
            page.goto(f"http://127.0.0.1:{port}/live")
            page.fill("#chords", CHORDS)
            page.check("#metronome")
            page.click("#start")
            status = page.locator("#status")
            page.wait_for_function(
                "Number(document.getElementById('status').dataset.blocks) >= 4", timeout=120_000
            )
            assert "blocks late" in status.inner_text() and not errors
            page.click("#start")
            assert page.inner_text("#start") == "Start"
            browser.close()
    finally:
        server.should_exit = True
        thread.join()
