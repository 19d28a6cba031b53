"""Writing: found impossible before the work, never half done, nothing left behind on an error."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile as sf

from saxsolo.errors import OutputError

from .headers import file_name

# -1 dBFS, rounded down so that 16 bit rounding stays below it
PEAK = 0.891
BEXT_BYTES = 602
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def write_audio(
    path: Path,
    blocks: Iterable[np.ndarray],
    sampling_rate: int,
    channels: int = 1,
    audio_format: str = "wav",
    started: int | None = None,
    bit_depth: int = 16,
) -> None:
    """Writes blocks (n, channels) or (n,) of floats, n below 100,000: libsndfile's OGG encoder
    fails on more at once.

    Args:
        path: whatever its suffix.
        audio_format: one of `FORMATS`.
        bit_depth: of WAV and FLAC, 16 or 24.
        started: time reference for a Broadcast WAV, samples since midnight; only WAV has one.
    """
    kind, subtype = FORMATS[audio_format]
    if subtype == "PCM_16" and bit_depth == 24:
        subtype = "PCM_24"
    with sf.SoundFile(file_name(path), "w", sampling_rate, channels, subtype, format=kind) as file:
        for block in blocks:
            file.write(block)
    if started is not None and audio_format == "wav":
        _add_time_reference(path, started)


def _add_time_reference(path: Path, started: int) -> None:
    """Appends the chunk of a Broadcast WAV (EBU Tech 3285, version 1) that says where it starts."""
    content = bytearray(BEXT_BYTES)
    content[256 : 256 + 7] = b"saxsolo"
    content[338:346] = started.to_bytes(8, "little")
    content[346] = 1
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.write(bytes(end % 2) + b"bext" + BEXT_BYTES.to_bytes(4, "little") + content)
        size = file.tell() - 8
        # beyond 4 GB the header is another one, and the chunk is left unannounced
        if size < 1 << 32:
            file.seek(4)
            file.write(size.to_bytes(4, "little"))


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
