"""Plans over the tunes of held-out humans, beside what those humans played.

The planner is told the beats and chords of the transcription, so neither hearing nor sound is
judged here, only what it decides. Both sides are notes on the frames of a score stream.
"""

from __future__ import annotations

from pathlib import Path

from saxsolo.weights.loading import Weights

from .held_out_plans import held_out_tunes, planned_streams
from .notes import notes_of_score
from .track_fit import fit_of_solos


def plans_beside_humans(
    solo: Weights, weimar: Path, split: str, seconds: float, limit: int = 0, seed: int = 1
) -> tuple[int, dict[str, dict[str, dict[str, float]]]]:
    """Plans the beginning of each tune of a split as its model does by default.

    Args:
        solo: a model with a planner. weimar: folder of the Weimar Jazz Database.
        seconds: of each tune. limit: tunes, evenly spaced; 0 = all.
        seed: from which each plan has one of its own.

    Returns:
        How many, and "human" and "plan" -> figures as `track_fit.fit_of_solos` gives them.

    Raises:
        SettingError: for a model without a planner.
        ScoreError: no database in `weimar`.
    """
    tunes = held_out_tunes(weimar, seconds, (split,), limit)
    labels = [tune.labels for tune in tunes]
    human = [notes_of_score(tune.human) for tune in tunes]
    plans = [notes_of_score(stream) for stream in planned_streams(solo, tunes, "events", seed)]
    figures = {"human": fit_of_solos(human, labels), "plan": fit_of_solos(plans, labels)}
    return len(tunes), figures
