"""The human ceiling: figures of transcribed solos of held-out performers, on their own chords and
beats.

    saxsolo measure humans --weimar FOLDER [--split test] [--seconds 30]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.corpus.scores.splits import assign_splits, title_key
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.music.score import Score

from . import harmony, timing
from .notes import SoloNotes, notes_of_score
from .novelty import Novelty
from .shape import distances


def excerpts(
    scores: list[Score], split: str = "test", seconds: float = 30.0
) -> tuple[list[str], list[SoloNotes], list[np.ndarray]]:
    """Titles, notes and frame labels of all whole excerpts of `seconds` of a split's solos."""
    splits = assign_splits(scores)
    length = round(seconds * FRAME_RATE)
    titles, solos, labels = [], [], []
    for score in scores:
        if splits[score.id] != split:
            continue
        frames = int(score.duration * FRAME_RATE)
        tokens, of_score = score_tokens(score, frames), frame_labels(score, frames)
        for start in range(0, frames - length + 1, length):
            titles.append(title_key(score.title))
            solos.append(notes_of_score(tokens[start : start + length]))
            labels.append(of_score[start : start + length])
    return titles, solos, labels


def against_others(
    titles: list[str], solos: list[SoloNotes], labels: list[np.ndarray], figure: str
) -> tuple[float, float | None]:
    """A figure's mean over the backings of other tunes, and `harmony.matched_against_shuffled`."""
    module = harmony if figure in harmony.FIGURES else timing
    scores = harmony.fit_matrix(solos, labels, figure, module.fit)
    names = np.array(titles)
    same = names[:, None] == names
    others = float(np.nanmean(np.where(same, np.nan, scores)))
    scores[same & ~np.eye(len(names), dtype=bool)] = np.nan
    return others, harmony.matched_against_shuffled(scores)


def human_figures(
    weimar: Path, split: str = "test", seconds: float = 30.0
) -> tuple[dict[str, int], list[dict[str, Any]], dict[str, Any]]:
    """Figures of all whole excerpts of a split's solos, on their own chords and beats.

    Args:
        weimar: folder of the Weimar Jazz Database, with notes.csv.gz.
        seconds: length of an excerpt.

    Returns:
        Numbers of excerpts and tunes; a row for each figure of harmony and time: mean, quantiles
        10, 50 and 90 %, mean over other tunes' backings, `harmony.matched_against_shuffled`, n;
        and copies of the training solos with distances of shape.

    Raises:
        ScoreError: no database in `weimar`.
    """
    scores = read_weimar(weimar)
    titles, solos, labels = excerpts(scores, split, seconds)
    rows = []
    for module in (harmony, timing):
        for figure in module.FIGURES:
            values = [module.fit(*pair)[figure] for pair in zip(solos, labels, strict=True)]
            known = [value for value in values if value is not None]
            others, area = against_others(titles, solos, labels, figure)
            rows.append(
                {
                    "figure": figure,
                    "mean": float(np.mean(known)),
                    "quantiles": [float(value) for value in np.quantile(known, [0.1, 0.5, 0.9])],
                    "other_tunes": others,
                    "own_against_others": area,
                    "n": len(known),
                }
            )
    counts = {"excerpts": len(solos), "tunes": len(set(titles))}
    return counts, rows, _resemblance(solos, excerpts(scores, "train", seconds)[1])


def _resemblance(solos: list[SoloNotes], training: list[SoloNotes]) -> dict[str, Any]:
    """Copies of training solos, and distances of shape for all solos and for 16 of them."""
    novelty = Novelty(training)
    measured = [novelty.measure(notes) for notes in solos]
    copies = [length for each in measured if (length := each["longest_copy"]) is not None]
    seen = [share for each in measured if (share := each["seen_share"]) is not None]
    few = [solos[i] for i in np.linspace(0, len(solos) - 1, 16).round().astype(int)]
    return {
        "longest_copy_median": float(np.median(copies)),
        "longest_copy_most": max(copies),
        "seen_share": float(np.mean(seen)),
        "training": len(training),
        "shape": {str(len(some)): distances(some, training) for some in (solos, few)},
    }
