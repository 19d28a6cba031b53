"""The page as it looks: docs/space/desktop.png, dark.png and phone.png, docs/pictures/listen.png.

    saxsolo benchmark space-pictures --out docs/space
    saxsolo benchmark space-pictures --only listen --out docs/pictures

Starts a server and Debian's chromium, and takes a picture of one take on each screen, or of the
chart of a track, in 256 colours.
"""

import shutil
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import Page, sync_playwright

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
LISTENING = {"viewport": {"width": 1000, "height": 900}, "color_scheme": "light"}


def main(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("docs/space"),
    seconds: Annotated[int, typer.Option(help="Length of the take.")] = 16,
    only: Annotated[
        str, typer.Option(help="take (a take on each screen) or listen (the chart of a track).")
    ] = "take",
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed (apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="saxsolo-look-") as place, sync_playwright() as play:
        process, url = start(Path(place))
        try:
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            screens = SCREENS if only == "take" else {"listen": LISTENING}
            for name, screen in screens.items():
                page = browser.new_context(**screen).new_page()
                page.set_default_timeout(PATIENCE)
                page.goto(f"{url}?example=blues_in_f&seconds={seconds}&guidance=1.0&seed=2")
                path = out / f"{name}.png"
                if only == "take":
                    show_take(page)
                    page.screenshot(path=path, full_page=True)
                else:
                    show_chart(page)
                    page.locator("#heard").screenshot(path=path)
                    few_colours(path)
                print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
                page.close()
            browser.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def show_take(page: Page) -> None:
    """Plays a solo and waits for its take."""
    page.locator("#start").click()
    page.locator(".take .mixer").wait_for()
    page.wait_for_timeout(1000)


def show_chart(page: Page) -> None:
    """Listens to an example and plays from its sixth bar."""
    page.get_by_role("tab", name="Listen").click()
    page.get_by_role("button", name="Listen", exact=True).click()
    page.locator(".heard .bar").nth(5).click()
    page.locator(".bar[aria-current]").wait_for()
    page.eval_on_selector(".track", "track => track.pause()")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)


def few_colours(path: Path) -> None:
    """Writes a picture again in 256 colours."""
    with Image.open(path) as picture:
        reduced = picture.convert("RGB").quantize(256)
    reduced.save(path, optimize=True)


if __name__ == "__main__":
    typer.run(main)
