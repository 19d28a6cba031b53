"""Parts of the codec: a causal block, the heads' overlap-add, and what is kept between chunks."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL = 7
# channels of a head of attention, and how many queries are compared at a time
HEAD = 64
QUERIES = 256
# below this share of the spectrum bands lie nearly as close as bins
LINEAR = 1 / 8


@dataclass
class EncoderState:
    """What the encoder keeps between chunks."""

    samples: Tensor
    blocks: list[Tensor]


@dataclass
class DecoderState:
    """What the decoder keeps between chunks; `waiting` (B, 0..A, D) has not been decoded yet, nor
    have the pitch codes `pitch` (B, 0..A), where there are any."""

    waiting: Tensor
    pitch: Tensor
    blocks: list[Tensor]
    source: Tensor
    phase: Tensor
    noise: Tensor
    tail: Tensor
    position: int


class CausalBlock(nn.Module):
    """ConvNeXt block (arXiv:2201.03545) whose convolution looks back only."""

    window = KERNEL - 1

    def __init__(self, size: int, expansion: int, layers: int):
        super().__init__()
        self.conv = nn.Conv1d(size, size, KERNEL, groups=size)
        self.norm = nn.LayerNorm(size)
        self.up = nn.Linear(size, expansion * size)
        self.down = nn.Linear(expansion * size, size)
        self.scale = nn.Parameter(torch.full((size,), 1.0 / layers))

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, J, C) and the KERNEL - 1 frames before it (B, KERNEL - 1, C)."""
        seen = torch.cat([past, x], dim=1)
        y = self.conv(seen.transpose(1, 2)).transpose(1, 2)
        y = self.down(F.gelu(self.up(self.norm(y))))
        return x + self.scale * y, seen[:, -self.window :]


class SilentLinear(nn.Linear):
    """A layer that begins at zero."""


class LocalAttention(nn.Module):
    """Attention to the last `window` frames and a feed-forward layer, both added to what comes in;
    both begin at zero, so that a decoder sounds as it did before it got one.

    How far back a frame lies adds a learnt preference to each head (as T5, arXiv:1910.10683).
    """

    def __init__(self, size: int, expansion: int, window: int):
        super().__init__()
        self.window, self.heads = window, max(1, size // HEAD)
        self.norm = nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.distance = nn.Parameter(torch.zeros(self.heads, window + 1))
        self.out = SilentLinear(size, size)
        self.up_norm = nn.LayerNorm(size)
        self.up = nn.Linear(size, expansion * size)
        self.down = SilentLinear(expansion * size, size)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, J, C) and the `window` frames before it (B, window, C)."""
        seen = torch.cat([past, x], dim=1)
        split = self.query_key_value(self.norm(seen)).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        heard = []
        for first in range(0, x.shape[1], QUERIES):
            last = min(first + QUERIES, x.shape[1])
            near = slice(first, last + self.window)
            heard.append(
                F.scaled_dot_product_attention(
                    query[:, :, first + self.window : last + self.window],
                    key[:, :, near],
                    value[:, :, near],
                    attn_mask=self._preference(last - first).to(query.dtype),
                )
            )
        x = x + self.out(torch.cat(heard, dim=2).transpose(1, 2).flatten(2))
        x = x + self.down(F.gelu(self.up(self.up_norm(x))))
        return x, seen[:, seen.shape[1] - self.window :]

    def _preference(self, queries: int) -> Tensor:
        """(heads, queries, queries + window), added to scores: -inf for what is out of reach."""
        device = self.distance.device
        asking = torch.arange(queries, device=device)[:, None] + self.window
        back = asking - torch.arange(queries + self.window, device=device)
        reached = (back >= 0) & (back <= self.window)
        preference = self.distance[:, back.clamp(0, self.window)]
        return preference.masked_fill(~reached, float("-inf"))


class FilterHead(nn.Linear):
    """Log-magnitudes of the three filters; a class of its own because it begins quiet."""


def overlap_add(frames: Tensor, hop: int, tail: Tensor) -> tuple[Tensor, Tensor]:
    """Windowed frames (B, J, n) -> samples (B, J * hop) and the tail (B, n - hop) for the next.

    The frames are weighted by a squared Hann window; n is a multiple of hop.
    """
    batch, length, size = frames.shape
    overlap = size // hop
    # squared Hann windows at n / hop overlaps add up to 3/8 of the overlaps
    frames = frames.unflatten(-1, (overlap, hop)) / (0.375 * overlap)
    summed = frames.new_zeros(batch, length + overlap - 1, hop)
    for i in range(overlap):
        summed[:, i : i + length] = summed[:, i : i + length] + frames[:, :, i]
    head = summed[:, : overlap - 1] + tail.unflatten(-1, (overlap - 1, hop))
    summed = torch.cat([head, summed[:, overlap - 1 :]], dim=1).flatten(1)
    return summed[:, : length * hop], summed[:, length * hop :]


def spread(bands: Tensor, bins: int) -> Tensor:
    """Values (..., bands) at places that lie ever further apart -> (..., bins), lines between."""
    lines = _lines(bands.shape[-1], bins, bands.device).to(bands.dtype)
    # half precision would step the filters, and complex spectra have none
    with torch.autocast(bands.device.type, enabled=False):
        return bands @ lines


@lru_cache(maxsize=8)
def _lines(bands: int, bins: int, device: torch.device) -> Tensor:
    """(bands, bins): how much of each band is in each bin. Bands are equally spaced along
    asinh(f / f0), which is linear below f0 and logarithmic above."""
    # kept for training too, whoever asks first
    with torch.inference_mode(False), torch.device(device):
        place = torch.asinh(torch.arange(bins) / (LINEAR * bins)) / math.asinh(1 / LINEAR)
        place = place * (bands - 1) * (1 / float(place[-1]))
        return (1 - (place - torch.arange(bands)[:, None]).abs()).clamp(min=0)
