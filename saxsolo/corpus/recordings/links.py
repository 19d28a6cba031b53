"""Links by yt-dlp: what a link holds, and one recording of it as a file.

yt-dlp calls a truncated file a success: whoever calls `fetch_link` checks the length. Trouble that
passes (429, 5xx, a line that hangs or breaks) is tried again after longer and longer pauses;
trouble that stays (private, gone, no runtime) is not.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saxsolo.audio.names import SUFFIXES
from saxsolo.corpus.config import DownloadConfig
from saxsolo.corpus.stage_state import ItemError, is_disk_full

_PASSING = re.compile(
    r"HTTP Error (408|425|429|5\d\d)|timed out|timeout|Connection|reset|refused|"
    r"IncompleteRead|bytes read|temporar|Did not get any data|downloaded file is empty",
    re.IGNORECASE,
)
_REASONS = (
    (r"private", "the video or playlist is private: leave it out or ask its owner"),
    (
        r"JavaScript runtime|No supported JavaScript",
        "YouTube needs a JavaScript runtime: install deno, or node from 22",
    ),
    (
        r"ffmpeg (is )?not (found|installed)|ffprobe and ffmpeg",
        "ffmpeg is missing: install it (apt install ffmpeg)",
    ),
    (r"HTTP Error 40[134]|HTTP Error 410", "the link is gone or closed"),
)
LONGEST_PAUSE = 120.0

# asks the site, and puts its warnings into the list
Asking = Callable[[list[str]], dict[str, Any]]


class PassingError(ItemError):
    """Trouble of the line or the server that may be over in a while."""


def open_link(link: str, config: DownloadConfig) -> list[dict[str, Any]]:
    """The recordings behind a link: one, or those of a playlist.

    Returns dicts with `link`, and `title`, `licence`, `seconds` where the site tells them. A link
    to a sound file is not asked about: it is one recording.

    Raises:
        ItemError: the link cannot be opened; with the mend where one is known.
    """
    name = link.split("?")[0].rsplit("/", 1)[-1]
    if name.lower().rpartition(".")[2] in SUFFIXES:
        return [{"link": link, "name": name.rsplit(".", 1)[0]}]

    def look(said: list[str]) -> dict[str, Any]:
        with _ytdlp({"extract_flat": "in_playlist"}, config, said) as client:
            return client.sanitize_info(client.extract_info(link, download=False))

    answer = _patiently(look, link, config)
    entries = answer["entries"] if answer.get("entries") is not None else [answer]
    return [
        {
            "link": entry.get("webpage_url") or entry.get("url"),
            "title": entry.get("title") or "",
            "licence": entry.get("license") or "",
            "seconds": float(entry.get("duration") or 0.0),
        }
        for entry in entries
        if entry
    ]


def fetch_link(
    link: str, folder: Path, name: str, config: DownloadConfig
) -> tuple[Path, dict[str, Any]]:
    """Fetches the sound of a link to folder/name.EXT; returns the file and what the site says.

    A broken download goes on where it was (range requests). Pauses `pause_seconds` after each.

    Raises:
        ItemError: it cannot be had. PassingError: not after all retries.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.partial"

    def get(said: list[str]) -> dict[str, Any]:
        part.mkdir(exist_ok=True)
        settings = {
            "format": "bestaudio/best",
            "outtmpl": {"default": str(part / "%(id).64s.%(ext)s")},
            "noplaylist": True,
        }
        with _ytdlp(settings, config, said) as client:
            return client.sanitize_info(client.extract_info(link, download=True))

    try:
        answer = _patiently(get, link, config)
        files = [path for path in part.iterdir() if path.suffix not in (".part", ".ytdl")]
        if len(files) != 1:
            raise ItemError(f"{link}: {len(files)} files came, expected one")
        target = folder / f"{name}{files[0].suffix}"
        files[0].replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    time.sleep(config.pause_seconds)
    return target, answer


def _ytdlp(settings: dict[str, Any], config: DownloadConfig, said: list[str]) -> Any:
    """A client that puts its warnings into `said`."""
    import yt_dlp

    return yt_dlp.YoutubeDL(
        {
            "quiet": True,
            "no_warnings": True,
            "noprogress": True,
            "logger": _Listener(said),
            "socket_timeout": config.timeout_seconds,
            # tenacity does the retries: yt-dlp's own have no back-off across errors
            "retries": 0,
            "extractor_retries": 0,
            "fragment_retries": 0,
            "cachedir": False,
            "js_runtimes": {"deno": {}, "node": {}},
            **settings,
        }
    )


class _Listener:
    """Keeps warnings, which often say why an error comes later; errors are raised as well."""

    def __init__(self, said: list[str]):
        self._said = said

    def debug(self, text: str) -> None: ...

    info = error = debug

    def warning(self, text: str) -> None:
        self._said.append(text)


def _patiently(call: Asking, link: str, config: DownloadConfig) -> dict[str, Any]:
    import tenacity

    retry = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(PassingError),
        stop=tenacity.stop_after_attempt(config.retries + 1),
        wait=tenacity.wait_random_exponential(
            multiplier=max(config.pause_seconds, 0.01), max=LONGEST_PAUSE
        ),
        reraise=True,
    )
    return retry(_translated, call, link)


def _translated(call: Asking, link: str) -> dict[str, Any]:
    """Errors of yt-dlp as ours: passing or not, with the mend where one is known."""
    import yt_dlp

    said: list[str] = []
    try:
        return call(said)
    except (yt_dlp.utils.YoutubeDLError, OSError) as error:
        if is_disk_full(error):
            raise
        text = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(str(error).split()))
        text = text.removeprefix("ERROR: ")[:300]
        whole = " ".join([text, *said])
        for pattern, mend in _REASONS:
            if re.search(pattern, whole, re.IGNORECASE):
                raise ItemError(f"{link}: {mend} ({text})") from error
        kind = PassingError if _PASSING.search(text) else ItemError
        raise kind(f"{link}: {text}") from error
