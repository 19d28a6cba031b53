"""One file over HTTP: resumed where it broke off, and its checksum checked.

What has come lies beside its place as NAME.part until all of it is there, so that the next run goes
on with it; the checksum says whether both parts are of the same file.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .checksums import PART, FetchError, sha256_of

TRIES = 4
TIMEOUT = 30.0
_BLOCK = 1 << 16
Progress = Callable[[int], object]


def download(address: str, path: Path, sha256: str, progress: Progress | None = None) -> Path:
    """Fetches a file to `path`.

    Args:
        sha256: that it must have. progress: is told how many bytes have come.

    Raises:
        FetchError: not to be had, broken off again and again, or another checksum, in which case
            nothing of it is kept.
    """
    part = path.with_name(path.name + PART)
    path.parent.mkdir(parents=True, exist_ok=True)
    for tried in range(1, TRIES + 1):
        try:
            _receive(address, part, progress)
            break
        except urllib.error.HTTPError as error:
            raise FetchError(
                f"{address}: the server answers {error.code} {error.reason}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            if tried == TRIES:
                there = part.stat().st_size if part.exists() else 0
                why = getattr(error, "reason", None) or error
                raise FetchError(
                    f"{address} broke off {TRIES} times, {there} bytes are here ({why}); the same "
                    "command goes on from there"
                ) from error
    found = sha256_of(part)
    if found != sha256:
        part.unlink()
        raise FetchError(
            f"{address} has the SHA-256 {found}, it should be {sha256}: another file lies there, "
            "or it was damaged on the way; nothing of it is kept"
        )
    part.replace(path)
    return path


def read_text(address: str, most: int = 1 << 20) -> str:
    """A small text.

    Raises:
        FetchError: not to be had, or longer than `most` bytes.
    """
    try:
        with _open(urllib.request.Request(address)) as answer:
            content = answer.read(most + 1)
    except urllib.error.HTTPError as error:
        raise FetchError(f"{address}: the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error
        raise FetchError(f"{address} cannot be reached: {why}") from error
    if len(content) > most:
        raise FetchError(f"{address} is longer than {most} bytes: that is no list of checksums")
    return content.decode("utf-8", "replace")


def checked_mirror(address: str) -> str:
    """An address without its last slash.

    Raises:
        FetchError: one that is not http or https.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise FetchError(f"--mirror {address!r} is no address; write http://... or https://...")
    return address.rstrip("/")


def _receive(address: str, part: Path, progress: Progress | None) -> None:
    """Fetches what is missing of a file; raises OSError where it breaks off."""
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address)
    if there:
        request.add_header("Range", f"bytes={there}-")
    try:
        answer = _open(request)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # nothing is left to fetch, or the file is shorter than what is here: the checksum knows
        return
    with answer, part.open("ab" if answer.status == 206 else "wb") as file:
        there = file.tell()
        whole = there + int(answer.headers["Content-Length"] or 0)
        while block := answer.read(_BLOCK):
            file.write(block)
            if progress is not None:
                progress(len(block))
        # `read` with a size does not complain about a connection that ends too soon
        if whole > file.tell():
            raise ConnectionError(f"{file.tell()} of {whole} bytes have come")


def _open(request: urllib.request.Request) -> Any:
    return urllib.request.urlopen(request, timeout=TIMEOUT)
