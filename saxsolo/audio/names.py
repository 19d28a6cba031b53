"""Names of files as they can be printed, and files that are taken for sounds by their names."""

import os
import unicodedata
from pathlib import Path

SUFFIXES = frozenset(
    "3gp aac ac3 aif aifc aiff amr ape au avi awb bwf caf dff dsf dts eac3 flac flv gsm m4a m4b "
    "m4r m4v mka mkv mov mp2 mp3 mp4 mpc mpga oga ogg ogv opus ra rf64 rm shn snd spx tak tta voc "
    "w64 wav wave webm wma wmv wv".split()
)
# what begins like this is a sound whatever it is called
BEGINNINGS = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM", b"caff", b"ID3", b"#!AMR", b"wvpk")


def looks_like_sound(path: Path) -> bool:
    """Whether a file of a folder is meant by who names the folder: by its name or first bytes."""
    if path.suffix.lower().removeprefix(".") in SUFFIXES:
        return True
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(BEGINNINGS) or head[4:8] == b"ftyp"


def readable(name: str) -> str:
    """A name for a file that every program reads: no bytes that are not UTF-8, no controls."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join("_" if unicodedata.category(c) == "Cc" else c for c in text)


def printable(name: str | os.PathLike[str]) -> str:
    r"""A name on one line: bytes that are not UTF-8 as \xe9, no control characters."""
    text = os.fspath(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        c if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") else "\ufffd" for c in text
    )
