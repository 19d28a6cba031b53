"""Tunes as bands played them: beats and chords of a recording, and the bass that was heard in it.

The Weimar Jazz Database has a bass pitch for nearly every beat, estimated from the recording as it
seems (Abesser and others 2017, "Deep learning for jazz walking bass transcription"). They
leave the root more often than `basslines` does; an ear that learns from both takes the bass for one
witness among others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saxsolo.corpus.render.bass import fold
from saxsolo.music.score import Beat, Score

from .form import ALL, Style, swung_off_beat
from .plan import Bar, Note, Plan, Span

#: feel of a score -> style of a band
STYLE_OF_FEEL = {"swing": "swing", "twobeat": "swing", "waltz": "waltz", "ballad": "ballad",
          "latin": "latin", "funk": "funk"}  # fmt: skip
METRE_OF_SIZE = {3: "3/4", 4: "4/4", 5: "5/4"}
FEWEST_BARS = 8
# a longer beat, times the usual one, is a hole in the transcription
HOLE = 1.8
# how much faster or slower than the recording, log
PACE = 0.12


@dataclass(frozen=True)
class Passage:
    """Whole bars of one size, in a row, with a bass on most of their beats.

    Attributes:
        score: whose beats they are. bars: indices of the beats of each bar.
    """

    score: Score
    bars: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Beats a bar."""
        return len(self.bars[0])


def transcribed_passages(scores: Sequence[Score]) -> list[Passage]:
    """The passages of scores that a band can play, of eight bars or more."""
    return [passage for score in scores for passage in _passages(score)]


def transcribed_plan(
    passage: Passage, seconds: float, players: frozenset[str], rng: np.random.Generator
) -> tuple[Plan, Style, list[Note]]:
    """About `seconds` of a passage in any key and near its tempo, and its bass line.

    Args:
        players: who is in the band at all.

    Returns:
        The plan, its style, and the notes of the bass in beats.
    """
    score = passage.score.transpose(int(rng.integers(-6, 6)))
    pace = float(np.exp(rng.uniform(-PACE, PACE)))
    usual = 60.0 / passage.score.tempo * pace
    wanted = max(FEWEST_BARS, int(seconds / usual / passage.size))
    first = int(rng.integers(max(1, len(passage.bars) - wanted + 1)))
    chosen = passage.bars[first : first + wanted]
    beats = [score.beats[index] for bar in chosen for index in bar]
    tempo = 60.0 / usual
    off_beat = swung_off_beat(tempo, rng)
    swing = 0.5 if score.feel in ("latin", "funk") else off_beat
    name = STYLE_OF_FEEL[score.feel]
    style = Style(name, METRE_OF_SIZE[passage.size], tempo, 2, swing)
    feel = "two" if score.feel == "twobeat" else style.feel
    bars = _bars(beats, passage.size, feel, players)
    onsets = np.array([beat.onset for beat in beats])
    times = np.append(onsets, onsets[-1] + 60.0 / score.tempo) - onsets[0]
    times = float(rng.uniform(0.05, 1.5)) + pace * times
    chart = tuple(span for bar in bars for span in bar.spans)
    plan = Plan(score.title, style.metre, tempo, bars, times, swing, style.grid, chart)
    return plan, style, _bass(beats, rng)


def _passages(score: Score) -> list[Passage]:
    runs: list[list[tuple[int, ...]]] = [[]]
    bar: list[int] = []
    before = -np.inf
    for index, beat in enumerate(score.beats):
        if beat.onset - before > HOLE * 60.0 / score.tempo or beat.beat != len(bar) + 1:
            runs.append([])
            bar = []
        before = beat.onset
        if beat.beat == len(bar) + 1:
            bar.append(index)
        size = beat.beats_per_bar
        if len(bar) == size and size in METRE_OF_SIZE:
            if runs[-1] and len(runs[-1][0]) != size:
                runs.append([])
            runs[-1].append(tuple(bar))
            bar = []
    return [Passage(score, tuple(run)) for run in runs if _is_played(score, run)]


def _is_played(score: Score, run: Sequence[tuple[int, ...]]) -> bool:
    basses = [score.beats[index].bass for bar in run for index in bar]
    return len(run) >= FEWEST_BARS and sum(key is not None for key in basses) > 0.8 * len(basses)


def _bars(beats: Sequence[Beat], size: int, feel: str, players: frozenset[str]) -> tuple[Bar, ...]:
    bars = []
    for first in range(0, len(beats), size):
        spans: list[Span] = []
        for place in range(first, first + size):
            symbol = beats[place].chord
            if spans and spans[-1].symbol == symbol:
                spans[-1] = spans[-1]._replace(end=float(place + 1))
            else:
                spans.append(Span(float(place), float(place + 1), symbol))
        bars.append(Bar(float(first), size, "chorus", feel, ALL & players, tuple(spans)))
    return tuple(bars)


def _bass(beats: Sequence[Beat], rng: np.random.Generator) -> list[Note]:
    """A note on every beat that has a pitch; a pitch that stays is struck again or held."""
    loud = float(rng.uniform(65, 100))
    short = float(rng.choice((0.7, 0.9, 1.0)))
    held = float(rng.choice((0.0, 0.3, 0.8)))
    notes: list[Note] = []
    for place, beat in enumerate(beats):
        if beat.bass is None:
            continue
        key = fold(beat.bass)
        before = notes[-1] if notes else None
        follows = (
            before is not None and before.key == key and before.beat + before.length > place - 0.5
        )
        if before is not None and follows and rng.random() < held:
            notes[-1] = before._replace(length=place + short - before.beat)
        else:
            notes.append(Note(float(place), short, key, loud * float(rng.uniform(0.9, 1.1))))
    return notes
