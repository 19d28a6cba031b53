"""Folders in the system's place for temporary files, for one process, and gone with it.

A process that is killed cannot clean up after itself: the next one that needs such a folder removes
those whose process is gone.
"""

import atexit
import os
import platform
import re
import shutil
import tempfile
import zlib
from pathlib import Path

PREFIX = "saxsolo-"
# the machine is part of a name: on a shared disk, another machine's processes are not known here
MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"


def scratch_folder(use: str, place: str | None = None) -> Path:
    """A new folder that is removed when this process ends.

    Args:
        use: a word for its name.
        place: where, the system's place for temporary files when None.
    """
    place = place or tempfile.gettempdir()
    remove_dead(Path(place))
    folder = Path(tempfile.mkdtemp(prefix=scratch_prefix(use), dir=place))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def scratch_prefix(use: str) -> str:
    """How the name of such a folder begins, for `tempfile.TemporaryDirectory`."""
    return f"{PREFIX}{use}-{process_mark()}-"


def remove_dead(place: Path) -> None:
    """Removes the folders of processes that have ended without removing them."""
    for folder in place.glob(f"{PREFIX}*-{MACHINE}.*"):
        if folder.is_dir() and not folder.is_symlink() and is_dead(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def process_mark() -> str:
    """Names this process in a file name."""
    return f"{MACHINE}.{os.getpid()}"


def is_dead(name: str) -> bool:
    """Whether a file name carries the mark of a process of this machine that has ended."""
    mark = re.search(rf"{MACHINE}\.(\d+)", name)
    if mark is None or os.name == "nt":
        # Windows has no harmless signal to ask a process with
        return False
    try:
        os.kill(int(mark[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
