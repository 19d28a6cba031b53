"""Any audio to the mono, finite float32 samples a codec takes."""

import math

import numpy as np
import torch

from .errors_saxsolo import AudioError

ZERO_CROSSINGS = 32
KAISER_BETA = 10.0
ROLLOFF = 0.95
BLOCK = 16384


def to_mono(audio) -> torch.Tensor:
    """Array, tensor or nested list of one sound -> (n,) float32, channels averaged.

    Of two axes the shorter one is taken for the channels. Integers are scaled to [-1, 1].

    Raises:
        AudioError: for no samples, more than two axes, NaN or infinite samples.
    """
    samples = torch.as_tensor(np.asarray(audio) if not torch.is_tensor(audio) else audio).detach()
    if samples.dim() not in (1, 2) or not samples.numel():
        raise AudioError(
            f"audio has the shape {tuple(samples.shape)}: give samples (n,), (channels, n) or "
            "(n, channels), and a list of those for a batch."
        )
    if samples.dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        info = torch.iinfo(samples.dtype)
        middle = 128 if samples.dtype == torch.uint8 else 0
        samples = (samples.double() - middle) / (info.max - middle + 1)
    elif not samples.is_floating_point():
        raise AudioError(f"audio holds {samples.dtype}: give floats in [-1, 1] or int16.")
    if not torch.isfinite(samples).all():
        bad = int((~torch.isfinite(samples)).sum())
        raise AudioError(f"audio holds {bad} NaN or infinite samples: repair or re-export it.")
    if samples.dim() == 2:
        samples = samples.double().mean(dim=int(samples.shape[0] > samples.shape[1]))
    return samples.float().cpu()


def resample(samples: torch.Tensor, rate: float, new_rate: float) -> torch.Tensor:
    """Band-limited resampling with a Kaiser-windowed sinc (Smith, "Digital audio resampling").

    Args:
        samples: (n,) float32. rate, new_rate: samples a second, whole numbers.

    Returns:
        (ceil(n * new_rate / rate),) float32; sample 0 stays sample 0. What lies above 95 % of the
        lower Nyquist frequency is lost.

    Raises:
        AudioError: for rates that are not positive whole numbers.
    """
    if rate <= 0 or new_rate <= 0 or rate != int(rate) or new_rate != int(new_rate):
        raise AudioError(f"sampling rates must be positive whole numbers, got {rate}, {new_rate}.")
    if rate == new_rate:
        return samples
    common = math.gcd(int(rate), int(new_rate))
    up, down = int(new_rate) // common, int(rate) // common
    cutoff = ROLLOFF * min(1.0, up / down)
    half = math.ceil(ZERO_CROSSINGS / cutoff)
    taps = torch.arange(1 - half, half + 1)
    # Output m lies at input m * down / up: a whole part and one of `up` fractions.
    few = up <= 4096
    table = _sinc_weights(torch.arange(up).double() / up, taps, half, cutoff) if few else None
    padded = torch.nn.functional.pad(samples, (half - 1, half + 1))
    length = math.ceil(len(samples) * up / down)
    out = torch.empty(length)
    for start in range(0, length, BLOCK):
        place = torch.arange(start, min(start + BLOCK, length)) * down
        fraction = place % up
        weights = (
            table[fraction] if few else _sinc_weights(fraction.double() / up, taps, half, cutoff)
        )
        windows = padded[(place // up)[:, None] + torch.arange(2 * half)]
        out[start : start + BLOCK] = (windows * weights).sum(dim=1)
    return out


def _sinc_weights(fraction, taps, half: int, cutoff: float) -> torch.Tensor:
    """(fractions, taps) float32 weights of the input samples around a place between two of them."""
    distance = taps - fraction[:, None]
    window = torch.i0(KAISER_BETA * (1 - (distance / half) ** 2).clamp(min=0).sqrt())
    window = window / torch.i0(torch.tensor(KAISER_BETA, dtype=torch.float64))
    return (cutoff * torch.sinc(cutoff * distance) * window).float()
