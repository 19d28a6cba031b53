"""One score -> a pair of aligned recordings: the saxophone alone and what it listened to."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import SAMPLES_PER_FRAME, SAMPLING_RATE
from saxsolo.music.score import Score

from .damage import equalise, room, to_level, wear_out
from .rhythm import render_rhythm
from .saxophone import choose_timbre, fold_into_range, render_solo
from .sounds import Sounds

SOLO_LEVEL_DB = -20.0


@dataclass(frozen=True)
class Pair:
    """`solo` and `backing`: float32 (samples,) at 32 kHz, of one length, a multiple of 640.

    `score` is what was played, octaves folded; `settings` what chance decided, ready for JSON.
    """

    solo: np.ndarray
    backing: np.ndarray
    score: Score
    timbre: str
    settings: dict[str, Any]

    @property
    def num_frames(self) -> int:
        """Frames of 20 ms."""
        return len(self.solo) // SAMPLES_PER_FRAME


def seed_of(*parts: object) -> int:
    """A 64-bit seed from values' texts, the same on every machine."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def render_pair(score: Score, seed: int, sounds: Sounds, timbre: str | None = None) -> Pair:
    """Render a score: the same arguments give the same samples, bit for bit, on one machine.

    `timbre`: one of saxophone.TIMBRES, None draws one. Scores without notes give a silent solo,
    scores without beats a silent backing. Raises MissingSoundError (with where to get it) where an
    instrument is absent, ValueError for an unknown timbre.
    """
    frames = math.ceil(score.duration * SAMPLING_RATE / SAMPLES_PER_FRAME)
    samples = frames * SAMPLES_PER_FRAME
    # independent streams: the rhythm section stays the same whatever the soloist does
    solo_rng, rhythm_rng, mix_rng = (
        np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, stream]) for stream in range(3)
    )
    drawn = choose_timbre(score, sounds, solo_rng)
    timbre = timbre or drawn
    played = fold_into_range(score, timbre)
    settings: dict[str, object] = {}
    solo = np.zeros(samples, dtype=np.float32)
    if score.notes:
        solo, settings["manner"] = render_solo(played, timbre, sounds, solo_rng, samples)
        if mix_rng.random() < 0.2:
            solo = equalise(solo, mix_rng, strength=4.0)
            settings["solo_equaliser"] = True
        if mix_rng.random() < 0.12:
            solo = room(solo, mix_rng, seconds=float(mix_rng.uniform(0.2, 0.6)), wet=0.12)
            settings["solo_room"] = True
        solo = to_level(solo, SOLO_LEVEL_DB + float(mix_rng.uniform(-1, 1)))
    backing, settings["rhythm"] = render_rhythm(score, sounds, rhythm_rng, samples)
    backing, settings["damage"] = wear_out(backing, mix_rng)
    level = float(mix_rng.uniform(-27, -16))
    settings["backing_db"] = round(level, 1)
    backing = to_level(backing, level)
    assert len(solo) == len(backing) == samples, (len(solo), len(backing), samples)
    assert np.isfinite(solo).all() and np.isfinite(backing).all(), score.id
    return Pair(solo, backing, played, timbre, settings)
