"""What can be known of a file before it is decoded: whether it is one, and what its header says."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import soundfile as sf

from modeling_saxsolo.sound_file_saxsolo import CAN_DECODE, SAMPLED, is_one_ogg, last_page_is_whole
from saxsolo.errors import AudioError, OutputError
from saxsolo.scratch import scratch_folder

REMEDY = "; fetch or export it again (--force, force=True plays what is there)"
KINDS = "WAV, FLAC, OGG, MP3, M4A and what else FFmpeg decodes are read"
# what is piped in is kept on disk; four hours of stereo float at 96 kHz are 11 GB
MOST_PIPED = 12 * 10**9
# Sizes from here on are written by programs that stream and cannot know the length (SoX 0x7FFFF000,
# arecord 0x80000000, others 0xFFFFFFFF), and 0 by those that never came back to fill it in.
UNKNOWN_SIZE = 0x7FFFF000
# bytes of a WAV file without samples, at most
LARGEST_HEADER = 4096
# what libsndfile says of a FLAC stream whose header leaves the length open, and anything like it
MOST_FRAMES = 1 << 40


@dataclass(frozen=True)
class Header:
    """What libsndfile says of a file.

    Attributes:
        breaks_off: what is missing at the end, "" where nothing is known to be.
        started: time reference of a Broadcast WAV, samples since midnight.
    """

    sampling_rate: int
    channels: int
    frames: int
    format: str
    breaks_off: str = ""
    started: int | None = None


def readable_file(path: Path, name: str) -> Path:
    """The path of a file whose bytes can be read more than once: what is piped in is kept.

    Raises:
        AudioError: no file, a folder, a device, no right to read, no bytes.
    """
    if not path.exists():
        raise AudioError(f"{name}: no such file")
    if path.is_dir():
        raise AudioError(f"{name} is a folder; name a WAV, FLAC, OGG or MP3 file")
    try:
        kind = path.stat().st_mode
        if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
            with path.open("rb") as pipe:
                path = keep_piped(pipe, name)
        elif not stat.S_ISREG(kind):
            raise AudioError(f"{name} is a device, not a file; name a file or pipe a sound in")
        if path.stat().st_size == 0:
            raise AudioError(f"{name} is empty (zero bytes)")
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise AudioError(f"{name} cannot be read: {error.strerror}") from error
    return path


def keep_piped(pipe: BinaryIO, name: str) -> Path:
    """A file with what comes through a pipe; it goes when the process ends.

    Raises:
        AudioError: more than is taken.
        OutputError: a full disk.
    """
    path = scratch_folder("piped") / "sound"
    try:
        with path.open("wb") as file:
            while part := pipe.read(1 << 20):
                file.write(part)
                if file.tell() > MOST_PIPED:
                    raise AudioError(f"{name} is more than {MOST_PIPED / 1e9:g} GB; pipe in less")
    except OSError as error:
        raise OutputError(f"{name} cannot be kept in {path.parent}: {error.strerror}") from error
    return path


def read_header(path: Path, name: str) -> Header | None:
    """What libsndfile says of a file, None for one that FFmpeg's libraries are to read.

    Raises:
        AudioError: for a file without samples; without PyAV, for one that libsndfile cannot read.
    """
    with path.open("rb") as file:
        head = file.read(4)
    sampled, ogg = head in SAMPLED, head == b"OggS"
    if CAN_DECODE and (not sampled or (ogg and not is_one_ogg(path))):
        return None
    try:
        with _hushed(not sampled):
            info = sf.info(file_name(path))
    except (sf.LibsndfileError, OSError) as error:
        if CAN_DECODE:
            return None
        raise AudioError(f"{name} cannot be read: {one_line(error)}; pip install av") from error
    if CAN_DECODE and info.frames > MOST_FRAMES:
        return None
    if info.frames <= 0:
        if CAN_DECODE and path.stat().st_size > LARGEST_HEADER:
            # a program that was stopped has not filled in the length
            return None
        raise AudioError(f"{name} holds no samples")
    cut = re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", info.extra_info, re.MULTILINE)
    reason = ""
    if cut and int(cut[2]) < int(cut[1]) < UNKNOWN_SIZE:
        reason = f"its header says {cut[1]} bytes of sound, {cut[2]} are there"
    if ogg and not last_page_is_whole(path):
        reason = "a part of its last page is missing"
    started = _time_reference(path) if info.format in ("WAV", "WAVEX", "RF64") else None
    return Header(info.samplerate, info.channels, info.frames, info.format, reason, started)


def file_name(path: Path) -> str | bytes:
    """The name of a file as soundfile takes it: it cannot encode what is not UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def one_line(error: Exception) -> str:
    """What an error says, without line breaks and the full stop."""
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).split()).rstrip(".")


def _time_reference(path: Path) -> int | None:
    """Samples since midnight at which a Broadcast WAV starts (EBU Tech 3285), None for no such."""
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"bext":
                start = file.read(346)[338:]
                return int.from_bytes(start, "little") if len(start) == 8 else None
            file.seek(size + size % 2, os.SEEK_CUR)
    return None


@contextmanager
def _hushed(hush: bool) -> Iterator[None]:
    """Drops what libsndfile's MP3 decoder, a C library, writes past Python onto standard error."""
    if not hush:
        yield
        return
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
