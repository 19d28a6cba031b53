"""The page as it looks: docs/space/desktop.png, dark.png and phone.png.

    saxsolo benchmark space-pictures --out docs/space

Starts a server and Debian's chromium, plays one take, and takes a picture of it on each screen.
"""

import shutil
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import sync_playwright

from .space_load import start

PATIENCE = 600_000
SCREENS = {
    "desktop": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "has_touch": True,
        "is_mobile": True,
    },
}


def main(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("docs/space"),
    seconds: Annotated[int, typer.Option(help="Length of the take.")] = 16,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed (apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="saxsolo-look-") as place, sync_playwright() as play:
        process, url = start(Path(place))
        try:
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name, screen in SCREENS.items():
                page = browser.new_context(**screen).new_page()
                page.set_default_timeout(PATIENCE)
                page.goto(f"{url}?example=blues_in_f&seconds={seconds}&guidance=1.0&seed=2")
                page.locator("#start").click()
                page.locator(".take .mixer").wait_for()
                page.wait_for_timeout(1000)
                path = out / f"{name}.png"
                page.screenshot(path=path, full_page=True)
                print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
                page.close()
            browser.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


if __name__ == "__main__":
    typer.run(main)
