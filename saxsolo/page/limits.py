"""What may be brought to the server. Everything is checked here, whatever the browser checked."""

import html
import unicodedata
from pathlib import Path

from saxsolo.audio.files import Source, open_sound
from saxsolo.errors import AudioError

MEGABYTE = 1_000_000
MOST_BYTES = 25 * MEGABYTE
# of the file that is brought, and of what is played over it
LONGEST_BACKING = 600.0
LONGEST_SOLO = 120.0
FORMATS = {"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "MPEG", "AIFF"}
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")
LONGEST_NAME = 60


def open_upload(path: str | Path, name: str | None = None) -> Source:
    """Opens a file that somebody brought, and refuses what the server does not take.

    Args:
        path: where the server put it.
        name: what the person calls it; the file's own name when None.

    Raises:
        AudioError: too large, too long, no sound, a format that is none of ours; one line.
    """
    path = Path(path)
    name = shown_name(name or path.name)
    if not path.is_file():
        raise AudioError(f"{name} did not arrive; bring it again")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise AudioError(
            f"{name} has {size / MEGABYTE:.0f} MB; at most {MOST_BYTES // MEGABYTE} are taken"
        )
    source = open_sound(path, name)
    if source.format not in FORMATS:
        raise AudioError(f"{name} is {source.format}; WAV, FLAC, OGG, MP3 and AIFF are taken")
    if source.seconds > LONGEST_BACKING:
        raise AudioError(
            f"{name} lasts {source.seconds / 60:.0f} minutes; "
            f"at most {LONGEST_BACKING / 60:.0f} are taken, cut it first"
        )
    return source


def shown_name(name: str) -> str:
    """The last part of a file's name, on one line, short, without what a terminal or a page would
    obey."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    if len(plain) > LONGEST_NAME:
        plain = plain[: LONGEST_NAME - 1] + "…"
    return plain or "backing"


def escaped(text: object) -> str:
    """For HTML, in text and in attributes."""
    return html.escape(str(text), quote=True)
