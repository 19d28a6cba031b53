"""`evaluate.load("evaluation/solo_time")`: Is the solo in time?

Works offline, from the root of the repository or with saxsolo installed.
"""

from typing import Any

import datasets
import evaluate
import numpy as np

from saxsolo.evaluation import harmony, timing
from saxsolo.evaluation.notes import track_notes

_DESCRIPTION = """\
Concentration of onsets on quarters, eighths and triplets, swing ratio and offset, of notes tracked
in the sound; formulas, sources and human figures in saxsolo/evaluation/timing.py."""

_INPUTS = """
Args:
    predictions: solos, lists or arrays of samples (n,) float32.
    references: frame labels (T, 4) of each solo's backing, 50 a second.
    sampling_rate: samples a second of all sounds.

Returns:
    the mean of each figure over the solos that have it (None where no solo has), and for each
    figure named in `crossed` how often the own backing fits better than another's; `cases`.
"""

_AUDIO = datasets.Sequence(datasets.Value("float32"))


class SoloTime(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """Is the solo in time?"""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(
                {
                    "predictions": _AUDIO,
                    "references": datasets.Sequence(datasets.Sequence(datasets.Value("int16"))),
                }
            ),
        )

    def _compute(
        self,
        predictions: list[Any],
        references: list[Any],
        sampling_rate: int,
        crossed: tuple[str, ...] = ("eighth_concentration",),
    ) -> dict[str, float | int | None]:
        solos = [track_notes(np.asarray(sound, np.float32), sampling_rate) for sound in predictions]
        labels = [np.asarray(frames, np.int16).reshape(-1, 4) for frames in references]
        fits = [timing.fit(*pair) for pair in zip(solos, labels, strict=True)]
        result: dict[str, float | int | None] = {}
        for figure in timing.FIGURES:
            known = [value for fit in fits if (value := fit[figure]) is not None]
            result[figure] = float(np.mean(known)) if known else None
        for figure in crossed:
            scores = harmony.fit_matrix(solos, labels, figure, timing.fit)
            result[f"{figure}_against_others"] = harmony.matched_against_shuffled(scores)
        return {**result, "cases": len(solos)}
