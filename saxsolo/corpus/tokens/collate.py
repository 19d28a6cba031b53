"""Token rows to batches of the solo model: crop, transpose, drop, delay, pad.

B rows, K codebooks, N streams (the score first, if the model has it), T frames, S decoder steps,
L frame labels, C conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.delay_saxsolo import apply_delay
from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES, UNKNOWN, UNKNOWN_ARTICULATION
from saxsolo.music.frame_labels import transpose_labels, transpose_tokens
from saxsolo.music.score import tempo_class

from .score_rows import Row

IGNORE = -100
NOT_GIVEN = -1
_LOWEST_SHIFT, _HIGHEST_SHIFT = -6, 5


class CollateError(ValueError):
    """A row that does not fit the model."""


@dataclass
class Example:
    """One window of one row, before padding: arrays over its T frames."""

    backing: np.ndarray  # (K, T) codes
    heard: np.ndarray  # (T,) 1 = the model hears this frame
    streams: np.ndarray  # (N, T) targets, -100 = none
    labels: np.ndarray  # (L, T) targets of the label heads
    given: np.ndarray  # (L, T) labels given to the model, -100 = not given
    conditions: np.ndarray  # (C,) index of the value, -1 = not given
    posteriors: np.ndarray | None = None  # (sum of classes, T) what the ear hears, 0 to 1
    articulation: np.ndarray | None = None  # (T,) masks, -1 = not told


class Collator:
    """Makes batches out of rows: of a token corpus of pairs or of solos, or of scores alone.

    A row of audio codes loses its backing with probability `backing_dropout` (what guidance needs)
    and is told its true labels with probability `label_inputs`. A row made of a score alone has no
    backing: it is always told its labels, except with probability `backing_dropout`. Each condition
    is dropped with probability `condition_dropout`, and all of them in half of the rows that have
    lost their backing. A model that is told how notes are played is not told with probability
    `articulation_dropout`.

    Args:
        config: of the model; names the labels, conditions, streams and delays.
        window_frames: frames of a batch; a longer row is cropped at a random place.
        transpose: move rows of scores by -6..5 semitones.
        seed: of the collator's own generator, which `rng` in a call replaces.

    Raises:
        CollateError: when the model lacks the score stream or knows other labels than the corpus.
    """

    def __init__(
        self,
        config: SaxsoloConfig,
        window_frames: int | None = None,
        backing_dropout: float = 0.12,
        condition_dropout: float = 0.15,
        label_inputs: float = 0.5,
        transpose: bool = False,
        seed: int = 0,
        articulation_dropout: float = 0.2,
    ):
        self.config = config
        self.window_frames = window_frames or config.window_frames
        self.backing_dropout = backing_dropout
        self.condition_dropout = condition_dropout
        self.label_inputs = label_inputs
        self.transpose = transpose
        self.articulation_dropout = articulation_dropout
        self._rng = np.random.default_rng(seed)
        names = list(LABEL_SIZES)
        wanted = config.frame_labels or {}
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise CollateError(f"frame labels {unknown} are not in the corpus, which has {names}")
        self._label_columns = [names.index(name) for name in wanted]

    def __call__(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """A batch of `stack`, each row prepared with the collator's own generator."""
        return self.stack([self.prepare(row, self._rng) for row in rows])

    def prepare(self, row: Row, rng: np.random.Generator) -> Example:
        """Crops a row to the window and drops and transposes what chance wants."""
        config = self.config
        frames = len(row["score"])
        start = int(rng.integers(0, max(0, frames - self.window_frames) + 1))
        span = slice(start, start + self.window_frames)
        tokens, labels = np.asarray(row["score"])[span], np.asarray(row["frame_labels"])[span]
        silent = row["backing_codes"] is None
        bare = row["solo_codes"] is None
        if bare and self.transpose:
            shift = int(rng.integers(_LOWEST_SHIFT, _HIGHEST_SHIFT + 1))
            tokens, labels = transpose_tokens(tokens, shift), transpose_labels(labels, shift)
        labels = labels[:, self._label_columns].T
        backing, solo = self._codes(row, span, len(tokens))
        streams = [tokens[None]] if config.score_vocab_size else []
        if bare and not streams:
            raise CollateError(
                f"row {row['id']} is a score without audio, but the model has no score stream: "
                f"set score_vocab_size"
            )
        dropped = rng.random() < self.backing_dropout
        is_given = not dropped and (silent or rng.random() < self.label_inputs)
        by_ear = None
        if config.hears != "codes":
            by_ear = self._heard(row, span, len(tokens))
        return Example(
            backing=backing,
            heard=np.full(len(tokens), 0 if silent or dropped else 1, dtype=np.int64),
            streams=np.concatenate([*streams, solo]).astype(np.int64),
            labels=labels.astype(np.int64),
            given=labels.astype(np.int64) if is_given else np.full(labels.shape, UNKNOWN),
            conditions=self._conditions(row, dropped, rng),
            posteriors=by_ear,
            articulation=self._articulation(row, span, rng) if config.articulations else None,
        )

    def stack(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """Pads to the longest example and delays the targets.

        Returns `backing_codes` (B, K, T), `attention_mask` (B, T), `labels` (B, N, S),
        `frame_labels` and `frame_label_inputs` (B, L, T), `condition_ids` (B, C), all int64; for a
        model with an ear `frame_label_posteriors` (B, sum of classes, T) float32; for one that is
        told how notes are played `articulation` (B, T).
        """
        longest = max(len(example.heard) for example in examples)

        def padded(name: str, value: int) -> torch.Tensor:
            arrays = [getattr(example, name) for example in examples]
            shape = (len(arrays), *arrays[0].shape[:-1], longest)
            batch = np.full(shape, value, dtype=np.int64)
            for row, array in zip(batch, arrays, strict=True):
                row[..., : array.shape[-1]] = array
            return torch.from_numpy(batch)

        batch = {
            "backing_codes": padded("backing", 0),
            "attention_mask": padded("heard", 0),
            "labels": apply_delay(padded("streams", IGNORE), self.config.stream_delays, IGNORE),
        }
        if self.config.frame_labels:
            batch["frame_labels"] = padded("labels", UNKNOWN)
            batch["frame_label_inputs"] = padded("given", UNKNOWN)
        if self.config.hears != "codes":
            heard = [torch.from_numpy(np.asarray(example.posteriors)) for example in examples]
            batch["frame_label_posteriors"] = torch.stack(
                [F.pad(part, (0, longest - part.shape[-1])) for part in heard]
            )
        if self.config.articulations:
            batch["articulation"] = padded("articulation", UNKNOWN_ARTICULATION)
        if self.config.conditions:
            conditions = np.stack([example.conditions for example in examples])
            batch["condition_ids"] = torch.from_numpy(conditions)
        return batch

    def _heard(self, row: Row, span: slice, frames: int) -> np.ndarray:
        """What the ear hears, (41, T) float32; zeros for a row without audio."""
        size = sum((self.config.frame_labels or {}).values())
        if row["backing_codes"] is None:
            return np.zeros((size, frames), np.float32)
        if "heard" not in row:
            raise CollateError(
                f"row {row['id']} does not say what an ear hears, and the model hears by "
                f"{self.config.hears!r}; tokenise the pairs with an ear, or set hears to 'codes'"
            )
        return np.asarray(row["heard"])[span].T.astype(np.float32) / 255

    def _articulation(self, row: Row, span: slice, rng: np.random.Generator) -> np.ndarray:
        """Masks (T,), unknown where the row does not tell them, or chance wants it."""
        frames = len(np.asarray(row["score"])[span])
        if rng.random() < self.articulation_dropout or row.get("articulation") is None:
            return np.full(frames, UNKNOWN_ARTICULATION)
        return np.asarray(row["articulation"])[span]

    def _codes(self, row: Row, span: slice, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Codes of backing and solo, (K, T); zeros for no backing, -100 for no solo."""
        books = self.config.num_codebooks
        both = []
        for name, absent in (("backing_codes", 0), ("solo_codes", IGNORE)):
            if row[name] is None:
                both.append(np.full((books, frames), absent))
                continue
            codes = np.asarray(row[name])[span].T
            if codes.shape != (books, frames):
                raise CollateError(
                    f"row {row['id']}: {name} of the window are {codes.shape}, the model and the "
                    f"row's score want {(books, frames)}; tokenise with the model's codec"
                )
            both.append(codes)
        return both[0], both[1]

    def _conditions(self, row: Row, dropped: bool, rng: np.random.Generator) -> np.ndarray:
        given = {
            "instrument": row["instrument"],
            "feel": row["feel"],
            # a recording's tempo is not known: 0
            "tempo": tempo_class(float(row["tempo"])) if row["tempo"] else None,
            "timbre": row["timbre"],
        }
        values = self.config.conditions or {}
        ids = np.full(len(values), NOT_GIVEN, dtype=np.int64)
        all_gone = dropped and rng.random() < 0.5
        for place, (name, choices) in enumerate(values.items()):
            kept = rng.random() >= self.condition_dropout and not all_gone
            if kept and given.get(name) in choices:
                ids[place] = choices.index(given[name])
        return ids
