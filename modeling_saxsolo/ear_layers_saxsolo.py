"""Layers of the ear that know what transposition is.

Every hidden vector has two parts: C channels for each of the twelve pitch classes, and S channels
for all that has no pitch (time, loudness, register). A layer that treats the pitch classes alike,
whichever they are, commutes with transposition: what it learns in one key holds in all twelve
(group convolution over the cyclic group of twelve, Cohen and Welling 2016, arXiv 1602.07576; for
chroma, Elowsson and Friberg 2019). It also has a twelfth of the weights.

On a processor one dense product is faster than the convolution, so each layer lays its few weights
out as a matrix and multiplies. Vectors are laid out as C x 12 values, then S: (B, T, 12 C + S).

What is heard as it comes continues from a `LayerPast`: under a mask of chunks no token is changed
by a later chunk, so that keys and values stand once they are computed.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

PITCH_CLASSES = 12


class LaidOut(nn.Module):
    """A layer that lays its weights out as a matrix at each call, or once after `lay_out`."""

    laid: torch.Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("laid", None, persistent=False)

    def matrix(self) -> torch.Tensor:
        """(out, in)"""
        raise NotImplementedError

    def lay_out(self) -> None:
        """Keeps the matrix for all later calls, until the layer is trained."""
        self.laid = self.matrix().detach()

    def train(self, mode: bool = True) -> "LaidOut":
        """As `nn.Module.train`."""
        if mode:
            self.laid = None
        return super().train(mode)

    def product(self, hidden: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """(.., in) -> (.., out)"""
        return F.linear(hidden, self.matrix() if self.laid is None else self.laid, bias)


class PitchLinear(LaidOut):
    """A linear map that commutes with rotating the pitch classes.

    Args:
        channels, scalars: C and S of the input.
        out_channels, out_scalars: C and S of the output.
        bias: adds one number for each output channel and scalar.
    """

    def __init__(
        self, channels: int, scalars: int, out_channels: int, out_scalars: int, bias: bool = False
    ):
        super().__init__()
        self.fan_in = PITCH_CLASSES * channels + scalars
        self.pitched = nn.Parameter(torch.zeros(out_channels, channels, PITCH_CLASSES))
        self.spread = nn.Parameter(torch.zeros(out_channels, scalars))
        self.pooled = nn.Parameter(torch.zeros(out_scalars, channels))
        self.scalar = nn.Parameter(torch.zeros(out_scalars, scalars))
        self.bias = nn.Parameter(torch.zeros(out_channels + out_scalars)) if bias else None

    def matrix(self) -> torch.Tensor:
        """(12 C' + S', 12 C + S), with `pitched[.., k]` from pitch class p + k to p."""
        out_channels, channels, classes = self.pitched.shape
        place = torch.arange(classes, device=self.pitched.device)
        steps = (place[None, :] - place[:, None]) % classes
        circular = self.pitched[:, :, steps].transpose(1, 2)
        circular = circular.reshape(out_channels * classes, channels * classes)
        top = torch.cat([circular, self.spread.repeat_interleave(classes, 0)], dim=1)
        bottom = torch.cat([self.pooled.repeat_interleave(classes, 1), self.scalar], dim=1)
        return torch.cat([top, bottom])

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        bias = None
        if self.bias is not None:
            bias = _per_value(self.bias, self.pitched.shape[0])
        return self.product(hidden, bias)


class PitchNorm(nn.Module):
    """Layer norm over all values, with one gain for a channel."""

    def __init__(self, channels: int, scalars: int):
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.ones(channels + scalars))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(hidden, hidden.shape[-1:], _per_value(self.weight, self.channels))


def _per_value(numbers: torch.Tensor, channels: int) -> torch.Tensor:
    """(C + S,) -> (12 C + S,)"""
    return torch.cat([numbers[:channels].repeat_interleave(PITCH_CLASSES), numbers[channels:]])


class LogConv(LaidOut):
    """A convolution over a logarithmic axis that reaches from every step to every other.

    On such an axis a ratio is a distance: partials lie at the same distances above each note, and
    a bar of three beats at the same distance below each tempo. (B, T, N, c) -> (B, T, N, c').
    """

    def __init__(self, steps: int, channels: int, out_channels: int):
        super().__init__()
        self.steps = steps
        self.fan_in = steps * channels
        self.kernel = nn.Parameter(torch.zeros(out_channels, channels, 2 * steps - 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def matrix(self) -> torch.Tensor:
        """(N c', N c), with `kernel[.., d + N - 1]` from step n + d to n."""
        place = torch.arange(self.steps, device=self.kernel.device)
        steps = place[None, :] - place[:, None] + self.steps - 1
        matrix = self.kernel[:, :, steps].permute(2, 0, 3, 1)
        return matrix.reshape(self.steps * len(self.bias), self.fan_in)

    def forward(self, notes: torch.Tensor) -> torch.Tensor:
        out = self.product(notes.flatten(2), self.bias.repeat(self.steps))
        return out.view(*out.shape[:2], self.steps, len(self.bias))


class OctaveFold(LaidOut):
    """Semitones to pitch classes, with weights of its own for each octave and each distance.

    (B, T, N, c) -> (B, T, 12 C + S). The lowest semitone is a C.
    """

    def __init__(self, semitones: int, in_channels: int, channels: int, scalars: int):
        super().__init__()
        assert semitones % PITCH_CLASSES == 0, semitones
        octaves = semitones // PITCH_CLASSES
        self.fan_in = semitones * in_channels
        self.pitched = nn.Parameter(torch.zeros(channels, octaves, in_channels, PITCH_CLASSES))
        self.pooled = nn.Parameter(torch.zeros(scalars, octaves, in_channels))

    def matrix(self) -> torch.Tensor:
        """(12 C + S, N c)"""
        channels, _, _, classes = self.pitched.shape
        place = torch.arange(classes, device=self.pitched.device)
        steps = (place[None, :] - place[:, None]) % classes
        # (C, octave, c, to, from) -> (C, to, octave, from, c)
        pitched = self.pitched[..., steps].permute(0, 3, 1, 4, 2)
        pitched = pitched.reshape(channels * classes, self.fan_in)
        pooled = self.pooled[:, :, None].expand(-1, -1, classes, -1)
        return torch.cat([pitched, pooled.flatten(1)])

    def forward(self, notes: torch.Tensor) -> torch.Tensor:
        return self.product(notes.flatten(2))


@dataclass
class LayerPast:
    """What a layer keeps of the tokens so far: the last normed states (B, reach, 12 C + S), keys
    and values (B, H, T, d)."""

    recent: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor


class RecentMix(nn.Module):
    """Adds to each token a weighted sum of the few before it, channel by channel.

    A convolution in time that never looks ahead, as in Primer (So et al. 2021, arXiv 2109.08668):
    rhythm is heard in what lies side by side. (B, T, 12 C + S) -> same.
    """

    def __init__(self, channels: int, scalars: int, reach: int = 4):
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.zeros(reach, channels + scalars))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """hidden: (B, T, 12 C + S)"""
        mixed = hidden
        for back, weight in enumerate(self.weight, start=1):
            earlier = F.pad(hidden, (0, 0, back, 0))[:, : hidden.shape[1]]
            mixed = mixed + earlier * _per_value(weight, self.channels)
        return mixed


class EarAttention(nn.Module):
    """Self-attention: scores compare pitches directly, and scalars at rotary distances.

    Turning the query's and the key's pitch classes together keeps their product, so the scores do
    not change with the key.
    """

    def __init__(self, channels: int, scalars: int, heads: int):
        super().__init__()
        self.channels, self.scalars, self.heads = channels, scalars, heads
        self.recent = RecentMix(channels, scalars)
        self.query_key_value = PitchLinear(channels, scalars, 3 * channels, 3 * scalars)
        self.out = PitchLinear(channels, scalars, channels, scalars)

    def forward(
        self,
        hidden: torch.Tensor,
        rotary: torch.Tensor,
        mask: torch.Tensor | None,
        past: LayerPast | None = None,
    ) -> torch.Tensor:
        """`past` is of the tokens before `hidden`, and is continued in place."""
        batch, length, _ = hidden.shape
        mixed = self.recent(hidden) if past is None else self._mixed(hidden, past)
        together = self.query_key_value(mixed)
        pitched = 3 * PITCH_CLASSES * self.channels
        pitched, scalar = together.split([pitched, 3 * self.scalars], dim=-1)
        pitched = pitched.view(batch, length, 3, self.heads, -1)
        scalar = scalar.view(batch, length, 3, self.heads, -1)
        turned = _rotate(scalar[:, :, :2], rotary)
        query, key = torch.cat([pitched[:, :, :2], turned], dim=-1).permute(2, 0, 3, 1, 4)
        value = torch.cat([pitched[:, :, 2], scalar[:, :, 2]], dim=-1).transpose(1, 2)
        if past is not None:
            key = past.keys = torch.cat([past.keys, key], dim=2)
            value = past.values = torch.cat([past.values, value], dim=2)
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2)
        size = PITCH_CLASSES * self.channels // self.heads
        heard = torch.cat([heard[..., :size].flatten(2), heard[..., size:].flatten(2)], dim=-1)
        out: torch.Tensor = self.out(heard)
        return out

    def _mixed(self, hidden: torch.Tensor, past: LayerPast) -> torch.Tensor:
        reach = past.recent.shape[1]
        known = torch.cat([past.recent, hidden], dim=1)
        past.recent = known[:, -reach:]
        mixed: torch.Tensor = self.recent(known)[:, reach:]
        return mixed

    def no_past(self, hidden: torch.Tensor) -> LayerPast:
        """Of no tokens, for `hidden` (B, T, 12 C + S) that begin a window."""
        batch, _, width = hidden.shape
        none = hidden.new_zeros(batch, self.heads, 0, width // self.heads)
        return LayerPast(hidden.new_zeros(batch, len(self.recent.weight), width), none, none)


def rotary_angles(length: int, pairs: int, device: torch.device) -> torch.Tensor:
    """(2, T, pairs) cosines and sines (Su et al. 2021, arXiv 2104.09864).

    Wavelengths run from 2.5 tokens, a fast beat, to 400, what a piece of half a minute needs.
    """
    exponents = torch.arange(pairs, device=device, dtype=torch.float32) / max(1, pairs - 1)
    steps = 2 * torch.pi / 2.5 * 160**-exponents
    angles = torch.arange(length, device=device)[:, None] * steps
    return torch.stack([angles.cos(), angles.sin()])


def _rotate(scalars: torch.Tensor, rotary: torch.Tensor) -> torch.Tensor:
    """Turn pairs of the last axis of (B, T, 2, H, D) by `rotary` (2, T, D // 2)."""
    cos, sin = rotary[:, :, None, None]
    first, second = scalars.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class EarLayer(nn.Module):
    """Pre-norm attention, then a gated MLP (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(
        self, channels: int, scalars: int, heads: int, expansion: int, dropout: float = 0.0
    ):
        super().__init__()
        self.dropout = dropout
        inner, inner_scalars = expansion * channels, expansion * scalars
        self.attention_norm = PitchNorm(channels, scalars)
        self.attention = EarAttention(channels, scalars, heads)
        self.mlp_norm = PitchNorm(channels, scalars)
        self.gate = PitchLinear(channels, scalars, inner, inner_scalars)
        self.up = PitchLinear(channels, scalars, inner, inner_scalars)
        self.down = PitchLinear(inner, inner_scalars, channels, scalars)

    def forward(
        self,
        hidden: torch.Tensor,
        rotary: torch.Tensor,
        mask: torch.Tensor | None,
        past: LayerPast | None = None,
    ) -> torch.Tensor:
        attended = self.attention(self.attention_norm(hidden), rotary, mask, past)
        hidden = hidden + F.dropout(attended, self.dropout, self.training)
        normed = self.mlp_norm(hidden)
        changed = self.down(F.silu(self.gate(normed)) * self.up(normed))
        return hidden + F.dropout(changed, self.dropout, self.training)
