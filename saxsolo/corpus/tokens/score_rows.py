"""Token rows made of scores alone: notes and labels, no audio.

The solo model learns harmony and phrasing from these first, in every key, at no cost of rendering.
The rows have the fields of the token corpus, with `backing_codes` and `solo_codes` None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.corpus.scores.splits import EXCLUDED, assign_splits
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.music.score import Score

CLIP_FRAMES = 1500
Row = dict[str, Any]


def clip_bounds(num_frames: int, longest: int = CLIP_FRAMES) -> list[tuple[int, int]]:
    """Cuts 0..num_frames into as few clips of at most `longest` frames as possible, all about
    equally long: no useless tail."""
    if num_frames <= 0:
        return []
    count = math.ceil(num_frames / longest)
    edges = np.linspace(0, num_frames, count + 1).round().astype(int).tolist()
    return list(zip(edges[:-1], edges[1:], strict=True))


def score_rows(
    scores: Iterable[Score], tempi: Sequence[float] = (1.0,), longest: int = CLIP_FRAMES
) -> list[Row]:
    """One row a clip of every score that has notes and belongs to a split.

    Args:
        scores: ALL scores of the corpus, since a split depends on the titles of the others.
        tempi: tempo factors; held-out splits are kept at their own tempo.
        longest: frames in a clip at most.
    """
    scores = list(scores)
    splits = assign_splits(scores)
    rows: list[Row] = []
    for score in scores:
        split = splits[score.id]
        if split == EXCLUDED or not score.notes:
            continue
        for factor in tempi if split == "train" else (1.0,):
            played = score if factor == 1.0 else score.scale_tempo(factor)
            rows += _rows_of(played, split, factor, longest)
    return rows


def _rows_of(score: Score, split: str, factor: float, longest: int) -> list[Row]:
    frames = math.ceil(score.duration * FRAME_RATE)
    tokens, labels = score_tokens(score, frames), frame_labels(score, frames)
    pair = f"{score.id}@{factor:g}"
    return [
        {
            "id": f"{pair}#{clip}",
            "pair_id": pair,
            "clip": clip,
            "start_frame": start,
            "split": split,
            "performer": score.performer,
            "title": score.title,
            "instrument": score.instrument,
            "style": score.style,
            "feel": score.feel,
            "tempo": score.tempo,
            "timbre": "",
            "semitones": 0,
            "tempo_factor": factor,
            "source": score.source,
            "licence": score.licence,
            "attribution": score.attribution,
            "frame_rate": FRAME_RATE,
            "backing_codes": None,
            "solo_codes": None,
            "score": tokens[start:end],
            "frame_labels": labels[start:end],
        }
        for clip, (start, end) in enumerate(clip_bounds(frames, longest))
    ]
