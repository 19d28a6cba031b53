"""Reading what a person brings: any WAV, FLAC, OGG or MP3, any rate, by blocks.

A sound is never held whole: an hour of silence is a 0.5 MB file that decodes to 1.4 GB. What is
wrong with a file is found where it can be seen first: at opening (no file, not audio, too short,
cut off by its own header) or in the first pass over the samples (NaN, cut off in the middle).
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from modeling_saxsolo.vocabulary_saxsolo import INTEGER_SAMPLES
from saxsolo.errors import AudioError

READ_FRAMES = 65_536
MIN_SECONDS = 1.0
MAX_SECONDS = 4 * 3600.0
MIN_RATE, MAX_RATE = 4_000, 768_000
# sizes that a program writes into a WAV header when it streams and cannot know the length
UNKNOWN_SIZES = {0, 0x7FFFFFFF, 0xFFFFFFFF}


@dataclass(frozen=True)
class Source:
    """A sound that has been opened and found readable.

    Attributes:
        name: path, or "array".
        sampling_rate: samples a second.
        channels: 1 or 2; more are mixed down to 1.
        frames: samples in a channel.
        path: the file, None for an array.
        format: as libsndfile calls it, "WAV" say; empty for an array.
        samples: (frames, channels of the original) for an array, None for a file.
    """

    name: str
    sampling_rate: int
    channels: int
    frames: int
    path: Path | None = None
    format: str = ""
    samples: np.ndarray | None = None

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sampling_rate

    def length_at(self, sampling_rate: int) -> int:
        """Samples of the whole at another rate."""
        # the same rounding as `resampled_length` of the model, which would load torch
        return round(self.frames * sampling_rate / self.sampling_rate)

    def blocks(
        self, block: int, sampling_rate: int, length: int, mono: bool
    ) -> Iterator[np.ndarray]:
        """Yields the first `length` samples at `sampling_rate`, resampled, in blocks of `block`.

        A sound that is shorter is followed by silence. The last block is shorter when `length` is
        no multiple of `block`.

        Args:
            block: samples in a block.
            sampling_rate: samples a second of what is yielded.
            length: samples in all.
            mono: mix the channels down.

        Yields:
            (block, channels) float32; channels is 1 with `mono`, else `self.channels`.

        Raises:
            AudioError: NaN or Inf, or fewer samples than the header promises.
        """
        channels = 1 if mono else self.channels
        waiting, held, left = [], 0, length
        for part in self._resampled(sampling_rate, channels):
            waiting.append(part)
            held += len(part)
            while held >= block and left:
                joined = np.concatenate(waiting)
                size = min(block, left)
                yield joined[:size]
                left -= size
                waiting, held = [joined[size:]], held - size
            if not left:
                return
        waiting.append(np.zeros((min(block, left), channels), np.float32))
        joined = np.concatenate(waiting)
        while left:
            size = min(block, left)
            out, joined = joined[:size], joined[size:]
            yield np.pad(out, ((0, size - len(out)), (0, 0)))
            left -= size

    def _resampled(self, sampling_rate: int, channels: int) -> Iterator[np.ndarray]:
        if sampling_rate == self.sampling_rate:
            yield from self._native(channels)
            return
        # soxr for what people hear: better yet, and three times as fast. The model listens through
        # modeling_saxsolo, which stands on torch alone.
        resampler = soxr.ResampleStream(self.sampling_rate, sampling_rate, channels, "float32")
        for part in self._native(channels):
            yield resampler.resample_chunk(part)
        yield resampler.resample_chunk(np.zeros((0, channels), np.float32), last=True)

    def parts(self) -> Iterator[np.ndarray]:
        """Yields the sound as it is: (n, channels of the original) float32 at its own rate.

        Raises:
            AudioError: NaN or Inf, or fewer samples than the header promises.
        """
        for part in self._raw():
            if not np.isfinite(part).all():
                raise AudioError(f"{self.name} holds NaN or infinite samples; export it again")
            yield part

    def _native(self, channels: int) -> Iterator[np.ndarray]:
        """(n, channels) float32 parts at the sound's own rate."""
        for part in self.parts():
            yield part if part.shape[1] == channels else part.mean(1, keepdims=True)

    def _raw(self) -> Iterator[np.ndarray]:
        if self.samples is not None:
            for start in range(0, self.frames, READ_FRAMES):
                part = np.ascontiguousarray(self.samples[start : start + READ_FRAMES])
                yield _as_floats(part)
            return
        seen = 0
        try:
            mp3 = self.format == "MP3"
            with _hushed(mp3):
                file = sf.SoundFile(self.path)
            with file:
                while True:
                    with _hushed(mp3):
                        part = file.read(READ_FRAMES, dtype="float32", always_2d=True)
                    if not len(part):
                        break
                    seen += len(part)
                    yield part
        except (sf.LibsndfileError, OSError) as error:
            raise AudioError(f"{self.name} breaks off or is damaged: {_one_line(error)}") from error
        if seen < self.frames:
            raise AudioError(
                f"{self.name} breaks off: its header says {self.frames} samples, {seen} are there; "
                "fetch or export it again"
            )


