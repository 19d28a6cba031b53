"""Folders on their way to the Hub: only files that are named are copied."""

import shutil
from pathlib import Path

from saxsolo.errors import PublishError


def list_files(folder: Path) -> dict[str, int]:
    """Path in the folder -> bytes, of all files in it, in the order of their paths."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}


def copy_files(source: Path, folder: Path, names: list[str]) -> None:
    """Copies files, and what links lead to, from one folder into another.

    Raises:
        PublishError: for a file that is missing or cannot be read.
    """
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source / name, target)
        except OSError as error:
            raise PublishError(f"{source / name} cannot be read: {error.strerror}") from error
