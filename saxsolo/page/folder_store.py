"""Folders under names that nobody can guess, which expire.

A folder is written under another name and renamed when it is complete. Nothing of it stays in
memory: the process that fills it and the one that serves it may be two.
"""

import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saxsolo.errors import SaxsoloError

MOST_FOLDERS = 200
MOST_BYTES = 2_000_000_000
OLDEST_SECONDS = 2 * 3600.0
NAME = re.compile(r"[0-9a-f]{32}")


class GoneError(SaxsoloError, LookupError):
    """What never existed or has expired."""


class FolderStore:
    """The folders of all visitors.

    Args:
        root: folder that holds nothing else.
        facts_file: JSON file that each of them holds.
        gone: what a visitor reads where one has expired.
    """

    def __init__(self, root: Path, facts_file: str, gone: str):
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)
        self._facts_file, self._gone = facts_file, gone
        self._cleaning = threading.Lock()

    @contextmanager
    def filling(self) -> Iterator[tuple[str, Path]]:
        """Gives a new name and an empty folder to fill, which has the name when it is complete."""
        name = secrets.token_hex(16)
        partial = self.root / f".{name}.partial"
        partial.mkdir()
        try:
            yield name, partial
            partial.rename(self.root / name)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self.clean()

    def folder(self, name: str) -> Path:
        """The folder of this name.

        Raises:
            GoneError: for an invalid name or a folder that has expired.
        """
        folder = self.root / name if NAME.fullmatch(name or "") else None
        if folder is None or not (folder / self._facts_file).is_file():
            raise GoneError(self._gone)
        return folder

    def facts(self, name: str) -> dict[str, Any]:
        """What the JSON file of a folder says."""
        return json.loads((self.folder(name) / self._facts_file).read_text(encoding="utf-8"))

    def clean(self, now: float | None = None) -> None:
        """Deletes folders that are too old, and the oldest ones beyond the limits."""
        now = time.time() if now is None else now
        with self._cleaning:
            folders = sorted(self._folders_with_times(), reverse=True)
            used = 0
            for rank, (written_at, folder) in enumerate(folders):
                used += _size(folder)
                if rank >= MOST_FOLDERS or used > MOST_BYTES or now - written_at > OLDEST_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)

    def _folders_with_times(self) -> Iterable[tuple[float, Path]]:
        for folder in self.root.iterdir():
            try:
                yield folder.stat().st_mtime, folder
            except FileNotFoundError:
                continue


def _size(folder: Path) -> int:
    """Bytes in a folder, while another process may be deleting files from it."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            continue
    return size
