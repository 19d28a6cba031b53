"""The decoder's layers on one step of a few rows, in NumPy.

What `compiled_layers_saxsolo` does where Numba is missing; its calls cost a fraction of torch's, on
weights that are folded beforehand:

- The scale of each norm goes into the layer behind it. Everything that is added to the residual
  stream is centred, so that the norm's mean is always zero and need not be taken (Ashkboos et al.
  2024, SliceGPT, arXiv 2401.15024, section 3).
- The two numbers that a rotary position turns lie side by side: one complex product rotates all
  heads. The scale of the attention goes into the queries.
- Weights lie in memory with the longer side in rows: BLAS reads them two to four times as fast
  as rows of 192 numbers. Keys lie with time in rows, for the same reason.

R rows, here one, H heads, D hidden size, S steps, M memory.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import EncoderDecoderCache

from .encoder_saxsolo import SaxsoloEncoderOutput

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class _Layer:
    """Folded weights, (in, out) each, the memory's keys (R, H, d, M) and values (R, H, M, d) and
    what of it is padding (R, 1, 1, M), and room for the keys (R, H, d, S) and values (R, H, S, d)
    of S steps."""

    query_key_value: Array
    out: Array
    cross_query: Array
    cross_out: Array
    gate_up: Array
    down: Array
    memory_keys: Array
    memory_values: Array
    memory_unseen: Array | None
    keys: Array
    values: Array


class FoldedLayers:
    """The layers of a model's decoder, and what follows them.

    Args:
        model: a solo model on the CPU. Its weights are copied.
    """

    def __init__(self, model: Any):
        self.model = model
        config = model.config
        self.heads, self.head_dim = config.num_attention_heads, config.head_dim
        self.size, self.eps = config.hidden_size, config.norm_eps
        norm = model.decoder.norm.weight
        self.code_heads = _factor(torch.cat([head.weight for head in model.heads[1:]]) * norm)
        self.distance_heads = None
        if config.pitch_range is not None:
            self.distance_heads = _factor(model.decoder.intonation.out.weight * norm)
        self.folded = [self._fold(layer) for layer in model.decoder.layers]

    def _fold(self, layer: Any) -> dict[str, Array]:
        order = self.pairs()
        scale = self.head_dim**-0.5
        own, cross, mlp = layer.attention, layer.cross_attention, layer.mlp
        query, key, value = (own.query_key_value.weight * layer.attention_norm.weight).chunk(3)
        folded = {
            "query_key_value": torch.cat([query[order] * scale, key[order], value]),
            "out": centred(own.out.weight.T).T,
            "cross_query": (cross.query.weight * layer.cross_norm.weight)[order] * scale,
            "cross_out": centred(cross.out.weight.T).T,
            "gate_up": mlp.gate_up.weight * layer.mlp_norm.weight,
            "down": centred(mlp.out.weight.T).T,
        }
        return {name: _factor(weight) for name, weight in folded.items()}

    def pairs(self) -> torch.Tensor:
        """Order of a projection's rows that puts what is rotated together side by side."""
        pairs = self.head_dim // 4
        first = torch.arange(pairs)
        rotated = torch.stack([first, first + pairs], dim=1).flatten()
        head = torch.cat([rotated, torch.arange(2 * pairs, self.head_dim)])
        return (torch.arange(self.heads)[:, None] * self.head_dim + head).flatten()

    def join(
        self, heard: SaxsoloEncoderOutput, cache: EncoderDecoderCache, row: int, steps: int
    ) -> "FoldedWindow":
        """As `CompiledLayers.join`."""
        return FoldedWindow(self, heard, cache, row, steps)

    def leave(self, window: "FoldedWindow") -> None:
        """As `CompiledLayers.leave`: nothing is shared here."""

    def through(self, parts: Sequence[tuple["FoldedWindow", Array, int]]) -> Array:
        """As `CompiledLayers.through`, one solo after another."""
        states = [
            window.through(state[None], slice(first, first + len(state)))
            for window, state, first in parts
        ]
        return np.concatenate(states)

    def choices(self, hidden: Array) -> tuple[Array, Array | None]:
        """Hidden states (R, D) that `FoldedWindow.through` gave -> logits of all codebooks, and
        preferences for distances (see intonation_saxsolo) where the model has them."""
        leaning = None if self.distance_heads is None else hidden @ self.distance_heads
        return hidden @ self.code_heads, leaning

    def laid_out(
        self, cache: EncoderDecoderCache, row: int, steps: int, mask: torch.Tensor | None
    ) -> Any:
        """The layers with room for `steps` steps, the prompt's keys and values already there."""
        order = self.pairs()[: self.head_dim]
        layers = []
        for index, folded in enumerate(self.folded):
            own: Any = cache.self_attention_cache.layers[index]
            memory: Any = cache.cross_attention_cache.layers[index]
            one = slice(row, row + 1)
            _, heads, known, _ = own.keys.shape
            values = np.empty((1, heads, steps, self.head_dim), self.code_heads.dtype)
            keys = np.empty((1, heads, self.head_dim, steps), self.code_heads.dtype)
            keys[..., :known] = as_array(own.keys[one][..., order].transpose(2, 3))
            values[:, :, :known] = as_array(own.values[one])
            layers.append(
                _Layer(
                    **folded,
                    memory_keys=as_array(memory.keys[one][..., order].transpose(2, 3)),
                    memory_values=as_array(memory.values[one]),
                    memory_unseen=None if mask is None else ~as_array(mask[one]),
                    keys=keys,
                    values=values,
                )
            )
        return layers

    def normalised(self, state: Array) -> Array:
        """The norm, without the scale that went into the layer behind it."""
        if state.size == self.size:
            row = state.reshape(-1)
            return state * state.dtype.type(1 / math.sqrt(row.dot(row) / self.size + self.eps))
        return state / np.sqrt(np.square(state).mean(axis=-1, keepdims=True) + self.eps)