Sound = str | os.PathLike[str] | tuple[np.ndarray, int] | Source


def open_sound(sound: Sound, name: str | None = None) -> Source:
    """Opens a file or takes an array, and refuses what cannot be played over.

    Args:
        sound: a path, or (samples, sampling rate) with samples (n,), (n, channels) or
            (channels, n), floats in [-1, 1] or integers; what is open already is given back.
        name: what to call a file other than by its path.

    Raises:
        AudioError: with what is wrong and what to do, in one line.
    """
    if isinstance(sound, Source):
        return sound
    if isinstance(sound, tuple):
        source = _from_array(*sound)
    else:
        source = _from_file(Path(sound), name or os.fspath(sound))
    if not MIN_RATE <= source.sampling_rate <= MAX_RATE:
        raise AudioError(
            f"{source.name} has {source.sampling_rate} samples a second; "
            f"saxsolo takes {MIN_RATE} to {MAX_RATE}"
        )
    if source.seconds < MIN_SECONDS:
        raise AudioError(
            f"{source.name} lasts {source.seconds:.2f} s; at least {MIN_SECONDS:g} s are needed"
        )
    if source.seconds > MAX_SECONDS:
        raise AudioError(
            f"{source.name} lasts {source.seconds / 3600:.1f} hours; "
            f"at most {MAX_SECONDS / 3600:g} are taken, cut it first"
        )
    return source


def _from_array(samples: np.ndarray, sampling_rate: int) -> Source:
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise AudioError(
            f"an array of shape {samples.shape} is not audio; "
            "pass (n,), (n, channels) or (channels, n)"
        )
    if not np.issubdtype(samples.dtype, np.floating) and samples.dtype.name not in INTEGER_SAMPLES:
        raise AudioError(
            f"samples of type {samples.dtype} are not audio; pass floats in [-1, 1] or int16"
        )
    if samples.ndim == 1:
        samples = samples[:, None]
    elif samples.shape[0] <= samples.shape[1]:
        samples = samples.T
    channels = samples.shape[1] if samples.shape[1] <= 2 else 1
    return Source("array", int(sampling_rate), channels, len(samples), samples=samples)


def _as_floats(samples: np.ndarray) -> np.ndarray:
    """Samples of any accepted type -> float32 in [-1, 1], as the model's own reader scales them."""
    # torch comes only with sound that is an array: mistakes are answered without it
    import torch

    from modeling_saxsolo.resample_saxsolo import as_floats

    return np.asarray(as_floats(torch.from_numpy(samples)).numpy())


def _from_file(path: Path, name: str) -> Source:
    if not path.exists():
        raise AudioError(f"{name}: no such file")
    if path.is_dir():
        raise AudioError(f"{name} is a folder; name a WAV, FLAC, OGG or MP3 file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(READ_FRAMES)
    except OSError as error:
        raise AudioError(f"{name} cannot be read: {error.strerror}") from error
    if size == 0:
        raise AudioError(f"{name} is empty (zero bytes)")
    if head[:4] == b"OggS" and not _ogg_ends(path, size):
        raise AudioError(f"{name} breaks off: its last page is missing; fetch or export it again")
    try:
        with _hushed(not _looks_like_sound(head)):
            info = sf.info(path)
    except (sf.LibsndfileError, OSError) as error:
        if _looks_like_sound(head):
            raise AudioError(f"{name} breaks off or is damaged: {_one_line(error)}") from error
        # what the library says of such a file can mislead ("does not exist", "a pipe")
        raise AudioError(f"{name} is not an audio file; WAV, FLAC, OGG and MP3 are read") from error
    cut = re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", info.extra_info, re.MULTILINE)
    if cut and int(cut[1]) > int(cut[2]) and int(cut[1]) not in UNKNOWN_SIZES:
        raise AudioError(
            f"{name} breaks off: its header says {cut[1]} bytes of sound, {cut[2]} are there; "
            "fetch or export it again"
        )
    if info.frames <= 0:
        raise AudioError(f"{name} holds no samples")
    channels = info.channels if info.channels <= 2 else 1
    return Source(name, info.samplerate, channels, info.frames, path, info.format)


def _looks_like_sound(head: bytes) -> bool:
    return head[:4] in (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM")


@contextmanager
def _hushed(hush: bool) -> Iterator[None]:
    """Drops what the MP3 decoder, a C library, writes past Python onto standard error."""
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


def _ogg_ends(path: Path, size: int) -> bool:
    """Whether the last page (RFC 3533, at most 65,307 bytes) is whole and marked as the last."""
    with path.open("rb") as file:
        file.seek(max(0, size - 2 * READ_FRAMES))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & 4:
        return False
    lengths = page[27 : 27 + page[26]]
    return len(lengths) == page[26] and len(page) >= 27 + len(lengths) + sum(lengths)


def _one_line(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(text.split()).rstrip(".")
