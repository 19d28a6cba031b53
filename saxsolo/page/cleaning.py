"""Deletes expired takes, tracks and files at intervals, as long as the server runs."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from .folder_store import FolderStore

# seconds: how often, and how old an uploaded or delivered file may get
CLEAN_EVERY = 300
OLDEST_UPLOAD = 1800


def clean_regularly(stores: Sequence[FolderStore], uploads: Path) -> None:
    """Starts a thread that cleans up every five minutes.

    Args:
        stores: of takes and of tracks that were heard.
        uploads: folder of the files that visitors sent or received.
    """

    def work() -> None:
        while not pause.wait(CLEAN_EVERY):
            for store in stores:
                store.clean()
            delete_old_files(uploads, OLDEST_UPLOAD)

    pause = threading.Event()
    threading.Thread(target=work, name="saxsolo-clean", daemon=True).start()


def delete_old_files(folder: Path, seconds: float, now: float | None = None) -> None:
    """Deletes files below a folder that nobody has written for so long, and empty folders."""
    now = time.time() if now is None else now
    # the innermost first, so that a folder is empty when its turn comes
    for path in sorted(folder.rglob("*"), reverse=True):
        try:
            if now - path.stat().st_mtime > seconds:
                path.rmdir() if path.is_dir() else path.unlink()
        except OSError:
            # not empty, or deleted meanwhile
            continue
