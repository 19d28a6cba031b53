"""Bars, swung off-beats and human timing on the beats of a score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from saxsolo.music.chord_symbols import Chord, parse_chord
from saxsolo.music.score import Score


class Stroke(NamedTuple):
    """A sounding key: onset and duration in seconds, MIDI key, velocity 1..127."""

    time: float
    duration: float
    key: int
    velocity: int


class BarPlan:
    """Beat times of a score with its chords, and where between them things fall.

    `bars` lists the indices of the beats of each bar; bars the transcribers left without a metre
    (one beat each) are taken four beats at a time. `times`, `lengths`: seconds, (beats,).
    """

    def __init__(self, score: Score, rng: np.random.Generator) -> None:
        self.beats = score.beats
        self.tempo = score.tempo
        self.times = np.array([beat.onset for beat in score.beats], dtype=np.float64)
        usual = 60.0 / score.tempo
        gaps = np.append(np.diff(self.times), usual) if len(self.times) else np.zeros(0)
        # a hole in the transcription is no slow beat
        self.lengths = np.where(gaps > 2.5 * usual, usual, np.maximum(gaps, 0.05))
        self.chords: list[Chord] = [parse_chord(beat.chord) for beat in score.beats]
        self.bars = _bars(score)
        straight = score.feel in ("latin", "funk")
        # measured swing ratios fall from about 2 at slow tempi to nearly even eighths at 300
        ratio = np.clip(2.2 - 0.0052 * (score.tempo - 100) + rng.normal(0, 0.12), 1.05, 2.6)
        self.swing = 0.5 if straight else float(ratio / (1 + ratio))
        self.looseness = float(rng.uniform(0.003, 0.008))

    def at(self, beat: int, offset: float | str = 0.0) -> float:
        """Seconds of a place `offset` beats after a beat; "&" is the swung off-beat."""
        share = self.swing if offset == "&" else float(offset)
        while share >= 1 and beat + 1 < len(self.times):
            beat, share = beat + 1, share - 1
        return float(self.times[beat] + share * self.lengths[beat])

    def stroke(
        self,
        beat: int,
        offset: float | str,
        key: int,
        velocity: float,
        rng: np.random.Generator,
        *,
        length: float = 0.1,
        spread: float = 6,
        late: float = 0.0,
    ) -> Stroke:
        """A stroke at that place with human timing and dynamics; `length`, `late` in seconds."""
        time = self.at(beat, offset) + late + float(rng.normal(0, self.looseness))
        loud = int(np.clip(velocity + rng.normal(0, spread), 8, 127))
        return Stroke(max(0.0, time), length, key, loud)


def _bars(score: Score) -> list[list[int]]:
    bars: list[list[int]] = []
    previous = None
    for index, beat in enumerate(score.beats):
        free = beat.beats_per_bar == 1
        same = previous is not None and (
            (free and previous.beats_per_bar == 1 and len(bars[-1]) < 4)
            or (not free and beat.bar == previous.bar and beat.beat > previous.beat)
        )
        if same:
            bars[-1].append(index)
        else:
            bars.append([index])
        previous = beat
    return bars
