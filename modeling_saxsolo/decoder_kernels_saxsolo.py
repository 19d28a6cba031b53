"""The decoder's layers on one step of a few rows, compiled for the processor by Numba.

A step of decoding is a chain of products of one row with a matrix, and its time is that of reading
the matrices. BLAS needs two to three times as long for a row of 192 numbers, and between its calls
Python runs. Here all layers are one call, without the interpreter's lock, so that another thread
can make sound meanwhile. Weights that fit into bfloat16, as those of a published checkpoint do, are
read as such: half of the bytes, the same numbers. Keys and values are then kept in bfloat16 too,
rounded: beside the weights they are what a step reads most of. A model may ask for weights in
eight bits (`fast_bits`), a quarter of the bytes, each output with a scale of its own.

Without Numba nothing here is called; see folded_layers_saxsolo.

R solos at once, B states of them, H heads, d head size, D hidden size, I width of the MLP,
L layers, S room for steps, M memory, P = d / 4 pairs that are rotated.
"""

from functools import partial
from typing import Any

import numpy as np

try:
    from numba import njit, types
    from numba.extending import overload

    AVAILABLE = True
except ImportError:  # as ImportError alone: a broken Numba is to be seen
    AVAILABLE = False

Array = np.ndarray[Any, np.dtype[Any]]

# sums may be taken in any order, but infinities and NaN keep their meaning
_SUMS = {"reassoc", "contract", "nsz", "arcp"}


def compiled(function: Any, part: bool = False) -> Any:
    """`function` as machine code, kept on disk beside this file or in the user's cache, if either
    can be written. A `part` becomes code of each function that calls it: as a function of its own
    it could be another copy, with sums in another order, once the code comes from disk."""
    if not AVAILABLE:
        return function
    settings: dict[str, Any] = {"nogil": True, "fastmath": _SUMS, "error_model": "numpy"}
    if part:
        settings["inline"] = "always"
    try:
        return njit(function, cache=True, **settings)
    except RuntimeError:
        return njit(function, **settings)


part = partial(compiled, part=True)


def _widened(weight: Any) -> Any:
    """A weight as a number: the bits of a bfloat16 as float32, any other as it is."""
    raise NotImplementedError("only in compiled code")


def _narrowed(number: Any, into: Array) -> Any:
    """A number as an array keeps it: the bits of the nearest bfloat16, or as it is."""
    raise NotImplementedError("only in compiled code")


if AVAILABLE:

    @overload(_widened)
    def _widened_of(weight: Any) -> Any:
        def from_byte(weight: Any) -> Any:
            return np.float32(weight)

        def from_bits(weight: Any) -> Any:
            return np.uint32(np.uint32(weight) << np.uint32(16)).view(np.float32)

        def as_it_is(weight: Any) -> Any:
            return weight

        return {types.int8: from_byte, types.uint16: from_bits}.get(weight, as_it_is)

    @overload(_narrowed)
    def _narrowed_of(number: Any, into: Any) -> Any:
        def to_bits(number: Any, into: Any) -> Any:
            bits = np.float32(number).view(np.uint32)
            half = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
            return np.uint16((bits + half) >> np.uint32(16))

        def as_it_is(number: Any, into: Any) -> Any:
            return number

        return to_bits if into.dtype == types.uint16 else as_it_is


@part
def product(rows: Array, weights: Array, scales: Array, out: Array) -> None:
    """out (B, O) = rows (B, I) @ weights (I, O), column by column times scales (O,), if there are
    any, else (0,)."""
    count, size = rows.shape
    wide = weights.shape[1]
    out[:] = 0
    whole = size - size % 4
    for i in range(0, whole, 4):
        for b in range(count):
            x, y, z, w = rows[b, i], rows[b, i + 1], rows[b, i + 2], rows[b, i + 3]
            for o in range(wide):
                out[b, o] += (
                    x * _widened(weights[i, o])
                    + y * _widened(weights[i + 1, o])
                    + z * _widened(weights[i + 2, o])
                    + w * _widened(weights[i + 3, o])
                )
    for i in range(whole, size):
        for b in range(count):
            x = rows[b, i]
            for o in range(wide):
                out[b, o] += x * _widened(weights[i, o])
    if len(scales):
        for b in range(count):
            for o in range(wide):
                out[b, o] *= scales[o]


@part
def normalise(rows: Array, scale: Array, eps: float, out: Array) -> None:
    """LayerNorm without bias of rows (B, D)."""
    count, size = rows.shape
    number = rows.dtype.type
    for b in range(count):
        total = number(0)
        for i in range(size):
            total += rows[b, i]
        mean = number(total / size)
        squares = number(0)
        for i in range(size):
            squares += (rows[b, i] - mean) * (rows[b, i] - mean)
        factor = number(1 / np.sqrt(squares / size + eps))
        for i in range(size):
            out[b, i] = (rows[b, i] - mean) * factor * scale[i]


@part
def _rotate(row: Array, begin: int, turns: Array, scale: float) -> None:
    """As `layers_saxsolo.rotate`, in place: the head that begins at `begin` of a row, by turns
    (2, P), times `scale`."""
    pairs = turns.shape[1]
    for i in range(begin, begin + pairs):
        first, second = row[i] * scale, row[pairs + i] * scale
        cosine, sine = turns[0, i - begin], turns[1, i - begin]
        row[i] = first * cosine - second * sine
        row[pairs + i] = second * cosine + first * sine
    for i in range(begin + 2 * pairs, begin + 4 * pairs):
        row[i] *= scale


