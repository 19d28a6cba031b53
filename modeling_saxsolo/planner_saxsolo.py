"""The planner: decides the notes of a solo in musical time, one event after another.

For each event five choices, each knowing those before it: the step to where it begins, whether a
phrase ends with it, its pitch, its length, how early or late it is. What was played is seen as
degrees over the chords of its own moment and of 1, 2 and 4 beats later, as intervals, by its place
in beat, bar and section, and by what is counted of the line (`line_saxsolo`). The logits of a step
lean by the place that it leads to, those of a pitch by its interval, by its distance from the
register's middle and by its degree over the chords of that place: what was learnt in one key and
one bar holds in all. Both lean to what followed when the line last moved as it moves now. Rotary
positions count events in one half of the channels and beats in the other, so that a motif of four
bars ago is as near as the last note.

B batch, E events, n beats, D width.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from . import planner_features_saxsolo as features
from .folded_planner_saxsolo import FoldedPlanner, rotary_angles
from .layers_saxsolo import Embedding
from .line_saxsolo import (
    CENTRE,
    ECHO_INTERVAL,
    ECHO_STEP,
    INTERVAL_ORDER,
    NO_INTERVAL,
    ORDERS,
    STEP_ORDER,
)
from .note_events_saxsolo import (
    LONGEST,
    NO_END_KNOWN,
    NO_PITCH,
    OFFSETS,
    PLACE,
    STEPS,
    TICKS,
)
from .planner_features_saxsolo import AHEAD, NO_DISTANCE
from .vocabulary_saxsolo import IRREGULAR_BAR, NO_ROOT, NUM_PITCHES

SIZES = {"hidden_size": 192, "num_layers": 4, "num_heads": 4, "dropout": 0.25}


class SummedEmbedding(nn.Module):
    """One table for many small vocabularies: (..., F) indices -> the sum of their F vectors."""

    def __init__(self, sizes: list[int], width: int):
        super().__init__()
        self.table = Embedding(sum(sizes), width)
        self.sizes = sizes

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        first = torch.tensor([0, *self.sizes[:-1]], device=index.device).cumsum(0)
        total: torch.Tensor = self.table(index + first).sum(dim=-2)
        return total


class PlannerLayer(nn.Module):
    """Attention to all events so far, then a gated feed-forward layer."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_two = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(
        self,
        hidden: torch.Tensor,
        rotary: torch.Tensor,
        past: tuple[torch.Tensor, torch.Tensor] | None,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """(B, E, D), angles (B, 1, E, head / 2) -> the same, and keys and values so far."""
        batch, events, width = hidden.shape
        parts = self.qkv(self.norm(hidden)).view(batch, events, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        query, key = _rotate(query, rotary), _rotate(key, rotary)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=past is None)
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, events, width))
        hidden = hidden + F.dropout(mixed, self.dropout, self.training)
        up, gate = self.up(self.norm_two(hidden)).chunk(2, dim=-1)
        fed = self.down(up * F.silu(gate))
        return hidden + F.dropout(fed, self.dropout, self.training), (key, value)


