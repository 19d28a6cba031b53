"""A recording -> its backing and its solo: two files of equal length, mono, 32 kHz.

The recording goes through in segments with context on both sides, of which the stems are
cross-faded, so that an hour takes no more memory than a minute. The mix is brought to one loudness
before (a separator knows loud music better than quiet), each stem after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from modeling_saxsolo.loudness_saxsolo import LoudnessMeter
from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.atomic import replacing_folder
from saxsolo.audio.files import Source, open_sound
from saxsolo.corpus.config import SeparateConfig
from saxsolo.corpus.stage_state import ItemError, need_room
from saxsolo.errors import AudioError

from .separators import Segment, Separator

STEMS = ("backing", "solo")
_BLOCK = 65_536
# a stem is a little quieter than full scale, so that FLAC never clips it
HIGHEST_PEAK = 0.98


@dataclass(frozen=True)
class Stems:
    """What came out: length in samples at 32 kHz, and dB that each stem was raised."""

    samples: int
    gain_db: dict[str, float]


def separate_recording(
    recording: Path, separator: Separator, folder: Path, config: SeparateConfig
) -> Stems:
    """Writes folder/backing.flac and folder/solo.flac, whole or not at all.

    Raises:
        ItemError: the recording cannot be read, or is silent.
        DiskFullError: there is no room for the stems.
    """
    try:
        source = open_sound(recording)
        need_room(folder.parent, round(source.seconds * SAMPLING_RATE * 12))
        gain = _mix_gain(source, config.loudness)
        with replacing_folder(folder) as partial:
            samples, meters = _write_raw(source, separator, gain, partial, config)
            gains = {name: _write_stem(partial, name, meters[name], config) for name in STEMS}
    except AudioError as error:
        raise ItemError(str(error)) from error
    return Stems(samples, gains)


def _mix_gain(source: Source, loudness: float) -> float:
    meter = LoudnessMeter(SAMPLING_RATE, 1)
    for block in source.blocks(_BLOCK, SAMPLING_RATE, source.length_at(SAMPLING_RATE), mono=True):
        meter.push(block)
    if meter.loudness is None:
        raise ItemError(f"{source.name} is silent")
    return 10 ** ((loudness - meter.loudness) / 20)


def _write_raw(
    source: Source, separator: Separator, gain: float, part: Path, config: SeparateConfig
) -> tuple[int, dict[str, LoudnessMeter]]:
    """Both stems as float WAV at 32 kHz, and how loud they are."""
    total = source.length_at(SAMPLING_RATE)
    meters = {name: LoudnessMeter(SAMPLING_RATE, 1) for name in STEMS}
    files = {
        name: soundfile.SoundFile(part / f"{name}.raw.wav", "w", SAMPLING_RATE, 1, subtype="FLOAT")
        for name in STEMS
    }
    resamplers = [
        soxr.ResampleStream(separator.sampling_rate, SAMPLING_RATE, 1, "float32") for _ in STEMS
    ]
    written = 0
    try:
        for stems, last in _segments(source, separator, gain, config):
            for name, stem, resampler in zip(STEMS, stems, resamplers, strict=True):
                mono = np.ascontiguousarray(stem.mean(0, keepdims=True).T)
                if separator.sampling_rate != SAMPLING_RATE:
                    mono = resampler.resample_chunk(mono, last=last)
                mono = mono[: total - files[name].tell()]
                files[name].write(mono)
                meters[name].push(mono)
        for name in STEMS:
            missing = total - files[name].tell()
            files[name].write(np.zeros((max(0, missing), 1), np.float32))
        written = files["solo"].tell()
    finally:
        for file in files.values():
            file.close()
    return written, meters


def _segments(
    source: Source, separator: Separator, gain: float, config: SeparateConfig
) -> Iterator[tuple[np.ndarray, bool]]:
    """Stems (2, channels, n) of the recording piece by piece, and whether it is the last piece.

    A segment covers `segment` new samples, one `context` after them and one and a half before. Two
    neighbours are cross-faded over one context about their border; what lies further out is only
    there for the separator to hear.
    """
    rate = separator.sampling_rate
    segment, context = (round(s * rate) for s in (config.segment_seconds, config.context_seconds))
    total = source.length_at(rate)
    fade = np.linspace(0.0, 1.0, context + 2, dtype=np.float32)[1:-1]
    blocks = source.blocks(segment, rate, total, mono=separator.channels == 1)
    held = np.zeros((separator.channels, 0), np.float32)  # input from `start` on
    start, done, tail = 0, 0, None
    ended = False
    while done < total:
        wanted = min(total, done + segment + context)
        while start + held.shape[1] < wanted and not ended:
            block = next(blocks, None)
            ended = block is None
            if block is not None:
                block = np.broadcast_to(block.T * gain, (separator.channels, len(block)))
                held = np.concatenate([held, block], axis=1)
        given = np.ascontiguousarray(held[:, : wanted - start], np.float32)
        stems = separator.separate(Segment(given, start, Path(source.name)))
        if stems.shape != (2, *given.shape):
            raise ValueError(f"the separator made {stems.shape} of {given.shape}, not (2, C, n)")
        if not np.isfinite(stems).all():
            raise ItemError(f"{source.name}: the separator made NaN of second {start / rate:.0f}")
        # the fade lies around `done`: half a context before it, half after
        half = context // 2
        first = max(0, done - half) - start
        fresh = stems[..., first:].copy()
        if tail is not None:
            width = min(tail.shape[-1], fresh.shape[-1])
            fresh[..., :width] = (
                fade[:width] * fresh[..., :width] + (1 - fade[:width]) * tail[..., :width]
            )
        done = min(total, done + segment)
        last = done >= total
        stop = fresh.shape[-1] if last else max(0, done - half) - start - first
        yield fresh[..., :stop], last
        tail = fresh[..., stop : stop + context]
        cut = max(0, done - half - context) - start
        held, start = held[:, cut:], start + cut


def _write_stem(part: Path, name: str, meter: LoudnessMeter, config: SeparateConfig) -> float:
    """The stem at its loudness as FLAC; returns the gain in dB. A silent stem stays as it is."""
    gain_db = 0.0
    if meter.loudness is not None:
        gain_db = min(config.loudness - meter.loudness, config.largest_gain)
    gain = 10 ** (gain_db / 20)
    if meter.peak * gain > HIGHEST_PEAK:
        gain = HIGHEST_PEAK / meter.peak
        gain_db = 20 * float(np.log10(gain))
    raw = part / f"{name}.raw.wav"
    with (
        soundfile.SoundFile(raw) as given,
        soundfile.SoundFile(part / f"{name}.flac", "w", SAMPLING_RATE, 1, subtype="PCM_16") as file,
    ):
        for block in given.blocks(_BLOCK, dtype="float32"):
            file.write(gain * block)
    raw.unlink()
    return gain_db
