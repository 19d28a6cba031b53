"""Any audio to the mono, finite float32 samples a codec takes, at the codec's rate, by blocks."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from .channels_saxsolo import stereo_matrix
from .errors_saxsolo import AudioError
from .vocabulary_saxsolo import INTEGER_SAMPLES

ZERO_CROSSINGS = 64
KAISER_BETA = 10.0
ROLLOFF = 0.95
# outputs at once, about: a fixed number, so that the bits do not depend on how the input comes
CHUNK = 8192
# neighbouring outputs that share one matrix of weights
GROUP = 64
# floats of all these matrices together, at most; odd rates above 100 kHz would need more
MOST_WEIGHTS = 1 << 25


def check_rate(rate: float) -> None:
    """Refuse what is not a sampling rate.

    Raises:
        AudioError: for a rate that is not a positive whole number.
    """
    if rate <= 0 or rate != int(rate):
        raise AudioError(f"sampling_rate is {rate}: it must be a positive whole number.")


def to_mono(audio: Any) -> torch.Tensor:
    """Array, tensor or nested list of one sound -> (n,) float32, see `mix_down`.

    Of two axes the shorter one is taken for the channels.

    Raises:
        AudioError: for no samples, more than two axes, NaN or infinite samples.
    """
    return mix_down(as_columns(audio))


def as_columns(audio: Any) -> torch.Tensor:
    """Array, tensor or nested list of one sound -> (n, channels), of the type that it came in.

    Raises:
        AudioError: for no samples, or more than two axes.
    """
    samples = torch.as_tensor(np.asarray(audio) if not torch.is_tensor(audio) else audio).detach()
    if samples.dim() not in (1, 2) or not samples.numel():
        raise AudioError(
            f"audio has the shape {tuple(samples.shape)}: give samples (n,), (channels, n) or "
            "(n, channels), and a list of those for a batch."
        )
    if samples.dim() == 1:
        return samples[:, None]
    return samples if samples.shape[0] > samples.shape[1] else samples.T


def mix_down(samples: torch.Tensor, factors: torch.Tensor | None = None) -> torch.Tensor:
    """(n, channels) of any type -> (n,) float32.

    Args:
        factors: of left and right, (2,) or (n, 2); their mean when None.

    Raises:
        AudioError: for NaN or infinite samples, or a type that is not audio.
    """
    samples = as_stereo(samples)
    if samples.shape[1] == 1:
        return samples[:, 0]
    if factors is None:
        return samples.double().mean(dim=1).float()
    return (samples.double() * factors).sum(dim=1).float()


def as_stereo(samples: torch.Tensor) -> torch.Tensor:
    """(n, channels) of any type -> (n, 1 or 2) float32: more than two channels are mixed to two.

    Raises:
        AudioError: for NaN or infinite samples, or a type that is not audio.
    """
    samples = as_floats(samples).cpu()
    # one NaN or infinite sample makes the sum so, and a sum costs a thirtieth of a look at each
    if not torch.isfinite(samples.sum()):
        bad = int((~torch.isfinite(samples)).sum())
        if bad:
            raise AudioError(f"audio holds {bad} NaN or infinite samples: repair or re-export it.")
    if samples.shape[1] <= 2:
        return samples
    return samples @ torch.from_numpy(stereo_matrix(samples.shape[1]))


def as_floats(samples: torch.Tensor) -> torch.Tensor:
    """Samples of any type -> float32; integers are scaled to [-1, 1], as libsndfile scales them.

    Raises:
        AudioError: for a type that is not audio.
    """
    if str(samples.dtype).removeprefix("torch.") in INTEGER_SAMPLES:
        info = torch.iinfo(samples.dtype)
        middle = 128 if samples.dtype == torch.uint8 else 0
        samples = (samples.double() - middle) / (info.max - middle + 1)
    elif not samples.is_floating_point():
        raise AudioError(f"audio holds {samples.dtype}: give floats in [-1, 1] or int16.")
    return samples.float()


def resampled_length(length: int, rate: int, new_rate: int) -> int:
    """Samples at `new_rate` of `length` samples at `rate`: the nearest whole number, at least 1."""
    return max(1, round(length * new_rate / rate)) if length else 0


def resample(samples: torch.Tensor, rate: float, new_rate: float) -> torch.Tensor:
    """A whole sound (n,) float32 at another rate, see `Resampler`."""
    resampler = Resampler(rate, new_rate)
    return torch.cat([resampler.push(samples), resampler.finish()])


class Resampler:
    """Band-limited resampling by blocks, with a Kaiser-windowed sinc (Smith, "Digital Audio
    Resampling", 2002).

    `push(samples (n,) float32)` gives the samples that are ready, `finish()` the rest, so that all
    of them together are `resampled_length` of the whole and sample 0 stays sample 0. The bits are
    the same however the input is divided. The band up to 90 % of the lower Nyquist frequency is
    kept; above that frequency everything is 100 dB down.

    Args:
        rate, new_rate: samples a second, whole numbers.

    Raises:
        AudioError: for rates that are not positive whole numbers.
    """

    def __init__(self, rate: float, new_rate: float):
        check_rate(rate)
        check_rate(new_rate)
        self.rate, self.new_rate = int(rate), int(new_rate)
        self._taken = self._given = 0
        common = math.gcd(self.rate, self.new_rate)
        up, down = self.new_rate // common, self.rate // common
        self._cutoff = ROLLOFF * min(1.0, up / down)
        self._half = math.ceil(ZERO_CROSSINGS / self._cutoff)
        repeat = -(-GROUP // up)
        # `up` outputs lie over `down` inputs, and then the weights come again
        self._up, self._down = up * repeat, down * repeat
        self._periods = max(1, CHUNK // self._up)
        self._starts = _group_starts(self._up, self._down)
        self._span = _span(self._up, self._down, self._half)
        self._bank: list[torch.Tensor] = []
        small = len(self._starts) * self._span * GROUP <= MOST_WEIGHTS
        if small and self.rate != self.new_rate:
            self._bank = _all_weights(self._up, self._down, self._half, self._cutoff)
        # input from the first sample on that the next chunk needs; before the sound there is none
        self._held = torch.zeros(self._half - 1)

    def push(self, samples: torch.Tensor) -> torch.Tensor:
        """Take samples (n,) float32; give those, (m,), that no later sample can change."""
        self._taken += len(samples)
        if self.rate == self.new_rate:
            self._given += len(samples)
            return samples
        self._held = torch.cat([self._held, samples])
        return self._ready()

    def finish(self) -> torch.Tensor:
        """Give the samples (m,) that were held back, as if silence followed."""
        missing = resampled_length(self._taken, self.rate, self.new_rate) - self._given
        parts = [torch.zeros(0)]
        while missing > 0:
            self._held = torch.cat([self._held, torch.zeros(self._needed())])
            parts.append(self._ready()[:missing])
            missing -= len(parts[-1])
        return torch.cat(parts)

    def _ready(self) -> torch.Tensor:
        parts, done, step = [torch.zeros(0)], 0, self._periods * self._down
        while len(self._held) - done >= self._needed():
            parts.append(self._next_chunk(self._held[done : done + self._needed()]))
            done += step
        self._given += sum(map(len, parts))
        # a copy, or a short rest would keep the whole input alive
        self._held = self._held[done:].clone()
        return torch.cat(parts)

    def _needed(self) -> int:
        """Inputs of a chunk."""
        return (self._periods - 1) * self._down + self._starts[-1] + self._span

    def _next_chunk(self, held: torch.Tensor) -> torch.Tensor:
        """A chunk of outputs from the inputs that it needs."""
        outputs, reach = [], (self._periods - 1) * self._down + self._span
        for group, start in enumerate(self._starts):
            if self._bank:
                weights = self._bank[group]
            else:
                weights = _group_weights(group, self._up, self._down, self._half, self._cutoff)
            windows = held[start : start + reach].unfold(0, self._span, self._down)
            outputs.append(windows @ weights)
        return torch.cat(outputs, dim=1)[:, : self._up].flatten()


def _group_starts(up: int, down: int) -> list[int]:
    """The first input of each group of outputs in a period."""
    return [group * GROUP * down // up for group in range(-(-up // GROUP))]


def _span(up: int, down: int, half: int) -> int:
    """Inputs that a group of outputs needs, at most."""
    return GROUP * down // up + 1 + 2 * half


@lru_cache(maxsize=4)
def _all_weights(up: int, down: int, half: int, cutoff: float) -> list[torch.Tensor]:
    """Of every group of a period. An odd rate's take a second to compute, so they are kept."""
    groups = range(len(_group_starts(up, down)))
    return [_group_weights(group, up, down, half, cutoff) for group in groups]


def _group_weights(group: int, up: int, down: int, half: int, cutoff: float) -> torch.Tensor:
    """(span, GROUP) float32: weights of the inputs around a group for each of its outputs."""
    place = torch.arange(group * GROUP, (group + 1) * GROUP) * down
    fraction = (place % up).double() / up
    distance = torch.arange(1 - half, half + 1) - fraction[:, None]
    window = torch.i0(KAISER_BETA * (1 - (distance / half) ** 2).clamp(min=0).sqrt())
    window = window / torch.i0(torch.tensor(KAISER_BETA, dtype=torch.float64))
    weights = cutoff * torch.sinc(cutoff * distance) * window
    rows = (place // up - _group_starts(up, down)[group])[:, None] + torch.arange(2 * half)
    matrix = torch.zeros(_span(up, down, half), GROUP)
    matrix[rows, torch.arange(GROUP)[:, None]] = weights.float()
    return matrix
