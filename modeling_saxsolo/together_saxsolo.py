"""Solos of several threads, decoded step by step in one batch.

Every weight is read once for all solos that wait for it. Each thread hands over the rows that it
wants played and waits; whichever thread comes first leads: it takes one step of all rows after
another, until its own are over, and another thread takes the lead. Rows join and leave between
steps. What a row plays does not depend on the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .played_row_saxsolo import Array, PlayedRow

OnStep = Callable[[Array], None]


class _Group:
    """Rows of one call, which go side by side."""

    def __init__(self, rows: Sequence[PlayedRow], join: Callable[[int], Any], on_step: OnStep):
        self.rows, self.join, self.on_step = list(rows), join, on_step
        self.windows: list[Any] = []
        self.reported = 0
        self.error: BaseException | None = None

    @property
    def over(self) -> bool:
        """Whether its thread can go on."""
        return self.error is not None or all(row.over for row in self.rows)

    def report(self) -> None:
        """Hands on the steps that all rows have decided."""
        decided = min(row.step for row in self.rows)
        for step in range(self.reported, decided):
            self.on_step(np.stack([row.played[:, step] for row in self.rows]))
        self.reported = decided


class Together:
    """Plays rows through the layers of one model.

    Args:
        layers: `CompiledLayers` or `FoldedLayers`.
    """

    def __init__(self, layers: Any):
        self.layers = layers
        self._condition = threading.Condition()
        self._groups: list[_Group] = []
        self._led = False
        # threads that want the layers to themselves
        self._waiting = 0

    def play(self, rows: Sequence[PlayedRow], join: Callable[[int], Any], on_step: OnStep) -> None:
        """Returns when all rows are over.

        Args:
            rows: of one call.
            join: gives the window of a row by its number; see `CompiledLayers.join`.
            on_step: called with the tokens (R, N) of each step, in order, from any thread.
        """
        group = _Group(rows, join, on_step)
        group.report()
        with self._condition:
            self._groups.append(group)
            try:
                while not group.over:
                    self._lead_or_wait()
            finally:
                self._groups.remove(group)
                self._condition.notify_all()
        if group.error is not None:
            raise group.error

    def between_steps(self, act: Callable[[], None]) -> None:
        """Calls what uses the layers while nobody else does."""
        with self._condition:
            self._waiting += 1
            try:
                while self._led:
                    self._condition.wait()
                act()
            finally:
                self._waiting -= 1
                self._condition.notify_all()

    def _lead_or_wait(self) -> None:
        """With the lock held, which is given up meanwhile: a step of all, or another thread's."""
        if self._led or self._waiting:
            self._condition.wait()
            return
        self._led = True
        groups = [group for group in self._groups if not group.over]
        self._condition.release()
        try:
            self._step(groups)
        finally:
            self._condition.acquire()
            self._led = False
            if self._waiting or any(group.over for group in groups):
                self._condition.notify_all()

    def _step(self, groups: Sequence[_Group]) -> None:
        """One step of all rows; what goes wrong in a group alone is raised in its thread."""
        for group in groups:
            self._guarded(group, self._joined)
        going = [group for group in groups if not group.over]
        pairs = [pair for group in going for pair in zip(group.rows, group.windows, strict=True)]
        parts, waiting = [], []
        for row, window in pairs:
            states = None if row.over else row.waiting()
            if states is not None:
                parts.append((window, *states))
                waiting.append(row)
        if parts:
            logits, leaning = self.layers.choices(self.layers.through(parts))
            for number, row in enumerate(waiting):
                row.take(logits[number], None if leaning is None else leaning[number])
        for group in going:
            self._guarded(group, _decide)
        for group in groups:
            while group.over and group.windows:
                self.layers.leave(group.windows.pop())

    def _joined(self, group: _Group) -> None:
        while len(group.windows) < len(group.rows):
            group.windows.append(group.join(len(group.windows)))

    def _guarded(self, group: _Group, act: Callable[[_Group], None]) -> None:
        try:
            act(group)
        except BaseException as error:
            group.error = error


def _decide(group: _Group) -> None:
    for row in group.rows:
        if not row.over:
            row.decide()
    group.report()
