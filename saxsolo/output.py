"""Writing: found impossible before the work, never half done, nothing left behind on an error."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile as sf

from .errors import OutputError

# -1 dBFS, rounded down so that 16 bit rounding stays below it
PEAK = 0.891
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


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


def write_audio(
    path: Path,
    blocks: Iterable[np.ndarray],
    sampling_rate: int,
    channels: int = 1,
    audio_format: str = "wav",
) -> None:
    """Writes blocks (n, channels) or (n,) of floats, n below 100,000: libsndfile's OGG encoder
    fails on more at once.

    Args:
        path: whatever its suffix.
        audio_format: one of `FORMATS`; WAV and FLAC hold 16 bits.
    """
    kind, subtype = FORMATS[audio_format]
    with sf.SoundFile(path, "w", sampling_rate, channels, subtype, format=kind) as file:
        for block in blocks:
            file.write(block)


class Scratch:
    """Mono samples on disk that no name leads to: gone with the process, whatever ends it.

    Args:
        folder: where, the system's place for such files when not given.
    """

    def __init__(self, folder: Path | None = None):
        self._file = tempfile.TemporaryFile(dir=folder)
        self.peak = 0.0
        self.length = 0

    def append(self, samples: np.ndarray) -> None:
        """Adds samples (n,).

        Raises:
            OutputError: when the disk is full.
        """
        try:
            self._file.write(samples.astype("<f4").tobytes())
            self._file.flush()
        except OSError as error:
            raise OutputError(f"cannot keep the solo on disk: {error.strerror}") from error
        self.length += len(samples)
        if len(samples):
            self.peak = max(self.peak, float(np.abs(samples).max()))

    def blocks(self, block: int) -> Iterator[np.ndarray]:
        """Yields all samples, (n,) float32 with n = `block` but for the last."""
        for start in range(0, self.length, block):
            self._file.seek(4 * start)
            yield np.frombuffer(self._file.read(4 * block), "<f4")

    def read(self) -> np.ndarray:
        """All samples, (length,) float32."""
        return np.concatenate([np.zeros(0, np.float32), *self.blocks(self.length or 1)])


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        try:
            folder.rmdir()
        except OSError:
            return
