"""A crowd at the Space: does anybody hang, is a take lost, are memory and files bounded?

    saxsolo benchmark space-load --clients 50 --minutes 5

Starts a server of its own on the loopback, lets every client press the button again and again, and
stops by itself. A client that is refused waits a second and comes back; one that is taken waits for
its take and fetches the mix. Writes what happened as JSON.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import httpx
import numpy as np
import psutil
import typer

PAUSE = 1.0
# no solo, waited for and played, may take longer
PATIENCE = 600.0
STARTING = 300.0


@dataclass
class Tally:
    """What happened to all clients together; times in seconds."""

    takes: int = 0
    refused: int = 0
    lost: int = 0
    hung: int = 0
    other_errors: list[str] = field(default_factory=list)
    refusal_seconds: list[float] = field(default_factory=list)
    take_seconds: list[float] = field(default_factory=list)


async def client(url: str, play: int, data: list, number: int, until: float, tally: Tally) -> None:
    """One visitor, until the time is up."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        turn = 0
        while time.monotonic() < until:
            turn += 1
            session = f"c{number}t{turn}"
            start = time.monotonic()
            try:
                body = {"data": data, "fn_index": play, "session_hash": session}
                answer = await http.post("gradio_api/queue/join", json=body)
                if answer.status_code == 503:
                    tally.refused += 1
                    tally.refusal_seconds.append(time.monotonic() - start)
                    await asyncio.sleep(PAUSE)
                    continue
                answer.raise_for_status()
                name = await asyncio.wait_for(_take(http, session), PATIENCE)
            except TimeoutError:
                tally.hung += 1
                continue
            except httpx.HTTPError as error:
                tally.other_errors.append(f"{type(error).__name__}: {error}"[:200])
                await asyncio.sleep(PAUSE)
                continue
            if name is None:
                tally.lost += 1
                continue
            mix = await http.get(f"take/{name}/mix.mp3", timeout=120)
            if mix.status_code == 200 and len(mix.content) > 10_000:
                tally.takes += 1
                tally.take_seconds.append(time.monotonic() - start)
            else:
                tally.lost += 1


async def _take(http: httpx.AsyncClient, session: str) -> str | None:
    """The name of the take at the end of a session's events; None when there is none."""
    name = None
    events = http.stream(
        "GET", "gradio_api/queue/data", params={"session_hash": session}, timeout=PATIENCE
    )
    async with events as stream:
        async for line in stream.aiter_lines():
            if not line.startswith("data:"):
                continue
            at = line.find("take/")
            if at >= 0 and line[at + 5 : at + 37].isalnum():
                name = line[at + 5 : at + 37]
            if json.loads(line[5:])["msg"] in ("process_completed", "close_stream"):
                break
    return name


async def watch(process: psutil.Process, folder: Path, until: float) -> list[tuple[int, int, int]]:
    """Resident bytes of the server and its children, bytes and number of its files, in time."""
    seen = []
    while time.monotonic() < until:
        resident = files = size = 0
        for member in (process, *process.children(recursive=True)):
            try:
                resident += member.memory_info().rss
            except psutil.Error:
                continue
        for path in folder.rglob("*"):
            try:
                if path.is_file():
                    size, files = size + path.stat().st_size, files + 1
            except OSError:
                continue
        seen.append((resident, size, files))
        await asyncio.sleep(2)
    return seen


async def crowd(url: str, server: int, folder: Path, clients: int, seconds: float, solo: int):
    """Everybody at once; gives the tally and what was watched."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        config = (await http.get("config")).json()
    (play,) = (d["id"] for d in config["dependencies"] if d["api_name"] == "play")
    values = ["example", "ballad", "tenor", "as heard", 1, 0.95, 1, solo, "mix"]
    data = [*values, None, None, None, None, 12, 5, 8]
    tally, until = Tally(), time.monotonic() + seconds
    watching = asyncio.create_task(watch(psutil.Process(server), folder, until))
    await asyncio.gather(*(client(url, play, data, n, until, tally) for n in range(clients)))
    return tally, await watching


def start(folder: Path) -> tuple[subprocess.Popen, str]:
    """A server of our own that keeps its files in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "saxsolo", "app", "--port", str(port)],
        env={**os.environ, "SAXSOLO_APP_TEMP": str(folder)},
        stdout=subprocess.DEVNULL,
    )
    url, patience = f"http://127.0.0.1:{port}/", time.monotonic() + STARTING
    while time.monotonic() < patience and process.poll() is None:
        try:
            httpx.get(url, timeout=10)
            return process, url
        except httpx.TransportError:
            time.sleep(0.5)
    process.kill()
    raise SystemExit("the server did not start")


def main(
    clients: Annotated[int, typer.Option(help="Visitors at once.")] = 50,
    minutes: Annotated[float, typer.Option(help="How long they stay.")] = 5.0,
    solo_seconds: Annotated[int, typer.Option(help="Length of each solo.")] = 5,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> None:
    with tempfile.TemporaryDirectory(prefix="saxsolo-load-") as place:
        folder = Path(place)
        process, url = start(folder)
        try:
            seconds = 60 * minutes
            running = crowd(url, process.pid, folder, clients, seconds, solo_seconds)
            tally, watched = asyncio.run(running)
            alive = httpx.get(url, timeout=60).status_code == 200
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
        left = sum(1 for _ in folder.iterdir())
    resident, size, files = np.array(watched).T
    facts = {
        "clients": clients,
        "minutes": minutes,
        "solo_seconds": solo_seconds,
        "load_average": os.getloadavg()[1],
        **{k: v for k, v in asdict(tally).items() if not k.endswith("_seconds")},
        **{
            f"{name} {part}": round(float(np.quantile(values, q)), 2) if values else None
            for name, values in (
                ("refusal seconds", tally.refusal_seconds),
                ("take seconds", tally.take_seconds),
            )
            for part, q in (("median", 0.5), ("95 %", 0.95), ("largest", 1.0))
        },
        "resident MB first": round(resident[0] / 1e6),
        "resident MB half-way": round(resident[len(resident) // 2] / 1e6),
        "resident MB last": round(resident[-1] / 1e6),
        "files MB largest": round(size.max() / 1e6, 1),
        "files largest": int(files.max()),
        "files left after the end": left,
        "answers at the end": alive,
    }
    text = json.dumps(facts, indent=2)
    print(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")
    if not alive or tally.lost or tally.hung or tally.other_errors or left:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
