"""Plans over the tunes of held-out humans, beside what those humans played.

The planner is told the beats and chords of the transcription, so neither hearing nor sound is
judged here, only what it decides. Both sides are notes on the frames of a score stream.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from modeling_saxsolo.planning_saxsolo import NotePlan
from modeling_saxsolo.plans_saxsolo import plan_settings
from modeling_saxsolo.sampling_saxsolo import FREE
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.corpus.scores.splits import assign_splits
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.errors import SettingError
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.music.score import Score
from saxsolo.training.planner_data import sheet_of_score
from saxsolo.weights.loading import Weights

from .notes import SoloNotes, notes_of_score
from .track_fit import fit_of_solos


def plans_beside_humans(
    solo: Weights, weimar: Path, split: str, seconds: float, limit: int = 0, seed: int = 1
) -> tuple[int, dict[str, dict[str, dict[str, float]]]]:
    """Plans the beginning of each tune of a split as its model does by default.

    Args:
        solo: a model with a planner. weimar: folder of the Weimar Jazz Database.
        seconds: of each tune. limit: tunes, evenly spaced; 0 = all. seed: of every plan.

    Returns:
        How many, and "human" and "plan" -> figures as `track_fit.fit_of_solos` gives them.

    Raises:
        SettingError: for a model without a planner.
        ScoreError: no database in `weimar`.
    """
    if solo.model.config.planner is None:
        raise SettingError(f"{solo.name} has no planner: train one (saxsolo train-planner)")
    scores = read_weimar(weimar)
    splits = assign_splits(scores)
    frames = round(seconds * FRAME_RATE)
    chosen = [
        score
        for score in scores
        if splits[score.id] == split and score.duration * FRAME_RATE >= frames
    ]
    if limit and limit < len(chosen):
        chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, limit).round().astype(int)]
    labels = [_beginning(frame_labels, score, frames) for score in chosen]
    human = [notes_of_score(_beginning(score_tokens, score, frames)) for score in chosen]
    plans = [_planned(solo, score, frames, seed) for score in chosen]
    figures = {"human": fit_of_solos(human, labels), "plan": fit_of_solos(plans, labels)}
    return len(chosen), figures


def _beginning(
    rows_of: Callable[[Score, int], np.ndarray], score: Score, frames: int
) -> np.ndarray:
    return rows_of(score, int(score.duration * FRAME_RATE))[:frames]


@torch.inference_mode()
def _planned(solo: Weights, score: Score, frames: int, seed: int) -> SoloNotes:
    model = solo.model
    config = model.config
    settings = plan_settings(
        model.generation_config,
        config.pitch_temperature,
        config.rhythm_temperature,
        config.onset_bias,
    )
    lowest, highest = config.planner["ranges"].get(score.instrument, (None, None))
    asked = {"lowest": lowest, "highest": highest}
    given = np.full(frames, FREE)
    sheet = sheet_of_score(score)
    plan = NotePlan(model.planner, sheet, given, 0, settings, asked, seed)
    return notes_of_score(plan.tokens(0, frames))
