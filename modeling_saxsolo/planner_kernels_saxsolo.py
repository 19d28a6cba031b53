"""The planner's layers on one event, compiled for the processor by Numba.

As decoder_kernels_saxsolo: a step of one or two rows takes as long as its weights take to be read,
if nothing stands between the products. Without Numba nothing here is called.

R rows, D width, H heads, d head size, L layers, M room for events.
"""

from typing import Any

import numpy as np

from .decoder_kernels_saxsolo import Array, attend, compiled, normalise, part, product


@part
def _turn(row: Array, begin: int, size: int, cosines: Array, sines: Array, scale: Any) -> None:
    """The head that begins at `begin` of a row, its first half of channels turned against its
    second, in place, times `scale`."""
    half = size // 2
    for i in range(half):
        one, two = row[begin + i] * scale, row[begin + half + i] * scale
        row[begin + i] = one * cosines[i] - two * sines[i]
        row[begin + half + i] = one * sines[i] + two * cosines[i]


@part
def _added(rows: Array, change: Array) -> None:
    """rows (R, D) += change (D,)."""
    for row in range(len(rows)):
        for i in range(len(change)):
            rows[row, i] += change[i]


@compiled
def hear_event(
    hidden: Array,
    count: int,
    eps: float,
    norms: Array,
    weights: tuple[Array, ...],
    biases: tuple[Array, ...],
    keys: Array,
    values: Array,
    cosines: Array,
    sines: Array,
) -> None:
    """All layers on the next event's states (R, D), in place; keys and values (L, R, H, M, d) get
    one more.

    Args:
        count: events before it.
        norms: (L, 2, 2, D), scale and bias of the norms before attention and feed-forward.
        weights: (L, in, out) of queries, keys and values; of what is attended to; of the
            feed-forward's two layers.
        biases: (L, out) of the latter.
        cosines, sines: (d / 2,) of the event.
    """
    rows, width = hidden.shape
    heads, room, size = keys.shape[2], keys.shape[3], keys.shape[4]
    query_key_value, out, up, down = weights
    inner = down.shape[1]
    normal = np.empty_like(hidden)
    attended = np.empty_like(hidden)
    added = np.empty_like(hidden)
    projected = np.empty((rows, 3 * width), hidden.dtype)
    fed = np.empty((rows, 2 * inner), hidden.dtype)
    gated = np.empty((rows, inner), hidden.dtype)
    scores = np.empty(room, hidden.dtype)
    always = np.ones(room, np.bool_)
    unscaled = np.empty(0, hidden.dtype)
    number = hidden.dtype.type
    one, scale = number(1), number(1 / np.sqrt(size))
    for layer in range(len(norms)):
        normalise(hidden, norms[layer, 0, 0], eps, normal)
        _added(normal, norms[layer, 0, 1])
        product(normal, query_key_value[layer], unscaled, projected)
        for row in range(rows):
            for h in range(heads):
                _turn(projected[row], h * size, size, cosines, sines, scale)
                _turn(projected[row], width + h * size, size, cosines, sines, one)
                for i in range(size):
                    key = width + h * size + i
                    keys[layer, row, h, count, i] = projected[row, key]
                    values[layer, row, h, count, i] = projected[row, width + key]
            at = (layer, row)
            attend(projected[row], keys, values, at, count + 1, always, scores, attended[row])
        product(attended, out[layer], unscaled, added)
        hidden += added
        normalise(hidden, norms[layer, 1, 0], eps, normal)
        _added(normal, norms[layer, 1, 1])
        product(normal, up[layer], unscaled, fed)
        _added(fed, biases[0][layer])
        for row in range(rows):
            for i in range(inner):
                gate = fed[row, inner + i]
                gated[row, i] = fed[row, i] * gate / (one + np.exp(-gate))
        product(gated, down[layer], unscaled, added)
        _added(added, biases[1][layer])
        hidden += added
