"""The page in a real browser: Debian's chromium, driven by Playwright."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from ..product.conftest import chords
from .conftest import Server

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"
)
PATIENCE = 60_000
# a quick solo with nothing to hear but the saxophone
QUICK = "?example=ballad&seconds=4&guidance=1.0&live=solo&seed=3"


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--autoplay-policy=no-user-gesture-required",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
            ],
        )
        yield browser
        browser.close()


class Watched:
    """A page of which everything is noted that it should not do."""

    def __init__(self, browser, server: Server, **screen: object):
        self.context = browser.new_context(accept_downloads=True, **screen)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.server = server
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._asked)

    def _said(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _asked(self, request) -> None:
        if not request.url.startswith((self.server.url, "blob:", "data:")):
            self.outside.append(request.url)

    def open(self, query: str = QUICK) -> "Watched":
        self.page.goto(self.server.url + query)
        self.page.locator("#start:enabled").wait_for()
        return self

    def play(self, button: str = "#start", title: str = "Take 1") -> None:
        """Presses a button and waits for its take."""
        self.page.locator(button).click()
        self.page.locator(".take h2", has_text=title).wait_for()

    def fill_in(self, selector: str, text: str) -> None:
        """Fills in a field that was just unfolded: a new field may still get its first value.

        Gradio mounts the fields of a fold when it opens, and what is typed before a field has its
        value is lost; so this fills until the text stays.
        """
        field, kept = self.page.locator(selector), 0
        for _ in range(20):
            if field.input_value() != text:
                field.fill(text)
                kept = 0
            self.page.evaluate("new Promise((settled) => setTimeout(settled, 300))")
            kept += field.input_value() == text
            if kept == 2:
                return
        raise AssertionError(f"{selector} does not keep {text!r}: {field.input_value()!r}")

    def time_of(self, selector: str) -> float:
        return self.page.eval_on_selector(selector, "element => element.currentTime")

    def close(self) -> None:
        self.context.close()
        assert self.errors == [] and self.outside == []


@pytest.fixture
def watched(chromium, server):
    page = Watched(chromium, server)
    yield page
    page.close()


def heard(page, selector: str, seconds: float) -> None:
    """Waits until an audio element has played so far."""
    there = "([s, t]) => [...document.querySelectorAll(s)].some(a => a.currentTime > t)"
    page.wait_for_function(there, arg=[selector, seconds])


def test_play_an_example_listen_balance_and_download(watched, tmp_path):
    watched.open()
    page = watched.page
    watched.play()
    # the stream is a sound that goes on
    heard(page, "#stream audio", 0.5)
    # the solo alone
    page.eval_on_selector("#solo-alone", "audio => audio.play()")
    heard(page, "#solo-alone", 0.3)
    # the mix, with the balance changed while it plays
    page.locator(".mixer-play").click()
    page.wait_for_function("document.querySelector('.mixer-seek').value > 0.3")
    assert page.eval_on_selector("#solo-alone", "audio => audio.paused")
    page.locator(".mixer-balance").fill("-6")
    assert page.locator(".mixer-level").inner_text() == "band +6 dB"
    at = float(page.locator(".mixer-seek").input_value())
    page.wait_for_function(f"document.querySelector('.mixer-seek').value > {at} + 0.2")
    page.locator(".mixer-play").click()
    assert page.locator(".mixer-play").inner_text() == "Play mix"
    # the picture: notes, and a playhead that went along
    assert page.locator(".roll .note").count() > 0
    assert float(page.locator(".playhead").get_attribute("x1")) > 30
    for name, check in (
        ("Solo WAV", _is_sound),
        ("Mix FLAC", _is_sound),
        ("Solo MP3", _is_sound),
        ("MIDI", _begins(b"MThd")),
        ("MusicXML", _begins(b"<?xml")),
        ("Picture", _begins(b"\x89PNG")),
        ("ZIP", lambda path: zipfile.ZipFile(path).testzip() is None),
    ):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).first.click()
        path = tmp_path / "download"
        download.value.save_as(path)
        assert check(path), name
    assert "balance=-6" in page.get_by_role("link", name="Mix WAV").get_attribute("href")


def _is_sound(path: Path) -> bool:
    samples, rate = sf.read(path)
    return rate == 32000 and len(samples) >= 4 * 32000 and np.abs(samples).max() > 0


def _begins(head: bytes):
    return lambda path: path.read_bytes().startswith(head)


def heard_example(watched, example: str = "two five one") -> None:
    """Opens the other tab, chooses an example and waits for its chart."""
    page = watched.page
    page.get_by_role("tab", name="Listen").click()
    page.get_by_role("combobox", name="Example").click()
    page.get_by_role("option", name=example).click()
    page.get_by_role("button", name="Listen", exact=True).click()
    page.locator(".heard .chart").wait_for()


def test_a_chart_follows_the_player_and_is_written_for_a_horn(watched, tmp_path):
    watched.open()
    heard_example(watched)
    page = watched.page
    assert page.locator(".heard-facts dd").count() == 4
    bars = page.locator(".bar")
    # one stop for the Tab key, arrow keys from there, Enter plays
    assert page.locator(".bar[tabindex='0']").count() == 1
    bars.first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    assert (
        page.evaluate("[...document.querySelectorAll('.bar')].indexOf(document.activeElement)") == 5
    )
    start = float(bars.nth(5).get_attribute("data-start"))
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('.track').currentTime > {start} + 0.3")
    page.wait_for_function("document.querySelectorAll('.bar')[5].ariaCurrent === 'true'")
    # on into the next bar
    page.wait_for_function("document.querySelectorAll('.bar')[6].ariaCurrent === 'true'")
    assert page.locator(".bar[aria-current]").count() == 1
    page.eval_on_selector(".track", "track => track.pause()")
    # a place chosen in the player is shown in the chart
    page.eval_on_selector(".track", "(track, at) => track.currentTime = at", start + 0.1)
    page.wait_for_function("document.querySelectorAll('.bar')[5].ariaCurrent === 'true'")
    sounding = bars.nth(1).inner_text()
    page.get_by_label("soprano, tenor").check()
    assert bars.nth(1).inner_text() != sounding
    for link, check in (
        ("MusicXML", _begins(b"<?xml")),
        ("ChordPro", lambda path: b"{subtitle: for B" in path.read_bytes()),
        ("Labels", _begins(b"0.000\t")),
        ("JSON", _begins(b"{")),
        ("Picture", _begins(b"\x89PNG")),
    ):
        with page.expect_download() as download:
            page.locator(".heard").get_by_role("link", name=link).click()
        path = tmp_path / "download"
        download.value.save_as(path)
        assert check(path), link
    # the horn stays for the next track
    page.get_by_role("button", name="Listen", exact=True).click()
    page.locator(".heard[data-horn=bb]").wait_for()


def test_a_bad_file_cannot_be_listened_to(watched, tmp_path):
    bad, silent = tmp_path / "bad.wav", tmp_path / "silent.wav"
    bad.write_text("no sound")
    sf.write(silent, np.zeros(64000), 32000)
    watched.open()
    heard_example(watched)
    page = watched.page
    page.get_by_label("Your file").and_(page.locator(":visible")).check()
    page.locator("#track-upload input[type=file]").set_input_files(bad)
    page.locator("#track-notice [role=alert]", has_text="not an audio file").wait_for()
    page.locator("#track-upload input[type=file]").set_input_files(silent)
    page.locator("#track-notice", has_text="0:02").wait_for()
    page.get_by_role("button", name="Listen", exact=True).click()
    page.locator("#heard-status [role=alert]", has_text="silent.wav is silent").wait_for()
    assert page.locator(".heard").count() == 0


def test_good_and_bad_files(watched, tmp_path):
    bad, good = tmp_path / "bad.wav", tmp_path / "good.wav"
    bad.write_text("no sound")
    sf.write(good, chords(4.0, 44100), 44100)
    watched.open()
    page = watched.page
    page.get_by_label("Your file").check()
    page.locator("#upload input[type=file]").set_input_files(bad)
    page.locator("#notice [role=alert]", has_text="not an audio file").wait_for()
    page.locator("#upload input[type=file]").set_input_files(good)
    page.locator("#notice", has_text="0:04, 44.1 kHz, stereo").wait_for()
    watched.play()
    assert "good.wav" in page.locator(".take .facts").inner_text()


def test_a_share_link_brings_everything_back_and_takes_stay(watched):
    watched.open()
    page = watched.page
    watched.play()
    watched.play("#another", "Take 2")
    assert page.get_by_role("radio", name="Take 1").count() == 1
    page.locator(".mixer-balance").fill("4")
    link = page.locator("#share-link").input_value()
    page.get_by_role("radio", name="Take 1").check()
    page.locator(".take h2", has_text="Take 1").wait_for()
    watched.open("?" + link.split("?", 1)[1])
    page.get_by_role("button", name="More settings").click()
    assert page.locator("input[type=number][aria-label*=Guidance]").input_value() == "1"
    assert page.get_by_label("Seed", exact=False).first.input_value() == "4"
    assert page.get_by_role("combobox", name="Example").input_value() == "ballad"
    page.reload()
    watched.play()
    assert "seed 4" in page.locator(".take h2").inner_text()
    assert page.locator(".mixer-balance").input_value() == "4"


def test_a_narrow_screen_and_the_keyboard(chromium, server):
    watched = Watched(
        chromium,
        server,
        viewport={"width": 360, "height": 740},
        color_scheme="dark",
        has_touch=True,
    )
    watched.open()
    page = watched.page
    # from the top of the page to the button without a mouse
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "start":
            break
    page.keyboard.press("Enter")
    page.locator(".take h2", has_text="Take 1").wait_for()
    _fits(page)
    heard_example(watched)
    _fits(page)
    watched.close()


def _fits(page) -> None:
    """The page is no wider than the screen, and each control on it has a name."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360, f"the page is {wide} wide"
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, audio, a')]
            .filter(e => e.offsetParent && e.type !== 'hidden')
            .filter(e => !(e.textContent.trim() || e.ariaLabel || e.title || e.labels?.length))
            .map(e => e.outerHTML.slice(0, 150))"""
    )
    assert unnamed == [], "controls without a name"


def test_chords_are_typed_mended_and_practised(watched):
    watched.open()
    page = watched.page
    chords, notice = page.locator("#chords textarea"), page.locator("#chart-notice")
    chords.fill("F7 | H7")
    chords.blur()
    notice.locator("[role=alert]", has_text="Bar 2").wait_for()
    chords.fill("Metre: 4/4\nF7 | Bb7 |")
    chords.blur()
    page.locator("#chart-notice", has_text="2 bars of 4/4").wait_for()
    page.get_by_role("button", name="Where the chart lies").click()
    watched.fill_in("#first-bar input", "0")
    watched.fill_in("#tempo input", "120")
    watched.play()
    assert page.locator(".roll text.chord.for-concert").first.text_content() == "F7"
    page.locator("select.written-for").select_option("bb")
    assert page.locator(".roll text.chord:visible").first.text_content() == "G7"
    # a bar lasts two seconds: the second over and over, at half the tempo
    page.locator(".loop").check()
    page.locator(".loop-from").fill("2")
    page.locator(".loop-to").fill("2")
    page.locator(".speed").select_option("0.5")
    page.locator(".mixer-play").click()
    page.wait_for_function("document.querySelector('.mixer-seek').value > 3.5")
    page.wait_for_function("document.querySelector('.mixer-seek').value < 2.6")
    assert float(page.locator(".mixer-seek").input_value()) >= 1.9
    page.locator(".mixer-play").click()


NOTES = """[...document.querySelectorAll('.roll .note')].map(
    (note) => ['at', 'length', 'pitch'].map((name) => +(+note.dataset[name]).toFixed(3)))"""


def test_a_line_is_voiced_and_its_notes_are_edited_and_voiced_again(watched, server):
    watched.open()
    page = watched.page
    page.locator("#line-fold button").first.click()
    line = page.locator("#line textarea")
    watched.fill_in("#line textarea", "@0.5 0.4 Bb3; @1 0.5 C4; @2 0.5 F4; @3 0.6 G4")
    page.locator("#line-notice", has_text="voices this line").wait_for()
    how = page.locator("#articulation input")
    assert how.input_value() == "as a player plays"
    how.fill("none,vibrato=1")
    how.press("Enter")
    watched.play()
    assert "articulation=none%2Cvibrato%3D1&" in page.locator("#share-link").input_value()
    takes = (server.root() / "takes").glob("*/take.json")
    take = json.loads(max(takes, key=lambda path: path.stat().st_mtime).read_text())
    assert take["run"]["settings"]["articulation"] == "none,vibrato=1"
    played = [[0.5, 0.4, 58], [1, 0.5, 60], [2, 0.5, 65], [3, 0.6, 67]]
    assert page.evaluate(NOTES) == played
    page.locator(".edit-notes").click()
    # the first note goes, the next is a semitone higher and two frames later
    for key in ("PageDown", "Delete", "ArrowUp", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    # the last is dragged, and put back
    box = page.locator(".roll .note").last.bounding_box()
    x, y = box["x"] + 5, box["y"] + 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y - 6, steps=3)
    page.mouse.up()
    assert line.input_value().startswith("@1.04 0.5 Db4; @2 0.5 F4; @3.") and "Ab4" in (
        line.input_value()
    )
    page.locator(".undo-edit").click()
    assert line.input_value() == "@1.04 0.5 Db4; @2 0.5 F4; @3 0.6 G4"
    page.locator(".voice-notes").click()
    page.locator(".take h2", has_text="Take 2").wait_for()
    assert page.evaluate(NOTES) == [[1.04, 0.5, 61], *played[2:]]
    page.locator("#no-line").click()
    page.locator("#line-notice", has_text="improvised").wait_for()


@pytest.mark.slow
def test_a_solo_is_recorded_over_a_track(chromium, server):
    watched = Watched(chromium, server, permissions=["microphone"]).open()
    page = watched.page
    page.get_by_role("tab", name="Judge").click()
    page.locator("#judge-load").click()
    record = page.locator(".recorder .record")
    page.locator(".recorder .count-in").uncheck()
    record.click()
    page.locator(".recorder .record[aria-pressed=true]").wait_for()
    page.wait_for_timeout(1500)
    record.click()
    page.locator(".record-status", has_text="s recorded").wait_for()
    page.locator("#judge-solo", has_text="recording").wait_for()
    watched.close()
