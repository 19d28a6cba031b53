"""All that the ear learns from on one device, and crops of it drawn there.

A GPU would wait for crops that a processor cuts, so there the whole corpus lies in
its memory: sixteen hours are 0.9 GB in half precision.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from modeling_saxsolo.ear_saxsolo import FRAMES_PER_TOKEN
from modeling_saxsolo.ear_spectrum_saxsolo import (
    BASS_BINS,
    HARMONY_BINS,
    RHYTHM_BANDS,
    RHYTHM_COLUMNS,
)

from .ear_data import LABELS, UNKNOWN, Batch, Item, Stretch, choose_crops

_PITCHED = HARMONY_BINS + BASS_BINS
_BEAT = LABELS.index("beat")


class EarCorpus:
    """Items one after the other on a device.

    Args:
        items: see `load_items`. device: where they are copied to.
    """

    def __init__(self, items: list[Item], device: torch.device):
        self.lengths = np.array([len(item.features) for item in items])
        self.tempi = np.array([item.tempo for item in items])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.device = device
        total = int(self.lengths.sum())
        self.pitched = torch.empty(total, _PITCHED, dtype=torch.float16, device=device)
        columns = total * RHYTHM_COLUMNS
        self.rhythm = torch.empty(columns, RHYTHM_BANDS, dtype=torch.float16, device=device)
        frames = total * FRAMES_PER_TOKEN
        self.labels = torch.empty(frames, len(LABELS), dtype=torch.int16, device=device)
        for item, start, length in zip(items, self.starts, self.lengths, strict=True):
            features = torch.from_numpy(np.array(item.features)).to(device)
            self.pitched[start : start + length] = features[:, :_PITCHED]
            rows = slice(start * RHYTHM_COLUMNS, (start + length) * RHYTHM_COLUMNS)
            self.rhythm[rows] = features[:, _PITCHED:].reshape(-1, RHYTHM_BANDS)
            rows = slice(start * FRAMES_PER_TOKEN, (start + length) * FRAMES_PER_TOKEN)
            self.labels[rows] = torch.from_numpy(np.array(item.labels)).to(device)

    def draw(
        self, size: int, tokens: int, rng: np.random.Generator, stretch: Stretch | None = None
    ) -> Batch:
        """What `draw_batch` draws with the same generator."""
        stretch = stretch or Stretch()
        faster = stretch.limits(self.tempi)
        crops = choose_crops(self.lengths, size, tokens, rng, stretch.slower, faster)
        return self.crops(*crops, tokens)

    def crops(
        self, chosen: np.ndarray, starts: np.ndarray, lengths: np.ndarray, tokens: int
    ) -> Batch:
        """Crops (B,) of items, each `lengths` long, played in `tokens` tokens."""
        # few numbers are handed over: a large copy would wait for all that is being computed
        firsts = self.starts[chosen] + starts
        first, left, length = (
            torch.from_numpy(values).to(self.device)[:, None]
            for values in (firsts, self.lengths[chosen] - starts, lengths)
        )
        pitched = self._resampled(self.pitched, first, left, length, tokens)
        harmony, bass = pitched.split([HARMONY_BINS, BASS_BINS], dim=-1)
        rate = RHYTHM_COLUMNS
        rhythm = self._resampled(
            self.rhythm, rate * first, rate * left, rate * length, rate * tokens
        )
        rate = FRAMES_PER_TOKEN
        longest = rate * int(lengths.max())
        labels = self._moved_labels(
            rate * first, rate * left, rate * length, rate * tokens, longest
        )
        return Batch(harmony, bass, rhythm, labels)

    def _resampled(
        self, rows: Tensor, first: Tensor, left: Tensor, length: Tensor, count: int
    ) -> Tensor:
        """(B, count, N) float32 out of `length` rows from `first` on, silent after `left`."""
        at = (self._middles(count) * length / count - 0.5).clamp(min=0).minimum(length - 1)
        low = at.long()
        part = (at - low).float()[..., None]
        near = []
        for place in (low, (low + 1).minimum(length - 1)):
            inside = (place < left).float()[..., None]
            near.append(rows[(first + place).clamp(max=len(rows) - 1)].float() * inside)
        return (1 - part) * near[0] + part * near[1]

    def _moved_labels(
        self, first: Tensor, left: Tensor, length: Tensor, count: int, longest: int
    ) -> Tensor:
        """(B, count, 7) int64; each beat keeps a frame of its own."""
        factor = length.double() / count
        nearest = (self._middles(count) * factor).long().minimum(length - 1)
        moved = self._labels_at(first, left, nearest)
        source = torch.arange(longest, device=self.device)[None]
        beats = self._labels_at(first, left, source)[..., _BEAT].clamp(min=0)
        target = (self._middles(longest) / factor).long().clamp(max=count - 1)
        # what lies beyond the crop falls into one frame more
        target = torch.where(source < length, target, count)
        kept = torch.zeros(len(first), count + 1, dtype=torch.long, device=self.device)
        kept = kept.scatter_reduce(1, target, beats, "amax")[:, :count]
        unknown = (moved[..., _BEAT] == UNKNOWN) & (kept == 0)
        moved[..., _BEAT] = kept.masked_fill(unknown, UNKNOWN)
        return moved

    def _labels_at(self, first: Tensor, left: Tensor, places: Tensor) -> Tensor:
        """Labels of frames (B, F) counted from a crop's beginning, unknown after an item's end."""
        found = self.labels[(first + places).clamp(max=len(self.labels) - 1)].long()
        return found.masked_fill((places >= left)[..., None], UNKNOWN)

    def _middles(self, count: int) -> Tensor:
        """(1, count) float64 0.5, 1.5, ..."""
        return torch.arange(count, dtype=torch.float64, device=self.device)[None] + 0.5
