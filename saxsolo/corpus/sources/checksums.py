"""Checksums of folders, in the format of `sha256sum`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from saxsolo.errors import SaxsoloError

SUMS = "SHA256SUMS"
#: a file that is half fetched
PART = ".part"
_BLOCK = 1 << 20


class FetchError(SaxsoloError, OSError):
    """Data that cannot be fetched, or that are not what they should be."""


def sha256_of(path: Path) -> str:
    """Of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def files_of(folder: Path) -> list[str]:
    """Paths below a folder with slashes, in the order of their bytes, without lists and parts."""
    names = (
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != PART
    )
    return sorted((name for name in names if name != SUMS), key=lambda name: name.encode())


def sums_of(folder: Path, names: Iterable[str] | None = None) -> str:
    """The list of a folder: a line "SHA256  PATH" for each file, or for those of `names`."""
    chosen = files_of(folder) if names is None else names
    return "".join(f"{sha256_of(folder / name)}  {name}\n" for name in chosen)


def digest_of(text: str) -> str:
    """SHA-256 of a list."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_sums(text: str, name: str) -> dict[str, str]:
    """Path -> SHA-256 of a list.

    Raises:
        FetchError: a line that is none, or a path that leads out of the folder.
    """
    files = {}
    for line in text.splitlines():
        digest, _, path = line.partition("  ")
        parts = PurePosixPath(path)
        if len(digest) != 64 or not path or parts.is_absolute() or ".." in parts.parts:
            raise FetchError(f"{name}: {line!r} is no line of a list of checksums ({SUMS})")
        files[path] = digest
    return files
