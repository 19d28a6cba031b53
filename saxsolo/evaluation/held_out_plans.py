"""Solos of held-out humans, and plans over the very beats and chords they played over.

Both sides are score streams of 50 frames a second, folded into the same range, so that whoever
compares them compares what was decided and nothing of how it was written down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from modeling_saxsolo import (
    folded_planner_saxsolo,
    generation_saxsolo,
    lead_sheet_saxsolo,
    note_events_saxsolo,
    phrasing_saxsolo,
    planner_features_saxsolo,
    planning_saxsolo,
    recall_saxsolo,
)
from modeling_saxsolo.planning_saxsolo import NotePlan
from modeling_saxsolo.plans_saxsolo import plan_settings
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, FREE, LABEL_SIZES, UNKNOWN
from saxsolo.atomic import replacing
from saxsolo.corpus.scores.splits import assign_splits
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.errors import SettingError
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.music.score import Score
from saxsolo.training.planner_data import sheet_of_score
from saxsolo.weights.loading import Weights

from .seeds import seed_of

HELD_OUT = ("validation", "test")
# the modules that decide a plan: kept plans hold for their text alone
_DECIDES = (
    folded_planner_saxsolo,
    generation_saxsolo,
    lead_sheet_saxsolo,
    note_events_saxsolo,
    phrasing_saxsolo,
    planner_features_saxsolo,
    planning_saxsolo,
    recall_saxsolo,
)
_BATCH = 8  # solos that are planned frame by frame at once


@dataclass(frozen=True)
class Tune:
    """The beginning of a held-out solo.

    Attributes:
        score: the whole solo.
        human: (T,) score stream as it was played.
        labels: (T, 4) frame labels.
    """

    score: Score
    human: np.ndarray
    labels: np.ndarray


def held_out_tunes(
    weimar: Path,
    seconds: float,
    splits: Sequence[str] = HELD_OUT,
    limit: int = 0,
    least: float | None = None,
) -> list[Tune]:
    """The beginnings of the solos of some splits, as far as they go.

    Args:
        weimar: folder of the Weimar Jazz Database. seconds: of each solo, at most.
        limit: solos, evenly spaced; 0 = all. least: seconds that a solo must have; None: `seconds`.

    Raises:
        ScoreError: no database in `weimar`.
    """
    scores = read_weimar(weimar)
    split_of = assign_splits(scores)
    least = seconds if least is None else least
    chosen = [s for s in scores if split_of[s.id] in splits and s.duration >= least]
    if limit and limit < len(chosen):
        chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, limit).round().astype(int)]
    return [_beginning(score, round(seconds * FRAME_RATE)) for score in chosen]


def _beginning(score: Score, frames: int) -> Tune:
    whole = int(score.duration * FRAME_RATE)
    return Tune(score, score_tokens(score, whole)[:frames], frame_labels(score, whole)[:frames])


def planned_streams(
    solo: Weights, tunes: Sequence[Tune], plan: str, seed: int = 1, keep: Path | None = None
) -> Iterator[np.ndarray]:
    """A score stream as long as the human's for each tune, planned as the model does by default.

    Args:
        solo: the model. plan: "events" or "frames".
        seed: from which each plan has one of its own, see `seed_of`.
        keep: folder for plans, which are not made again if they lie there.

    Raises:
        SettingError: for a plan that the model cannot make.
    """
    config = solo.model.config
    if plan == "events" and config.planner is None:
        raise SettingError(f"{solo.name} has no planner: train one (saxsolo train-planner)")
    if plan == "frames" and not (config.score_vocab_size and config.plan_frames):
        raise SettingError(f"{solo.name} plans no frames: choose --plan events")
    size = _BATCH if plan == "frames" else 1
    for first in range(0, len(tunes), size):
        batch = tunes[first : first + size]
        paths = [_kept(keep, solo, tune, plan, seed) for tune in batch]
        if all(path is not None and path.exists() for path in paths):
            yield from (np.load(path, allow_pickle=False) for path in paths if path is not None)
            continue
        drawn = seed_of(seed, batch[0].score.id)
        planned = (
            _by_frames(solo, batch, drawn) if size > 1 else [_by_events(solo, batch[0], drawn)]
        )
        for stream, path in zip(planned, paths, strict=True):
            if path is not None:
                with replacing(path) as (partial,), partial.open("wb") as file:
                    np.save(file, stream)
            yield stream


def _kept(keep: Path | None, solo: Weights, tune: Tune, plan: str, seed: int) -> Path | None:
    if keep is None:
        return None
    keep.mkdir(parents=True, exist_ok=True)
    settings = solo.model.generation_config.to_json_string() + solo.model.config.to_json_string()
    code = "".join(Path(module.__file__ or "").read_text("utf-8") for module in _DECIDES)
    said = (solo.sha256, settings, code, plan, f"own {seed}", tune.score.id, str(len(tune.human)))
    return keep / (hashlib.sha256("\n".join(said).encode()).hexdigest()[:24] + ".npy")


@torch.inference_mode()
def _by_events(solo: Weights, tune: Tune, seed: int) -> np.ndarray:
    model, frames = solo.model, len(tune.human)
    config = model.config
    settings = plan_settings(model.generation_config, config)
    lowest, highest = config.planner["ranges"].get(tune.score.instrument, (None, None))
    asked = {"lowest": lowest, "highest": highest}
    sheet, given = sheet_of_score(tune.score), np.full(frames, FREE)
    planner = model.planner.folded()
    return NotePlan(planner, sheet, given, 0, settings, asked, seed).tokens(0, frames)


@torch.inference_mode()
def _by_frames(solo: Weights, tunes: Sequence[Tune], seed: int) -> list[np.ndarray]:
    """Without conditions: the labels alone say what is played over."""
    model, lengths = solo.model, [len(tune.human) for tune in tunes]
    labels = np.full((len(tunes), len(LABEL_SIZES), max(lengths)), UNKNOWN, dtype=np.int64)
    for row, tune in zip(labels, tunes, strict=True):
        row[:, : len(tune.labels)] = tune.labels.T
    torch.manual_seed(seed)
    streams = model.generate(
        frame_label_posteriors=_posteriors(torch.from_numpy(labels)),
        plan="frames",
        notes_only=True,
    )[:, 0]
    return [row[:length].numpy() for row, length in zip(streams, lengths, strict=True)]


def _posteriors(labels: torch.Tensor) -> torch.Tensor:
    """Frame labels (B, 4, T) as posteriors (B, 41, T): sure where they are known, else even."""
    rows = []
    for column, size in enumerate(LABEL_SIZES.values()):
        label = labels[:, column]
        sure = torch.nn.functional.one_hot(label.clamp(min=0), size).transpose(1, 2).float()
        rows.append(torch.where((label >= 0)[:, None], sure, 1 / size))
    return torch.cat(rows, dim=1)
