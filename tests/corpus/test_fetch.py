"""Data from a mirror: whole and right, or one line that says why not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from saxsolo.corpus.sources import download
from saxsolo.corpus.sources.checksums import SUMS, FetchError, digest_of, read_sums, sums_of
from saxsolo.corpus.sources.fetch import chosen_sources, fetch, is_whole
from saxsolo.corpus.sources.table import SOURCES, Source

FILES = {"solos.csv": b"a,b\n1,2\n", "deep/a name.flac": bytes(range(256)) * 2000}


class Mirror:
    """Serves a folder; `breaks` connections end in the middle of a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.breaks, self.ranges = folder, 0, True
        self.asked: list[tuple[str, str | None]] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted))
        path = self.folder / unquote(request.path).lstrip("/")
        if not path.is_file():
            request.send_error(404)
            return
        content, start = path.read_bytes(), 0
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                request.send_error(416)
                return
        rest = content[start:]
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(rest)))
        request.end_headers()
        if self.breaks and len(rest) > 1000 and path.name != SUMS:
            self.breaks -= 1
            rest = rest[: len(rest) // 2]
        request.wfile.write(rest)
        request.close_connection = True


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "served" / "data"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / SUMS).write_text(sums_of(folder))
    served = Mirror(tmp_path / "served")
    yield served
    served.server.shutdown()
    served.server.server_close()


def source_of(mirror: Mirror) -> Source:
    text = (mirror.folder / "data" / SUMS).read_text()
    return replace(SOURCES[0], name="data", files=len(FILES), size=1, sums=digest_of(text))


def test_a_source_is_fetched_once_and_its_licence_shown(mirror: Mirror, tmp_path: Path) -> None:
    said: list[str] = []
    source, out = source_of(mirror), tmp_path / "out"
    assert fetch([source], out, mirror.address + "/", said.append) == []
    assert {name: (out / "data" / name).read_bytes() for name in FILES} == FILES
    assert "ODbL-1.0" in said[0] and is_whole(source, out / "data")
    asked = len(mirror.asked)
    fetch([source], out, mirror.address, said.append)
    assert len(mirror.asked) == asked


@pytest.mark.parametrize("ranges", [True, False], ids=["range", "no range"])
def test_a_broken_connection_is_taken_up_again(
    mirror: Mirror, tmp_path: Path, ranges: bool
) -> None:
    mirror.breaks, mirror.ranges = 2, ranges
    fetch([source_of(mirror)], tmp_path / "out", mirror.address, lambda line: None)
    assert (tmp_path / "out/data/deep/a name.flac").read_bytes() == FILES["deep/a name.flac"]
    ranges_asked = [wanted for _, wanted in mirror.asked if wanted]
    assert ranges_asked[0] == f"bytes={len(FILES['deep/a name.flac']) // 2}-"


def test_what_came_before_is_not_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.breaks = download.TRIES
    with pytest.raises(FetchError, match="goes on from there"):
        fetch([source_of(mirror)], tmp_path / "out", mirror.address, lambda line: None)
    mirror.asked.clear()
    fetch([source_of(mirror)], tmp_path / "out", mirror.address, lambda line: None)
    assert [wanted is not None for _, wanted in mirror.asked] == [False, True, False]
    assert mirror.asked[1][0] == "/data/deep/a%20name.flac"
    assert not list((tmp_path / "out").rglob("*.part"))


def test_another_file_is_refused_and_not_kept(mirror: Mirror, tmp_path: Path) -> None:
    (mirror.folder / "data/solos.csv").write_bytes(b"else")
    with pytest.raises(FetchError, match="should be") as caught:
        fetch([source_of(mirror)], tmp_path / "out", mirror.address, lambda line: None)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out/data/solos.csv").exists()
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_part_of_another_file_does_not_stay(mirror: Mirror, tmp_path: Path) -> None:
    part = tmp_path / "out/data/deep/a name.flac.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 100)
    with pytest.raises(FetchError, match="nothing of it is kept"):
        fetch([source_of(mirror)], tmp_path / "out", mirror.address, lambda line: None)
    fetch([source_of(mirror)], tmp_path / "out", mirror.address, lambda line: None)


def test_another_list_a_missing_one_and_no_server_are_refused(
    mirror: Mirror, tmp_path: Path
) -> None:
    source = source_of(mirror)
    with pytest.raises(FetchError, match="other data"):
        fetch([replace(source, sums="0" * 64)], tmp_path, mirror.address, lambda line: None)
    with pytest.raises(FetchError, match="404"):
        fetch([replace(source, name="none")], tmp_path, mirror.address, lambda line: None)
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch([source], tmp_path, "http://127.0.0.1:9", lambda line: None)
    with pytest.raises(FetchError, match="no address"):
        fetch([source], tmp_path, "file:///etc", lambda line: None)


def test_a_list_does_not_lead_out_of_its_folder() -> None:
    for path in ("../up", "/etc/passwd", ""):
        with pytest.raises(FetchError, match="no line"):
            read_sums(f"{'0' * 64}  {path}\n", "list")


def test_without_a_mirror_it_says_where(tmp_path: Path) -> None:
    said: list[str] = []
    missing = fetch(chosen_sources(["mtg_solo_sax"]), tmp_path, None, said.append)
    assert [source.name for source in missing] == ["mtg_solo_sax"]
    assert "github.com/sfzinstruments" in said[-1] and "CC-BY-4.0" in said[0]
    with pytest.raises(FetchError, match="choose from"):
        chosen_sources(["nothing"])
