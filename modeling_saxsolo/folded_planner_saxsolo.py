"""The planner's network as plans are decided with: one event at a time, in NumPy alone.

An event is a chain of products of one or two rows with small matrices. In torch most of its time
goes into what stands between them. `SaxsoloPlanner.folded()` gives the same network here, and the
programs of an exported folder read its weights from a file. Where Numba is installed the layers are
compiled (planner_kernels_saxsolo).

R rows (with chords, and without them for guidance), E events, D width, H heads, d head size,
L layers, n beats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .line_saxsolo import CENTRE, ECHO_INTERVAL, ECHO_STEP, INTERVAL_ORDER, NO_INTERVAL, STEP_ORDER
from .note_events_saxsolo import NO_PITCH, PLACE, STEPS, TICKS
from .planner_features_saxsolo import (
    AHEAD,
    EVENT,
    LANDING,
    STRUCK,
    degree_class,
    event_features,
    interval_class,
    last_pitch,
    place_features,
    register_distance,
    rest_before,
    roots_ahead,
)
from .vocabulary_saxsolo import NO_ROOT, NUM_PITCHES

Array = np.ndarray[Any, np.dtype[Any]]

#: events that are remembered at most
MEMORY = 256
# of torch's LayerNorm
_EPS = 1e-5
_PITCHES = np.arange(NUM_PITCHES)
_EVERY_STEP = np.arange(STEPS)


class FoldedPlanner:
    """The network's weights, laid out for one event after another.

    Args:
        weights: name -> array, as `SaxsoloPlanner.state_dict` has them, float32 or float64.
        heads: of the attention.
        compiled: whether its layers are; None = where Numba is installed.
    """

    def __init__(self, weights: Mapping[str, Array], heads: int, compiled: bool | None = None):
        self.weights, self.heads = weights, heads
        self.width = weights["norm.weight"].shape[0]
        self.dtype = weights["norm.weight"].dtype
        self.layers = 1 + max(int(n.split(".")[1]) for n in weights if n.startswith("layers."))
        # imported here: who only listens needs no Numba
        from .decoder_kernels_saxsolo import AVAILABLE
        from .planner_kernels_saxsolo import hear_event

        self.hear_event = hear_event
        self.kernel = self._kernel() if (AVAILABLE if compiled is None else compiled) else None
        # heads that read the same state are one product
        steps = ("step", "step_phase", "step_place", "step_echo")
        pitches = ("pitch", "pitch_interval", "pitch_register", "pitch_echo", "pitch_degree")
        self.step_heads, self.step_parts = self._joined(steps)
        self.pitch_heads, self.pitch_parts = self._joined(pitches)

    def _kernel(self) -> tuple[Any, ...]:
        """What `hear_event` is told of the weights."""

        def every(name: str) -> Array:
            return np.stack([self.weights[f"layers.{i}.{name}"] for i in range(self.layers)])

        norms = [
            np.stack([every(f"{name}.weight"), every(f"{name}.bias")], axis=1)
            for name in ("norm", "norm_two")
        ]
        weights = (every(f"{name}.weight").swapaxes(1, 2) for name in ("qkv", "out", "up", "down"))
        biases = every("up.bias"), every("down.bias")
        return _EPS, np.stack(norms, axis=1), tuple(short(weight) for weight in weights), biases

    def _joined(self, names: tuple[str, ...]) -> tuple[Array, list[int]]:
        """(D, O) of several heads, and where each of them but the first begins."""
        weights = [self.weights[f"{name}.weight"] for name in names]
        ends = np.cumsum([len(weight) for weight in weights])
        return np.concatenate(weights).T, ends[:-1].tolist()

    def linear(self, name: str, rows: Array) -> Array:
        """A layer of rows (..., I) -> (..., O)."""
        product: Array = rows @ self.weights[f"{name}.weight"].T
        bias = self.weights.get(f"{name}.bias")
        return product if bias is None else product + bias

    def normal(self, name: str, rows: Array) -> Array:
        """LayerNorm of rows (..., D)."""
        size = rows.shape[-1]
        centred = rows - np.add.reduce(rows, axis=-1, keepdims=True) / size
        squares = np.add.reduce(centred * centred, axis=-1, keepdims=True)
        spread = np.sqrt(squares / size + _EPS)
        scaled: Array = centred / spread * self.weights[f"{name}.weight"]
        return scaled + self.weights[f"{name}.bias"]

    def summed(self, name: str, classes: Array, first: Array) -> Array:
        """(..., F) classes -> (..., D), the sum of their vectors; `first` row of each table."""
        total: Array = self.weights[f"{name}.table.weight"][classes + first].sum(axis=-2)
        return total

    def mixed(self, name: str, rows: Array, classes: Array, first: Array) -> Array:
        """As `_Mixer`."""
        rows = rows + self.summed(f"{name}.embed", classes, first)
        inner = _gated(self.linear(f"{name}.up", self.normal(f"{name}.norm", rows)))
        return rows + self.linear(f"{name}.down", inner)


def _places(sizes: list[int]) -> Array:
    return np.cumsum([0, *sizes[:-1]])


_EVENT_AT, _LANDING_AT, _STRUCK_AT = _places(EVENT), _places(LANDING), _places(STRUCK)


class PlannedLine:
    """One line that the planner follows: it hears events, and weighs each choice of the next.

    `steps`, then `land`, `end`, `pitches`, `strike` in this order, each with what was chosen.

    Args:
        planner: the network.
        table: (R, n, 6) lead sheets, the one to play over first; see `sheet_table`.
        controls: (5,) classes, see `control_classes`.
    """

    def __init__(self, planner: FoldedPlanner, table: Array, controls: Array):
        self.planner, self.table = planner, table
        self.rows = len(table)
        self.controls = np.tile(controls, (self.rows, 1))
        size = planner.width // planner.heads
        room = (planner.layers, self.rows, planner.heads, MEMORY, size)
        self.keys, self.values = np.empty(room, planner.dtype), np.empty(room, planner.dtype)
        self.forget()

    def forget(self) -> None:
        """Begins anew, without a past."""
        self.count, self.pitch = 0, NO_PITCH

    def hear(self, events: Array, line: Array) -> None:
        """The next events (E, 6) with their `line_features` (E, 11); `MEMORY` in all at most."""
        events, line = (np.tile(rows, (self.rows, 1, 1)) for rows in (events, line))
        tick, pitch = events[..., 0], events[..., 2]
        before = np.full((self.rows, 1), self.pitch)
        at = place_features(self.table, tick, pitch)
        classes = event_features(events, at, self.controls, line, before)
        planner = self.planner
        hidden = planner.summed("embed", classes, _EVENT_AT)
        angles = rotary_angles(tick[:1], self.count, self.keys.shape[-1])
        turns = np.cos(angles).astype(planner.dtype), np.sin(angles).astype(planner.dtype)
        if planner.kernel is None:
            for index in range(planner.layers):
                hidden = self._layer(index, hidden, turns)
        else:
            for event in range(events.shape[1]):
                last = np.ascontiguousarray(hidden[:, event])
                own = (cosines[0, event] for cosines in turns)
                planner.hear_event(
                    last, self.count + event, *planner.kernel, self.keys, self.values, *own
                )
            hidden = last[:, None]
        self.count += events.shape[1]
        self.pitch = int(last_pitch(pitch, before)[0, -1])
        self.hidden = planner.normal("norm", hidden[:, -1])
        self.line = line[:, -1:]

    def _layer(self, index: int, hidden: Array, turns: tuple[Array, Array]) -> Array:
        """As `PlannerLayer`: (R, E, D), cosines and sines (1, E, d / 2)."""
        planner, name = self.planner, f"layers.{index}"
        rows, events, width = hidden.shape
        parts = planner.linear(f"{name}.qkv", planner.normal(f"{name}.norm", hidden))
        parts = parts.reshape(rows, events, 3, planner.heads, -1)
        query, key, value = parts.transpose(2, 0, 3, 1, 4)
        known = slice(self.count, self.count + events)
        self.keys[index, :, :, known] = _turned(key, turns)
        self.values[index, :, :, known] = value
        past = self.keys[index, :, :, : known.stop]
        scores = _turned(query, turns) @ past.swapaxes(-1, -2) * past.shape[-1] ** -0.5
        if events > 1:
            later = np.arange(known.stop) > np.arange(known.start, known.stop)[:, None]
            scores[..., later] = -np.inf
        attended = _softmax(scores) @ self.values[index, :, :, : known.stop]
        attended = attended.transpose(0, 2, 1, 3).reshape(rows, events, width)
        hidden = hidden + planner.linear(f"{name}.out", attended)
        fed = planner.linear(f"{name}.up", planner.normal(f"{name}.norm_two", hidden))
        up, gate = np.split(fed, 2, axis=-1)
        return hidden + planner.linear(f"{name}.down", up * _gated(gate))

    def steps(self, tick: int) -> Array:
        """(97,) logits of the step from the last event, at a tick."""
        planner, state, line = self.planner, self.hidden[0], self.line[0, 0]
        parts = np.split(state @ planner.step_heads, planner.step_parts)
        logits, phases, places, echoes = parts
        landing = tick + _EVERY_STEP
        phase = landing % TICKS
        beat = np.clip(landing // TICKS, 0, self.table.shape[1] - 1)
        lean = phases[phase] + places[2 * self.table[0, beat, PLACE] + (phase == 0)]
        lean[-1] = 0  # a wait lands nowhere
        lean[_EVERY_STEP == line[ECHO_STEP]] += echoes[line[STEP_ORDER]]
        return logits + planner.weights["step.bias"] + lean

    def land(self, tick: int, step: int) -> Array:
        """(2,) logits of whether a phrase ends with a note a step after a tick."""
        landing = np.full((self.rows, 1), tick + step)
        last = np.full((self.rows, 1), self.pitch)
        at = place_features(self.table, landing, last)
        rest = rest_before(self.line, landing)
        known = np.concatenate([np.full((self.rows, 1, 1), step), at, rest[..., None]], axis=-1)
        state = self.planner.mixed("landing", self.hidden[:, None], known, _LANDING_AT)[:, 0]
        self.state, self.roots = state, roots_ahead(self.table, landing)[:, 0]
        return self.planner.linear("ending", state[0])

    def end(self, ending: int) -> None:
        """Takes whether the phrase ends with the note."""
        self.state = self.state + self.planner.weights["ended.weight"][ending]

    def pitches(self) -> Array:
        """(R, 60) logits of the pitch."""
        planner, line = self.planner, self.line[0, 0]
        parts = planner.normal("pitch_norm", self.state) @ planner.pitch_heads
        logits, intervals, registers, echoes, degrees = np.split(parts, planner.pitch_parts, axis=1)
        last = np.full(NUM_PITCHES, self.pitch)
        interval = interval_class(_PITCHES, last)
        logits = logits + planner.weights["pitch.bias"] + _leaning(intervals, interval)
        centre = np.full(NUM_PITCHES, line[CENTRE])
        logits += _leaning(registers, register_distance(_PITCHES, centre))
        echo = (interval == line[ECHO_INTERVAL]) & (interval != NO_INTERVAL)
        logits += echo * echoes[:, line[INTERVAL_ORDER], None]
        degrees = degrees.reshape(self.rows, len(AHEAD), NO_ROOT)
        over = degree_class(_PITCHES, self.roots[..., None])
        logits += _leaning(degrees, over).sum(axis=1)
        return logits

    def strike(self, pitch: int) -> tuple[Array, Array]:
        """Logits of the length in ticks (97,) and of the offset (17,) of a note of a pitch."""
        planner = self.planner
        note, last = np.array(pitch), np.array(self.pitch)
        known = [note, interval_class(note, last), *degree_class(note, self.roots[0])]
        struck = planner.mixed("struck", self.state[:1], np.array([known]), _STRUCK_AT)[0]
        struck = planner.normal("length_norm", struck)
        return planner.linear("length", struck), planner.linear("offset", struck)


def rotary_angles(tick: Array, count: int, size: int) -> Array:
    """(B, E) ticks of the events after `count` others -> (B, E, size / 2) angles of the pairs of a
    head: events in the first half of them, beats in the second."""
    quarter = size // 4
    rates = 2.0 ** -np.linspace(0, 9, quarter)
    index = np.arange(count, count + tick.shape[1])
    events = np.broadcast_to(index[:, None] * rates, (*tick.shape, quarter))
    # a bar of four turns the slower ones by a part, the fastest by two turns
    beats = (tick / TICKS)[..., None] * rates * np.pi
    return np.concatenate([events, beats], axis=-1)


def short(weights: Array) -> Array:
    """The bits of bfloat16 in place of float32, where nothing is lost."""
    weights = np.ascontiguousarray(weights)
    if weights.dtype != np.float32:
        return weights
    bits = weights.view(np.uint32)
    return weights if (bits & 0xFFFF).any() else (bits >> 16).astype(np.uint16)


def widened(weights: Array) -> Array:
    """What `short` was given."""
    if weights.dtype != np.uint16:
        return weights
    return (weights.astype(np.uint32) << 16).view(np.float32)


def _turned(rows: Array, turns: tuple[Array, Array]) -> Array:
    """Pairs of channels of (R, H, E, d), turned."""
    cosines, sines = turns
    one, two = np.split(rows, 2, axis=-1)
    return np.concatenate([one * cosines - two * sines, one * sines + two * cosines], axis=-1)


def _softmax(scores: Array) -> Array:
    chances = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: Array = chances / chances.sum(axis=-1, keepdims=True)
    return shares


def _gated(rows: Array) -> Array:
    """SiLU."""
    gated: Array = rows / (1 + np.exp(-rows))
    return gated


def _leaning(leans: Array, index: Array) -> Array:
    """Leans (..., C) of classes (..., 60), none for the class after the last."""
    known = index < leans.shape[-1]
    places = np.broadcast_to(np.where(known, index, 0), (*leans.shape[:-1], index.shape[-1]))
    taken: Array = np.take_along_axis(leans, places, axis=-1) * known
    return taken
