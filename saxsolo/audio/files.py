"""Reading what a person brings, at any rate, by blocks: WAV, FLAC and AIFF through libsndfile,
all else (MP3, M4A, OGG, WMA, video, ...) through FFmpeg's libraries.

A sound is never held whole: an hour of silence is a 0.5 MB file that decodes to 1.4 GB. What is
wrong with a file is found where it can be seen first: at opening (no file, not audio, too short,
cut off; damaged, for FLAC and OGG, which hold sums) or in the first pass over the samples (NaN).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from modeling_saxsolo.channels_saxsolo import stereo_matrix
from modeling_saxsolo.sound_file_saxsolo import (
    CAN_DECODE,
    SAMPLED,
    Decoded,
    decode_file,
    ogg_frames,
)
from modeling_saxsolo.vocabulary_saxsolo import INTEGER_SAMPLES
from saxsolo.errors import AudioError

from .headers import KINDS, REMEDY, file_name, one_line, read_header, readable_file
from .names import printable
from .ogg_pages import is_damaged

READ_FRAMES = 65_536
MIN_SECONDS = 1.0
MAX_SECONDS = 4 * 3600.0
MIN_RATE, MAX_RATE = 4_000, 768_000
# FFmpeg's names of containers that people know by others
FORMAT_NAMES = {"mov": "MP4", "asf": "WMA", "matroska": "MATROSKA"}
# a mean below -60 dBFS is left in: nobody hears it, and most files stay what they are
LEAST_OFFSET = 1e-3
# seconds of a damaged file that are missed without a word
DAMAGE = 0.05


@dataclass(frozen=True)
class Source:
    """A sound that has been opened and found readable.

    Attributes:
        name: path, or "array".
        sampling_rate: samples a second.
        channels: 1 or 2; more are mixed down to 2.
        frames: samples in a channel.
        path: the file, None for an array.
        format: "WAV", "MP3", ...; empty for an array.
        samples: (frames, channels of the original) for an array, None for a file.
        by_ffmpeg: whether FFmpeg's libraries read the file.
        started: samples since midnight at which a Broadcast WAV starts, its time reference.
        notes: what a person should know, one line each.
        partial: play what is there of a file that breaks off.
        keep_offset: leave in what the samples lie off zero.
    """

    name: str
    sampling_rate: int
    channels: int
    frames: int
    path: Path | None = None
    format: str = ""
    samples: np.ndarray | None = None
    by_ffmpeg: bool = False
    started: int | None = None
    notes: tuple[str, ...] = ()
    partial: bool = False
    keep_offset: bool = False

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sampling_rate

    def length_at(self, sampling_rate: int) -> int:
        """Samples of the whole at another rate."""
        # the same rounding as `resampled_length` of the model, which would load torch
        return round(self.frames * sampling_rate / self.sampling_rate)

    def started_at(self, sampling_rate: int) -> int | None:
        """The time reference at another rate, None for a sound that has none."""
        if self.started is None:
            return None
        return round(self.started * sampling_rate / self.sampling_rate)

    def blocks(
        self, block: int, sampling_rate: int, length: int, mono: bool
    ) -> Iterator[np.ndarray]:
        """Yields the first `length` samples at `sampling_rate`, resampled, in blocks of `block`.

        What the samples lie off zero (`offset`) is taken out. A sound that is shorter is followed
        by silence. The last block is shorter when `length` is no multiple of `block`.

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

    @cached_property
    def offset(self) -> np.ndarray:
        """(channels,) float32, the mean of each channel; 0 where it is below -60 dBFS or kept."""
        if self.keep_offset:
            return np.zeros(self.channels, np.float32)
        total, count = np.zeros(self.channels), 0
        for part in self._stereo():
            total += part.sum(0, dtype=np.float64)
            count += len(part)
        mean = (total / max(1, count)).astype(np.float32)
        return np.where(np.abs(mean) < LEAST_OFFSET, np.float32(0), mean)

    def _native(self, channels: int) -> Iterator[np.ndarray]:
        """(n, channels) float32 parts at the sound's own rate, around zero."""
        offset = self.offset
        for part in self._stereo():
            if offset.any():
                part = part - offset
            yield part if part.shape[1] == channels else part.mean(1, keepdims=True)

    def _stereo(self) -> Iterator[np.ndarray]:
        """(n, self.channels) float32 parts: more than two channels are mixed down to two."""
        for part in self.parts():
            yield part if part.shape[1] <= 2 else part @ stereo_matrix(part.shape[1])

    def _raw(self) -> Iterator[np.ndarray]:
        if self.samples is not None:
            for start in range(0, self.frames, READ_FRAMES):
                part = np.ascontiguousarray(self.samples[start : start + READ_FRAMES])
                yield _as_floats(part)
            return
        if self.path is None:
            raise AssertionError("a sound is a file or an array")
        seen = 0
        try:
            read = decode_file(self.path, Decoded()) if self.by_ffmpeg else _read(self.path)
            for part in read:
                part = part[: self.frames - seen]
                seen += len(part)
                yield part
                if seen == self.frames:
                    return
        except (sf.LibsndfileError, OSError, AudioError) as error:
            if not self.partial:
                text = one_line(error)
                raise AudioError(f"{self.name} breaks off or is damaged: {text}{REMEDY}") from error
        if seen < self.frames and not self.partial:
            raise AudioError(
                f"{self.name} breaks off: its header says {self.frames} samples, {seen} are there"
                f"{REMEDY}"
            )


