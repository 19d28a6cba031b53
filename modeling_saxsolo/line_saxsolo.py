"""What the planner knows of its own line: phrase, register, density, and what came next before.

Each feature of an event is counted from the notes up to it, in ticks (twelfths of a beat): an
attention of four layers would have to learn to count, from a few hundred solos. An echo says what
followed when the line last moved as it moves now; a motif comes back by following it. NumPy alone.
"""

from __future__ import annotations

import numpy as np

from .note_events_saxsolo import LONGEST_STEP, NO_PITCH, STEPS, TICKS

WIDEST = 24  # semitones of the widest interval that is told apart
NO_INTERVAL = 2 * WIDEST + 1
NO_STEP = STEPS
ORDERS = 5  # steps or intervals in a row that an echo rests on, 0 = none, to 4
#: columns
PHRASE_NOTES, PHRASE_BEATS, RECENT, LATELY, REGISTER, CENTRE, ECHO_STEP, STEP_ORDER = range(8)
ECHO_INTERVAL, INTERVAL_ORDER, END = range(8, 11)
#: vocabularies of all columns but `END`, which is a tick
LINE_SIZES = [13, 13, 10, 14, 18, NO_PITCH + 1, NO_STEP + 1, ORDERS, NO_INTERVAL + 1, ORDERS]
NO_REGISTER = 17
NO_END = -(2**20)
RESTS = 7  # classes of the rest before a note

SOUNDING = 24  # notes whose middle is the register
BACK = 96  # notes that an echo looks back
#: upper edges of the classes of the notes and beats of a phrase, and of rests in ticks
EDGES = np.array([1, 2, 3, 4, 6, 8, 11, 15, 20, 28, 40])
_REST_EDGES = np.array([1, 3, 6, 12, 24])


def line_features(events: np.ndarray, last: int | None = None) -> np.ndarray:
    """(E, 5 or more) events, sorted by tick -> (E, 11) int64; a wait has those of the note before.
    `last`: only of so many events at the end.

    Columns: class of the notes and of the beats since the last rest of a beat or more; notes in the
    last 2 beats and, by twos, in the last 8; the pitch against the middle of the last 24, by whole
    tones; that middle; the step that followed the last time, and the steps in a row that agree; the
    same of intervals; the tick in which the last note ends.
    """
    tick, pitch, length = events[:, 0], events[:, 2], events[:, 3]
    sounding = np.flatnonzero(pitch != NO_PITCH)
    asked = np.arange(0 if last is None else len(events) - last, len(events))
    told = np.searchsorted(sounding, asked, side="right")
    # moves that led to the notes that are asked for
    since = max(0, int(told[0]) - 2) if len(told) else 0
    empty = [0, 0, 0, 0, NO_REGISTER, NO_PITCH, NO_STEP, 0, NO_INTERVAL, 0, NO_END]
    rows = np.tile(np.array(empty, dtype=np.int64), (len(sounding) + 1, 1))
    if len(sounding):
        tick, pitch, length = tick[sounding], pitch[sounding], length[sounding]
        index, ends = np.arange(len(tick)), tick + length
        begins = np.append(True, tick[1:] - ends[:-1] >= TICKS)
        first = np.maximum.accumulate(np.where(begins, index, 0))
        rows[1:, PHRASE_NOTES] = 1 + np.searchsorted(EDGES, index - first + 1)
        rows[1:, PHRASE_BEATS] = 1 + np.searchsorted(EDGES, (tick - tick[first]) // TICKS)
        rows[1:, RECENT] = np.minimum(_notes_since(tick, 2 * TICKS), 9)
        rows[1:, LATELY] = np.minimum(_notes_since(tick, 8 * TICKS) // 2, 13)
        centre = _middle(pitch)
        rows[1:, REGISTER] = np.clip((pitch - centre + 16) // 2, 0, NO_REGISTER - 1)
        rows[1:, CENTRE] = centre
        steps = np.minimum(np.diff(tick), LONGEST_STEP + 1)
        rows[1:, ECHO_STEP], rows[1:, STEP_ORDER] = _echo(steps, NO_STEP, since)
        intervals = np.clip(np.diff(pitch), -WIDEST, WIDEST) + WIDEST
        rows[1:, ECHO_INTERVAL], rows[1:, INTERVAL_ORDER] = _echo(intervals, NO_INTERVAL, since)
        rows[1:, END] = ends
    return rows[told]


def rest_class(ticks: np.ndarray) -> np.ndarray:
    """Ticks between the end of a note and the next one -> 0 (none) to 5 (two beats and more), 6
    before the first note."""
    return np.where(ticks > 2**19, RESTS - 1, np.searchsorted(_REST_EDGES, ticks, side="right"))


def _notes_since(tick: np.ndarray, ticks: int) -> np.ndarray:
    sorted_ticks = np.maximum.accumulate(tick)
    before = np.searchsorted(sorted_ticks, sorted_ticks - ticks, side="right")
    return np.asarray(np.arange(1, len(tick) + 1) - before)


def _middle(pitch: np.ndarray) -> np.ndarray:
    """(N,) mean of the last 24 pitches, rounded."""
    total = np.concatenate([[0], np.cumsum(pitch)])
    last = np.arange(1, len(pitch) + 1)
    first = np.maximum(0, last - SOUNDING)
    return np.asarray((2 * (total[last] - total[first]) // (last - first) + 1) // 2)


def _echo(moves: np.ndarray, none: int, since: int) -> tuple[np.ndarray, np.ndarray]:
    """(N - 1,) moves between N notes -> for each note the move that followed the last time that as
    many moves as possible agreed with those that led to it, and how many did; at least two. Told of
    the notes after the moves from `since` on."""
    count = len(moves) + 1
    echoes, orders = np.full(count, none), np.zeros(count, dtype=np.int64)
    if count < 4 or since >= len(moves):
        return echoes, orders
    index, here = np.arange(len(moves)), np.arange(since, len(moves))
    back = here[:, None] - index
    # agreed[i, j]: moves up to i that agree with those up to j, which lie before them
    same = (back > 0) & (back <= BACK)
    agreed = np.zeros(same.shape, dtype=np.int64)
    for earlier in range(ORDERS - 1):
        same[:, :earlier] = False
        same[:, earlier:] &= moves[here - earlier, None] == moves[: len(moves) - earlier]
        agreed += same
    # of those that agree most, the last
    best = len(moves) - 1 - agreed[:, ::-1].argmax(axis=1)
    most = agreed[here - since, best]
    found = most >= 2
    echoes[1 + here[found]] = moves[best[found] + 1]
    orders[1 + here[found]] = most[found]
    return echoes, orders
