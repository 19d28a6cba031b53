"""Phrases that come back where the chords move alike."""

from dataclasses import replace

import numpy as np
import pytest

from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet, plain_sheet
from modeling_saxsolo.note_events_saxsolo import ENDS, GOES_ON, NO_PITCH, TICKS, Event, wait
from modeling_saxsolo.phrasing_saxsolo import Phrasing
from modeling_saxsolo.planning_saxsolo import NotePlan, PlanSettings
from modeling_saxsolo.recall_saxsolo import PhraseMemory, recalls_at
from modeling_saxsolo.vocabulary_saxsolo import (
    FRAME_RATE,
    FREE,
    HOLD,
    NO_CHORD,
    NO_ROOT,
    ONSET,
    REST,
)

BEATS = 96
FORM = np.repeat([0, 9, 2, 7, 4, 3, 10, 1], 4)  # eight bars of four


def over(roots: np.ndarray, metre: int = 4) -> LeadSheet:
    """A sheet of so many beats, one every 0.3 s."""
    plain = plain_sheet(0.3 * len(roots), 200.0)
    count = len(roots)
    beats, qualities = plain.beats[:count], np.where(roots == NO_ROOT, NO_CHORD, 0)
    places, metres = np.arange(count) % max(1, metre), np.full(count, metre)
    return LeadSheet(beats, places, metres, np.full(count, -1), roots, qualities)


