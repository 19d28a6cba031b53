"""How a backing is listened to: mono, at the codec's rate, at one level, by blocks of any size.

Every way in (processor, pipeline, command line, page, tokenising) goes through here, so that the
same backing gives the same codes. The codec hears level: 0.1 dB changes 5 % of the codes, 1 dB
40 %. So every backing is brought to one loudness first. That needs the whole sound, so it is
measured before it is listened to, and the measure is handed on:

    measure = measure_backing(blocks(), 44100, 32000)
    for samples in heard_blocks(blocks(), 44100, 32000, measure): ...

A live source has no whole. It starts from a running measure, a `BackingMeter` in the measure's
place: each block is heard at the level of all that has come until its end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from .ear_spectrum_saxsolo import TuningMeter
from .loudness_saxsolo import LoudnessMeter
from .resample_saxsolo import Resampler, as_columns, mix_down

# LUFS at which backings are heard: the middle of those that the default model learnt from
LISTENING_LEVEL = -21.0
# -80 dBFS: below the noise of any recording, above the dither of an empty track
SILENCE_PEAK = 1e-4
READ_SAMPLES = 65_536
# cents: finer differences of tuning are not heard, and hardly measured
TUNING_STEP = 5.0


@dataclass(frozen=True)
class BackingMeasure:
    """What must be known of the whole before it is listened to.

    Attributes:
        loudness: LUFS; None where all of it is below the gate of -70 LUFS.
        peak: the largest sample.
        cents: how much sharper than A = 440 Hz the sound is tuned, -50 to 50.
    """

    loudness: float | None
    peak: float
    cents: float = 0.0

    @property
    def tuning(self) -> float:
        """`cents` in steps that matter: the ear listens and the solo is played in this tuning."""
        return TUNING_STEP * round(self.cents / TUNING_STEP)

    @property
    def silent(self) -> bool:
        """Whether there is nothing to hear."""
        return self.peak < SILENCE_PEAK

    def gain(self, lowest: float = LISTENING_LEVEL, highest: float = LISTENING_LEVEL) -> float:
        """Factor that brings the sound between two levels in LUFS; 1 for silence."""
        if self.loudness is None:
            return 1.0
        return 10 ** ((min(max(self.loudness, lowest), highest) - self.loudness) / 20)


class BackingMeter:
    """Measures what the codec hears, by blocks; `measure` may be asked for at any time.

    Args:
        sampling_rate: samples a second, the codec's.
    """

    def __init__(self, sampling_rate: int):
        self._meter = LoudnessMeter(sampling_rate, 1)
        self._tuning = TuningMeter(sampling_rate)

    def push(self, samples: torch.Tensor) -> None:
        """Take the next mono samples (n,) float32."""
        self._meter.push(samples.numpy()[:, None])
        self._tuning.push(samples)

    @property
    def measure(self) -> BackingMeasure:
        """Of all that has been pushed."""
        return BackingMeasure(self._meter.loudness, self._meter.peak, self._tuning.cents)


def blocks_of(audio: Any) -> Iterator[torch.Tensor]:
    """A sound as blocks (n, channels) of the type that it came in.

    Args:
        audio: array, tensor or nested list of a whole sound, channels along the shorter axis; or an
            iterator of blocks, (n,) or (n, channels) each.

    Raises:
        AudioError: for a whole sound without samples or with more than two axes.
    """
    if not isinstance(audio, Iterator):
        yield from as_columns(audio).split(READ_SAMPLES)
        return
    for block in audio:
        samples = torch.as_tensor(block)
        if len(samples):
            yield samples[:, None] if samples.dim() == 1 else samples


def measure_backing(
    audio: Any, sampling_rate: int, new_rate: int, seconds: float | None = None
) -> BackingMeasure:
    """Measure a backing as the codec hears it: mono and at its rate.

    Args:
        audio, sampling_rate, new_rate, seconds: as in `heard_blocks`.

    Raises:
        AudioError: for samples that cannot be used.
    """
    meter = BackingMeter(new_rate)
    for block in heard_blocks(audio, sampling_rate, new_rate, None, seconds):
        meter.push(block)
    return meter.measure


def heard_blocks(
    audio: Any,
    sampling_rate: int,
    new_rate: int,
    measure: BackingMeasure | BackingMeter | None,
    seconds: float | None = None,
) -> Iterator[torch.Tensor]:
    """The mono samples (n,) float32 that the codec hears; the bits do not depend on the blocks.

    Args:
        audio: see `blocks_of`.
        sampling_rate: samples a second of `audio`. new_rate: of what is yielded.
        measure: of this sound; a `BackingMeter` for a live source, which is measured on the way;
            None leaves the level as it is.
        seconds: this long exactly: a shorter sound is followed by silence.

    Raises:
        AudioError: for samples that cannot be used.
    """
    resampler = Resampler(sampling_rate, new_rate)

    def parts() -> Iterator[torch.Tensor]:
        for block in blocks_of(audio):
            yield resampler.push(mix_down(block))
        yield resampler.finish()

    heard = parts() if seconds is None else _fitted(parts(), round(seconds * new_rate))
    yield from heard if measure is None else _at_level(heard, measure)


def in_blocks(parts: Iterable[torch.Tensor], size: int) -> Iterator[torch.Tensor]:
    """The same samples (n,) in blocks of `size`, the last one shorter."""
    waiting: list[torch.Tensor] = []
    held = 0
    for part in parts:
        waiting.append(part)
        held += len(part)
        if held >= size:
            *blocks, rest = torch.cat(waiting).split(size)
            if len(rest) == size:
                blocks, rest = [*blocks, rest], rest[:0]
            yield from blocks
            waiting, held = [rest], len(rest)
    if held:
        yield torch.cat(waiting)


def _at_level(
    blocks: Iterable[torch.Tensor], measure: BackingMeasure | BackingMeter
) -> Iterator[torch.Tensor]:
    """Blocks brought to the listening level."""
    before = None
    for block in blocks:
        if isinstance(measure, BackingMeter):
            measure.push(block)
            gain = measure.measure.gain()
        else:
            gain = measure.gain()
        if before is None or before == gain:
            yield gain * block
        else:
            # a live source's gain moves without a step
            yield torch.linspace(before, gain, len(block)) * block
        before = gain


def _fitted(parts: Iterable[torch.Tensor], length: int) -> Iterator[torch.Tensor]:
    """`length` samples: what is longer is cut, what is shorter is followed by silence."""
    left = length
    for part in parts:
        yield part[:left]
        left -= min(left, len(part))
        if not left:
            return
    while left:
        size = min(left, READ_SAMPLES)
        yield torch.zeros(size)
        left -= size
