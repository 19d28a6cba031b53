"""The parts of a player as graphs with explicit state, for ONNX.

Each is a module of tensors in, tensors out; what is data (which codes, which notes) is an input,
and so is every memory: keys and values of the decoder, the codec's past frames.
What is cheap and has no weights stays in NumPy (saxsolo/runtime): spectra, resonators, searches,
pulses.

B rows, L layers, H heads, d head size, D hidden size, S steps, P steps before, K codebooks,
M memory.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from modeling_saxsolo.ear_layers_saxsolo import (
    LogConv,
    OctaveFold,
    PitchLinear,
    PitchNorm,
    RecentMix,
    _per_value,
)
from modeling_saxsolo.ear_saxsolo import _PATCH, SaxsoloEar, root_and_quality
from modeling_saxsolo.ear_spectrum_saxsolo import BINS_PER_SEMITONE, SEMITONES
from modeling_saxsolo.fast_decoding_saxsolo import code_table
from modeling_saxsolo.folded_layers_saxsolo import FoldedLayers, centred
from modeling_saxsolo.intonation_saxsolo import REACH


def laid_out(ear: SaxsoloEar) -> SaxsoloEar:
    """The same ear (changed in place), whose layers multiply by matrices that are made before."""
    for module in list(ear.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, (PitchLinear, LogConv, OctaveFold)):
                setattr(module, name, _Dense(child))
            elif isinstance(child, PitchNorm):
                weight = _per_value(child.weight, child.channels).detach()
                norm = nn.LayerNorm(len(weight), bias=False)
                norm.weight = nn.Parameter(weight)
                setattr(module, name, norm)
            elif isinstance(child, RecentMix):
                setattr(module, name, _Recent(child))
    return ear


class _Recent(nn.Module):
    """`RecentMix` with a weight for each value."""

    def __init__(self, layer: RecentMix):
        super().__init__()
        rows = [_per_value(weight, layer.channels).detach() for weight in layer.weight]
        self.weight = nn.Parameter(torch.stack(rows))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        mixed = hidden
        for back in range(1, len(self.weight) + 1):
            earlier = F.pad(hidden, (0, 0, back, 0))[:, :-back]
            mixed = mixed + earlier * self.weight[back - 1]
        return mixed


class _Dense(nn.Module):
    """A linear layer of the ear as one matrix."""

    def __init__(self, layer: Any):
        super().__init__()
        size = layer.fan_in
        self.bias: nn.Parameter | None
        if isinstance(layer, LogConv):
            with torch.no_grad():
                # rows of the identity, through the layer: its matrix
                channels = size // layer.steps
                eye = torch.eye(size).view(size, 1, layer.steps, channels)
                zero = layer(torch.zeros(1, 1, layer.steps, channels)).flatten(2)[0]
                matrix = (layer(eye).flatten(2)[:, 0] - zero).T
            self.shape: tuple[int, ...] | None = (layer.steps, len(layer.bias))
            self.bias = nn.Parameter(zero[0].detach())
        elif isinstance(layer, OctaveFold):
            with torch.no_grad():
                channels = layer.pitched.shape[2]
                matrix = layer(torch.eye(size).view(size, 1, size // channels, channels))[:, 0].T
            self.shape, self.bias = None, None
        else:
            matrix, self.shape = layer.matrix(), None
            bias = layer.bias
            whole = None if bias is None else _per_value(bias, layer.pitched.shape[0])
            self.bias = None if whole is None else nn.Parameter(whole.detach())
        self.weight = nn.Parameter(matrix.detach().contiguous())
        self.flat = isinstance(layer, (LogConv, OctaveFold))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        out = F.linear(hidden.flatten(2) if self.flat else hidden, self.weight, self.bias)
        return out if self.shape is None else out.unflatten(-1, self.shape)


def _patches(bins: torch.Tensor) -> torch.Tensor:
    """As `ear_saxsolo._patches`, by indices, which export."""
    around = (_PATCH - BINS_PER_SEMITONE) // 2
    size = BINS_PER_SEMITONE * SEMITONES
    padded = F.pad(bins, (around, around + size - bins.shape[-1]))
    index = torch.arange(SEMITONES)[:, None] * BINS_PER_SEMITONE + torch.arange(_PATCH)
    return padded.index_select(-1, index.flatten()).unflatten(-1, index.shape)


class EarGraph(nn.Module):
    """Spectra (1, T, 216), (1, T, 108), (1, 8 T, 40), resonators (1, T, 4, 2, 66) and a mask (T, T)
    -> probabilities (F, classes): chord, phase, place, beats, metre, activity, root, quality."""

    def __init__(self, ear: SaxsoloEar):
        super().__init__()
        self.ear = laid_out(ear)

    def forward(
        self,
        harmony: torch.Tensor,
        bass: torch.Tensor,
        rhythm: torch.Tensor,
        swinging: torch.Tensor,
        mask: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        ear, stem = self.ear, self.ear.stem
        notes = F.silu(stem.patch(torch.cat([_patches(harmony), _patches(bass)], dim=-1)))
        hidden = stem.fold(notes + F.silu(stem.notes(notes)))
        beat = F.silu(stem.beat_one(rhythm.transpose(1, 2)))
        beat = F.silu(stem.beat_two(beat)).transpose(1, 2)
        beat = beat.reshape(1, harmony.shape[1], -1)
        timed = stem.rhythm(beat) + stem._pulse(swinging)
        hidden = hidden + F.pad(timed, (stem.pitched, 0))
        pairs = ear.config.scalars // ear.config.num_attention_heads // 2
        steps = torch.arange(pairs, dtype=torch.float32) / max(1, pairs - 1)
        steps = 2 * torch.pi / 2.5 * 160**-steps
        angles = torch.arange(harmony.shape[1])[:, None] * steps
        rotary = torch.stack([angles.cos(), angles.sin()])
        for layer in ear.layers:
            hidden = layer(hidden, rotary, mask)
        out = ear._outputs(ear.head(ear.norm(hidden)))
        heard = {
            name: logits[0].sigmoid() if name == "beats" else logits[0].softmax(-1)
            for name, logits in out.items()
        }
        root, quality = root_and_quality(heard["chord"])
        names = ("chord", "phase", "place", "beats", "metre", "activity")
        return (*(heard[name] for name in names), root, quality)


class EncoderGraph(nn.Module):
    """Posteriors (1, 41, T) and condition ids (1, C) -> clock (1, S, D), roots (1, S, O, 12),
    phases (1, S, 12), keys and values of the memory (L, 1, H, M, d)."""

    def __init__(self, model: Any):
        super().__init__()
        self.encoder, self.layers = model.encoder, model.decoder.layers

    def forward(self, posteriors: torch.Tensor, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        heard = self.encoder(frame_label_posteriors=posteriors, condition_ids=ids)
        pairs = [
            layer.cross_attention._memory_keys(
                heard.last_hidden_state, heard.memory_rotary if layer.rotary_cross else None, None
            )
            for layer in self.layers
        ]
        keys, values = (torch.stack(parts) for parts in zip(*pairs, strict=True))
        return heard.clock, heard.roots, heard.phases, keys, values


class NotesGraph(nn.Module):
    """What the decoder receives beside the codes, (1, S, D): of clock (1, S, D), roots (1, S, O,
    12), beats (1, S), whether they are known (1, S), notes (1, S), last onsets (1, S, 2)."""

    def __init__(self, model: Any):
        super().__init__()
        self.decoder = model.decoder

    def forward(
        self,
        clock: torch.Tensor,
        roots: torch.Tensor,
        beats: torch.Tensor,
        known: torch.Tensor,
        notes: torch.Tensor,
        onsets: torch.Tensor,
    ) -> torch.Tensor:
        decoder = self.decoder
        inputs = clock + decoder.embed_score(notes) + decoder.harmony.hear(notes, roots)
        inputs = inputs + decoder.rhythm.hear(decoder.rhythm.since(onsets, beats, known, 0))
        return centred(inputs)


class DecoderGraph(nn.Module):
    """Steps of the decoder: codes (1, S, K), what else it receives (1, S, D), rotations (S, d) of
    its own and of the memory's side, keys and values so far (L, 1, H, P, d) and of the memory
    -> logits of the last step (1, K, V) and keys and values (L, 1, H, P + S, d).

    A model that knows pitch codes by their distance from the note also takes the notes' pitch codes
    (1, S), -1 = none; see intonation_saxsolo.

    The weights are those of `FoldedLayers`.
    """

    def __init__(self, model: Any):
        super().__init__()
        with torch.no_grad():
            folded = FoldedLayers(model)
            self.table = nn.Parameter(centred(code_table(model.decoder.embed)), False)
        self.heads, self.size, self.eps = folded.heads, folded.head_dim, folded.eps
        self.vocab, self.classes = model.config.vocab_size, model.config.codebook_size
        self.turns_memory = model.decoder.layers[0].rotary_cross
        self.order = folded.pairs()[: folded.head_dim]
        self.code_heads = nn.Parameter(torch.from_numpy(folded.code_heads), requires_grad=False)
        self.by_pitch = folded.distance_heads is not None
        if folded.distance_heads is not None:
            distances = centred(model.decoder.intonation.into.weight.detach())
            self.distance_table = nn.Parameter(distances, requires_grad=False)
            heads = torch.from_numpy(folded.distance_heads.copy())
            self.distance_heads = nn.Parameter(heads, requires_grad=False)
        self.layers: Any = nn.ModuleList(
            nn.ParameterDict(
                {
                    name: nn.Parameter(torch.from_numpy(weight.copy()), requires_grad=False)
                    for name, weight in weights.items()
                }
            )
            for weights in folded.folded
        )

    def forward(
        self,
        codes: torch.Tensor,
        extra: torch.Tensor,
        cosines: torch.Tensor,
        sines: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        memory_keys: torch.Tensor,
        memory_values: torch.Tensor,
        notes: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        books = codes.shape[2]
        steps, past = codes.shape[1], keys.shape[3]
        state = self.table[codes + torch.arange(books) * self.vocab].sum(dim=2) + extra
        if notes is not None:
            state = state + self.distance_table[self._distances(notes, codes[..., 0])]
        mask = torch.arange(past + steps) <= past + torch.arange(steps)[:, None]
        new_keys, new_values = [], []
        for index, layer in enumerate(self.layers):
            parts = self._normalised(state) @ layer["query_key_value"]
            parts = parts.view(1, steps, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
            query = _turned(parts[0], cosines, sines)
            key = torch.cat([keys[index], _turned(parts[1], cosines, sines)], dim=2)
            value = torch.cat([values[index], parts[2]], dim=2)
            new_keys.append(key)
            new_values.append(value)
            state = state + self._attend(query, key, value, mask) @ layer["out"]
            query = self._normalised(state) @ layer["cross_query"]
            query = query.view(1, steps, self.heads, self.size).transpose(1, 2)
            if self.turns_memory:
                query = _turned(query, cosines, sines)
            memory = memory_keys[index][..., self.order]
            heard = self._attend(query, memory, memory_values[index], None)
            state = state + heard @ layer["cross_out"]
            gate, up = (self._normalised(state) @ layer["gate_up"]).chunk(2, dim=-1)
            state = state + (F.silu(gate) * up) @ layer["down"]
        state = self._normalised(state[:, -1:])
        logits = (state @ self.code_heads).view(1, books, self.classes)
        if notes is not None:
            leaning = self._leaning(state[0, 0], notes[0, -1], codes[0, -1, 0])
            logits = torch.cat([logits[:, :1] + leaning, logits[:, 1:]], dim=1)
        return logits, torch.stack(new_keys), torch.stack(new_values)

    def _distances(self, notes: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """As `SaxsoloIntonation.distances`."""
        played = (codes > 0) & (codes < self.classes) & (notes > 0)
        distance = (codes - notes).clamp(-REACH, REACH) + REACH
        return torch.where(played, distance, 2 * REACH + 1)

    def _leaning(self, state: torch.Tensor, note: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """As `SaxsoloIntonation.lean`: what is added to the logits (V,) of the first codebook."""
        by_note, by_code = (state @ self.distance_heads).chunk(2)
        codes = torch.arange(self.classes)
        total = torch.zeros(self.classes)
        for leaning, around in ((by_note, note), (by_code, code)):
            known = (around > 0) & (around < self.classes)
            place = codes - around + REACH
            near = known & (codes > 0) & (place >= 0) & (place <= 2 * REACH)
            total = total + leaning[place.clamp(0, 2 * REACH)] * near
        return total

    def _normalised(self, state: torch.Tensor) -> torch.Tensor:
        return state * (state.square().mean(dim=-1, keepdim=True) + self.eps).rsqrt()

    def _attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        # the queries' weights hold the scale
        scores = query @ key.transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(~mask, -1e30)
        mixed = (scores.softmax(dim=-1) @ value).transpose(1, 2)
        return mixed.reshape(1, query.shape[2], self.heads * self.size)


def _turned(values: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """(B, H, S, d) turned by (S, d / 2): the two numbers of a pair lie side by side."""
    pairs = values.unflatten(-1, (-1, 2))
    one, two = pairs[..., 0], pairs[..., 1]
    turned = torch.stack([one * cosines - two * sines, one * sines + two * cosines], dim=-1)
    return turned.flatten(-2)
