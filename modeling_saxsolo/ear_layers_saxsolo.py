"""Layers of the ear that know what transposition is.

Every hidden vector has two parts: C channels for each of the twelve pitch classes, and S channels
for all that has no pitch (time, loudness, register). A layer that treats the pitch classes alike,
whichever they are, commutes with transposition: what it learns in one key holds in all twelve
(group convolution over the cyclic group of twelve, Cohen and Welling 2016, arXiv 1602.07576; for
chroma, Elowsson and Friberg 2019). It also has a twelfth of the weights.

On a processor one dense product is faster than the convolution, so each layer lays its few weights
out as a matrix and multiplies. Vectors are laid out as C x 12 values, then S: (B, T, 12 C + S).
"""

import torch
from torch import nn
from torch.nn import functional as F

PITCH_CLASSES = 12


class PitchLinear(nn.Module):
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
        return F.linear(hidden, self.matrix(), bias)


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


class LogConv(nn.Module):
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

    def forward(self, notes: torch.Tensor) -> torch.Tensor:
        place = torch.arange(self.steps, device=notes.device)
        steps = place[None, :] - place[:, None] + self.steps - 1
        channels = len(self.bias)
        matrix = self.kernel[:, :, steps].permute(2, 0, 3, 1)
        matrix = matrix.reshape(self.steps * channels, self.fan_in)
        out: torch.Tensor = F.linear(notes.flatten(2), matrix, self.bias.repeat(self.steps))
        return out.view(*out.shape[:2], self.steps, channels)


class OctaveFold(nn.Module):
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

    def forward(self, notes: torch.Tensor) -> torch.Tensor:
        channels, octaves, in_channels, classes = self.pitched.shape
        place = torch.arange(classes, device=notes.device)
        steps = (place[None, :] - place[:, None]) % classes
        # (C, octave, c, to, from) -> (C, to, octave, from, c)
        pitched = self.pitched[..., steps].permute(0, 3, 1, 4, 2)
        pitched = pitched.reshape(channels * classes, self.fan_in)
        pooled = self.pooled[:, :, None].expand(-1, -1, classes, -1)
        return F.linear(notes.flatten(2), torch.cat([pitched, pooled.flatten(1)]))


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
        self, hidden: torch.Tensor, rotary: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        batch, length, _ = hidden.shape
        together = self.query_key_value(self.recent(hidden))
        pitched = 3 * PITCH_CLASSES * self.channels
        pitched, scalar = together.split([pitched, 3 * self.scalars], dim=-1)
        pitched = pitched.view(batch, length, 3, self.heads, -1)
        scalar = scalar.view(batch, length, 3, self.heads, -1)
        turned = _rotate(scalar[:, :, :2], rotary)
        query, key = torch.cat([pitched[:, :, :2], turned], dim=-1).permute(2, 0, 3, 1, 4)
        value = torch.cat([pitched[:, :, 2], scalar[:, :, 2]], dim=-1).transpose(1, 2)
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2)
        size = PITCH_CLASSES * self.channels // self.heads
        heard = torch.cat([heard[..., :size].flatten(2), heard[..., size:].flatten(2)], dim=-1)
        out: torch.Tensor = self.out(heard)
        return out


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
        self, hidden: torch.Tensor, rotary: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        attended = self.attention(self.attention_norm(hidden), rotary, mask)
        hidden = hidden + F.dropout(attended, self.dropout, self.training)
        normed = self.mlp_norm(hidden)
        changed = self.down(F.silu(self.gate(normed)) * self.up(normed))
        return hidden + F.dropout(changed, self.dropout, self.training)