def _read(path: Path) -> Iterator[np.ndarray]:
    with sf.SoundFile(file_name(path)) as file:
        while len(part := file.read(READ_FRAMES, dtype="float32", always_2d=True)):
            yield part


Sound = str | os.PathLike[str] | tuple[np.ndarray, int] | Source


def open_sound(sound: Sound, name: str | None = None, *, partial: bool = False) -> Source:
    """Opens a file or takes an array, and refuses what cannot be played over.

    Args:
        sound: a path, or (samples, sampling rate) with samples (n,), (n, channels) or
            (channels, n), floats in [-1, 1] or integers; what is open already is given back.
        name: what to call a file other than by its path.
        partial: take what is there of a file that breaks off, in place of refusing it.

    Raises:
        AudioError: with what is wrong and what to do, in one line.
    """
    if isinstance(sound, Source):
        return sound
    if isinstance(sound, tuple):
        source = _from_array(*sound)
    else:
        source = _from_file(Path(sound), printable(name or sound), partial)
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
    channels = min(2, samples.shape[1])
    return Source("array", int(sampling_rate), channels, len(samples), samples=samples)


def _as_floats(samples: np.ndarray) -> np.ndarray:
    """Samples of any accepted type -> float32 in [-1, 1], as the model's own reader scales them."""
    # torch comes only with sound that is an array: mistakes are answered without it
    import torch

    from modeling_saxsolo.resample_saxsolo import as_floats

    return np.asarray(as_floats(torch.from_numpy(samples)).numpy())


def _from_file(path: Path, name: str, partial: bool) -> Source:
    path = readable_file(path, name)
    header = read_header(path, name)
    if header is None:
        return _from_ffmpeg(path, name, partial)
    if header.breaks_off and not partial:
        raise AudioError(f"{name} breaks off: {header.breaks_off}{REMEDY}")
    source = Source(
        name,
        header.sampling_rate,
        min(2, header.channels),
        header.frames,
        path,
        header.format,
        started=header.started,
        partial=partial,
    )
    checked = header.format in ("FLAC", "OGG") and CAN_DECODE and source.seconds <= MAX_SECONDS
    if checked and _is_damaged(source, path):
        return _damaged(source, path, partial)
    if not partial:
        return source
    # in the middle too the data may break off
    there = sum(map(len, source.parts()))
    if there < header.frames or header.breaks_off:
        note = (
            f"{name} breaks off; the {there / header.sampling_rate:.1f} s that are there are played"
        )
        return replace(source, frames=there, notes=(note,))
    return source


def _is_damaged(source: Source, path: Path) -> bool:
    """Whether the sums in a FLAC or OGG file do not fit what they are of."""
    if source.format == "OGG":
        return is_damaged(path)
    return not _reads_whole(source, path)


def _reads_whole(source: Source, path: Path) -> bool:
    """Whether libsndfile gives as many samples as the header, or an Ogg's last page, says."""
    try:
        there = sum(map(len, _read(path)))
    except sf.LibsndfileError:
        return False
    return (
        there >= source.frames and there >= _ends_at(source, path) - DAMAGE * source.sampling_rate
    )


def _ends_at(source: Source, path: Path) -> int:
    """Samples that a file says it has."""
    last = ogg_frames(path) if source.format == "OGG" else 0
    # a damaged position says anything
    return last if source.frames <= last < 2 * source.frames else source.frames


def _damaged(source: Source, path: Path, partial: bool) -> Source:
    """The same file with a note: as libsndfile reads it where it gets to the end, else as FFmpeg,
    which leaves out what is damaged, as players do.

    Raises:
        AudioError: it breaks off, or nothing can be read.
    """
    note = f"{source.name} is damaged; what can be read of it is played"
    if _reads_whole(source, path):
        return replace(source, notes=(note,))
    found = _from_ffmpeg(path, source.name, partial)
    if found.notes:
        return found
    lost = (_ends_at(source, path) - found.frames) / source.sampling_rate
    if lost > DAMAGE:
        note += f", {lost:.1f} s less than its header says"
    return replace(found, notes=(note,), format=source.format, started=source.started)


def _from_ffmpeg(path: Path, name: str, partial: bool) -> Source:
    known, notes = Decoded(), []
    try:
        for _ in decode_file(path, known):
            if known.seconds > MAX_SECONDS:
                break
    except AudioError as error:
        with path.open("rb") as file:
            sampled = file.read(4) in SAMPLED
        if sampled:
            raise AudioError(f"{name} breaks off or is damaged: {one_line(error)}") from error
        raise AudioError(f"{name} is not an audio file; {KINDS}") from error
    if known.breaks_off:
        length = "" if known.promised is None else f" of {known.promised:.1f}"
        if not partial:
            raise AudioError(f"{name} breaks off after {known.seconds:.1f}{length} s{REMEDY}")
        notes.append(f"{name} breaks off; the {known.seconds:.1f} s that are there are played")
    if known.header_lies:
        notes.append(
            f"the header of {name} says {known.promised:.1f} s; the {known.seconds:.1f} s that are "
            "there are played"
        )
    # the frame at which it breaks off is no other damage
    damaged = known.damaged - known.junk - known.within_frame
    if damaged > 0:
        notes.append(f"{name} is damaged in {damaged} places; they are left out")
    return Source(
        name,
        known.sampling_rate,
        known.channels,
        known.frames,
        path,
        FORMAT_NAMES.get(known.format, known.format.upper()),
        by_ffmpeg=True,
        notes=tuple(notes),
        partial=partial,
    )