class _Mixer(nn.Module):
    """Adds to a state what a choice has made known, and what follows from both."""

    def __init__(self, sizes: list[int], width: int, dropout: float):
        super().__init__()
        self.embed = SummedEmbedding(sizes, width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.dropout = dropout

    def forward(self, hidden: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        hidden = hidden + self.embed(known)
        mixed = self.down(F.silu(self.up(self.norm(hidden))))
        return hidden + F.dropout(mixed, self.dropout, self.training)


class SaxsoloPlanner(nn.Module):
    """See the module's docstring.

    Args:
        sizes: hidden_size, num_layers, num_heads, dropout; those of `SIZES` where not given.
    """

    def __init__(self, sizes: Mapping[str, Any] | None = None):
        super().__init__()
        self.sizes = {**SIZES, **(sizes or {})}
        width, dropout = self.sizes["hidden_size"], float(self.sizes["dropout"])
        self.dropout = dropout
        self.embed = SummedEmbedding(features.EVENT, width)
        heads = self.sizes["num_heads"]
        self.layers = nn.ModuleList(
            PlannerLayer(width, heads, dropout) for _ in range(self.sizes["num_layers"])
        )
        self.norm = nn.LayerNorm(width)
        self.step = nn.Linear(width, STEPS)
        self.step_phase = nn.Linear(width, TICKS, bias=False)
        self.step_place = nn.Linear(width, 2 * (IRREGULAR_BAR + 1), bias=False)
        self.step_echo = nn.Linear(width, ORDERS, bias=False)
        self.landing = _Mixer(features.LANDING, width, dropout)
        self.ending = nn.Linear(width, NO_END_KNOWN)
        self.ended = Embedding(NO_END_KNOWN, width)
        self.pitch_norm = nn.LayerNorm(width)
        self.pitch = nn.Linear(width, NUM_PITCHES)
        self.pitch_interval = nn.Linear(width, NO_INTERVAL, bias=False)
        self.pitch_degree = nn.Linear(width, NO_ROOT * len(AHEAD), bias=False)
        self.pitch_register = nn.Linear(width, NO_DISTANCE, bias=False)
        self.pitch_echo = nn.Linear(width, ORDERS, bias=False)
        self.struck = _Mixer(features.STRUCK, width, dropout)
        self.length_norm = nn.LayerNorm(width)
        self.length = nn.Linear(width, LONGEST + 1)
        self.offset = nn.Linear(width, OFFSETS)

    def reset(self) -> None:
        """Weights as they are before training."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.LayerNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(
        self,
        events: torch.Tensor,
        sheet: torch.Tensor,
        controls: torch.Tensor,
        line: torch.Tensor,
        past: "PlannerPast | None" = None,
    ) -> tuple[torch.Tensor, "PlannerPast"]:
        """States after each event.

        Args:
            events: (B, E, 6) int64 tick, step, pitch, length, offset, ending, those after `past`.
            sheet: (B, n, 6) int64, see `sheet_table`.
            controls: (B, 5) int64 classes in the order of `CONTROLS`, 0 = not asked.
            line: (B, E, 11) int64, see `line_features`.
            past: what an earlier call returned.

        Returns:
            (B, E, D), and the past of the next call.
        """
        before = events.new_full((len(events), 1), NO_PITCH) if past is None else past.pitch
        tick, pitch = events[..., 0], events[..., 2]
        last = last_pitch(pitch, before)
        at = self.place(sheet, tick, pitch)
        hidden = self.embed(_event_features(events, at, controls, line, before))
        hidden = F.dropout(hidden, self.dropout, self.training)
        count = 0 if past is None else past.count
        rotary = self._rotary(tick, count)
        caches = []
        for index, layer in enumerate(self.layers):
            hidden, cache = layer(hidden, rotary, None if past is None else past.caches[index])
            caches.append(cache)
        state = PlannerPast(caches, last[:, -1:], count + events.shape[1])
        return self.norm(hidden), state

    def place(self, sheet: torch.Tensor, tick: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
        """`place_features`; a method, so that an ablation can see less."""
        return place_features(sheet, tick, pitch)

    def roots(self, sheet: torch.Tensor, tick: torch.Tensor) -> torch.Tensor:
        """`roots_ahead`, likewise."""
        return roots_ahead(sheet, tick)

    def step_logits(
        self, hidden: torch.Tensor, tick: torch.Tensor, sheet: torch.Tensor, line: torch.Tensor
    ) -> torch.Tensor:
        """(B, E, D) states after events at ticks (B, E) with `line` -> (B, E, 97)."""
        landing = tick[..., None] + torch.arange(STEPS, device=tick.device)
        phase = landing % TICKS
        on_beat = (phase == 0).long()
        index = (landing // TICKS).clamp(0, sheet.shape[1] - 1).flatten(1)
        beat = sheet[..., PLACE].gather(1, index).view_as(landing)
        leaning = self.step_phase(hidden).gather(-1, phase)
        leaning = leaning + self.step_place(hidden).gather(-1, 2 * beat + on_beat)
        # a wait lands nowhere
        leaning = torch.cat([leaning[..., :-1], torch.zeros_like(leaning[..., -1:])], dim=-1)
        echo = line[..., ECHO_STEP, None] == torch.arange(STEPS, device=tick.device)
        leaning = leaning + echo * _chosen(self.step_echo(hidden), line[..., STEP_ORDER])
        logits: torch.Tensor = self.step(hidden) + leaning
        return logits

    def land(
        self, hidden: torch.Tensor, step: torch.Tensor, at: torch.Tensor, rest: torch.Tensor
    ) -> torch.Tensor:
        """States once the step is known: `at` are `place_features` of the landing and of the last
        pitch, `rest` (B, E) the class of the rest before it."""
        known = torch.cat([step[..., None], at, rest[..., None]], dim=-1)
        state: torch.Tensor = self.landing(hidden, known)
        return state

    def end(self, landed: torch.Tensor, ending: torch.Tensor) -> torch.Tensor:
        """States once it is known whether the phrase ends (B, E)."""
        state: torch.Tensor = landed + self.ended(ending)
        return state

    def pitch_logits(
        self, hidden: torch.Tensor, last: torch.Tensor, roots: torch.Tensor, line: torch.Tensor
    ) -> torch.Tensor:
        """States from `end`, the last pitch (B, E), chord roots (B, E, 4), the line before ->
        (B, E, 60)."""
        hidden = self.pitch_norm(hidden)
        pitches = torch.arange(NUM_PITCHES, device=hidden.device)
        shape = (*last.shape, NUM_PITCHES)
        interval = _interval_class(pitches.expand(shape), last[..., None].expand(shape))
        wide = F.pad(self.pitch_interval(hidden), (0, 1))
        logits = self.pitch(hidden) + wide.gather(-1, interval)
        far = _register_distance(pitches.expand(shape), line[..., CENTRE, None].expand(shape))
        logits = logits + F.pad(self.pitch_register(hidden), (0, 1)).gather(-1, far)
        echo = (interval == line[..., ECHO_INTERVAL, None]) & (interval != NO_INTERVAL)
        logits = logits + echo * _chosen(self.pitch_echo(hidden), line[..., INTERVAL_ORDER])
        degrees = self.pitch_degree(hidden).unflatten(-1, (len(AHEAD), NO_ROOT))
        for leaning, root in zip(degrees.unbind(-2), roots.unbind(-1), strict=True):
            over = _degree_class(pitches.expand(shape), root[..., None].expand(shape))
            logits = logits + F.pad(leaning, (0, 1)).gather(-1, over)
        return logits

    def strike(
        self, hidden: torch.Tensor, pitch: torch.Tensor, last: torch.Tensor, roots: torch.Tensor
    ) -> torch.Tensor:
        """States once the pitch is known."""
        known = [pitch, _interval_class(pitch, last)]
        known += [_degree_class(pitch, root) for root in roots.unbind(-1)]
        state: torch.Tensor = self.struck(hidden, torch.stack(known, dim=-1))
        return self.length_norm(state)

    def folded(self) -> FoldedPlanner:
        """The same network in NumPy, as plans are decided with; weights on the CPU are shared."""
        wide = self.norm.weight.dtype if self.norm.weight.dtype == torch.float64 else torch.float32
        weights = {
            name: value.detach().to("cpu", wide).numpy()
            for name, value in self.state_dict().items()
        }
        return FoldedPlanner(weights, self.sizes["num_heads"])

    def _rotary(self, tick: torch.Tensor, count: int) -> torch.Tensor:
        """(B, 1, E, head / 2) angles."""
        size = self.sizes["hidden_size"] // self.sizes["num_heads"]
        angles = torch.from_numpy(rotary_angles(tick.cpu().numpy(), count, size))
        return angles.to(tick.device, self.norm.weight.dtype)[:, None]


class PlannerPast:
    """What the planner keeps of events: keys and values, the last pitch (B, 1), how many."""

    def __init__(
        self,
        caches: list[tuple[torch.Tensor, torch.Tensor]],
        pitch: torch.Tensor,
        count: int,
    ):
        self.caches, self.pitch, self.count = caches, pitch, count


def _of_tensors(classes: Callable[..., np.ndarray]) -> Callable[..., torch.Tensor]:
    """A function of planner_features_saxsolo for tensors on any device."""

    @wraps(classes)
    def of_tensors(*tensors: torch.Tensor) -> torch.Tensor:
        counted = classes(*(tensor.cpu().numpy() for tensor in tensors))
        return torch.from_numpy(counted).to(tensors[0].device)

    return of_tensors


place_features = _of_tensors(features.place_features)
roots_ahead = _of_tensors(features.roots_ahead)
rest_before = _of_tensors(features.rest_before)
last_pitch = _of_tensors(features.last_pitch)
_event_features = _of_tensors(features.event_features)
_interval_class = _of_tensors(features.interval_class)
_degree_class = _of_tensors(features.degree_class)
_register_distance = _of_tensors(features.register_distance)


def _chosen(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return values.gather(-1, index[..., None])


def _rotate(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Pairs of channels turned by (B, 1, E, head / 2) angles."""
    cos, sin = angles.cos(), angles.sin()
    one, two = x.chunk(2, dim=-1)
    return torch.cat([one * cos - two * sin, one * sin + two * cos], dim=-1)