@part
def attend(
    query: Array,
    keys: Array,
    values: Array,
    at: tuple[int, int],
    known: int,
    seen: Array,
    weights: Array,
    out: Array,
) -> None:
    """out (D,) = attention of query (D,) over keys and values (L, R, H, S, d) of the layer and row
    `at`, of which the first `known` are there and those `seen` (S,) count; weights (S,) is
    scratch."""
    # slices of slices would hide from the compiler that the numbers lie side by side
    layer, row = at
    number = query.dtype.type  # whole numbers beside float32 would make float64
    heads, size = keys.shape[2], keys.shape[4]
    for h in range(heads):
        begin = h * size
        top = number(-np.inf)
        for m in range(known):
            total = number(0)
            for i in range(size):
                total += query[begin + i] * _widened(keys[layer, row, h, m, i])
            weights[m] = total if seen[m] else number(-np.inf)
            top = max(top, weights[m])
        whole = number(0)
        for m in range(known):
            weights[m] = np.exp(weights[m] - top)
            whole += weights[m]
        for i in range(size):
            out[begin + i] = 0
        for m in range(known):
            weight = weights[m] / whole
            for i in range(size):
                out[begin + i] += weight * _widened(values[layer, row, h, m, i])


@compiled
def through(
    states: Array,
    slots: Array,
    places: Array,
    eps: float,
    norms: Array,
    weights: tuple[Array, ...],
    scales: tuple[Array, ...],
    keys: Array,
    values: Array,
    memory_keys: Array,
    memory_values: Array,
    seen: Array,
    turns: Array,
    cross_turns: Array,
) -> None:
    """All layers on states (B, D), in place; keys and values (L, R, H, S, d) get one more for each.

    Args:
        slots: (B,) the solo that each state belongs to, 0 to R - 1. places: (B,) its step. The
            states of a solo follow one another.
        norms: (L, 3, D) scales.
        weights: (L, in, out) of queries, keys and values; of what is attended to; of the memory's
            queries; of what is attended to there; of the MLP's gate and input; of its output.
            float, the uint16 of a bfloat16's bits, or int8.
        scales: (L, out) of each, (L, 0) where there are none.
        memory_keys, memory_values: (L, R, H, M, d); seen: (R, M) bool.
        turns, cross_turns: (S, 2, P) cosines and sines of each step.
    """
    count, size = states.shape
    heads, room, width = keys.shape[2], keys.shape[3], keys.shape[4]
    memory = memory_keys.shape[3]
    query_key_value, out, cross_query, cross_out, gate_up, down = weights
    inner = down.shape[1]
    normal = np.empty_like(states)
    attended = np.empty_like(states)
    added = np.empty_like(states)
    projected = np.empty((count, 3 * size), states.dtype)
    gates = np.empty((count, 2 * inner), states.dtype)
    gated = np.empty((count, inner), states.dtype)
    scores = np.empty(max(room, memory), states.dtype)
    always = np.ones(room, np.bool_)
    number = states.dtype.type
    one = number(1)
    scale = number(1 / np.sqrt(width))
    # what lies behind the last that is seen is not read
    remembered = np.zeros(count, np.int64)
    for b in range(count):
        for m in range(memory):
            if seen[slots[b], m]:
                remembered[b] = m + 1
    for layer in range(len(norms)):
        normalise(states, norms[layer, 0], eps, normal)
        product(normal, query_key_value[layer], scales[0][layer], projected)
        for b in range(count):
            row, place = slots[b], places[b]
            for h in range(heads):
                _rotate(projected[b], h * width, turns[place], scale)
                _rotate(projected[b], size + h * width, turns[place], one)
                for i in range(width):
                    key = size + h * width + i
                    keys[layer, row, h, place, i] = _narrowed(projected[b, key], keys)
                    values[layer, row, h, place, i] = _narrowed(projected[b, size + key], values)
        for b in range(count):
            at = (layer, slots[b])
            attend(projected[b], keys, values, at, places[b] + 1, always, scores, attended[b])
        product(attended, out[layer], scales[1][layer], added)
        states += added
        normalise(states, norms[layer, 1], eps, normal)
        product(normal, cross_query[layer], scales[2][layer], attended)
        for b in range(count):
            row, place = slots[b], places[b]
            for h in range(heads):
                _rotate(attended[b], h * width, cross_turns[place], scale)
            attend(
                attended[b],
                memory_keys,
                memory_values,
                (layer, row),
                remembered[b],
                seen[row],
                scores,
                normal[b],
            )
        product(normal, cross_out[layer], scales[3][layer], added)
        states += added
        normalise(states, norms[layer, 2], eps, normal)
        product(normal, gate_up[layer], scales[4][layer], gates)
        for b in range(count):
            for i in range(inner):
                gate = gates[b, i]
                gated[b, i] = gate / (one + np.exp(-gate)) * gates[b, inner + i]
        product(gated, down[layer], scales[5][layer], added)
        states += added
