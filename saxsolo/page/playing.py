"""One solo, from what the controls say to a take on the shelf, block by block."""

import io
import math
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.audio.files import Source
from saxsolo.audio.loudness import LoudnessMeter
from saxsolo.audio.writing import PEAK, Scratch
from saxsolo.errors import SettingError
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.playing.performance import Performance, Revision, Settings, finished_take
from saxsolo.playing.take import balance
from saxsolo.weights.loading import Player

from .take_store import Card, Shelf

# LUFS of the default model's solos over examples/ (-20.2 to -21.3): the mix is heard before the
# solo is there to be measured
USUAL_SOLO = -21.0
# what is heard of the earlier solo before a stretch that is played anew, in seconds
LEAD_IN = 1.0


@dataclass(frozen=True)
class Wish:
    """What is to be played.

    Attributes:
        settings: how.
        live_mix: the band is heard while the solo is made up.
        link: the query of the share link.
        label: of the take in the history.
        revision: the earlier solo of which a part is kept.
    """

    settings: Settings
    live_mix: bool
    link: str
    label: str
    revision: Revision | None = None


@dataclass(frozen=True)
class Step:
    """How far it is.

    Attributes:
        sound: a WAV file with the next half second; empty for what is not heard again.
        done, total: seconds of the solo.
        left: seconds until the end, estimated; None before there is anything to go by.
        take: the take's name on the shelf, once it is there.
    """

    sound: bytes
    done: float
    total: float
    left: float | None = None
    take: str | None = None


def play(
    player: Player, shelf: Shelf, source: Source, wish: Wish, scratch: Path | None = None
) -> Iterator[Step]:
    """Plays, and keeps the take at the end.

    Args:
        player: model and codec.
        shelf: where the take is kept.
        source: the backing.
        wish: what is to be played.
        scratch: folder of the audio while it is made.

    Raises:
        SaxsoloError: what is wrong with the sound or the settings.
    """
    performance = Performance(player, source, wish.settings, wish.revision)
    rate, total = player.sampling_rate, performance.seconds
    first = 0.0 if wish.revision is None else max(0.0, wish.revision.start / FRAME_RATE - LEAD_IN)
    band = _Band(source, rate, performance.length) if wish.live_mix else None
    solo = Scratch(scratch)
    start = heard_from = time.perf_counter()
    heard_at = None
    for block in performance:
        solo.append(block)
        done, now = solo.length / rate, time.perf_counter()
        mixed = block if band is None else band.under(block)
        if done <= first:
            continue
        if heard_at is None:
            # listening and what is kept say nothing about the pace
            heard_from, heard_at = now, done
            left = None
        else:
            left = (now - heard_from) * (total - done) / (done - heard_at)
        yield Step(as_wav(mixed, rate), done, total, left)
    take = finished_take(performance, solo, time.perf_counter() - start)
    card = Card(source.name, take.run, wish.link, wish.label)
    yield Step(b"", total, total, 0.0, shelf.put(take, source, card))


def continued(codes: np.ndarray, seconds: float) -> Revision:
    """The solo is kept up to `seconds` and played on from there.

    Raises:
        SettingError: beyond its ends.
    """
    length = codes.shape[-1] / FRAME_RATE
    if not 0 < seconds < length:
        raise SettingError(f"{seconds:g} s is not inside a solo of {length:g} s")
    return Revision(codes, round(seconds * FRAME_RATE))


def bars_anew(codes: np.ndarray, grid: BeatGrid | None, first: int, last: int) -> Revision:
    """Bars `first` to `last`, counted from 1, are played anew; what is around them is kept.

    Raises:
        SettingError: no bars were heard, or there are fewer.
    """
    edges = bar_edges(grid, codes.shape[-1] / FRAME_RATE)
    bars = len(edges) - 1
    if bars < 1:
        raise SettingError("no bars were heard in this backing; continue from a second instead")
    if not 1 <= first <= last <= bars:
        raise SettingError(f"bars {first} to {last} are not among the {bars} bars of this take")
    frames = codes.shape[-1]
    start, stop = round(edges[first - 1] * FRAME_RATE), min(round(edges[last] * FRAME_RATE), frames)
    return Revision(codes, start, None if stop == frames else stop)


def bar_edges(grid: BeatGrid | None, seconds: float) -> list[float]:
    """Seconds at which bars begin, and where the last one ends; empty without bars."""
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


class _Band:
    """The backing, balanced by what solos are usually like."""

    def __init__(self, source: Source, rate: int, length: int):
        meter = LoudnessMeter(rate, 1)
        for block in source.blocks(rate, rate, length, mono=True):
            meter.push(block)
        gain = balance(USUAL_SOLO, meter.loudness)
        # room for both
        self._scale = PEAK / (1 + math.sqrt(gain))
        self._gain = gain
        self._blocks = source.blocks(rate // FRAME_RATE, rate, length, mono=True)
        self._held = np.zeros(0, np.float32)

    def under(self, solo: np.ndarray) -> np.ndarray:
        parts, held = [self._held], len(self._held)
        while held < len(solo):
            part = next(self._blocks)[:, 0]
            parts.append(part)
            held += len(part)
        joined = np.concatenate(parts)
        self._held = joined[len(solo) :]
        return self._scale * (self._gain * solo + joined[: len(solo)])
