"""Does the model listen? Held-out loss with the clip's own backing, with another tune's, and none.

For rows made of scores alone, "backing" means the labels (chords and beats) the model is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.vocabulary_saxsolo import UNKNOWN
from saxsolo.corpus.scores.splits import title_key
from saxsolo.corpus.tokens.collate import IGNORE, Collator, Example
from saxsolo.corpus.tokens.score_rows import Row
from saxsolo.intervals import percentile_interval, resamples

CASES = ("own", "other", "none")
_RESAMPLES = 2000


@dataclass
class HeldoutResult:
    """Per clip: losses and accuracies of each case and stream, (clips, cases, streams), NaN where a
    stream has no targets or a case was left out; `label_accuracy` (L,) is that of the label heads
    on the own backing."""

    clips: list[str]
    solos: list[str]
    streams: list[str]
    labels: list[str]
    loss: np.ndarray
    accuracy: np.ndarray
    label_accuracy: np.ndarray

    @property
    def own_loss(self) -> float:
        """Mean held-out loss with the own backing: nats a token, mean over streams."""
        return float(np.nanmean(self.loss[:, 0]))

    def figures(self) -> dict[str, object]:
        """Means for each case, and the gaps to the own backing with 95 % confidence intervals."""
        figures: dict[str, object] = {"clips": len(self.clips), "solos": len(set(self.solos))}
        for place, case in enumerate(CASES):
            if not np.isfinite(self.loss[:, place]).any():
                continue
            figures[f"loss_{case}"] = float(np.nanmean(self.loss[:, place]))
            for stream, name in enumerate(self.streams):
                if np.isfinite(self.loss[:, place, stream]).any():
                    figures[f"loss_{case}_{name}"] = float(np.nanmean(self.loss[:, place, stream]))
                    figures[f"accuracy_{case}_{name}"] = float(
                        np.nanmean(self.accuracy[:, place, stream])
                    )
        for name, value in zip(self.labels, self.label_accuracy.tolist(), strict=True):
            if np.isfinite(value):
                figures[f"accuracy_{name}"] = value
        for place, case in enumerate(CASES[1:], start=1):
            streams: list[tuple[int | None, str]] = [(None, ""), *enumerate(self.streams)]
            for column, name in streams:
                losses = self.loss if column is None else self.loss[..., [column]]
                if not np.isfinite(losses[:, place]).any():
                    continue
                gaps = np.nanmean(losses[:, place], axis=1) - np.nanmean(losses[:, 0], axis=1)
                key = f"gap_{case}_{name}".rstrip("_")
                figures[key] = float(gaps.mean())
                figures[f"{key}_95"] = list(confidence_interval(gaps, self.solos))
        return figures

    def per_clip(self) -> list[dict[str, object]]:
        """One row a clip with its losses in each case that was judged, mean over the streams."""
        judged = [p for p in range(len(CASES)) if np.isfinite(self.loss[:, p]).any()]
        names = [CASES[place] for place in judged]
        means = np.nanmean(self.loss[:, judged], axis=2)
        return [
            {"clip": clip, "solo": solo, **dict(zip(names, row, strict=True))}
            for clip, solo, row in zip(self.clips, self.solos, means.tolist(), strict=True)
        ]


def confidence_interval(
    values: np.ndarray, groups: Sequence[str], seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap (2000 resamples) of the mean, 95 %. Whole groups are drawn: clips of one
    solo are no independent witnesses."""
    names = sorted(set(groups))
    index = {name: place for place, name in enumerate(names)}
    member = np.array([index[group] for group in groups])
    sums = np.bincount(member, weights=values, minlength=len(names))
    sizes = np.bincount(member, minlength=len(names))
    drawn = resamples(len(names), _RESAMPLES, seed)
    return percentile_interval(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))


def stream_names(config: SaxsoloConfig) -> list[str]:
    """`score` (if there is one), then `codebook_1` .. `codebook_K`."""
    books = [f"codebook_{book + 1}" for book in range(config.num_codebooks)]
    return ["score", *books] if config.score_vocab_size else books


def choose_clips(rows: Sequence[Row], count: int) -> list[Row]:
    """`count` rows (0 = all) evenly spaced through the corpus, so through its performers."""
    rows = sorted(rows, key=lambda row: (row["performer"], row["id"]))
    if not 0 < count < len(rows):
        return rows
    return [rows[place] for place in np.linspace(0, len(rows) - 1, count).round().astype(int)]


