"""The decoder's layers on one step of a few rows, compiled: see decoder_kernels_saxsolo.

R rows (a batch), H heads, d head size, D hidden size, L layers, S steps, M memory.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import EncoderDecoderCache

from .decoder_kernels_saxsolo import normalise, product, through
from .encoder_saxsolo import SaxsoloEncoderOutput
from .folded_layers_saxsolo import as_array

Array = np.ndarray[Any, np.dtype[Any]]


class CompiledLayers:
    """The layers of a model's decoder, and what follows them.

    Args:
        model: a solo model on the CPU. Its weights are copied: rounded to eight bits if its config
            says so, as the bits of bfloat16 where nothing is lost, else as they are. In the first
            two cases keys and values are rounded to bfloat16.
    """

    def __init__(self, model: Any):
        self.model = model
        decoder = model.decoder
        config = model.config
        self.heads, self.head_dim = config.num_attention_heads, config.head_dim
        self.eps = config.norm_eps
        layers = decoder.layers
        weights = [
            [layer.attention.query_key_value.weight for layer in layers],
            [layer.attention.out.weight for layer in layers],
            [layer.cross_attention.query.weight for layer in layers],
            [layer.cross_attention.out.weight for layer in layers],
            [layer.mlp.gate_up.weight for layer in layers],
            [layer.mlp.out.weight for layer in layers],
        ]
        heads = [head.weight for head in model.heads[1:]]
        self.codes = sum(len(head) for head in heads)
        if config.pitch_range is not None:
            heads.append(decoder.intonation.out.weight)
        rounded = config.fast_bits == 8 and decoder.norm.weight.dtype == torch.float32
        self.keep = _bits if rounded or _fit_16_bits([*sum(weights, []), *heads]) else as_array
        pack = eight_bits if rounded else self._unscaled
        packed = [pack(torch.stack(kind).mT) for kind in weights]
        self.weights = tuple(one for one, _ in packed)
        self.scales = tuple(scale for _, scale in packed)
        self.code_heads, self.head_scales = pack(torch.cat(heads).mT)
        norms = [
            [layer.attention_norm.weight, layer.cross_norm.weight, layer.mlp_norm.weight]
            for layer in layers
        ]
        self.norms = as_array(torch.stack([torch.stack(scales) for scales in norms]))
        self.norm = as_array(decoder.norm.weight)

    def _unscaled(self, weights: torch.Tensor) -> tuple[Array, Array]:
        none = weights.new_zeros(*weights.shape[:-2], 0)
        return self.keep(weights), as_array(none)

    def window(
        self, heard: SaxsoloEncoderOutput, cache: EncoderDecoderCache, steps: int
    ) -> "CompiledWindow":
        """Ready for up to `steps` steps over `heard`, those of the prompt in `cache`."""
        assert heard.rotary is not None, "the encoder makes it"
        own: Any = cache.self_attention_cache.layers
        memory: Any = cache.cross_attention_cache.layers
        memory_keys = self.keep(torch.stack([layer.keys for layer in memory]))
        _, rows, _, size, _ = memory_keys.shape
        seen = np.ones((rows, size), bool)
        if heard.memory_mask is not None:
            seen[:] = as_array(heard.memory_mask).reshape(-1, size)
        turns = as_array(heard.rotary.transpose(0, 1)).astype(self.norm.dtype)
        cross_turns = turns
        if not self.model.decoder.layers[0].rotary_cross:
            cross_turns = np.zeros_like(turns)
            cross_turns[:, 0] = 1
        return CompiledWindow(
            self,
            self._with_room([layer.keys for layer in own], steps),
            self._with_room([layer.values for layer in own], steps),
            memory_keys,
            self.keep(torch.stack([layer.values for layer in memory])),
            seen,
            turns,
            cross_turns,
        )

    def _with_room(self, parts: list[torch.Tensor], steps: int) -> Array:
        """L keys or values (R, H, s, d) -> (L, R, H, steps, d)."""
        known = self.keep(torch.stack(parts))
        room = np.empty((*known.shape[:3], steps, known.shape[4]), known.dtype)
        room[:, :, :, : known.shape[3]] = known
        return room

    def warm_up(self) -> None:
        """Compiles what is needed, or reads it from disk: seven seconds and one, once a process."""
        nothing = self.keep(torch.zeros(len(self.norms), 1, self.heads, 1, self.head_dim))
        turns = np.zeros((1, 2, self.head_dim // 4), self.norm.dtype)
        keys, values, memory_keys, memory_values = (nothing.copy() for _ in range(4))
        seen = np.ones((1, 1), bool)
        window = CompiledWindow(self, keys, values, memory_keys, memory_values, seen, turns, turns)
        state = np.zeros((1, 1, len(self.norm)), self.norm.dtype)
        self.choices(window.through(state, slice(0, 1)))

    def choices(self, hidden: Array) -> tuple[Array, Array | None]:
        """Hidden states (R, D) that `CompiledWindow.through` gave -> logits of all codebooks, and
        preferences for distances (see intonation_saxsolo) where the model has them."""
        normal = np.empty_like(hidden)
        normalise(hidden, self.norm, self.eps, normal)
        logits = np.empty((len(hidden), self.code_heads.shape[1]), hidden.dtype)
        product(normal, self.code_heads, self.head_scales, logits)
        leaning = logits[:, self.codes :]
        return logits[:, : self.codes], leaning if leaning.shape[1] else None


@dataclass(frozen=True)
class CompiledWindow:
    """The layers at work on one window: they remember keys and values of what went through.

    Attributes:
        keys, values: (L, R, H, S, d), in part still to come.
        memory_keys, memory_values: (L, R, H, M, d). seen: (R, M), what of it counts.
        turns, cross_turns: (S, 2, d / 4) cosines and sines of each step, for its own side and for
            the memory's.
    """

    of: CompiledLayers
    keys: Array
    values: Array
    memory_keys: Array
    memory_values: Array
    seen: Array
    turns: Array
    cross_turns: Array

    def through(self, state: Array, places: slice) -> Array:
        """States (R, n, D) of the n steps at `places`, the next ones -> the last step's (R, D)."""
        state = np.ascontiguousarray(state)
        through(
            state,
            places.start,
            self.of.eps,
            self.of.norms,
            self.of.weights,
            self.of.scales,
            self.keys,
            self.values,
            self.memory_keys,
            self.memory_values,
            self.seen,
            self.turns,
            self.cross_turns,
        )
        return np.ascontiguousarray(state[:, -1])


def eight_bits(weights: torch.Tensor) -> tuple[Array, Array]:
    """Weights (..., in, out) rounded to int8, and a scale for each output (..., out) float32."""
    scales = weights.detach().abs().amax(dim=-2).clamp(min=1e-12) / 127
    whole = (weights.detach() / scales.unsqueeze(-2)).round().to(torch.int8)
    return as_array(whole.contiguous()), as_array(scales)


def _fit_16_bits(weights: list[torch.Tensor]) -> bool:
    """Whether float32 weights are those of a bfloat16 file."""
    return all(
        weight.dtype == torch.float32 and torch.equal(weight.bfloat16().float(), weight)
        for weight in weights
    )


def _bits(values: torch.Tensor) -> Array:
    """The bits of the nearest bfloat16, a contiguous copy."""
    bits: Array = values.detach().bfloat16().contiguous().view(torch.int16).numpy()
    return bits.view(np.uint16).copy()
