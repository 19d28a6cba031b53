"""The backing tracks of examples/: builtin charts on Debian's MIT sound fonts, without saxophone.

apt-get install libfluidsynth3 fluid-soundfont-gm musescore-general-soundfont
saxsolo corpus examples --out examples
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.music.score import Score

from .damage import room, to_level
from .rhythm import PLAYERS, render_rhythm
from .sounds import Sounds

LEVEL_DB = -20.0
RING_OUT = 1.2


@dataclass(frozen=True)
class Example:
    """A part of a builtin chart: `bars` bars from the first, at a tempo in beats a minute."""

    name: str
    score_id: str
    bars: int
    tempo: float
    seed: int


EXAMPLES = (
    Example("blues_in_f", "builtin_first_blues", 12, 108.0, 1),
    Example("two_five_one", "builtin_turning_study", 16, 152.0, 2),
    Example("bossa", "builtin_harbour_bossa", 16, 132.0, 3),
    Example("ballad", "builtin_late_ballad", 8, 66.0, 4),
)


def example_score(example: Example, scores: Sequence[Score]) -> Score:
    """The chart of an example, without notes."""
    score = next(score for score in scores if score.id == example.score_id)
    score = score.scale_tempo(example.tempo / score.tempo)
    beats = tuple(beat for beat in score.beats if beat.bar <= example.bars)
    return replace(score, notes=(), beats=beats)


def render_example(example: Example, scores: Sequence[Score], sounds: Sounds) -> np.ndarray:
    """Float32 mono at 32 kHz, with a little room, fading out after the last bar."""
    score = example_score(example, scores)
    end = score.beats[-1].onset + 60.0 / score.tempo
    samples = math.ceil((end + RING_OUT) * SAMPLING_RATE)
    rng = np.random.default_rng(example.seed)
    audio, _ = render_rhythm(score, sounds, rng, samples, players=PLAYERS)
    audio = room(audio, rng, seconds=0.7, wet=0.18)
    fade = int(RING_OUT * SAMPLING_RATE)
    audio[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return to_level(audio, LEVEL_DB)


def render_examples(out: Path) -> Iterator[tuple[Path, float]]:
    """Writes the four FLACs (mono, 32 kHz, 16 bit); yields each path and its seconds.

    Raises:
        OSError: a sound font is absent, or `out` cannot be written.
    """
    sounds = Sounds(None, soundfont_names=("fluidr3", "musescore"))
    scores = builtin_scores()
    out.mkdir(parents=True, exist_ok=True)
    for example in EXAMPLES:
        audio = render_example(example, scores, sounds)
        path = out / f"{example.name}.flac"
        soundfile.write(path, audio, SAMPLING_RATE, subtype="PCM_16")
        yield path, len(audio) / SAMPLING_RATE