def partners(rows: Sequence[Row], seed: int = 0) -> list[int] | None:
    """For each row the index of a random row of another tune (by title); None where all rows are of
    one tune."""
    rng = np.random.default_rng(seed)
    titles = np.array([title_key(str(row["title"])) for row in rows])
    chosen = []
    for title in titles:
        others = np.flatnonzero(titles != title)
        if not len(others):
            return None
        chosen.append(int(rng.choice(others)))
    return chosen


@torch.no_grad()
def evaluate_heldout(
    model: Any,
    rows: Sequence[Row],
    window_frames: int | None = None,
    batch_size: int = 4,
    autocast: torch.dtype | None = None,
) -> HeldoutResult:
    """Losses of a solo model on the first window of each row, in every case; without another tune's
    backing where all rows are of one tune.

    Args:
        model: a `SaxsoloForConditionalGeneration`.
        rows: all with audio or all without.
    """
    config = model.config
    collator = Collator(config, window_frames, 0.0, 0.0, 0.0, articulation_dropout=0.0)
    rows = [_first_window(row, collator.window_frames) for row in rows]
    rng = np.random.default_rng(0)
    own = [collator.prepare(row, rng) for row in rows]
    found = partners(rows)
    other = [_with_backing(own[i], own[j]) for i, j in enumerate(found or ())]
    none = [
        replace(
            example,
            heard=np.zeros_like(example.heard),
            given=np.full_like(example.given, UNKNOWN),
        )
        for example in own
    ]
    names = stream_names(config)
    loss = np.full((len(rows), len(CASES), len(names)), np.nan)
    accuracy = np.full_like(loss, np.nan)
    heads, weight = np.zeros(len(config.frame_labels)), np.zeros(len(config.frame_labels))
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    for place, examples in enumerate((own, other, none)):
        for first in range(0, len(examples), batch_size):
            chunk = examples[first : first + batch_size]
            batch = {name: value.to(device) for name, value in collator.stack(chunk).items()}
            with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
                output = model(**batch, output_logits=True)
            span = slice(first, first + len(chunk))
            loss[span, place], accuracy[span, place] = _per_row(output.logits, batch, config)
            if place == 0 and output.frame_label_accuracy is not None:
                accuracy_of_labels = output.frame_label_accuracy.float().cpu().numpy()
                known = np.isfinite(accuracy_of_labels)
                heads[known] += accuracy_of_labels[known] * len(chunk)
                weight[known] += len(chunk)
    model.train(was_training)
    return HeldoutResult(
        clips=[str(row["id"]) for row in rows],
        solos=[str(row["pair_id"]) for row in rows],
        streams=names,
        labels=list(config.frame_labels),
        loss=loss,
        accuracy=accuracy,
        label_accuracy=np.where(weight > 0, heads / np.maximum(weight, 1), np.nan),
    )


def _first_window(row: Row, frames: int) -> Row:
    arrays = ("score", "frame_labels", "backing_codes", "solo_codes", "heard", "articulation")
    present = [name for name in arrays if row.get(name) is not None]
    return {**row, **{name: row[name][:frames] for name in present}}


def _with_backing(example: Example, other: Example) -> Example:
    """The example over the other's backing and labels, cut or padded to its own length."""
    frames = len(example.heard)

    def fit(array: np.ndarray, value: int) -> np.ndarray:
        array = array[..., :frames]
        room = [(0, 0)] * (array.ndim - 1) + [(0, frames - array.shape[-1])]
        return np.pad(array, room, constant_values=value)

    return replace(
        example,
        backing=fit(other.backing, 0),
        heard=fit(other.heard, 0),
        given=fit(other.given, UNKNOWN),
        posteriors=None if other.posteriors is None else fit(other.posteriors, 0),
    )


def _per_row(
    logits: torch.Tensor, batch: dict[str, torch.Tensor], config: SaxsoloConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Loss and accuracy of each row and stream, both (B, N), NaN without targets."""
    labels = batch["labels"]
    logits = logits.view(*labels.shape, -1)
    loss = np.full(labels.shape[:2], np.nan)
    accuracy = np.full(labels.shape[:2], np.nan)
    for stream, size in enumerate(config.stream_sizes):
        for row in range(len(labels)):
            target = labels[row, stream]
            rows = target != IGNORE
            if rows.any():
                scores = logits[row, stream, rows, :size].float()
                loss[row, stream] = F.cross_entropy(scores, target[rows]).item()
                hits = scores.argmax(-1) == target[rows]
                accuracy[row, stream] = hits.float().mean().item()
    return loss, accuracy
