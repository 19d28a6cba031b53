"""The built-in blues and study as labels, notes and a plain sound."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import settings as hypothesis_settings

from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.evaluation.notes import SoloNotes, notes_of_score
from saxsolo.music.frame_labels import frame_labels, score_tokens

RATE = 16000

# The same examples every time, and no deadline: a busy machine is no failure.
hypothesis_settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis_settings.load_profile("steady")


@dataclass(frozen=True)
class Tune:
    """`play(notes, seconds)` makes tones with eight harmonics and soft edges, (n,) float32."""

    notes: SoloNotes
    labels: np.ndarray

    def sound(self, seconds: float) -> np.ndarray:
        return self.play(self.notes, min(seconds, self.notes.seconds))

    @staticmethod
    def play(notes: SoloNotes, seconds: float) -> np.ndarray:
        sound = np.zeros(round(seconds * RATE))
        for onset, end, pitch in zip(notes.onsets, notes.ends, notes.pitches, strict=True):
            first, last = round(onset * RATE), min(round(end * RATE), len(sound))
            if last <= first:
                continue
            time = np.arange(last - first) / RATE
            hertz = 440 * 2 ** ((pitch - 69) / 12)
            tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 9))
            sound[first:last] += (
                0.15 * tone * np.clip(np.minimum(time, time[-1] - time) / 0.01, 0, 1)
            )
        return sound.astype(np.float32)


@pytest.fixture(scope="session")
def tunes() -> dict[str, Tune]:
    made = {}
    for score in builtin_scores()[:2]:
        frames = int(score.duration * 50)
        tokens = score_tokens(score, frames)
        made[score.id] = Tune(notes_of_score(tokens), frame_labels(score, frames))
    return made


@pytest.fixture(scope="session")
def blues(tunes) -> Tune:
    return tunes["builtin_first_blues"]


@pytest.fixture(scope="session")
def study(tunes) -> Tune:
    return tunes["builtin_turning_study"]
