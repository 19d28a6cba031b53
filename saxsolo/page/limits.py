"""Limits of uploads, checked on the server whatever the browser has checked."""

import html
import unicodedata
from pathlib import Path

from saxsolo.audio.files import Source, open_sound
from saxsolo.errors import AudioError

MEGABYTE = 1_000_000
MOST_BYTES = 25 * MEGABYTE
# of any request: an upload as Base64 with what is around it
MOST_BODY_BYTES = MOST_BYTES * 4 // 3 + MEGABYTE
# seconds of an uploaded file and of a solo
LONGEST_BACKING = 600.0
LONGEST_SOLO = 120.0
# visitors whose solos are played at once, and who play live at once
MOST_PLAYING, MOST_LIVE = 4, 2
FORMATS = {
    *("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF"),
    *("MP4", "AAC", "CAF", "WMA", "MATROSKA"),
}
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff"),
    *(".m4a", ".mp4", ".aac", ".caf", ".wma", ".webm"),
)
LONGEST_NAME = 60


def open_upload(path: str | Path, name: str | None = None) -> Source:
    """Opens an uploaded audio file and refuses what the server does not accept.

    Args:
        path: where the server stored the file.
        name: name shown to the visitor; the file's own when None.

    Raises:
        AudioError: the file is missing, too large, too long, or not audio in an accepted format.
    """
    path = Path(path)
    name = shown_name(name or path.name)
    if not path.is_file():
        raise AudioError(f"{name} was not received; upload it again")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise AudioError(
            f"{name} has {size / MEGABYTE:.0f} MB; the limit is {MOST_BYTES // MEGABYTE} MB: "
            "shorten the file or compress it"
        )
    source = open_sound(path, name)
    if source.format not in FORMATS:
        raise AudioError(
            f"{name} is in the format {source.format}; upload WAV, FLAC, OGG, MP3, M4A or AIFF"
        )
    if source.seconds > LONGEST_BACKING:
        raise AudioError(
            f"{name} lasts {source.seconds / 60:.0f} minutes; "
            f"the limit is {LONGEST_BACKING / 60:.0f} minutes: cut the file first"
        )
    return source


def shown_name(name: str) -> str:
    """The last part of a file name, short, on one line and without control characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    if len(plain) > LONGEST_NAME:
        plain = plain[: LONGEST_NAME - 1] + "…"
    return plain or "backing"


def escaped(text: object) -> str:
    """Text as HTML, for contents and attributes."""
    return html.escape(str(text), quote=True)
