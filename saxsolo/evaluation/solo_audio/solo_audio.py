"""`evaluate.load("evaluation/solo_audio")`: Does the solo sound like a saxophone?

Works offline, from the root of the repository or with saxsolo installed.
"""

from typing import Any

import datasets
import evaluate
import numpy as np

from saxsolo.evaluation.sound import frechet_log_mel

_DESCRIPTION = """\
Frechet distance on log-mel statistics (no FAD: no network is behind it) between generated and
reference sounds; what renders and spoilt renders score is in saxsolo/evaluation/sound.py."""

_INPUTS = """
Args:
    predictions: solos, lists or arrays of samples (n,) float32.
    reference: sounds to compare with, as many as there are.
    sampling_rate: samples a second of all sounds.

Returns:
    frechet_log_mel: 0 is best; None with fewer than 48 audible half seconds on a side. `cases`.
"""

_AUDIO = datasets.Sequence(datasets.Value("float32"))


class SoloAudio(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """Does the solo sound like a saxophone?"""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": _AUDIO}),
        )

    def _compute(
        self, predictions: list[Any], reference: list[Any], sampling_rate: int
    ) -> dict[str, float | int | None]:
        played, human = (
            [np.asarray(sound, np.float32) for sound in side] for side in (predictions, reference)
        )
        return {
            "frechet_log_mel": frechet_log_mel(played, human, sampling_rate),
            "cases": len(predictions),
        }
