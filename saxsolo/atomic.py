"""Writing: found impossible before the work, never half done, nothing left behind on an error."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import soundfile as sf

from .errors import OutputError


@contextmanager
def output_folder(folder: str | os.PathLike) -> Iterator[Path]:
    """Makes sure that files can be written into `folder`, and makes it where it is missing.

    On any error inside the block the folders that were made here are removed again.

    Raises:
        OutputError: when nothing can be written there.
    """
    folder = Path(folder)
    made = []
    try:
        for missing in reversed([p for p in (folder, *folder.parents) if not p.exists()]):
            missing.mkdir()
            made.append(missing)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        _remove_empty(made)
        raise OutputError(f"cannot write into {folder}: {error.strerror or error}") from error
    try:
        yield folder
    except BaseException:
        _remove_empty(made)
        raise


@contextmanager
def replacing(*paths: Path, stale: Sequence[Path] = ()) -> Iterator[list[Path]]:
    """Gives a place beside each path to write to; puts all in place at the end, or none.

    Args:
        stale: files that go when the new ones come.

    Raises:
        OutputError: when writing fails, for a full disk say.
    """
    partial = [path.with_name(f".{path.name}.partial") for path in paths]
    try:
        yield partial
        if len(paths) == 1 and not stale:
            os.replace(partial[0], paths[0])
        else:
            _swap(partial, paths, stale)
    except (OSError, sf.LibsndfileError) as error:
        raise OutputError(f"cannot write {paths[0].parent}: {error}") from error
    finally:
        for path in partial:
            path.unlink(missing_ok=True)


def _swap(written: Sequence[Path], paths: Sequence[Path], stale: Sequence[Path]) -> None:
    """Puts all in place, or leaves all as it was.

    What stood there is moved aside before anything new comes: whatever ends the process, old and
    new never stand side by side.
    """
    aside = {path: path.with_name(f".{path.name}.earlier") for path in (*paths, *stale)}
    # a process that was killed here may have left its own
    for place in aside.values():
        place.unlink(missing_ok=True)
    moved, placed = [], []
    try:
        for path, place in aside.items():
            if path.is_file() or path.is_symlink():
                moved.append(path)
                os.replace(path, place)
        for new, path in zip(written, paths, strict=True):
            placed.append(path)
            os.replace(new, path)
    except BaseException:
        for path in placed:
            if path.is_file():
                path.unlink()
        for path in moved:
            if aside[path].exists():
                os.replace(aside[path], path)
        raise
    for place in aside.values():
        place.unlink(missing_ok=True)


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        try:
            folder.rmdir()
        except OSError:
            return
