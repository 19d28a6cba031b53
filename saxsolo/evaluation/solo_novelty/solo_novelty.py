"""`evaluate.load("evaluation/solo_novelty")`: Is the solo new?

Works offline, from the root of the repository or with saxsolo installed.
"""

from typing import Any

import datasets
import evaluate
import numpy as np

from saxsolo.evaluation.notes import track_notes
from saxsolo.evaluation.novelty import Novelty

_DESCRIPTION = """\
Longest stretch of notes copied from a training solo, whatever its key and tempo, and the share of
interval-rhythm n-grams that occur there; human figures in saxsolo/evaluation/novelty.py."""

_INPUTS = """
Args:
    predictions: solos, lists or arrays of samples (n,) float32.
    training: the solos that may not be copied.
    n: transitions in an n-gram.
    sampling_rate: samples a second of all sounds.

Returns:
    longest_copy: notes, the longest of all solos. seen_share: mean, None where all solos are too
    short. `cases`.
"""

_AUDIO = datasets.Sequence(datasets.Value("float32"))


class SoloNovelty(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """Is the solo new?"""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": _AUDIO}),
        )

    def _compute(
        self, predictions: list[Any], training: list[Any], sampling_rate: int, n: int = 5
    ) -> dict[str, float | int | None]:
        solos, known = (
            [track_notes(np.asarray(sound, np.float32), sampling_rate) for sound in side]
            for side in (predictions, training)
        )
        novelty = Novelty(known, n)
        measured = [novelty.measure(notes) for notes in solos]
        shares = [each["seen_share"] for each in measured if each["seen_share"] is not None]
        copies = [each["longest_copy"] for each in measured if each["longest_copy"] is not None]
        return {
            "longest_copy": max(copies, default=None),
            "seen_share": float(np.mean(shares)) if shares else None,
            "cases": len(solos),
        }
