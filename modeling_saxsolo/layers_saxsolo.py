"""The parts of encoder and decoder: embeddings, rotary positions, attention, gated MLP.

Choices, by measurement on two processor cores (forward and backward, 8 x 768 frames, 192 wide):
- The norm is LayerNorm without bias, not RMSNorm: torch has one fused kernel for the former (1 ms)
  and seven separate passes for the latter (30 ms). It only subtracts the mean besides.
- Dropout draws one random byte an element, eight from one 64-bit number: 2 ms, F.dropout 12 ms.
- No dropout on attention weights: it would switch the fused attention kernel off.
- Half of each head's dimensions is rotated, half is not, so that a head may also look at content
  alone (the condition tokens have no place in time).
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_saxsolo import SaxsoloConfig


def dropout(x: torch.Tensor, p: float, training: bool) -> torch.Tensor:
    """Zero elements of `x` with probability `p`, rounded to 1/256, and scale up the rest."""
    if not training or p == 0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, p)
    words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    dropped = round(256 * p)
    keep = words.view(torch.uint8)[: x.numel()].view(x.shape) >= dropped
    return x * keep.to(x.dtype).mul_(256 / (256 - dropped))


def rotary_table(positions: torch.Tensor, head_dim: int, theta: float) -> torch.Tensor:
    """Cosines and sines for rotary positions (Su et al. 2021, arXiv 2104.09864).

    Args:
        positions: (T,) in frames, may be fractional.
        head_dim: size of a head; half of it is rotated, in pairs.
        theta: base of the geometric row of wavelengths.

    Returns:
        (2, T, head_dim // 4): cosines, then sines.
    """
    pairs = head_dim // 4
    exponents = torch.arange(pairs, device=positions.device, dtype=torch.float32) / pairs
    angles = positions.float()[:, None] * theta**-exponents
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Rotate the first half of the last axis of x (B, T, H, D) by `table` (2, T, D // 4)."""
    cos, sin = table.to(x.dtype).unsqueeze(2)
    pairs = cos.shape[-1]
    first, second, rest = x.split([pairs, pairs, x.shape[-1] - 2 * pairs], dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1)


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Plain attention, the reference for the fused kernels.

    Args:
        query, key, value: (B, H, T, D).
        attention_mask: bool, broadcastable to (B, H, T, M); False = unseen.

    Returns:
        (B, T, H, D) and the weights (B, H, T, M).
    """
    scores = query @ key.transpose(-1, -2) * scaling
    if attention_mask is None and module.is_causal and query.shape[2] > 1:
        attention_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril()
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(value.dtype)
    return (weights @ value).transpose(1, 2).contiguous(), weights


class SaxsoloAttention(nn.Module):
    """Multi-head self-attention, or cross-attention when `cross`.

    `layer_idx` is its place in the cache; the encoder's attention has None.
    """

    def __init__(self, config: SaxsoloConfig, layer_idx: int | None, cross: bool = False):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.heads = config.num_attention_heads
        self.head_dim = config.head_dim
        self.scaling = config.head_dim**-0.5
        self.is_causal = layer_idx is not None and not cross
        size = config.hidden_size
        self.cross = cross
        if cross:
            self.query = nn.Linear(size, size, bias=False)
            self.memory = nn.Linear(size, 2 * size, bias=False)
        else:
            self.query_key_value = nn.Linear(size, 3 * size, bias=False)
        self.out = nn.Linear(size, size, bias=False)

    def forward(
        self,
        hidden: torch.Tensor,
        rotary: torch.Tensor | None,
        mask: torch.Tensor | None = None,
        cache: Any = None,
        memory: torch.Tensor | None = None,
        memory_rotary: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend.

        Args:
            hidden: (B, T, D) queries' side.
            rotary: (2, T, head_dim // 4), None = no rotation.
            mask: bool, broadcastable to (B, 1, T, M), None = all, causal in the decoder.
            cache: EncoderDecoderCache of the decoder, or None.
            memory: (B, M, D) of the cross-attention; memory_rotary: its table.

        Returns:
            (B, T, D)
        """
        batch, length, size = hidden.shape
        if self.cross:
            query = self.query(hidden).view(batch, length, self.heads, self.head_dim)
            query = query if rotary is None else rotate(query, rotary)
            key, value = self._memory_keys(memory, memory_rotary, cache)
        else:
            qkv = self.query_key_value(hidden).view(batch, length, 3 * self.heads, self.head_dim)
            query_key, value = qkv.split([2 * self.heads, self.heads], dim=2)
            if rotary is not None:
                query_key = rotate(query_key, rotary)
            query, key = query_key.chunk(2, dim=2)
            key, value = key.transpose(1, 2), value.transpose(1, 2)
            if cache is not None:
                key, value = cache.self_attention_cache.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        out, _ = attend(self, query.transpose(1, 2), key, value, mask, scaling=self.scaling)
        return self.out(out.reshape(batch, length, size))

    def _memory_keys(
        self, memory: Any, memory_rotary: torch.Tensor | None, cache: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values (B, H, M, head_dim) of the memory, computed once if there is a cache."""
        if cache is not None and cache.is_updated.get(self.layer_idx):
            layer = cache.cross_attention_cache.layers[self.layer_idx]
            return layer.keys, layer.values
        shape = (memory.shape[0], memory.shape[1], self.heads, self.head_dim)
        key, value = self.memory(memory).chunk(2, dim=-1)
        key = key.view(shape) if memory_rotary is None else rotate(key.view(shape), memory_rotary)
        key, value = key.transpose(1, 2), value.view(shape).transpose(1, 2)
        if cache is not None:
            key, value = cache.cross_attention_cache.update(key, value, self.layer_idx)
            cache.is_updated[self.layer_idx] = True
        return key, value


class SaxsoloMLP(nn.Module):
    """Gated MLP: (B, T, D) -> (B, T, D), out(silu(gate) * up) (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, config: SaxsoloConfig):
        super().__init__()
        self.gate_up = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.out = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        gate, up = self.gate_up(hidden).chunk(2, dim=-1)
        return self.out(F.silu(gate) * up)


class SaxsoloEncoderLayer(GradientCheckpointingLayer):
    """Pre-norm self-attention in both directions, then the gated MLP."""

    def __init__(self, config: SaxsoloConfig):
        super().__init__()
        self.dropout = config.dropout
        self.attention_norm = layer_norm(config)
        self.attention = SaxsoloAttention(config, layer_idx=None)
        self.mlp_norm = layer_norm(config)
        self.mlp = SaxsoloMLP(config)

    def forward(
        self, hidden: torch.Tensor, rotary: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        branch = self.attention(self.attention_norm(hidden), rotary, mask)
        hidden = hidden + dropout(branch, self.dropout, self.training)
        branch = self.mlp(self.mlp_norm(hidden))
        return hidden + dropout(branch, self.dropout, self.training)


class SaxsoloDecoderLayer(GradientCheckpointingLayer):
    """Pre-norm causal self-attention, cross-attention to the memory, then the gated MLP."""

    def __init__(self, config: SaxsoloConfig, layer_idx: int):
        super().__init__()
        self.dropout = config.dropout
        self.attention_norm = layer_norm(config)
        self.attention = SaxsoloAttention(config, layer_idx)
        self.cross_norm = layer_norm(config)
        self.cross_attention = SaxsoloAttention(config, layer_idx, cross=True)
        self.mlp_norm = layer_norm(config)
        self.mlp = SaxsoloMLP(config)
        self.rotary_cross = config.clock in ("both", "cross")

    def forward(
        self,
        hidden: torch.Tensor,
        rotary: torch.Tensor,
        mask: torch.Tensor | None,
        memory: torch.Tensor,
        memory_rotary: torch.Tensor,
        memory_mask: torch.Tensor | None,
        cache: Any = None,
    ) -> torch.Tensor:
        branch = self.attention(self.attention_norm(hidden), rotary, mask, cache)
        hidden = hidden + dropout(branch, self.dropout, self.training)
        branch = self.cross_attention(
            self.cross_norm(hidden),
            rotary if self.rotary_cross else None,
            memory_mask,
            cache,
            memory,
            memory_rotary if self.rotary_cross else None,
        )
        hidden = hidden + dropout(branch, self.dropout, self.training)
        branch = self.mlp(self.mlp_norm(hidden))
        return hidden + dropout(branch, self.dropout, self.training)


class Embedding(nn.Embedding):
    """An embedding that draws no weights on the meta device, where they are read afterwards: torch
    would import its compiler for that, two seconds before the first sound."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


class SaxsoloCodeEmbedding(nn.Module):
    """Sum over the codebooks of an embedding of each code: (B, T, K) -> (B, T, D).

    With `codec_dim` every code first becomes a vector of the codec's own size (see
    `init_codec_embeddings` of the model), so that neighbouring codes begin as neighbours; one
    linear map then goes to the hidden size. Each codebook has two more rows: pad and BOS.
    """

    def __init__(self, config: SaxsoloConfig):
        super().__init__()
        self.num_codebooks = config.num_codebooks
        self.vocab_size = config.vocab_size
        width = config.codec_dim or config.hidden_size
        self.vectors = Embedding(self.num_codebooks * self.vocab_size, width)
        self.projection = None
        if config.codec_dim:
            self.projection = nn.Linear(self.num_codebooks * width, config.hidden_size, bias=False)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        offsets = torch.arange(self.num_codebooks, device=codes.device) * self.vocab_size
        vectors = self.vectors(codes + offsets)
        if self.projection is None:
            return vectors.sum(dim=2)
        # Autocast would make the residual stream bf16 from here on.
        return self.projection(vectors.flatten(2)).to(vectors.dtype)


def layer_norm(config: SaxsoloConfig) -> nn.LayerNorm:
    """The norm used everywhere (see the module's docstring)."""
    return nn.LayerNorm(config.hidden_size, eps=config.norm_eps, bias=False)
