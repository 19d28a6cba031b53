"""Pitch as a code of its own: the first codebook of a codec with `pitch_codes`.

Code 0 is no pitch; codes 1 .. V - 1 lie between min_f0 and max_f0 in equal steps of log frequency
(3.2 cents with 2,047 of them). Code t is the pitch at sample t * frame_samples. A saxophone's line,
its vibrato, scoops and falls are thus written in one stream, and moving them moves nothing else.

Shapes: B batch, T code frames.
"""

import torch
from torch import Tensor

# bumps along the pitch range, by which the decoder reads where a pitch lies
BUMPS = 31
FEATURES = BUMPS + 1


def code_to_f0(codes: Tensor, size: int, min_f0: float, max_f0: float) -> Tensor:
    """Codes (B, T) -> hertz (B, T) float64, 0 = no pitch."""
    place = (codes.double() - 1) / (size - 2)
    return min_f0 * (max_f0 / min_f0) ** place * (codes > 0)


def f0_to_code(f0: Tensor, size: int, min_f0: float, max_f0: float) -> Tensor:
    """Hertz (B, T), 0 = no pitch -> the nearest codes (B, T)."""
    octaves = torch.log2(f0.double().clamp(min=1.0) / min_f0)
    span = torch.log2(torch.tensor(max_f0 / min_f0, dtype=torch.float64))
    place = (octaves / span.to(f0.device)).clamp(0, 1)
    return torch.where(f0 > 0, 1 + (place * (size - 2)).round(), 0).long()


def code_features(codes: Tensor, size: int) -> Tensor:
    """Codes (...) -> (..., FEATURES): Gaussian bumps along the range, and whether there is one."""
    voiced = (codes > 0).float()[..., None]
    place = (codes.float() - 1)[..., None] / (size - 2) * (BUMPS - 1)
    bumps = torch.exp(-0.5 * (place - torch.arange(BUMPS, device=codes.device)).square())
    return torch.cat([bumps * voiced, voiced], dim=-1)
