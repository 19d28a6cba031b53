"""How a plan is phrased: phrases, rests, gaps, pitches that come back, and when a solo begins."""

from itertools import pairwise

import numpy as np
import pytest

from modeling_saxsolo import SaxsoloConfigError
from modeling_saxsolo.note_events_saxsolo import ENDS, NO_PITCH, TICKS
from modeling_saxsolo.phrasing_saxsolo import Phrasing, returning
from modeling_saxsolo.planning_saxsolo import NotePlan, PlanSettings
from modeling_saxsolo.vocabulary_saxsolo import FREE, HOLD, LOWEST_PITCH, ONSET, REST

from .planners import FRAMES, played, sheet


def drawn(planner, seed, highest=None, **phrasing) -> NotePlan:
    how = PlanSettings(highest=highest, phrasing=Phrasing(**phrasing))
    plan = NotePlan(planner.folded(), sheet(), np.full(FRAMES, FREE), settings=how, seed=seed)
    plan.tokens(0, FRAMES)
    return plan


def test_phrases_end_and_rest_as_the_phrasing_leans(planner) -> None:
    def shares(**phrasing):
        events = [drawn(planner, seed, **phrasing).history[1:] for seed in range(4)]
        ends = [event.ending == ENDS for part in events for event in part]
        after = [b.step for part in events for a, b in pairwise(part) if a.ending == ENDS]
        return np.mean(ends), np.mean(after)

    def lengths(**phrasing):
        plans = [drawn(planner, seed, **phrasing) for seed in range(4)]
        return [note.end - note.start for plan in plans for note in plan.notes]

    assert np.mean(lengths(holds=3.0)) < 0.8 * np.mean(lengths())
    plain, more, shorter = shares(), shares(endings=2.0), shares(rests=2.0)
    assert more[0] > plain[0] + 0.1
    assert shorter[1] < 0.8 * plain[1]


@pytest.mark.parametrize("first", [-1.3, 0.0, 2.6])
def test_a_solo_may_begin_on_a_beat_of_its_first_quarter(first) -> None:
    def beats(entry, end):
        random = np.random.default_rng(0)
        return np.array([Phrasing(entry=entry).entry_beat(first, end, random) for _ in range(400)])

    drawn = beats(3.0, first + 200)
    assert ((drawn == first) | (drawn == np.floor(drawn))).all() and (drawn >= first).all()
    # the mean less the half beat that is rounded off
    assert abs(drawn.mean() - first - 2.5) < 0.5
    assert (beats(64.0, first + 12) <= first + 3).all()
    assert (beats(0.0, first + 12) == first).all() and (beats(3.0, first) == first).all()


def test_a_solo_begins_later_as_the_phrasing_says(planner) -> None:
    def firsts(given, known=0, **how):
        found = []
        for seed in range(16):
            tokens = played(planner, given, known, seed, **how)
            onsets = np.flatnonzero((tokens >= ONSET) & (tokens < HOLD))
            found.append(int(onsets[onsets >= known][0]))
        return np.array(found)

    late, free = Phrasing(entry=4.0), np.full(FRAMES, FREE)
    at_once, waited = firsts(free), firsts(free, phrasing=late)
    beat = 50 * 60 / 130
    assert waited.mean() > at_once.mean() + beat
    # within a quarter of what is free and half of the rest, however long the draw
    trading = free.copy()
    trading[:300] = REST
    for given, start in ((free, 0), (trading, 300)):
        begun = firsts(given, phrasing=Phrasing(entry=64.0))
        assert (begun - start <= (FRAMES - start) * 5 / 8).all()
        assert begun.mean() > firsts(given).mean() + beat
    # what is played before goes on
    past = free.copy()
    past[40:60] = np.where(np.arange(20) == 0, ONSET, HOLD) + 30
    assert (firsts(past, 60, phrasing=late) == firsts(past, 60)).all()
    greedy = {"do_sample": False}
    assert (firsts(free, phrasing=late, **greedy) == firsts(free, **greedy)).all()


def test_pitches_come_back_and_stay_near_as_the_phrasing_leans(planner) -> None:
    def pitches(**phrasing):
        plans = [drawn(planner, seed, **phrasing) for seed in range(4)]
        return [np.array([note.pitch for note in plan.notes]) for plan in plans]

    def back(lines):
        return np.mean([returning(x[:i]) == x[i] for x in lines for i in range(len(x))])

    def spread(lines):
        return np.mean([line.std() for line in lines])

    plain = pitches()
    # of four pitches two in a row come again
    few = LOWEST_PITCH + 3
    assert back(pitches(highest=few, returns=5.0)) > back(pitches(highest=few)) + 0.1
    assert spread(pitches(centre=4.0)) < 0.7 * spread(plain)


def test_a_note_is_held_as_long_in_seconds_at_any_tempo() -> None:
    slow, fast = (Phrasing(holds=0.5).lengths(beat) for beat in (1.0, 0.25))
    # a second: one slow beat, four fast ones; the second second counts four times
    assert slow[TICKS] == fast[4 * TICKS] == -0.5
    assert slow[2 * TICKS] == fast[8 * TICKS] == -2.5
    assert not Phrasing().lengths(1.0).any()


def test_what_comes_back_followed_the_longest_agreement() -> None:
    # after 1, 2, 3 came 9 once; after 2, 3 alone came 7 later
    assert returning(np.array([1, 2, 3, 9, 5, 2, 3, 7, 1, 2, 3])) == 9
    assert returning(np.array([2, 3, 9, 5, 2, 3, 7, 8, 2, 3])) == 7
    for pitches in ([], [4], [4, 4], [1, 2, 3, 4, 5], [3, 9, 1, 3]):
        assert returning(np.array(pitches, dtype=int)) == NO_PITCH
    # a note again and again goes on so, but nothing leans to that
    assert returning(np.array([4, 4, 4])) == 4
    assert not Phrasing(returns=1.0).pitches(np.array([4, 4, 4])).any()
    assert Phrasing(returns=1.0).pitches(np.array([4, 5, 7, 4, 5])).argmax() == 7


@pytest.mark.parametrize("seed", range(4))
def test_closed_gaps_change_no_onset_and_no_pitch(planner, seed) -> None:
    plain, closed = drawn(planner, seed), drawn(planner, seed, gaps=1.0)
    assert plain.history == closed.history
    for one, two in zip(plain.notes, closed.notes, strict=True):
        assert (one.start, one.pitch) == (two.start, two.pitch) and one.end <= two.end

    def gaps(plan):
        return [b.start - a.end for a, b in pairwise(plan.notes)]

    assert not any(3 <= gap <= 9 for gap in gaps(closed))
    long = [(a, b) for a, b in zip(gaps(plain), gaps(closed), strict=True) if not 3 <= a <= 9]
    assert all(a == b for a, b in long)


def test_a_phrasing_that_no_plan_can_have_is_refused(make_config) -> None:
    for values, words in (
        ({"gaps": 2.0}, "gaps is 2"),
        ({"entry": -1.0}, "entry is -1"),
        ({"gasp": 1.0}, "unknown"),
    ):
        with pytest.raises(SaxsoloConfigError, match=words):
            make_config(phrasing=values)
