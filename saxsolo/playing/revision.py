"""A stretch of an earlier solo that is played anew, and the solo around it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from modeling_saxsolo.vocabulary_saxsolo import UNKNOWN_ARTICULATION
from saxsolo.errors import SettingError


@dataclass(frozen=True)
class Revision:
    """An earlier solo over the same backing, of which a stretch is played anew.

    What comes before the stretch is the earlier solo, sample for sample. What comes after it is the
    earlier solo's codes again, decoded on from the new ones: the codec joins them without a cut.
    The notes are the same there, the samples are not: the decoder's oscillator keeps its phase.

    Attributes:
        codes: (N, T) of the earlier solo, all streams.
        start: first frame that is played anew, 50 frames a second.
        stop: first frame of the earlier solo again; None plays on to the end.
        articulation: (T,) of the earlier solo, as its take has it.
    """

    codes: np.ndarray
    start: int
    stop: int | None = None
    articulation: np.ndarray | None = None

    def __post_init__(self) -> None:
        frames = self.codes.shape[-1]
        stop = frames if self.stop is None else self.stop
        if not 0 <= self.start < stop <= frames:
            raise SettingError(
                f"frames {self.start} to {stop} are not a stretch of a solo of {frames} frames"
            )

    def articulation_of(self, masks: np.ndarray) -> np.ndarray:
        """Masks (T,) of the new solo with the earlier solo's around the stretch."""
        whole = np.full(len(masks), UNKNOWN_ARTICULATION, np.int16)
        if self.articulation is not None:
            common = min(len(masks), len(self.articulation))
            whole[:common] = self.articulation[:common]
        whole[self.start : self.stop] = masks[self.start : self.stop]
        return whole


def revised(new: Generator[torch.Tensor, None, None], revision: Revision) -> Iterator[torch.Tensor]:
    """The earlier solo with the stretch in `new` (1, N, t) put into its place."""
    old = torch.from_numpy(revision.codes.astype(np.int64))[None]
    if revision.start:
        yield old[..., : revision.start]
    left = None if revision.stop is None else revision.stop - revision.start
    for frames in new:
        if left is not None:
            frames = frames[..., :left]
            left -= frames.shape[-1]
        yield frames
        if left == 0:
            # nobody needs the rest: this ends the model's thread too
            new.close()
            yield old[..., revision.stop :]
            return


def in_blocks(parts: Iterator[torch.Tensor], size: int) -> Iterator[torch.Tensor]:
    """The same frames in blocks of `size`: the codec's bits depend on the size of its blocks."""
    held = None
    for part in parts:
        held = part if held is None else torch.cat([held, part], dim=-1)
        while held.shape[-1] >= size:
            yield held[..., :size]
            held = held[..., size:]
    if held is not None and held.shape[-1]:
        yield held
