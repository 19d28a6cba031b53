"""Thirds or halves of the beat: from onset strengths alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling_saxsolo.subdivision_saxsolo import FASTEST, RATE, halves, thirds


def strokes(places: list[float], tempo: float, count: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Rises with a stroke on each beat and at these places in it, and noise; the beats."""
    beats = 0.5 + 60 / tempo * np.arange(count)
    rises = np.random.default_rng(0).uniform(0, 0.03, 2 * round(RATE * (beats[-1] + 2) / 2))
    for place in [0.0, *places]:
        for beat in beats:
            rises[round(RATE * (beat + place * 60 / tempo))] = 1.0 if place == 0 else 0.5
    return rises.reshape(-1, 2), beats


@given(st.floats(45, 110), st.sampled_from([2, 4]))
def test_both_thirds_make_a_compound_metre(tempo, metre):
    assert thirds(*strokes([1 / 3, 2 / 3], tempo), metre) > 0.9


@given(st.floats(45, 110))
def test_swing_and_halves_do_not(tempo):
    for places in ([2 / 3], [1 / 2], [1 / 4, 1 / 2, 3 / 4], []):
        assert thirds(*strokes(places, tempo), 4) < 0.1
    assert thirds(*strokes([1 / 2], tempo), 2) < 0.1


def test_two_swung_beats_a_bar_are_of_six_eight():
    assert thirds(*strokes([2 / 3], 70), 2) > 0.8


@pytest.mark.parametrize("metre", [0, 5, 7])
def test_other_metres_are_not_divided(metre):
    assert thirds(*strokes([1 / 3, 2 / 3], 80), metre) == 0


@given(st.floats(45, 120))
def test_halves_are_strokes_that_stand_alone_halfway(tempo):
    assert halves(*strokes([1 / 2], tempo)) > 0.5
    for places in ([2 / 3], [1 / 3, 2 / 3], []):
        assert halves(*strokes(places, tempo)) < 0.1


def test_nothing_is_said_of_few_or_fast_beats_or_silence():
    rises, beats = strokes([1 / 3, 2 / 3], 80)
    assert thirds(rises, beats[:6], 4) == 0
    assert thirds(np.zeros_like(rises), beats, 4) == 0
    assert halves(rises, beats[:6]) == halves(np.zeros_like(rises), beats) == 0
    assert thirds(*strokes([1 / 3, 2 / 3], FASTEST + 20), 4) == 0