class FoldedWindow:
    """The layers at work on one solo: they remember keys and values of what went through."""

    def __init__(
        self,
        layers: FoldedLayers,
        heard: SaxsoloEncoderOutput,
        cache: EncoderDecoderCache,
        row: int,
        steps: int,
    ):
        assert heard.rotary is not None, "the encoder makes it"
        self.of = layers
        self.layers = layers.laid_out(cache, row, steps, heard.memory_mask)
        # complex numbers (S, d / 2) that rotate queries and keys, and those of the memory's side
        cos, sin = as_array(heard.rotary)
        turned = cos + 1j * sin
        turns = np.concatenate([turned, np.ones_like(turned)], axis=1)
        self.turns = turns.astype(np.result_type(layers.code_heads, np.complex64))
        rotary_cross = layers.model.decoder.layers[0].rotary_cross
        self.cross_turns = self.turns if rotary_cross else np.ones_like(self.turns)

    def through(self, state: Array, places: slice) -> Array:
        """States (R, n, D) of the n steps at `places`, the next ones -> the last step's (R, D)."""
        for layer in self.layers:
            state = self._through(layer, state, places)
        return self.of.normalised(state[:, -1])

    def _through(self, layer: _Layer, state: Array, places: slice) -> Array:
        rows, steps, _ = state.shape
        heads, size = self.of.heads, self.of.head_dim
        projected = self.of.normalised(state) @ layer.query_key_value
        projected = projected.reshape(rows, steps, 3 * heads, size)
        rotated = projected[:, :, : 2 * heads].view(self.turns.dtype)
        rotated *= self.turns[places, None]
        query, keys, values = (
            projected[:, :, part * heads : (part + 1) * heads].swapaxes(1, 2) for part in range(3)
        )
        layer.keys[..., places] = keys.swapaxes(2, 3)
        layer.values[:, :, places] = values
        past = places.stop
        unseen = _later(steps, past) if steps > 1 else None
        attended = _attend(query, layer.keys[..., :past], layer.values[:, :, :past], unseen)
        state = state + attended.reshape(state.shape) @ layer.out
        query = (self.of.normalised(state) @ layer.cross_query).reshape(rows, steps, heads, size)
        rotated = query.view(self.cross_turns.dtype)
        rotated *= self.cross_turns[places, None]
        attended = _attend(
            query.swapaxes(1, 2), layer.memory_keys, layer.memory_values, layer.memory_unseen
        )
        state += attended.reshape(state.shape) @ layer.cross_out
        gate_up = self.of.normalised(state) @ layer.gate_up
        half = gate_up.shape[-1] // 2
        gate, up = gate_up[..., :half], gate_up[..., half:]
        state += (gate / (1 + np.exp(-gate)) * up) @ layer.down
        return state


def _attend(query: Array, keys: Array, values: Array, unseen: Array | None = None) -> Array:
    """Attention of n steps: queries (R, H, n, d) over keys (R, H, d, M) and values (R, H, M, d) ->
    (R, n, H, d). `unseen`: bool that broadcasts to (R, H, n, M)."""
    weights = np.matmul(query, keys)
    if unseen is not None:
        np.copyto(weights, np.finfo(weights.dtype).min, where=unseen)
    weights -= weights.max(axis=3, keepdims=True)
    np.exp(weights, out=weights)
    attended: Array = np.matmul(weights, values)
    attended /= weights.sum(axis=3, keepdims=True)
    return attended.swapaxes(1, 2)


def _later(steps: int, past: int) -> Array:
    """(n, past): which of the steps so far lie behind each of the last n."""
    return np.arange(past) > np.arange(past - steps, past)[:, None]


def centred(values: torch.Tensor) -> torch.Tensor:
    """Without the mean of the last axis."""
    return values - values.mean(dim=-1, keepdim=True)


def as_array(values: torch.Tensor) -> Array:
    """A contiguous copy."""
    return np.array(values.detach().numpy(), order="C")


def _factor(weight: torch.Tensor) -> Array:
    """A weight (out, in) -> (in, out), a factor from the right; the longer axis is contiguous."""
    wide = weight.shape[0] > weight.shape[1]
    return as_array(weight.T) if wide else as_array(weight).T
