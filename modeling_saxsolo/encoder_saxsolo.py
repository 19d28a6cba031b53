"""The encoder: reads the backing and prepares everything the decoder receives from it.

It runs once per window: memory, clock and rotary tables are then ready for every step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from transformers.utils import ModelOutput

from .articulation_saxsolo import SaxsoloArticulation
from .configuration_saxsolo import SaxsoloConfig
from .layers_saxsolo import (
    Embedding,
    SaxsoloCodeEmbedding,
    SaxsoloEncoderLayer,
    dropout,
    layer_norm,
    rotary_table,
)
from .rhythm_saxsolo import count_beats


@dataclass
class SaxsoloEncoderOutput(ModelOutput):
    """What the decoder receives from the backing.

    Attributes:
        last_hidden_state: (B, M, D) the memory. memory_mask: bool (B, 1, 1, M), None = all real.
        clock: (B, S, D) what is added to the decoder's input at each step: what is heard, and how
            the note is to be played.
        roots: (B, S, O, 12) probabilities of the chord's root at each step, now and at each
            lookahead; None without degrees.
        phases: (B, S, 12) probabilities of the place in the beat at each step; beats: (B, S) where
            it stands on a running count of beats, beats_known: bool (B, S); None without rhythm.
        rotary: (2, S, head_dim // 4) table of the steps; memory_rotary: (2, M, head_dim // 4).
        frame_label_logits: (B, T, sum of classes) of all labels side by side; None = never heard.
    """

    last_hidden_state: torch.Tensor | None = None
    memory_mask: torch.Tensor | None = None
    clock: torch.Tensor | None = None
    roots: torch.Tensor | None = None
    phases: torch.Tensor | None = None
    beats: torch.Tensor | None = None
    beats_known: torch.Tensor | None = None
    rotary: torch.Tensor | None = None
    memory_rotary: torch.Tensor | None = None
    frame_label_logits: torch.Tensor | None = None


class SaxsoloEncoder(nn.Module):
    """Reads the backing: codes in, everything the decoder needs of them out."""

    main_input_name = "backing_codes"

    def __init__(self, config: SaxsoloConfig):
        super().__init__()
        self.config = config
        size = config.hidden_size
        self.pad = config.pad_token_id or 0
        self.label_sizes = list((config.frame_labels or {}).values())
        self.offsets = [0, *(config.lookahead or [])]
        if config.reads_codes:
            self.embed = SaxsoloCodeEmbedding(config)
            self.layers = nn.ModuleList(
                SaxsoloEncoderLayer(config) for _ in range(config.encoder_layers)
            )
            self.norm = layer_norm(config)
        self.hands_states = config.listen != "labels"
        if self.hands_states:
            self.null_state = nn.Parameter(torch.zeros(size))
        self.sink = nn.Parameter(torch.zeros(size))
        self.condition_sizes = [len(values) for values in (config.conditions or {}).values()]
        if self.condition_sizes:
            # Row 0 of each condition: not given.
            rows = sum(self.condition_sizes) + len(self.condition_sizes)
            self.condition_embed = Embedding(rows, size)
        if self.hands_states and config.clock in ("both", "added"):
            self.clock = nn.Linear(len(self.offsets) * size, size, bias=False)
        if self.label_sizes and config.reads_codes:
            self.label_head = nn.Linear(size, sum(self.label_sizes))
        if self.label_sizes and config.listen != "states":
            self.label_input = nn.Sequential(
                nn.Linear(len(self.offsets) * sum(self.label_sizes), size),
                nn.SiLU(),
                nn.Linear(size, size),
            )
        if config.articulations:
            self.articulation = SaxsoloArticulation(config)

    def forward(
        self,
        backing_codes: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        condition_ids: torch.Tensor | None = None,
        frame_label_inputs: torch.Tensor | None = None,
        frame_label_posteriors: torch.Tensor | None = None,
        articulation: torch.Tensor | None = None,
        return_dict: bool = True,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> SaxsoloEncoderOutput:
        """Encode (B, K, T) codes; see `SaxsoloForConditionalGeneration.forward` for the arguments.

        `generate()` passes the last three arguments to any encoder; they have no effect.
        """
        shape_of = frame_label_posteriors if backing_codes is None else backing_codes
        if shape_of is None or (backing_codes is None and self.config.reads_codes):
            raise ValueError(
                "give backing_codes (B, K, T)"
                + ("." if self.config.reads_codes else ", or frame_label_posteriors (B, 41, T).")
            )
        batch, _, frames = shape_of.shape
        device = shape_of.device
        real = torch.ones(batch, frames, dtype=torch.bool, device=device)
        if attention_mask is not None:
            real = attention_mask.bool()
        heads = self._asks_heads(real, frame_label_inputs, frame_label_posteriors)
        states = None
        if backing_codes is not None and (self.hands_states or heads):
            states = self._hear(backing_codes, real)
        logits = posteriors = None
        if heads and states is not None:
            logits = self.label_head(states).float()
        if hasattr(self, "label_input"):
            posteriors = self._posteriors(logits, real, frame_label_inputs, frame_label_posteriors)
        memory, mask, places = self._memory(
            states if self.hands_states else None, real, condition_ids
        )
        steps = frames + max(self.config.stream_delays)
        clock, roots, phases = self._clock(states, real, posteriors, steps)
        if articulation is not None:
            if not self.config.articulations:
                raise ValueError("this model knows no articulations: leave articulation out.")
            clock = clock + self.articulation(articulation, steps)
        beats, beats_known = (None, None) if phases is None else count_beats(phases)
        rotary = (self.config.head_dim, self.config.rope_theta)
        return SaxsoloEncoderOutput(
            last_hidden_state=memory,
            memory_mask=None if mask.all() else mask[:, None, None],
            clock=clock,
            roots=roots,
            phases=phases,
            beats=beats,
            beats_known=beats_known,
            rotary=rotary_table(torch.arange(steps, device=device), *rotary),
            memory_rotary=rotary_table(places, *rotary),
            frame_label_logits=logits,
        )

    def _asks_heads(
        self,
        real: torch.Tensor,
        given: torch.Tensor | None,
        posteriors: torch.Tensor | None,
    ) -> bool:
        """Whether the label heads are needed: not where an ear of its own is heard instead."""
        if not self.label_sizes or self.config.hears == "both":
            return bool(self.label_sizes)
        if self.config.hears == "spectrum":
            if posteriors is not None:
                return False
            told = given is not None and bool((given[real[:, None].expand_as(given)] >= 0).all())
            if real.any() and not told:
                raise ValueError(
                    "this model hears by its ear ('spectrum'): give frame_label_posteriors, which "
                    "the processor makes of the sound, or frame_label_inputs for every frame."
                )
            return False
        return posteriors is None

    def _hear(self, codes: torch.Tensor, real: torch.Tensor) -> torch.Tensor | None:
        """States (B, T, D), undefined where a frame is not real; None where none is.

        Only rows with a real frame are run: dropped backings and rows without audio cost nothing.
        """
        rows = real.any(dim=1)
        if not rows.any():
            return None
        everything = bool(rows.all())
        if not everything:
            codes, real = codes[rows], real[rows]
        complete = bool(real.all())
        codes = codes.transpose(1, 2)
        if not complete:
            codes = codes.masked_fill(~real.unsqueeze(-1), self.pad)
        hidden = dropout(self.embed(codes), self.config.dropout, self.training)
        positions = torch.arange(real.shape[1], device=codes.device)
        table = rotary_table(positions, self.config.head_dim, self.config.rope_theta)
        for layer in self.layers:
            hidden = layer(hidden, table, None if complete else real[:, None, None])
        hidden = self.norm(hidden)
        if everything:
            return hidden
        states = hidden.new_zeros(len(rows), *hidden.shape[1:])
        return states.index_copy(0, rows.nonzero().squeeze(1), hidden)

    def _posteriors(
        self,
        logits: torch.Tensor | None,
        real: torch.Tensor,
        given: torch.Tensor | None,
        elsewhere: torch.Tensor | None,
    ) -> torch.Tensor:
        """Class probabilities of all labels side by side (B, T, sum of classes), no gradient.

        They come from the labels given, else from an ear of its own, else from the label heads.
        """
        shape = (*real.shape, sum(self.label_sizes))
        heard = torch.zeros(shape, device=real.device, dtype=torch.float32)
        if elsewhere is not None:
            heard = elsewhere.transpose(1, 2).float()
        if logits is not None:
            logits = logits.detach()
            if elsewhere is not None:
                # the geometric mean of two opinions, normalised by the softmax
                logits = 0.5 * (self._each(logits, F.log_softmax) + heard.clamp(min=1e-6).log())
            heard = self._each(logits, F.softmax)
        heard = heard * real.unsqueeze(-1)
        if given is None:
            return heard
        parts = heard.split(self.label_sizes, dim=-1)
        chosen = []
        for part, label, size in zip(parts, given.unbind(1), self.label_sizes, strict=True):
            known = F.one_hot(label.clamp(min=0), size).to(part.dtype)
            chosen.append(torch.where((label >= 0).unsqueeze(-1), known, part))
        return torch.cat(chosen, dim=-1)

    def _each(self, logits: torch.Tensor, function: Callable[..., torch.Tensor]) -> torch.Tensor:
        """A function of the classes of each label, (..., sum of classes)."""
        parts = logits.split(self.label_sizes, dim=-1)
        return torch.cat([function(part, dim=-1) for part in parts], dim=-1)

    def _memory(
        self, states: torch.Tensor | None, real: torch.Tensor, condition_ids: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Memory (B, M, D), which of it is real (B, M), its places on the clock (M,) in frames."""
        batch, frames = real.shape
        tokens = [self.sink.expand(batch, 1, -1)]
        if self.condition_sizes:
            if condition_ids is None:
                condition_ids = real.new_full(
                    (batch, len(self.condition_sizes)), -1, dtype=torch.long
                )
            sizes = torch.tensor([0, *self.condition_sizes[:-1]], device=real.device) + 1
            first = sizes.cumsum(0)
            tokens.append(self.condition_embed(condition_ids + first))
        extra = 1 + len(self.condition_sizes)
        mask = real.new_ones(batch, extra)
        places = torch.zeros(extra, device=real.device)
        if states is not None:
            stride = self.config.memory_stride
            spare = -frames % stride
            weight = F.pad(real, (0, spare)).to(states.dtype).view(batch, -1, stride, 1)
            groups = F.pad(states, (0, 0, 0, spare)).view(batch, weight.shape[1], stride, -1)
            count = weight.sum(dim=2)
            tokens.append((groups * weight).sum(dim=2) / count.clamp(min=1))
            mask = torch.cat([mask, count.squeeze(-1) > 0], dim=1)
            middle = torch.arange(weight.shape[1], device=real.device) * stride + (stride - 1) / 2
            places = torch.cat([places, middle])
        return torch.cat([token.to(self.sink.dtype) for token in tokens], dim=1), mask, places

    def _clock(
        self,
        states: torch.Tensor | None,
        real: torch.Tensor,
        posteriors: torch.Tensor | None,
        steps: int,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """(B, S, D): what is known of the frame that each step predicts and of those ahead; with it
        the roots (B, S, O, 12) and the phases (B, S, 12), None without degrees or rhythm.
        """
        batch, frames = real.shape
        beyond = steps + max(self.offsets) - frames
        clock = self.sink.new_zeros(batch, steps, len(self.sink))
        roots = phases = None
        if hasattr(self, "clock"):
            null = self.null_state.expand(batch, frames + beyond, -1)
            if states is not None:
                heard = F.pad(states.to(null.dtype), (0, 0, 0, beyond))
                null = torch.where(F.pad(real, (0, beyond)).unsqueeze(-1), heard, null)
            clock = self.clock(self._ahead(null, steps).flatten(2))
        if posteriors is not None:
            labels = F.pad(posteriors, (0, 0, 0, beyond)).to(self.sink.dtype)
            labels = self._ahead(labels, steps)
            clock = clock + self.label_input(labels.flatten(2))
            if self.config.degrees:
                roots = self._twelve(labels, "chord_root")
            if self.config.rhythm:
                phases = self._twelve(labels[:, :, 0], "beat_phase")
        return clock, roots, phases

    def _twelve(self, labels: torch.Tensor, name: str) -> torch.Tensor:
        """The first twelve classes of one label out of all (..., sum of classes)."""
        first = sum(self.label_sizes[: list(self.config.frame_labels or {}).index(name)])
        return labels[..., first : first + 12]

    def _ahead(self, values: torch.Tensor, steps: int) -> torch.Tensor:
        """(B, S + farthest, F) -> (B, S, O, F): each step's values, and those of each lookahead."""
        return torch.stack([values[:, o : o + steps] for o in self.offsets], dim=2)
