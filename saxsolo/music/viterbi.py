"""The likeliest chain of states (Viterbi 1967): two costs of a change, one way back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
States = npt.NDArray[np.intp]


def best_path(scores: Floats, costs: Floats) -> tuple[States, float]:
    """Each change has a cost of its own.

    Args:
        scores: (N, S) log-likelihoods, N >= 1.
        costs: (S, S), what it costs to go from the row's state to the column's.

    Returns:
        (N,) states, and their value: scores less costs.
    """
    best, back = scores[0].copy(), np.zeros(scores.shape, np.intp)
    states = np.arange(scores.shape[1])
    for step in range(1, len(scores)):
        options = best[:, None] - costs
        back[step] = options.argmax(axis=0)
        best = options[back[step], states] + scores[step]
    return _follow(back, int(best.argmax())), float(best.max())


def best_path_of_equal_changes(scores: Floats, costs: Floats) -> States:
    """To stay is free, and to go to any other state costs the same: one comparison a state.

    Args:
        scores: (N, S) log-likelihoods, N >= 1.
        costs: (N,), what a change costs at each step; the first is not used.

    Returns:
        (N,) states.
    """
    best, back = scores[0].copy(), np.zeros(scores.shape, np.intp)
    states = np.arange(scores.shape[1])
    for step in range(1, len(scores)):
        source = int(best.argmax())
        changed = best[source] - costs[step]
        back[step] = np.where(changed > best, source, states)
        best = np.maximum(changed, best) + scores[step]
    return _follow(back, int(best.argmax()))


def _follow(back: States, last: int) -> States:
    path = np.empty(len(back), np.intp)
    path[-1] = last
    for step in range(len(back) - 1, 0, -1):
        path[step - 1] = back[step, path[step]]
    return path
