"""Seconds from pressing the button to the first sound in the browser, and to the whole take.

    saxsolo benchmark space-first-sound --runs 3 --seconds 30

Starts a server with the default model and Debian's chromium on this machine; both share its cores.
A sound has begun when the audio element's time has moved.
"""

import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import sync_playwright

from .space_load import start

HEARD = "[...document.querySelectorAll('#stream audio')].some(a => a.currentTime > 0.02)"
PATIENCE = 600_000


def main(
    runs: Annotated[int, typer.Option(help="How often.")] = 3,
    seconds: Annotated[int, typer.Option(help="Length of each solo.")] = 30,
    example: Annotated[str, typer.Option(help="Which backing.")] = "bossa",
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed (apt-get install chromium)")
    rows = []
    with tempfile.TemporaryDirectory(prefix="saxsolo-first-") as place, sync_playwright() as play:
        process, url = start(Path(place))
        try:
            browser = play.chromium.launch(
                executable_path=chromium,
                args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
            )
            for run in range(runs):
                page = browser.new_page()
                page.set_default_timeout(PATIENCE)
                query = f"?example={example}&seconds={seconds}&seed={run}"
                page.goto(url + query)
                page.locator("#start:enabled").wait_for()
                begin = time.perf_counter()
                page.locator("#start").click()
                page.wait_for_function(HEARD, polling=20)
                first = time.perf_counter() - begin
                page.locator("#status", has_text="done").wait_for()
                played = time.perf_counter() - begin
                page.locator(".take .mixer").wait_for()
                rows.append({"first sound s": round(first, 2), "whole take s": round(played, 2)})
                page.close()
            browser.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
    facts = {"seconds": seconds, "load_average": os.getloadavg()[0], "runs": rows}
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    typer.run(main)
