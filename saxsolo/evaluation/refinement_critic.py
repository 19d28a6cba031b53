"""The critic that refines a planner: figures of training tunes, and a classifier of them.

The same figures as the critic that judges (`critic`), but other humans: this one never sees a
performer or a title of validation or test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.corpus.scores.splits import assign_splits
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.music.frame_labels import score_tokens
from saxsolo.music.score import Score
from saxsolo.training.planner_data import solo_of
from saxsolo.training.planner_refinement import Critic, Figures, Passage, stretches_in
from saxsolo.training.planner_sampling import Window, window_of

from .critic import figures_of, line_in
from .notes import notes_of_score

# inverse strength of the penalty on weights
_FREEDOM = 0.02
# stretches of a passage, at most: a planner's line is as long
_STRETCHES = 2
# the human's events that a line goes on from where its passage does not open the solo
_PAST = 64


def stretch_figures(seconds: float) -> Figures:
    """The figures of stretches of so many seconds, see `Figures`; the last says whether a stretch
    opens the solo."""

    def described(window: Window, stream: np.ndarray, begin: float) -> np.ndarray | None:
        figures = figures_of(notes_of_score(stream), window.sheet, begin, seconds)
        return np.array([*figures.values(), begin == 0], dtype=float) if figures else None

    return described


def train_critic(human: np.ndarray, machine: np.ndarray) -> Critic:
    """A linear critic of `stretch_figures` (N, F) and (M, F), both sides worth the same.

    Openings are another thing than what follows them: there each figure has a second weight.
    """
    critic = make_pipeline(
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(_with_openings),
        LogisticRegression(C=_FREEDOM, max_iter=1000, class_weight="balanced"),
    )
    sides = np.repeat([0, 1], [len(human), len(machine)])
    fitted = critic.fit(np.concatenate([human, machine]), sides)

    def odds(figures: np.ndarray) -> np.ndarray:
        return np.asarray(fitted.decision_function(figures))

    return odds


def _with_openings(scaled: np.ndarray) -> np.ndarray:
    """(N, F) scaled figures, the last of which marks openings -> (N, 2 F)."""
    return np.concatenate([scaled, scaled * (scaled[:, -1:] > 0)], axis=1)


def training_passages(
    weimar: Path, ranges: Mapping[str, Sequence[int]], seconds: float
) -> list[Passage]:
    """The training solos in passages of two stretches, and what remains of one; all but a solo's
    first go on from what its human played before.

    Args:
        weimar: folder of the Weimar Jazz Database.
        ranges: instrument -> lowest and highest MIDI pitch, see the model's config.
        seconds: of a stretch.

    Raises:
        ScoreError: no database in `weimar`.
    """
    scores = read_weimar(weimar)
    splits = assign_splits(scores)
    figures = stretch_figures(seconds)
    passages = []
    for score in scores:
        if splits[score.id] == "train":
            lowest, highest = ranges.get(score.instrument, (None, None))
            passages += _passages(score, lowest, highest, figures, seconds)
    return passages


def _passages(
    score: Score, lowest: int | None, highest: int | None, figures: Figures, seconds: float
) -> list[Passage]:
    stream = score_tokens(score, int(score.duration * FRAME_RATE))
    played = solo_of(score)
    whole = window_of(played.sheet, 0.0, score.duration, lowest, highest)
    passages = []
    count = stretches_in(whole, seconds)
    for first in range(0, count, _STRETCHES):
        last = min(first + _STRETCHES, count)
        past = played.events[played.seconds < first * seconds][-_PAST:] if first else whole.past
        window = replace(whole, start=first * seconds, end=last * seconds, past=past)
        rows = [figures(window, stream, number * seconds) for number in range(first, last)]
        told = [number for number, row in enumerate(rows) if row is not None]
        if told:
            begins = [(first + number) * seconds for number in told]
            solo = notes_of_score(stream)
            lines = [line_in(solo, whole.sheet, begin, seconds) for begin in begins]
            steadiness = np.array([line.concentration(2) for line in lines])
            human = np.stack([row for row in rows if row is not None])
            passages.append(Passage(window, human, steadiness))
    return passages
