"""A critic: can a classifier that is trained anew for a model tell its notes from humans'?

    saxsolo measure critic --weimar WEIMAR [--plan frames]

Humans and plans over the same tunes are cut into the same stretches and described by the same
figures (`critic_features`). The critic learns on some performers and tunes and judges others.
Its area under the ROC curve (AUC) is the chance that it points at the machine in a pair of a human
and a machine: 0.5 = it cannot tell. A linear model finds as much as trees and boosted trees do
here, and says what gave the machine away.

Where a planner has learnt from such figures (`refinement_critic`), they flatter it. So a second
critic knows none of them: it counts short patterns (`line_patterns`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.corpus.scores.splits import title_key
from saxsolo.intervals import percentile_interval, resamples
from saxsolo.training.planner_data import sheet_of_score

from .cases import EvaluationError
from .critic_features import features
from .held_out_plans import Tune
from .line import Line, line_of
from .line_patterns import patterns
from .notes import SoloNotes, notes_of_score

FOLDS = 8
DRAWS = 1000
NULL_DRAWS = 40
# inverse strength of the penalty on weights; many figures, few stretches
_FREEDOM = 0.05
# stretches with a pattern, so that it counts
_SEEN = 5


@dataclass(frozen=True)
class Stretches:
    """Stretches of human solos and of plans over the same seconds of the same tunes.

    Attributes:
        human, machine: (N, F) figures, NaN where there is too little to say.
        names: the F figures, each "group: figure".
        patterns: words of the N stretches of humans, then of the N of machines.
        tunes: (N,) number of the tune. groups: (N,) the same for one performer and for one title.
    """

    human: np.ndarray
    machine: np.ndarray
    names: list[str]
    patterns: list[str]
    tunes: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True)
class Verdict:
    """What the critic found.

    Attributes:
        auc, interval: of human against machine, with 95 % over tunes.
        patterns, patterns_interval: the same of a critic that counts short patterns.
        null, null_range: mean AUC of humans against humans over random halves of each tune, and the
            least and greatest of the middle 95 %.
        groups: group of figures -> AUC with that group alone, and with all others.
        weights: figure -> weight (above 0: more of it sounds like the machine), human and machine
            mean; the heaviest first.
        stretches: of each side. tunes: how many.
    """

    auc: float
    interval: tuple[float, float]
    patterns: float
    patterns_interval: tuple[float, float]
    null: float
    null_range: tuple[float, float]
    groups: dict[str, tuple[float, float]]
    weights: dict[str, tuple[float, float, float]]
    stretches: int
    tunes: int


def paired_stretches(
    tunes: Sequence[Tune], plans: Sequence[np.ndarray], seconds: float
) -> Stretches:
    """Whole stretches in which both sides have eight notes or more.

    Args:
        plans: (T,) score streams over the tunes in the same order. seconds: of a stretch.

    Raises:
        EvaluationError: for too few of them to judge any.
    """
    pairs, words, owners = [], [], []
    length = round(seconds * FRAME_RATE)
    for place, (tune, plan) in enumerate(zip(tunes, plans, strict=True)):
        sheet = sheet_of_score(tune.score)
        solos = [notes_of_score(stream) for stream in (tune.human, plan)]
        for first in range(0, min(len(tune.human), len(plan)) - length + 1, length):
            pair = [figures_of(solo, sheet, first / FRAME_RATE, seconds) for solo in solos]
            if all(pair):
                pairs.append(pair)
                words.append(
                    [patterns(line_in(s, sheet, first / FRAME_RATE, seconds)) for s in solos]
                )
                owners.append(place)
    groups = _groups(tunes)[owners] if owners else np.zeros(0)
    if len(set(groups.tolist())) < 2:
        raise EvaluationError(
            f"{len(pairs)} stretches of {seconds:g} s by {len(set(groups.tolist()))} performers: "
            "a critic learns on some performers and judges others; give more tunes or less "
            "--stretch"
        )
    names = list(pairs[0][0])
    human, machine = (np.array([[pair[i][n] for n in names] for pair in pairs]) for i in (0, 1))
    told = np.isfinite(human).any(axis=0) & np.isfinite(machine).any(axis=0)
    names = [name for name, there in zip(names, told, strict=True) if there]
    found = [pair[side] for side in (0, 1) for pair in words]
    return Stretches(human[:, told], machine[:, told], names, found, np.array(owners), groups)


def judge(stretches: Stretches, seed: int = 0) -> Verdict:
    """Trains critics in folds over performers and tunes, and says how well they tell.

    Args:
        seed: of the bootstrap and of the random halves.
    """
    table = np.concatenate([stretches.human, stretches.machine])
    machine = np.repeat([0, 1], len(stretches.human))
    groups, tunes = np.tile(stretches.groups, 2), np.tile(stretches.tunes, 2)
    scores = _cross_validated(table, machine, groups)
    by_patterns = _cross_validated(np.array(stretches.patterns), machine, groups, _counting_critic)
    null = _human_from_human(stretches, seed)
    kinds = np.array([name.split(":")[0] for name in stretches.names])

    def auc_of(chosen: np.ndarray) -> float:
        some = _cross_validated(table[:, chosen], machine, groups)
        return float(roc_auc_score(machine, some))

    return Verdict(
        float(roc_auc_score(machine, scores)),
        _interval(machine, scores, tunes, seed),
        float(roc_auc_score(machine, by_patterns)),
        _interval(machine, by_patterns, tunes, seed),
        float(null.mean()),
        percentile_interval(null),
        {kind: (auc_of(kinds == kind), auc_of(kinds != kind)) for kind in dict.fromkeys(kinds)},
        _weights(stretches, table, machine),
        len(stretches.human),
        len(set(stretches.tunes.tolist())),
    )


def figures_of(
    notes: SoloNotes, sheet: LeadSheet, start: float, seconds: float
) -> dict[str, float]:
    """`features` of the notes that begin in a stretch, seconds; empty for fewer than eight."""
    return features(line_in(notes, sheet, start, seconds), start, seconds)


def line_in(notes: SoloNotes, sheet: LeadSheet, start: float, seconds: float) -> Line:
    """The notes that begin in a stretch."""
    chosen = (notes.onsets >= start) & (notes.onsets < start + seconds)
    part = replace(
        notes,
        onsets=notes.onsets[chosen],
        ends=np.minimum(notes.ends[chosen], start + seconds),
        pitches=notes.pitches[chosen],
        loudness=notes.loudness[chosen],
    )
    return line_of(part, sheet)


def _groups(tunes: Sequence[Tune]) -> np.ndarray:
    """A number for each tune, the same for all that are joined by a performer or a title."""
    groups = np.arange(len(tunes))
    keys: tuple[Callable[[Tune], str], ...] = (
        lambda tune: tune.score.performer,
        lambda tune: title_key(tune.score.title),
    )
    for key in keys:
        first: dict[str, int] = {}
        for place, tune in enumerate(tunes):
            other = first.setdefault(key(tune), place)
            groups[groups == groups[place]] = groups[other]
    return groups


def _critic() -> Any:
    return make_pipeline(
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=_FREEDOM, max_iter=3000),
    )


def _counting_critic() -> Any:
    return make_pipeline(
        CountVectorizer(token_pattern=r"\S+", lowercase=False, min_df=_SEEN),
        TfidfTransformer(sublinear_tf=True),
        LogisticRegression(max_iter=3000),
    )


def _cross_validated(
    table: np.ndarray,
    machine: np.ndarray,
    groups: np.ndarray,
    critic: Callable[[], Any] = _critic,
) -> np.ndarray:
    """(N,) log odds of being a machine, each by a critic that knows neither performer nor tune."""
    scores = np.zeros(len(machine))
    folds = GroupKFold(min(FOLDS, len(set(groups.tolist()))))
    for known, new in folds.split(table, machine, groups):
        scores[new] = critic().fit(table[known], machine[known]).decision_function(table[new])
    return scores


def _human_from_human(stretches: Stretches, seed: int) -> np.ndarray:
    """(draws,) AUC where half of each tune's human stretches, drawn at random, are called machine.

    As in the real question, each tune has as many of both sides; what is left of an odd number is
    on either.
    """
    random, aucs = np.random.default_rng(seed), []
    for _ in range(NULL_DRAWS):
        rows, sides = [], []
        for tune in dict.fromkeys(stretches.tunes.tolist()):
            order = random.permutation(np.flatnonzero(stretches.tunes == tune))
            half = (len(order) + int(random.integers(2))) // 2
            rows += order.tolist()
            sides += [0] * half + [1] * (len(order) - half)
        side = np.array(sides)
        scores = _cross_validated(stretches.human[rows], side, stretches.groups[rows])
        aucs.append(float(roc_auc_score(side, scores)))
    return np.array(aucs)


def _interval(
    machine: np.ndarray, scores: np.ndarray, tunes: np.ndarray, seed: int
) -> tuple[float, float]:
    """95 % of the AUC where tunes are drawn again, each with all its stretches of both sides."""
    places = [np.flatnonzero(tunes == tune) for tune in dict.fromkeys(tunes.tolist())]
    aucs = []
    for draw in resamples(len(places), DRAWS, seed):
        rows = np.concatenate([places[i] for i in draw])
        aucs.append(roc_auc_score(machine[rows], scores[rows]))
    return percentile_interval(aucs)


def _weights(
    stretches: Stretches, table: np.ndarray, machine: np.ndarray
) -> dict[str, tuple[float, float, float]]:
    """Of a critic of all stretches, for a figure one standard deviation greater."""
    weights = _critic().fit(table, machine)[-1].coef_[0]
    order = np.argsort(-np.abs(weights))
    return {
        stretches.names[i]: (
            float(weights[i]),
            float(np.nanmean(stretches.human[:, i])),
            float(np.nanmean(stretches.machine[:, i])),
        )
        for i in order
    }