def test_stretches_whose_roots_move_alike_are_found_in_any_key() -> None:
    sheet = over(np.concatenate([FORM, FORM, (FORM + 3) % 12]))
    found = {(recall.ago // TICKS, recall.higher) for recall in recalls_at(sheet, 36, 0)}
    assert (32, 0) in found and all(higher == 0 for _, higher in found)
    found = {(recall.ago // TICKS, recall.higher) for recall in recalls_at(sheet, 68, 0)}
    assert (32, 3) in found and (64, 3) in found
    up = {recall.higher for recall in recalls_at(over(np.concatenate([FORM, FORM + 9])), 36, 0)}
    assert up == {-3}


@pytest.mark.parametrize(
    ("sheet", "beat", "first"),
    [
        (over(np.tile(FORM, 3)), 36, 8),  # the line began after what would come back
        (over(np.tile(FORM, 3)), 8, 0),  # other chords two bars before
        (over(np.full(BEATS, NO_ROOT)), 36, 0),
        (over(np.tile(FORM, 3), metre=0), 36, 0),
        (over(np.tile(FORM, 3)), -3, -9),
        (over(np.full(BEATS, 5)), 4, -9),  # before the first beat there is nothing
        (over(np.tile(FORM, 3)), 400, 0),
    ],
)
def test_nothing_comes_back_where_no_roots_move_alike(sheet, beat, first) -> None:
    assert recalls_at(sheet, beat, first) == []


def heard(events, chance: float = 1.0, roots=None) -> PhraseMemory:
    roots = np.tile(FORM, 3) if roots is None else roots
    memory = PhraseMemory(over(roots), chance, np.random.default_rng(0))
    memory.hear(events)
    return memory


def note(beat: float, pitch: int, ending: int = GOES_ON) -> Event:
    return Event(round(beat * TICKS), 0, pitch, 6, 0, ending)


LINE = [note(1, 20), note(1.5, 24), note(2, 27, ENDS), note(31, 30), note(33, 29, ENDS)]


def test_a_phrase_leans_to_the_onsets_and_pitches_that_it_follows() -> None:
    memory = heard(LINE)
    steps = memory.steps(33 * TICKS)
    assert steps.argmax() == TICKS // 2 and np.count_nonzero(steps) == 1
    assert not memory.leans(33 * TICKS + 1).any()
    leans = memory.leans(round(33.5 * TICKS))
    # the same interval, from 29, and the same pitch
    assert leans[33] > 0 and leans[24] > 0 and np.count_nonzero(leans) == 2
    # a rest that is waited through is none of its notes
    memory.hear([wait(round(33.5 * TICKS))])
    assert memory.pitches[-1] == 29 and NO_PITCH not in memory.pitches
    assert memory.steps(round(33.5 * TICKS)).argmax() == TICKS // 2
    memory.hear([note(33.5, 33)])
    leans = memory.leans(34 * TICKS)
    assert leans[36] > 0 and leans[27] > 0


def test_the_pitches_that_come_back_go_with_the_chords() -> None:
    memory = heard(LINE, roots=np.concatenate([FORM, (FORM + 2) % 12, FORM]))
    assert memory.recall is not None and memory.recall.higher == 2
    leans = memory.leans(round(33.5 * TICKS))
    assert leans[33] > 0 and leans[26] > 0 and np.count_nonzero(leans) == 2


def test_a_stretch_that_has_no_more_notes_is_followed_no_longer() -> None:
    memory = heard([note(1, 20), note(2, 27, ENDS), note(33, 29, ENDS)])
    assert memory.recall is not None
    assert not memory.steps(38 * TICKS).any() and memory.recall is None
    assert not heard(LINE, chance=0.0).steps(32 * TICKS).any()


def line_over(planner, roots, seed, **how) -> NotePlan:
    sheet = over(roots)
    frames = round(float(sheet.beats[-1]) * FRAME_RATE)
    plan = NotePlan(planner.folded(), sheet, np.full(frames, FREE), 0, seed=seed, **how)
    plan.tokens(0, frames)
    return plan


def test_plans_come_back_to_what_they_played_one_form_before(planner) -> None:
    roots = np.tile(FORM, 6)

    def again(phrasing: Phrasing) -> float:
        """Share of the notes that stood at the same place one form before, at the same pitch."""
        same = []
        for seed in range(3):
            plan = line_over(planner, roots, seed, settings=PlanSettings(phrasing=phrasing))
            notes = {(event.tick, event.pitch) for event in plan.history}
            late = [n for n in notes if n[0] > 32 * TICKS and n[1] != NO_PITCH]
            same += [(tick - 32 * TICKS, pitch) in notes for tick, pitch in late]
        return float(np.mean(same))

    plain = Phrasing(endings=1.0)
    assert again(replace(plain, recalls=1.0)) > 2 * again(plain) + 0.02


NOWHERE = np.cumsum(np.arange(BEATS) ** 2 % 11) % 12  # no two stretches move alike


def test_where_nothing_moves_alike_the_plan_is_the_same(planner) -> None:
    assert not any(recalls_at(over(NOWHERE), beat, 0) for beat in range(BEATS))
    ending = Phrasing(endings=1.0)
    how = [PlanSettings(phrasing=replace(ending, recalls=chance)) for chance in (1.0, 0.0)]
    first, second = (line_over(planner, NOWHERE, 1, settings=settings) for settings in how)
    assert any(event.ending == ENDS for event in first.history)
    assert first.notes == second.notes


def test_greedy_plans_recall_nothing(planner) -> None:
    ending = Phrasing(endings=5.0)
    how = [PlanSettings(False, phrasing=replace(ending, recalls=chance)) for chance in (1.0, 0.0)]
    first, second = (line_over(planner, np.tile(FORM, 4), 1, settings=settings) for settings in how)
    assert any(event.ending == ENDS for event in first.history)
    assert first.notes == second.notes


def test_what_is_given_ends_what_is_recalled(planner) -> None:
    sheet = over(np.tile(FORM, 4))
    given = np.full(round(float(sheet.beats[-1]) * FRAME_RATE), FREE)
    given[900:1000] = REST
    given[1300:1320] = np.where(np.arange(20) == 0, ONSET, HOLD) + 30
    how = PlanSettings(phrasing=Phrasing(endings=1.0, recalls=1.0))
    recalled = []
    for seed in range(8):
        plan = NotePlan(planner.folded(), sheet, given, settings=how, seed=seed)
        for reached, edge in (("silent_until", 1000), ("kept_until", 1320)):
            while getattr(plan, reached) < edge:
                recalled.append(plan.memory.recall is not None)
                plan._next()
            assert plan.memory.recall is None
    assert any(recalled)


def test_a_continuation_remembers_all_that_was_played(planner) -> None:
    sheet = over(np.tile(FORM, 8))
    known = round(float(sheet.beats[200]) * FRAME_RATE)
    given = np.full(round(float(sheet.beats[-1]) * FRAME_RATE), FREE)
    given[:known] = REST
    starts = np.arange(0, known - 8, 8)
    given[starts], given[starts + 1] = ONSET + 20 + starts % 7, HOLD + 20 + starts % 7
    how = PlanSettings(phrasing=Phrasing(recalls=1.0))
    plan = NotePlan(planner.folded(), sheet, given, known, how)
    assert len(starts) > 256 and len(plan.memory.ticks) == len(starts)
