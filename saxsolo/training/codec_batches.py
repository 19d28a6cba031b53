"""Batches of the codec's lessons, drawn in the training's process or in others beside it."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from .codec_settings import CodecTraining

#: audio (B, 1, n), pitch (B, P), which are solos (B,), chord root and quality (B, T, 2)
CodecBatch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class Lessons(Protocol):
    """What batches are drawn from."""

    def batch(
        self, rng: np.random.Generator, config: CodecTraining, samples: int
    ) -> CodecBatch: ...


def drawn_batches(
    lessons: Lessons,
    rng: np.random.Generator,
    config: CodecTraining,
    samples: int,
    step: int = 0,
) -> Iterator[CodecBatch]:
    """Batches without end.

    Args:
        rng: that draws them; with `config.loader_workers` each worker has its own, made of the
            seed, the worker and `step`, so that a resumed run does not hear the same again.
        samples: of each stretch.
        step: of the run that goes on.
    """
    if not config.loader_workers:
        return _endless(lessons, rng, config, samples)
    loader = DataLoader(
        _Drawn(lessons, config, samples, step),
        batch_size=None,
        num_workers=config.loader_workers,
        prefetch_factor=4,
    )
    return iter(loader)


def _endless(
    lessons: Lessons, rng: np.random.Generator, config: CodecTraining, samples: int
) -> Iterator[CodecBatch]:
    while True:
        yield lessons.batch(rng, config, samples)


class _Drawn(IterableDataset[CodecBatch]):
    def __init__(self, lessons: Lessons, config: CodecTraining, samples: int, step: int):
        self.lessons, self.config, self.samples, self.step = lessons, config, samples, step

    def __iter__(self) -> Iterator[CodecBatch]:
        worker = get_worker_info()
        number = 0 if worker is None else worker.id
        torch.set_num_threads(1)
        rng = np.random.default_rng([self.config.seed, number, self.step])
        return _endless(self.lessons, rng, self.config, self.samples)
