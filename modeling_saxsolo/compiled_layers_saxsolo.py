"""The decoder's layers on the next steps of some solos, compiled: see decoder_kernels_saxsolo.

Solos come and go: each has a slot of the room for keys and values, and stands where it stands. What
is computed for one does not depend on the others, to the bit.

R slots, H heads, d head size, D hidden size, L layers, S steps, M memory.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import EncoderDecoderCache

from .decoder_kernels_saxsolo import normalise, product, through
from .encoder_saxsolo import SaxsoloEncoderOutput
from .folded_layers_saxsolo import as_array
from .layers_saxsolo import rotary_table

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
        self.room = _Room()
        self.turns = self.cross_turns = np.zeros((0, 2, self.head_dim // 4), self.norm.dtype)
        # for every window: the last bits of a shorter table can differ
        steps = torch.arange(config.window_frames + max(config.stream_delays) + 1)
        self._turn(rotary_table(steps, config.head_dim, config.rope_theta))

    def _unscaled(self, weights: torch.Tensor) -> tuple[Array, Array]:
        none = weights.new_zeros(*weights.shape[:-2], 0)
        return self.keep(weights), as_array(none)

    def join(
        self, heard: SaxsoloEncoderOutput, cache: EncoderDecoderCache, row: int, steps: int
    ) -> int:
        """Room for up to `steps` steps of a solo over row `row` of `heard`, those of the prompt in
        `cache`. Joining, leaving and playing are for one thread at a time.

        Returns:
            Its slot, for `through` and `leave`.
        """
        assert heard.rotary is not None, "the encoder makes it"
        own, memory = _row(cache.self_attention_cache, row), _row(cache.cross_attention_cache, row)
        parts = [self.keep(part) for part in (*own, *memory)]
        slot = self.room.taken(parts, steps)
        seen = self.room.seen[slot]
        seen[parts[2].shape[2] :] = False
        seen[: parts[2].shape[2]] = (
            True if heard.memory_mask is None else as_array(heard.memory_mask[row]).reshape(-1)
        )
        if heard.rotary.shape[1] > len(self.turns):
            self._turn(heard.rotary)
        return slot

    def _turn(self, rotary: torch.Tensor) -> None:
        """Takes the turns (2, S, d / 4) of more steps; those that are known stay."""
        table = as_array(rotary.transpose(0, 1)).astype(self.norm.dtype)
        self.turns = np.concatenate([self.turns, table[len(self.turns) :]])
        self.cross_turns = self.turns
        if not self.model.decoder.layers[0].rotary_cross:
            self.cross_turns = np.zeros_like(self.turns)
            self.cross_turns[:, 0] = 1

    def leave(self, slot: int) -> None:
        """Gives the room of a solo back."""
        self.room.free.append(slot)

    def through(self, parts: Sequence[tuple[int, Array, int]]) -> Array:
        """The next states of some solos, (slot, states (n, D), step of the first), all in one ->
        the last state of each (P, D)."""
        states = np.concatenate([state for _, state, _ in parts])
        counts = np.array([len(state) for _, state, _ in parts])
        slots = np.repeat([slot for slot, _, _ in parts], counts)
        places = np.concatenate([first + np.arange(len(state)) for _, state, first in parts])
        room = self.room
        through(
            states,
            slots,
            places,
            self.eps,
            self.norms,
            self.weights,
            self.scales,
            room.keys,
            room.values,
            room.memory_keys,
            room.memory_values,
            room.seen,
            self.turns,
            self.cross_turns,
        )
        return states[counts.cumsum() - 1]

    def warm_up(self) -> None:
        """Compiles what is needed, or reads it from disk: seven seconds and one, once a process."""
        nothing = torch.zeros(len(self.norms), self.heads, 1, self.head_dim)
        slot = self.room.taken([self.keep(nothing)] * 4, 1)
        self.choices(self.through([(slot, np.zeros((1, len(self.norm)), self.norm.dtype), 0)]))
        self.leave(slot)

    def choices(self, hidden: Array) -> tuple[Array, Array | None]:
        """Hidden states (R, D) that `through` gave -> logits of all codebooks, and
        preferences for distances (see intonation_saxsolo) where the model has them."""
        normal = np.empty_like(hidden)
        normalise(hidden, self.norm, self.eps, normal)
        logits = np.empty((len(hidden), self.code_heads.shape[1]), hidden.dtype)
        product(normal, self.code_heads, self.head_scales, logits)
        leaning = logits[:, self.codes :]
        return logits[:, : self.codes], leaning if leaning.shape[1] else None


class _Room:
    """Keys and values of the solos that are played, (L, R, H, S, d), and of what they attend to,
    (L, R, H, M, d), as large as was ever needed."""

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self.seen = np.zeros((0, 0), bool)
        self.free: list[int] = []

    @property
    def keys(self) -> Array:
        return self.arrays[0]

    @property
    def values(self) -> Array:
        return self.arrays[1]

    @property
    def memory_keys(self) -> Array:
        return self.arrays[2]

    @property
    def memory_values(self) -> Array:
        return self.arrays[3]

    def taken(self, parts: Sequence[Array], steps: int) -> int:
        """A slot with keys, values and those of the memory (L, H, n, d) in it, and room for so many
        steps."""
        sizes = [steps, steps, parts[2].shape[2], parts[3].shape[2]]
        if not self.arrays:
            self.arrays = [
                np.zeros((len(part), 0, part.shape[1], 0, part.shape[3]), part.dtype)
                for part in parts
            ]
        slots = len(self.seen)
        more = slots if self.free else max(1, 2 * slots)
        room = [max(array.shape[3], size) for array, size in zip(self.arrays, sizes, strict=True)]
        if more > slots or any(
            array.shape[3] < size for array, size in zip(self.arrays, room, strict=True)
        ):
            self.arrays = [
                _wider(array, more, size) for array, size in zip(self.arrays, room, strict=True)
            ]
            seen = np.zeros((more, room[2]), bool)
            seen[:slots, : self.seen.shape[1]] = self.seen
            self.seen = seen
            self.free.extend(range(slots, more))
        slot = self.free.pop()
        for array, part in zip(self.arrays, parts, strict=True):
            array[:, slot, :, : part.shape[2]] = part
        return slot


def _wider(array: Array, slots: int, size: int) -> Array:
    """(L, R, H, S, d) with more room."""
    layers, rows, heads, known, width = array.shape
    # zeros: what is not seen must be numbers
    wide = np.zeros((layers, slots, heads, size, width), array.dtype)
    wide[:, :rows, :, :known] = array
    return wide


def _row(cache: Any, row: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values of one row of a cache, (L, H, n, d)."""
    keys, values = (
        torch.stack([getattr(layer, name)[row] for layer in cache.layers])
        for name in ("keys", "values")
    )
    return keys, values


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
