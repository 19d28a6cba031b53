"""`evaluate.load("evaluation/solo_shape")`: Is the solo shaped like a human one?

Works offline, from the root of the repository or with saxsolo installed.
"""

from typing import Any

import datasets
import evaluate
import numpy as np

from saxsolo.evaluation.notes import track_notes
from saxsolo.evaluation.shape import distances

_DESCRIPTION = """\
Jensen-Shannon divergence (bits) between generated and human intervals, note and phrase lengths,
rests, density, range, pitch-class entropy, repetition and dynamics, of notes tracked in the sound;
bins and human figures in saxsolo/evaluation/shape.py."""

_INPUTS = """
Args:
    predictions: solos, lists or arrays of samples (n,) float32.
    human: solos to compare with, as many as there are.
    sampling_rate: samples a second of all sounds.

Returns:
    the distance of each feature, 0..1, less is better; None where a side does not show it.
"""

_AUDIO = datasets.Sequence(datasets.Value("float32"))


class SoloShape(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """Is the solo shaped like a human one?"""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": _AUDIO}),
        )

    def _compute(
        self, predictions: list[Any], human: list[Any], sampling_rate: int
    ) -> dict[str, float | None]:
        sides = [
            [track_notes(np.asarray(sound, np.float32), sampling_rate) for sound in side]
            for side in (predictions, human)
        ]
        return distances(*sides)
