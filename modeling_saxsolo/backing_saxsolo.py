"""How a backing is listened to: mono, at the codec's rate, at one level, by blocks of any size.

Every way in (processor, pipeline, command line, page, tokenising) goes through here, so that the
same backing gives the same codes. The codec hears level: 0.1 dB changes 5 % of the codes, 1 dB
40 %. So every backing is brought to one loudness first. That needs the whole sound, so it is
measured before it is listened to, and the measure is handed on:

    measure = measure_backing(blocks(), 44100, 32000)
    for samples in heard_blocks(blocks(), 44100, 32000, measure): ...

The measure also says which mono of left and right is heard, and what the samples lie off zero.

A live source has no whole. It starts from a running measure, a `BackingMeter` in the measure's
place: each block is heard at the level, and as the mono, of all that has come until its end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from .channels_saxsolo import MONOS, ChannelMeter
from .ear_spectrum_saxsolo import TuningMeter
from .loudness_saxsolo import LoudnessMeter
from .resample_saxsolo import Resampler, as_columns, as_stereo, mix_down

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
        peak: the largest sample; the farthest from the offset, where there is one.
        cents: how much sharper than A = 440 Hz the sound is tuned, -50 to 50.
        offset: what the samples of each channel lie off zero; 0 below -60 dBFS.
        mono: which mono of two channels is heard, one of `MONOS`.
        fades_from: second from which on it is but a fading end; None where that is not measured.
    """

    loudness: float | None
    peak: float
    cents: float = 0.0
    offset: tuple[float, ...] = (0.0,)
    mono: str = "mean"
    fades_from: float | None = None

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
        channels: the meter of what comes, before it is mixed down and resampled.
        tuned: whether the tuning is measured.
    """

    def __init__(
        self, sampling_rate: int, channels: ChannelMeter | None = None, tuned: bool = True
    ):
        self.channels = channels or ChannelMeter()
        self._meter = LoudnessMeter(sampling_rate, 1)
        self._tuning = TuningMeter(sampling_rate) if tuned else None

    def push(self, samples: torch.Tensor) -> None:
        """Take the next mono samples (n,) float32."""
        self._meter.push(samples.numpy()[:, None])
        if self._tuning is not None:
            self._tuning.push(samples)

    @property
    def measure(self) -> BackingMeasure:
        """Of all that has been pushed."""
        offset, mono = self.channels.offset, self.channels.mono
        peak = self.channels.peak if any(offset) else self._meter.peak
        cents = 0.0 if self._tuning is None else self._tuning.cents
        fades_from = self._meter.fades_from
        return BackingMeasure(self._meter.loudness, peak, cents, offset, mono, fades_from)


def _factors(mono: str) -> torch.Tensor:
    return torch.tensor(MONOS[mono])


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
        audio: as in `heard_blocks`, or a function that gives the blocks from the beginning each
            time that it is called. Of blocks that come once, every mono is measured, since which of
            them is heard is known at the end; else the mean is, and another only if it is heard.
        sampling_rate, new_rate, seconds: as in `heard_blocks`.

    Raises:
        AudioError: for samples that cannot be used.
    """
    once = isinstance(audio, Iterator)
    blocks = audio if callable(audio) else lambda: audio
    channels = ChannelMeter()
    meters = _meters(blocks(), sampling_rate, new_rate, seconds, channels, not once)
    if channels.mono not in meters:
        meters |= _meters(blocks(), sampling_rate, new_rate, seconds, None, False)
        meters[channels.mono].channels = channels
    measure = meters[channels.mono].measure
    if channels.mono in ("left", "right"):
        # both have the tuning of their mean, which is measured
        return replace(measure, cents=meters["mean"].measure.cents)
    return measure


def _meters(
    audio: Any,
    sampling_rate: int,
    new_rate: int,
    seconds: float | None,
    channels: ChannelMeter | None,
    mean_alone: bool,
) -> dict[str, BackingMeter]:
    """The meters of each mono of a sound, or of the mean alone."""
    meters = {
        mono: BackingMeter(new_rate, channels, tuned=mono in ("mean", "difference"))
        for mono in (("mean",) if mean_alone else MONOS)
    }
    parts = _monos(audio, sampling_rate, new_rate, seconds, channels, mean_alone)
    for mean, difference in parts:
        meters["mean"].push(mean)
        if difference is not None:
            meters["difference"].push(difference)
            meters["left"].push(mean + difference)
            meters["right"].push(mean - difference)
    return meters


def _monos(
    audio: Any,
    sampling_rate: int,
    new_rate: int,
    seconds: float | None,
    channels: ChannelMeter | None,
    mean_alone: bool,
) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
    """Mean and half the difference of left and right, (n,) at `new_rate`; no difference of one, or
    where it is not asked for."""
    resamplers = [Resampler(sampling_rate, new_rate) for _ in range(2)]
    # the meter of channels takes what it would take of a sound that is cut before
    own = None if seconds is None else round(seconds * sampling_rate)
    left = None if seconds is None else round(seconds * new_rate)
    both = False

    def fitted(parts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor | None]:
        nonlocal left
        mean, *difference = (part[:left] for part in parts)
        left = None if left is None else left - len(mean)
        return mean, difference[0] if difference else None

    for block in blocks_of(audio):
        samples = as_stereo(block)
        both = samples.shape[1] == 2 and not mean_alone
        if channels is not None:
            channels.push(samples[:own].numpy())
        own = None if own is None else max(0, own - len(samples))
        monos = [mix_down(samples)]
        if both:
            monos.append(mix_down(samples, _factors("difference")))
        yield fitted([r.push(m) for r, m in zip(resamplers, monos, strict=False)])
        if left == 0:
            return
    yield fitted([resampler.finish() for resampler in resamplers[: 1 + both]])
    while left:
        yield fitted([torch.zeros(READ_SAMPLES)] * (1 + both))


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
        before = None
        for block in blocks_of(audio):
            samples = as_stereo(block)
            if isinstance(measure, BackingMeter):
                measure.channels.push(samples.numpy())
            before, mono = _heard_mono(samples, measure, before)
            yield resampler.push(mono)
        yield resampler.finish()

    heard = parts() if seconds is None else _fitted(parts(), round(seconds * new_rate))
    yield from heard if measure is None else _at_level(heard, measure)


_Form = tuple[str, tuple[float, ...]]


def _heard_mono(
    samples: torch.Tensor, measure: BackingMeasure | BackingMeter | None, before: _Form | None
) -> tuple[_Form, torch.Tensor]:
    """The mono (n,) of samples (n, 1 or 2) that a measure says, around zero, and its form.

    Args:
        before: form of the block before; a live source goes over from one to another slowly.
    """
    known = measure.channels if isinstance(measure, BackingMeter) else measure
    form: _Form = ("mean", (0.0,)) if known is None else (known.mono, known.offset)
    now = _in_form(samples, form)
    if before is None or before == form:
        return form, now
    return form, torch.lerp(_in_form(samples, before), now, torch.linspace(0, 1, len(now)))


def _in_form(samples: torch.Tensor, form: _Form) -> torch.Tensor:
    mono, offset = form
    if any(offset):
        samples = samples - torch.tensor(offset)
    return mix_down(samples, None if mono == "mean" else _factors(mono))


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
