"""One solo, block by block, from a request to a stored take."""

import io
import math
import time
import wave
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modeling_saxsolo.loudness_saxsolo import LoudnessMeter
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.audio.files import Source
from saxsolo.audio.writing import PEAK, Scratch
from saxsolo.errors import SettingError
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.playing.mixing import balance, raise_of
from saxsolo.playing.performance import Performance, finished_take
from saxsolo.playing.revision import Revision
from saxsolo.playing.settings import Settings
from saxsolo.weights.loading import Player

from .take_store import TakeInfo, TakeStore

# LUFS of the default model's solos over examples/ (-20.2 to -21.3): the live mix starts before the
# solo can be measured
USUAL_SOLO = -21.0
# seconds of the earlier solo that are streamed before the new part
LEAD_IN = 1.0


@dataclass(frozen=True)
class SoloRequest:
    """A solo that somebody asks for.

    Attributes:
        settings: how to play.
        live_mix: whether the backing is streamed together with the solo.
        link: query of the share link.
        label: name of the take in the list of takes.
        revision: the earlier solo of which a part is kept.
        placed: the chart on the backing's clock, where that is known.
    """

    settings: Settings
    live_mix: bool
    link: str
    label: str
    revision: Revision | None = None
    placed: PlacedChart | None = None


@dataclass(frozen=True)
class Step:
    """Progress of a solo.

    Attributes:
        sound: the next half second as a WAV file; empty in the last step.
        done, total: seconds of the solo.
        left: estimated seconds until the end; None before the first estimate.
        take: name of the stored take, in the last step.
    """

    sound: bytes
    done: float
    total: float
    left: float | None = None
    take: str | None = None


def play(
    player: Player,
    store: TakeStore,
    source: Source,
    request: SoloRequest,
    scratch: Path | None = None,
) -> Generator[Step, None, None]:
    """Plays a solo and stores its take at the end.

    Args:
        player: model and codec.
        store: where the take is stored.
        source: the backing.
        request: what to play.
        scratch: folder that holds the audio until the take is stored.

    Raises:
        SaxsoloError: for audio or settings that cannot be played.
    """
    performance = Performance(player, source, request.settings, request.revision, request.placed)
    rate, total = player.sampling_rate, performance.seconds
    stream_from = _stream_start(request.revision)
    live_mix = _LiveMix(source, rate, performance.length) if request.live_mix else None
    solo = Scratch(scratch)
    start = time.perf_counter()
    pace = _Pace(total)
    for block in performance:
        solo.append(block)
        done = solo.length / rate
        mixed = block if live_mix is None else live_mix.add(block)
        if done > stream_from:
            yield Step(as_wav(mixed, rate), done, total, pace.seconds_left(done))
    take = finished_take(performance, solo, time.perf_counter() - start)
    info = TakeInfo(source.name, take.run, request.link, request.label)
    yield Step(b"", total, total, 0.0, store.put(take, source, info))


def _stream_start(revision: Revision | None) -> float:
    """Seconds of the solo before which nothing is streamed."""
    return 0.0 if revision is None else max(0.0, revision.start / FRAME_RATE - LEAD_IN)


def continued(codes: np.ndarray, seconds: float) -> Revision:
    """Keeps the solo up to `seconds` and continues from there.

    Raises:
        SettingError: for a time outside the solo.
    """
    length = codes.shape[-1] / FRAME_RATE
    if not 0 < seconds < length:
        raise SettingError(f"{seconds:g} s is outside this take, which lasts {length:g} s")
    return Revision(codes, round(seconds * FRAME_RATE))


def replaced_bars(codes: np.ndarray, grid: BeatGrid | None, first: int, last: int) -> Revision:
    """Replaces bars `first` to `last`, counted from 1, and keeps what is around them.

    Raises:
        SettingError: when no bars were detected or the numbers are outside them.
    """
    edges = bar_edges(grid, codes.shape[-1] / FRAME_RATE)
    bars = len(edges) - 1
    if bars < 1:
        raise SettingError("no bars were detected in this backing; continue from a time instead")
    if not 1 <= first <= last <= bars:
        raise SettingError(f"bars {first} to {last} are not within bars 1 to {bars} of this take")
    frames = codes.shape[-1]
    start, stop = round(edges[first - 1] * FRAME_RATE), min(round(edges[last] * FRAME_RATE), frames)
    return Revision(codes, start, None if stop == frames else stop)


def bar_edges(grid: BeatGrid | None, seconds: float) -> list[float]:
    """Seconds at which the bars begin and the last one ends; empty without bars."""
    if grid is None:
        return []
    starts = [float(b) for b in grid.beats[grid.places == 0] if 0 <= b < seconds - 0.1]
    return [*starts, seconds] if starts else []


def as_wav(samples: np.ndarray, rate: int) -> bytes:
    """Mono samples (n,) as a 16-bit WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes())
    return buffer.getvalue()


class _Pace:
    """Estimates the time left from the blocks so far."""

    def __init__(self, total: float):
        self._total = total
        # time and position of the first streamed block: listening and kept frames come before it
        self._first: tuple[float, float] | None = None

    def seconds_left(self, done: float) -> float | None:
        """Seconds until the end; None for the first block."""
        now = time.perf_counter()
        if self._first is None:
            self._first = now, done
            return None
        began, position = self._first
        return (now - began) * (self._total - done) / (done - position)


class _LiveMix:
    """Adds the backing to the solo at the level that solos usually need."""

    def __init__(self, source: Source, rate: int, length: int):
        meter = LoudnessMeter(rate, 1)
        for block in source.blocks(rate, rate, length, mono=True):
            meter.push(block)
        gain = balance(USUAL_SOLO, meter.loudness)
        # headroom for the sum of both
        self._scale = raise_of(meter.loudness) * PEAK / (1 + math.sqrt(gain))
        self._gain = gain
        self._blocks = source.blocks(rate // FRAME_RATE, rate, length, mono=True)
        self._rest = np.zeros(0, np.float32)

    def add(self, solo: np.ndarray) -> np.ndarray:
        """The mix of the next solo block (n,) with the backing under it."""
        parts, length = [self._rest], len(self._rest)
        while length < len(solo):
            part = next(self._blocks)[:, 0]
            parts.append(part)
            length += len(part)
        joined = np.concatenate(parts)
        self._rest = joined[len(solo) :]
        return self._scale * (self._gain * solo + joined[: len(solo)])
