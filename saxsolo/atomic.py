"""Writing: found impossible before the work, never half done, nothing left behind on an error.

Everything is written under a name of its own (`partial_path`) and then renamed, so a reader sees
the old content or the new, and several processes may write the same place. Files that belong
together are put in place under a lock (`locked`). What a killed process left is removed by the next
one that writes there.
"""

import errno
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import soundfile as sf

from .errors import OutputError
from .scratch import is_dead, process_mark

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PARTIAL = ".partial"
# bytes: with less, a write that failed has failed for want of room
LEAST_FREE = 1 << 20
_CLEANED: set[Path] = set()


@contextmanager
def output_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Makes sure that files can be written into `folder`, and makes it where it is missing.

    On any error inside the block the folders that were made here are removed again.

    Raises:
        OutputError: when nothing can be written there.
    """
    if not os.fspath(folder):
        raise OutputError("the folder to write into has an empty name; name one, or . for this one")
    folder = Path(folder)
    created = []
    try:
        for missing in reversed([p for p in (folder, *folder.parents) if not p.exists()]):
            if _made(missing):
                created.append(missing)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        _remove_empty(created)
        raise OutputError(f"cannot write into {folder}: {error.strerror or error}") from error
    try:
        yield folder
    except BaseException:
        _remove_empty(created)
        raise


def _made(folder: Path) -> bool:
    """Makes a folder; False where another take or process has made it meanwhile."""
    try:
        folder.mkdir()
    except FileExistsError:
        if folder.is_dir():
            return False
        raise
    return True


def partial_path(path: Path) -> Path:
    """A name beside `path` that only this thread of this process writes to."""
    return path.with_name(f".{path.name}.{process_mark()}-{threading.get_ident()}{PARTIAL}")


def refuse_overwriting(writes: Iterable[Path], reads: Iterable[Path]) -> None:
    """Makes sure that no file that is read is one of those that are written.

    Files are compared, not names: links, `..` and the case of letters make no difference.

    Raises:
        OutputError: with the first such file.
    """
    read = [(path, os.stat(path)) for path in reads if path.is_file()]
    for written in writes:
        if not written.is_file():
            continue
        state = os.stat(written)
        for path, other in read:
            if os.path.samestat(state, other):
                raise OutputError(
                    f"{path.name} would be replaced by {written}, which is the same file; "
                    "choose another --out"
                )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Waits until no other process, and no other thread, is in this block with the same folder.

    The folder itself is locked, so nothing is left behind. Where folders cannot be locked (Windows,
    some network disks) there is no lock.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL):
                raise
        yield
    finally:
        os.close(handle)


def remove_partial(folder: Path, pattern: str = "*") -> None:
    """Removes what a killed process left in `folder` of files and folders named like `pattern`.

    Only for a place that nobody writes to at the moment.
    """
    for path in folder.glob(f".{pattern}{PARTIAL}"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _remove_dead(folder: Path) -> None:
    """Removes what killed processes left in a folder, the first time that this one writes there."""
    if folder in _CLEANED:
        return
    _CLEANED.add(folder)
    for path in folder.glob(f".*{PARTIAL}"):
        if is_dead(path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text whole or not at all, on disk before it has its name.

    A file that holds it already is left as it is; missing folders are made.

    Raises:
        OutputError: when writing fails, for a full disk say.
    """
    if path.is_file() and path.read_bytes() == text.encode():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as (partial,), partial.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: object) -> None:
    """Writes JSON as `write_text` writes a text."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to fill; puts it in place whole at the end, for an earlier one.

    Errors are raised as they come: who fills the folder knows them.
    """
    partial = partial_path(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        replace_folder(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def replace_folder(fresh: Path, folder: Path) -> None:
    """Puts a finished folder in place of an earlier one, which comes back should that fail."""
    earlier = _aside(folder)
    shutil.rmtree(earlier, ignore_errors=True)
    try:
        if folder.exists():
            folder.rename(earlier)
        fresh.rename(folder)
    finally:
        if earlier.exists() and not folder.exists():
            earlier.rename(folder)
        shutil.rmtree(earlier, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Removes a folder that may be missing; half a folder is never seen under its name."""
    partial = partial_path(folder)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        folder.rename(partial)
    except FileNotFoundError:
        return
    shutil.rmtree(partial)


@contextmanager
def replacing(*paths: Path, stale: Sequence[Path] = ()) -> Iterator[list[Path]]:
    """Gives a place beside each path to write to; puts all in place at the end, or none.

    Args:
        stale: files that go when the new ones come.

    Raises:
        OutputError: when writing fails, for a full disk say.
    """
    partial = [partial_path(path) for path in paths]
    try:
        for folder in {path.parent for path in paths}:
            _remove_dead(folder)
        yield partial
        if len(paths) == 1 and not stale:
            os.replace(partial[0], paths[0])
        else:
            _swap(partial, paths, stale)
    except (OSError, sf.LibsndfileError) as error:
        raise OutputError(f"cannot write {paths[0].parent}: {_reason(error, paths[0])}") from error
    finally:
        for path in partial:
            path.unlink(missing_ok=True)


def _reason(error: Exception, path: Path) -> str:
    """What keeps a file from being written; libsndfile says "System error" of a full disk."""
    if not isinstance(error, sf.LibsndfileError):
        return str(error)
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return error.error_string
    if free < LEAST_FREE:
        return f"the disk is full ({free} bytes are free)"
    return f"{error.error_string.rstrip('.')} ({free / 1e6:.0f} MB are free on the disk)"


def _swap(written: Sequence[Path], paths: Sequence[Path], stale: Sequence[Path]) -> None:
    """Puts all in place, or leaves all as it was.

    What stood there is moved aside before anything new comes: whatever ends the process, old and
    new never stand side by side.
    """
    aside = {path: _aside(path) for path in (*paths, *stale)}
    # a process that was killed here may have left its own
    for place in aside.values():
        place.unlink(missing_ok=True)
    moved: list[Path] = []
    placed: list[Path] = []
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


def _aside(path: Path) -> Path:
    """Where an earlier file or folder waits until the new one stands."""
    return partial_path(path.with_name(f"{path.name}.earlier"))


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        try:
            folder.rmdir()
        except OSError:
            return
