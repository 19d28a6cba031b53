"""The critic that refines a planner: openings are a thing apart, and lines have a past."""

import numpy as np

from modeling_saxsolo.note_events_saxsolo import TICKS
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.evaluation.refinement_critic import _passages, stretch_figures, train_critic
from saxsolo.training.planner_data import solo_of

SECONDS = 5.0


def test_the_critic_asks_other_things_of_openings() -> None:
    """Humans who begin with few notes and go on with many; machines always play as many."""
    rng = np.random.default_rng(0)
    opens = np.repeat([1.0, 0.0], 100)
    density = np.where(opens == 1, 3.0, 5.0)[:, None] + rng.normal(0, 0.5, (200, 1))
    human = np.column_stack([density, opens])
    machine = np.column_stack([4 + rng.normal(0, 0.5, (200, 1)), opens])
    machine_odds = train_critic(human, machine)
    sparse, dense = np.array([[3.0, 1.0], [3.0, 0.0]]), np.array([[5.0, 1.0], [5.0, 0.0]])
    opening, later = machine_odds(dense) - machine_odds(sparse)
    assert opening > 0.5 and later < -0.5


def test_passages_go_on_from_what_the_human_played() -> None:
    score = max(builtin_scores(), key=lambda each: len(each.notes))
    passages = _passages(score, 40, 80, stretch_figures(SECONDS), SECONDS)
    events = solo_of(score).events
    assert len(passages) > 2
    for passage in passages:
        window = passage.window
        seconds = window.sheet.seconds_at(window.past[:, 0] / TICKS)
        assert (seconds < window.start).all()
        # one that opens the solo has no past, and says so to the critic
        opens = window.start == 0
        assert (len(window.past) == 0) == opens and passage.human[0, -1] == opens
        before = events[window.sheet.seconds_at(events[:, 0] / TICKS) < window.start]
        assert opens or (window.past == before[-len(window.past) :]).all()
