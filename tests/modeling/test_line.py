"""What the planner counts of its own line: only the past, in any key, and echoes that are there."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.line_saxsolo import (
    CENTRE,
    ECHO_INTERVAL,
    ECHO_STEP,
    END,
    INTERVAL_ORDER,
    LINE_SIZES,
    NO_INTERVAL,
    NO_REGISTER,
    NO_STEP,
    PHRASE_NOTES,
    REGISTER,
    STEP_ORDER,
    WIDEST,
    line_features,
    rest_class,
)
from modeling_saxsolo.note_events_saxsolo import NO_PITCH

moves = st.lists(
    st.tuples(st.sampled_from([3, 4, 6, 12, 30]), st.integers(-3, 3), st.integers(1, 14)),
    min_size=1,
    max_size=60,
)


def events_of_moves(moves, waits: bool = False) -> np.ndarray:
    """Steps, intervals and lengths -> (E, 6); a wait before and, if asked for, between."""
    tick, pitch = 0, 30
    rows = [(0, 96, NO_PITCH, 0, 17, 2)]
    for index, (step, interval, length) in enumerate(moves):
        if waits and index % 5 == 4:
            tick += 96
            rows.append((tick, 96, NO_PITCH, 0, 17, 2))
        tick, pitch = tick + step, int(np.clip(pitch + interval, 3, 56))
        rows.append((tick, step, pitch, length, 8, 2))
    return np.array(rows, dtype=np.int64)


@given(moves, st.integers(1, 60), st.booleans())
@settings(max_examples=60, deadline=None)
def test_features_know_the_past_alone(moves, count, waits) -> None:
    events = events_of_moves(moves, waits)
    whole = line_features(events)
    np.testing.assert_array_equal(line_features(events[:count]), whole[:count])
    assert whole.min(axis=0)[:END].min() >= 0
    assert (whole[:, :END] < np.array(LINE_SIZES)).all()


@given(moves, st.booleans())
@settings(max_examples=40, deadline=None)
def test_features_but_the_register_are_the_same_in_any_key(moves, waits) -> None:
    events = events_of_moves(moves, waits)
    higher = events.copy()
    higher[:, 2] += np.where(events[:, 2] == NO_PITCH, 0, 3)
    one, other = line_features(events), line_features(higher)
    np.testing.assert_array_equal(np.delete(one, CENTRE, 1), np.delete(other, CENTRE, 1))
    known = one[:, CENTRE] != NO_PITCH
    np.testing.assert_array_equal(one[known, CENTRE] + 3, other[known, CENTRE])


@given(moves)
@settings(max_examples=60, deadline=None)
def test_an_echo_follows_the_longest_and_latest_repetition(moves) -> None:
    events = events_of_moves(moves)
    found = line_features(events)[1:]
    ticks, pitches = events[1:, 0], events[1:, 2]
    for columns, sequence in (
        ((ECHO_STEP, STEP_ORDER, NO_STEP), np.diff(ticks).tolist()),
        ((ECHO_INTERVAL, INTERVAL_ORDER, NO_INTERVAL), (np.diff(pitches) + WIDEST).tolist()),
    ):
        echo, order, none = columns
        for note in range(len(ticks)):
            played = sequence[:note]
            best, following = 0, none
            for length in (4, 3, 2):
                places = [
                    end
                    for end in range(length, len(played))
                    if played[end - length : end] == played[len(played) - length :]
                ]
                if places:
                    best, following = length, played[places[-1]]
                    break
            assert (found[note, echo], found[note, order]) == (following, best)


def test_a_phrase_begins_after_a_beat_of_rest() -> None:
    steps = [(0, 0, 5), (6, 2, 5), (6, 2, 5), (18, -1, 5), (6, -1, 5)]
    notes = line_features(events_of_moves(steps))[1:, PHRASE_NOTES]
    assert notes.tolist() == [1, 2, 3, 1, 2]


def test_before_the_first_note_nothing_is_known() -> None:
    row = line_features(events_of_moves([(0, 0, 5)]))[0]
    assert row[REGISTER] == NO_REGISTER and row[CENTRE] == NO_PITCH
    assert rest_class(np.array([0 - row[END]])).tolist() == [6]
    assert rest_class(np.array([-3, 0, 1, 3, 12, 300])).tolist() == [0, 0, 1, 2, 4, 5]
