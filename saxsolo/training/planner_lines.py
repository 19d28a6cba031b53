"""What is counted of many lines at once: `line_features` of their last events, note after note.

N lines. The last notes of each are kept, right-aligned.
"""

from __future__ import annotations

import numpy as np

from modeling_saxsolo.line_saxsolo import (
    BACK,
    CENTRE,
    ECHO_INTERVAL,
    ECHO_STEP,
    EDGES,
    END,
    INTERVAL_ORDER,
    LATELY,
    NO_INTERVAL,
    NO_REGISTER,
    NO_STEP,
    ORDERS,
    PHRASE_BEATS,
    PHRASE_NOTES,
    RECENT,
    REGISTER,
    SOUNDING,
    STEP_ORDER,
    WIDEST,
    line_features,
)
from modeling_saxsolo.note_events_saxsolo import LONGEST_STEP, NO_PITCH, TICKS, event_rows, wait
from modeling_saxsolo.phrasing_saxsolo import Phrasing

# notes that the features of a line look back at, as in `NotePlan`
_KEPT = 129
_LONG_AGO = -(2**21)


class LastNotes:
    """The last notes of each line, right-aligned, and the features of the last event."""

    def __init__(self, lines: int):
        self.tick = np.full((lines, _KEPT), _LONG_AGO, dtype=np.int64)
        self.end = np.full((lines, _KEPT), _LONG_AGO, dtype=np.int64)
        self.pitch = np.zeros((lines, _KEPT), dtype=np.int64)
        self.count = np.zeros(lines, dtype=np.int64)
        empty = line_features(event_rows([wait(0)]))[0]
        self.features = np.tile(empty, (lines, 1))

    def keep(self, chosen: np.ndarray) -> None:
        for name in ("tick", "end", "pitch", "count", "features"):
            setattr(self, name, getattr(self, name)[chosen])

    def hear(self, events: np.ndarray) -> None:
        """(N, 6) an event more for each line; a wait keeps the features of the note before."""
        tick, pitch = events[:, 0], events[:, 2]
        played, end = pitch != NO_PITCH, tick + events[:, 3]
        for values, new in ((self.tick, tick), (self.end, end), (self.pitch, pitch)):
            values[played] = np.concatenate([values[played, 1:], new[played, None]], axis=1)
        self.count[played] += 1
        rows = np.flatnonzero(played)
        if len(rows):
            self.features[rows] = _last_features(
                self.tick[rows], self.end[rows], self.pitch[rows], self.count[rows]
            )

    def leans(self, phrasing: Phrasing) -> np.ndarray:
        """(N, 60) leans of pitches after the last notes."""
        played = zip(self.pitch, np.minimum(self.count, _KEPT).tolist(), strict=True)
        return np.stack([phrasing.pitches(row[_KEPT - count :]) for row, count in played])


def _last_features(
    tick: np.ndarray, end: np.ndarray, pitch: np.ndarray, count: np.ndarray
) -> np.ndarray:
    """`line_features` of the last note of each row (N, `_KEPT`), right-aligned."""
    lines, size = tick.shape
    index = np.arange(size)
    real = index >= size - np.minimum(count, size)[:, None]
    first = size - np.minimum(count, size)
    rows = np.zeros((lines, END + 1), dtype=np.int64)
    begins = np.zeros((lines, size), bool)
    begins[:, 1:] = (tick[:, 1:] - end[:, :-1] >= TICKS) & real[:, :-1]
    start = np.maximum(np.where(begins, index, 0).max(axis=1), first)
    now = tick[:, -1]
    rows[:, PHRASE_NOTES] = 1 + np.searchsorted(EDGES, size - start)
    begun = (now - tick[np.arange(lines), start]) // TICKS
    rows[:, PHRASE_BEATS] = 1 + np.searchsorted(EDGES, begun)
    rows[:, RECENT] = np.minimum((real & (tick > now[:, None] - 2 * TICKS)).sum(axis=1), 9)
    lately = (real & (tick > now[:, None] - 8 * TICKS)).sum(axis=1)
    rows[:, LATELY] = np.minimum(lately // 2, 13)
    some = np.minimum(count, SOUNDING)
    total = np.where(real, pitch, 0)[:, -SOUNDING:].sum(axis=1)
    centre = (2 * total // some + 1) // 2
    rows[:, CENTRE] = centre
    rows[:, REGISTER] = np.clip((pitch[:, -1] - centre + 16) // 2, 0, NO_REGISTER - 1)
    moved = real[:, 1:] & real[:, :-1]
    steps = np.where(moved, np.minimum(np.diff(tick, axis=1), LONGEST_STEP + 1), -1)
    rows[:, ECHO_STEP], rows[:, STEP_ORDER] = _last_echo(steps, count, NO_STEP)
    intervals = np.where(moved, np.clip(np.diff(pitch, axis=1), -WIDEST, WIDEST) + WIDEST, -1)
    rows[:, ECHO_INTERVAL], rows[:, INTERVAL_ORDER] = _last_echo(intervals, count, NO_INTERVAL)
    rows[:, END] = end[:, -1]
    return rows


def _last_echo(moves: np.ndarray, count: np.ndarray, none: int) -> tuple[np.ndarray, np.ndarray]:
    """The echo of the last of each row's moves (N, M), -1 where there is none."""
    lines, size = moves.shape
    agreed = np.zeros((lines, size), dtype=np.int64)
    same = np.ones((lines, size), bool)
    for back in range(ORDERS - 1):
        last = moves[:, size - 1 - back]
        before = np.full((lines, size), -1)
        before[:, back:] = moves[:, : size - back]
        same &= (before == last[:, None]) & (before >= 0)
        agreed += same
    agreed[:, -1] = 0
    agreed[:, : size - 1 - BACK] = 0
    best = size - 1 - agreed[:, ::-1].argmax(axis=1)
    order = agreed[np.arange(lines), best]
    found = (order >= 2) & (count >= 4)
    following = moves[np.arange(lines), np.minimum(best + 1, size - 1)]
    return np.where(found, following, none), np.where(found, order, 0)
