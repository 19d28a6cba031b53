"""A running server with a small random model, as a visitor's browser meets it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ..product.conftest import save_checkpoint

STARTING = 300.0


@dataclass(frozen=True)
class Server:
    """Where it answers, where its files are, and its process."""

    url: str
    temp: Path
    process: subprocess.Popen

    def root(self) -> Path:
        """The one folder that it keeps files in."""
        (root,) = self.temp.iterdir()
        return root


def start_server(folder: Path, **environment: str) -> Server:
    """Starts `saxsolo app` on a free port and waits until it answers."""
    for library in ("gradio", "httpx"):
        pytest.importorskip(library)
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed (apt-get install ffmpeg)")
    checkpoint = save_checkpoint(folder / "checkpoint", articulations=["vibrato", "scoop"])
    temp = folder / "temp"
    temp.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "SAXSOLO_CHECKPOINT": str(checkpoint),
        "SAXSOLO_APP_TEMP": str(temp),
        "OMP_NUM_THREADS": "1",
        **environment,
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "saxsolo", "app", "--port", str(port)],
            env={**os.environ, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url, patience = f"http://127.0.0.1:{port}/", time.monotonic() + STARTING
    while time.monotonic() < patience and process.poll() is None:
        try:
            httpx.get(url, timeout=10)
            return Server(url, temp, process)
        except httpx.TransportError:
            time.sleep(0.2)
    process.kill()
    pytest.fail(f"the server did not start: {(folder / 'log').read_text()}")


def stop_server(server: Server) -> None:
    """Ends it as a person or a host would."""
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(STARTING)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory):
    running = start_server(tmp_path_factory.mktemp("server"))
    yield running
    stop_server(running)
