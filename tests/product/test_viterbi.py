"""The two searches for the likeliest chain agree with trying every chain."""

from itertools import product

import numpy as np
import pytest

from modeling_saxsolo.viterbi_saxsolo import best_path, best_path_of_equal_changes


def value(path, scores, costs) -> float:
    kept = sum(scores[step, state] for step, state in enumerate(path))
    return kept - sum(costs[a, b] for a, b in zip(path[:-1], path[1:], strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_best_of_all_chains(seed):
    rng = np.random.default_rng(seed)
    scores, costs = rng.normal(size=(5, 3)), np.abs(rng.normal(size=(3, 3)))
    path, found = best_path(scores, costs)
    best = max(value(chain, scores, costs) for chain in product(range(3), repeat=5))
    assert found == pytest.approx(best) and value(path, scores, costs) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(5))
def test_equal_changes_are_a_case_of_it(seed):
    rng = np.random.default_rng(seed)
    scores, cost = rng.normal(size=(40, 6)), 0.8
    table = cost * (1 - np.eye(6))
    path = best_path_of_equal_changes(scores, np.full(40, cost))
    assert value(path, scores, table) == pytest.approx(best_path(scores, table)[1])


def test_one_step_takes_the_best_state():
    assert best_path(np.array([[0.0, 2.0, 1.0]]), np.zeros((3, 3)))[0].tolist() == [1]
