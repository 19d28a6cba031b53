"""Draws the batches of a run.

Every row of every step follows from (seed, step, place in the batch) alone, so a resumed run sees
what an uninterrupted one would have seen, on any number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from saxsolo.corpus.tokens.collate import Collator, Example
from saxsolo.corpus.tokens.score_rows import Row

from .errors import SettingsError

_SOURCE = 1_000_003  # keeps the draw of a step's source apart from those of its rows


class Batches:
    """Random windows of rows kept in memory; longer rows are drawn more often.

    Args:
        audio: rows of the token corpus, may be empty. scores: rows without audio, may be empty.
        rows_per_step: over all processes and accumulated parts.
        score_fraction: share of the steps that use `scores`, where both are given. A step keeps to
            one of the two, since what scores lack (encoder, codebooks) then costs nothing.
    """

    def __init__(
        self,
        audio: Sequence[Row],
        scores: Sequence[Row],
        collator: Collator,
        rows_per_step: int,
        score_fraction: float,
        seed: int,
    ):
        if not audio and not scores:
            raise SettingsError("no rows to train on: give a token corpus, scores or both")
        self.sources = [rows for rows in (audio, scores) if rows]
        self.collator = collator
        self.rows_per_step = rows_per_step
        self.score_fraction = score_fraction
        self.seed = seed
        self._ends = [np.cumsum([len(row["score"]) for row in rows]) for rows in self.sources]

    def part(self, step: int, part: int, parts: int) -> dict[str, torch.Tensor]:
        """Part `part` of the `parts` equal ones of a step's batch."""
        size = self.rows_per_step // parts
        places = range(part * size, (part + 1) * size)
        return self.collator.stack([self.example(step, place) for place in places])

    def example(self, step: int, place: int) -> Example:
        """The window at `place` of the step's batch."""
        source = 0
        if len(self.sources) == 2:
            chance = np.random.default_rng([self.seed, step, _SOURCE]).random()
            source = int(chance < self.score_fraction)
        rng = np.random.default_rng([self.seed, step, place])
        ends = self._ends[source]
        row = int(np.searchsorted(ends, rng.integers(ends[-1]), side="right"))
        return self.collator.prepare(self.sources[source][row], rng)


class _Steps(Dataset[list[dict[str, torch.Tensor]]]):
    def __init__(self, batches: Batches, mine: Sequence[int], parts: int):
        self.batches, self.mine, self.parts = batches, mine, parts

    def __getitem__(self, step: int) -> list[dict[str, torch.Tensor]]:
        return [self.batches.part(step, part, self.parts) for part in self.mine]


def drawn_ahead(
    batches: Batches, steps: range, mine: Sequence[int], parts: int, workers: int
) -> Iterator[list[dict[str, torch.Tensor]]]:
    """The parts `mine` of the batches of `steps`, in their order, drawn by `workers` other
    processes while the steps before are taken."""
    loader = DataLoader(
        _Steps(batches, mine, parts),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        prefetch_factor=4,
    )
    return iter(loader)
