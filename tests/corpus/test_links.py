"""Links against a server of this machine that breaks off, refuses, hangs and lies."""

import inspect
import io
import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile

from saxsolo.corpus.config import DownloadConfig
from saxsolo.corpus.recordings.download import download_recording
from saxsolo.corpus.recordings.links import fetch_link, open_link
from saxsolo.corpus.recordings.sources import Recording
from saxsolo.corpus.stage_state import DiskFullError, ItemError

PATIENT = DownloadConfig(pause_seconds=0.0, retries=3, timeout_seconds=1.0, shortest_seconds=1.0)


def flac(seconds=3.0):
    noise = 0.1 * np.random.default_rng(0).standard_normal(round(seconds * 32000))
    file = io.BytesIO()
    soundfile.write(file, noise, 32000, format="FLAC")
    return file.getvalue()


class Server:
    """Serves one sound; `faults` are spent one a request of the body."""

    def __init__(self):
        self.body, self.faults, self.seen = flac(), [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                outer.answer(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request):
        asked = request.headers.get("Range")
        self.seen.append((request.command, asked))
        fault = self.faults.pop(0) if self.faults else ""
        if isinstance(fault, int):
            request.send_error(fault)
            return
        if fault == "hang":
            time.sleep(2.5)
            return
        first = int(asked.split("=")[1].split("-")[0]) if asked else 0
        body = self.body[first:]
        request.send_response(206 if asked else 200)
        request.send_header("Content-Type", "audio/flac")
        request.send_header("Accept-Ranges", "bytes")
        if asked:
            whole = len(self.body)
            request.send_header("Content-Range", f"bytes {first}-{whole - 1}/{whole}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body[: len(body) // 2] if fault == "break" else body)


@pytest.fixture
def server():
    one = Server()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_a_sound_comes_whole(server, tmp_path):
    path, _ = fetch_link(f"{server.url}/solo.flac", tmp_path, "it", PATIENT)
    assert path.read_bytes() == server.body
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("fault", [429, 500, 503, "hang"])
def test_trouble_that_passes_is_waited_for(server, tmp_path, fault):
    server.faults = [fault, fault]
    path, _ = fetch_link(f"{server.url}/solo.flac", tmp_path, "it", PATIENT)
    assert path.read_bytes() == server.body and not server.faults


def test_a_line_that_breaks_ends_in_the_whole_sound(server, tmp_path):
    server.faults = ["", "break", "", "break"]
    path, _ = fetch_link(f"{server.url}/solo.flac", tmp_path, "it", PATIENT)
    assert path.read_bytes() == server.body and not server.faults
    ranges = [int(asked[6:].split("-")[0]) for _, asked in server.seen if asked]
    assert max(ranges) > 0, "it goes on where it broke off"


@pytest.mark.parametrize(("fault", "said"), [(404, "gone or closed"), (500, "500")])
def test_trouble_that_stays_is_told_and_leaves_nothing(server, tmp_path, fault, said):
    server.faults = [fault] * 50
    with pytest.raises(ItemError, match=said):
        fetch_link(f"{server.url}/solo.flac", tmp_path, "it", PATIENT)
    assert not list(tmp_path.iterdir())
    if fault == 404:
        assert len(server.faults) == 49, "what is gone is not asked for again"


def test_no_server_at_all(tmp_path):
    with pytest.raises(ItemError, match=r"refused|Connection"):
        fetch_link("http://127.0.0.1:9/solo.flac", tmp_path, "it", PATIENT)


def test_what_was_fetched_is_not_fetched_again(server, tmp_path):
    one = Recording(id="it", link=f"{server.url}/solo.flac", licence="CC0-1.0")
    first = download_recording(one, tmp_path, PATIENT)
    asked = len(server.seen)
    assert download_recording(one, tmp_path, PATIENT) == first
    assert len(server.seen) == asked
    assert first.seconds == pytest.approx(3.0)


def test_a_truncated_file_is_found_out(server, tmp_path):
    server.body = server.body[: len(server.body) // 2]
    one = Recording(id="it", link=f"{server.url}/solo.flac", licence="CC0-1.0")
    with pytest.raises(ItemError, match="breaks off"):
        download_recording(one, tmp_path, PATIENT)


def test_a_sound_shorter_than_announced_is_found_out(server, tmp_path):
    one = Recording(id="it", link=f"{server.url}/a.flac", licence="CC0-1.0", seconds=60.0)
    with pytest.raises(ItemError, match=r"lasts 3\.0 s but 60\.0 s were announced"):
        download_recording(one, tmp_path, PATIENT)


def test_no_licence_no_recording_unless_accepted(server, tmp_path):
    one = Recording(id="it", link=f"{server.url}/solo.flac")
    with pytest.raises(ItemError, match="no licence is stated"):
        download_recording(one, tmp_path, PATIENT)
    assert download_recording(one, tmp_path, PATIENT, accept_rights=True).licence == ""


def test_a_direct_link_is_one_recording_and_not_asked_about(server):
    found = open_link(f"{server.url}/My%20Solo.flac?x=1", PATIENT)
    assert len(found) == 1 and found[0]["link"].endswith("?x=1")
    assert not server.seen


class Saying:
    """A yt-dlp that warns and fails as the real one does on sites that tests cannot reach."""

    warning, error = "", ""

    def __init__(self, settings):
        self.settings = settings

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    sanitize_info = dict

    def extract_info(self, link, download):
        import yt_dlp

        if self.warning:
            self.settings["logger"].warning(self.warning)
        raise yt_dlp.utils.DownloadError(self.error)


NO_RUNTIME = "No supported JavaScript runtime could be found"


@pytest.mark.parametrize(
    ("warning", "error", "said"),
    [
        ("", "ERROR: [youtube] This playlist is private", "private: leave it out"),
        (NO_RUNTIME, "ERROR: Requested format is not available", "JavaScript runtime: install"),
        ("", "ERROR: ffmpeg not found. Please install", "ffmpeg is missing: install it"),
    ],
)
def test_errors_say_the_mend(monkeypatch, warning, error, said):
    import yt_dlp

    monkeypatch.setattr(yt_dlp, "YoutubeDL", Saying)
    monkeypatch.setattr(Saying, "warning", warning)
    monkeypatch.setattr(Saying, "error", error)
    with pytest.raises(ItemError, match=said):
        open_link("https://example.org/list", PATIENT)


def test_ytdlp_still_says_so_where_there_is_no_runtime():
    from yt_dlp.extractor.youtube import _video

    assert NO_RUNTIME in inspect.getsource(_video)


def test_what_the_site_told_is_kept_with_the_file(server, tmp_path, monkeypatch):
    from saxsolo.corpus.recordings import download

    def told(*arguments):
        path, _ = fetch_link(*arguments)
        return path, {"license": "CC-BY-4.0", "duration": 3.0}

    monkeypatch.setattr("saxsolo.corpus.recordings.links.fetch_link", told)
    one = Recording(id="it", link=f"{server.url}/solo.flac")
    assert download.download_recording(one, tmp_path, PATIENT).licence == "CC-BY-4.0"
    asked = len(server.seen)
    assert download.download_recording(one, tmp_path, PATIENT).licence == "CC-BY-4.0"
    assert len(server.seen) == asked


def test_a_bad_file_of_a_link_is_fetched_anew_next_time(server, tmp_path):
    whole, server.body = server.body, server.body[: len(server.body) // 2]
    one = Recording(id="it", link=f"{server.url}/solo.flac", licence="CC0-1.0")
    with pytest.raises(ItemError):
        download_recording(one, tmp_path, PATIENT)
    server.body = whole
    assert download_recording(one, tmp_path, PATIENT).seconds == pytest.approx(3.0)


@pytest.mark.parametrize("ending", ["m4a", "webm"])
def test_what_ffmpeg_reads_is_read(tmp_path, ending):
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("no ffmpeg to make the file with (apt install ffmpeg)")
    (tmp_path / "a.flac").write_bytes(flac())
    path = tmp_path / f"b.{ending}"
    subprocess.run([ffmpeg, "-v", "error", "-i", tmp_path / "a.flac", path], check=True)
    one = Recording(id="it", path=str(path), licence="CC0-1.0")
    found = download_recording(one, tmp_path / "out", PATIENT)
    assert found.path == path and found.seconds == pytest.approx(3.0, abs=0.1)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ItemError, match="is not an audio file"):
        download_recording(one, tmp_path / "more", PATIENT)


def test_no_room_stops_before_anything_is_fetched(server, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    one = Recording(id="it", link=f"{server.url}/solo.flac", licence="CC0-1.0")
    with pytest.raises(DiskFullError, match="1 MB free but 64 MB are needed"):
        download_recording(one, tmp_path, PATIENT)
    assert not server.seen
