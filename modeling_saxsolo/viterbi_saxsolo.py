"""The likeliest chain of states (Viterbi 1967), and the chance of each state (Baum 1972)."""

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


def best_path_of_changes(scores: Floats, costs: Floats, gains: Floats) -> States:
    """To stay is free; a change costs what its step asks, less what the two states gain.

    Args:
        scores: (N, S) log-likelihoods, N >= 1.
        costs: (N,), what a change costs at each step; the first is not used.
        gains: (S, S), from the row's state to the column's.

    Returns:
        (N,) states.
    """
    best, back = scores[0].copy(), np.zeros(scores.shape, np.intp)
    states = np.arange(scores.shape[1])
    for step in range(1, len(scores)):
        options = best[:, None] + (gains - costs[step])
        options[states, states] = best
        back[step] = options.argmax(axis=0)
        best = options[back[step], states] + scores[step]
    return _follow(back, int(best.argmax()))


def state_chances(scores: Floats, costs: Floats, gains: Floats) -> Floats:
    """The chance of each state at each step, over all chains of `best_path_of_changes`.

    Returns:
        (N, S), rows that sum to 1.
    """
    likelihood = np.exp(scores - scores.max(axis=1, keepdims=True))
    forward, backward = np.empty_like(likelihood), np.ones_like(likelihood)
    # few costs occur, and each wants a matrix of its own
    kinds = {float(cost): _transitions(gains - cost) for cost in np.unique(costs)}
    steps = [kinds[float(cost)] for cost in costs]
    now = np.ones(scores.shape[1])
    for step, here in enumerate(likelihood):
        now = (now @ steps[step] if step else now) * here
        forward[step] = now = now / now.sum()
    for step in range(len(scores) - 2, -1, -1):
        after = steps[step + 1] @ (likelihood[step + 1] * backward[step + 1])
        backward[step] = after / after.sum()
    chances: Floats = forward * backward
    return chances / chances.sum(axis=1, keepdims=True)


def _transitions(gains: Floats) -> Floats:
    weights: Floats = np.exp(gains)
    np.fill_diagonal(weights, 1.0)
    return weights


def _follow(back: States, last: int) -> States:
    path = np.empty(len(back), np.intp)
    path[-1] = last
    for step in range(len(back) - 1, 0, -1):
        path[step - 1] = back[step, path[step]]
    return path
