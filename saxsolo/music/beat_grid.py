"""Beats, bars and chords of a backing, from what the model's own encoder hears in it.

The encoder names, for every frame of 20 ms, chord root and quality, the place in the beat (in
twelfths) and the beat in the bar. Three searches make one story of it: the likeliest chain of
beats, of bars over them, of chords over those. How well, on backings whose beats are known, says
`saxsolo measure beats --pairs PAIRS`: a library that hears the sound alone does worse.
"""

import math
from dataclasses import dataclass

import numpy as np

from modeling_saxsolo.viterbi_saxsolo import best_path, best_path_of_equal_changes
from modeling_saxsolo.vocabulary_saxsolo import (
    BEAT_PHASES,
    FRAME_RATE,
    LABEL_SIZES,
    NO_CHORD,
    NO_ROOT,
    UNKNOWN,
)

from .metre import QUARTER, BeatUnit, beat_unit

# a beat lasts 0.18 s (333 a minute) to 1.5 s (40 a minute)
SHORTEST, LONGEST = 9, 75
# what a beat pays for being longer or shorter than the one before: nats for a squared log ratio
TEMPO_COST = 120.0
# a change of one frame is rounding, not tempo
ROUNDING = 1.0
# neighbouring frames say nearly the same: each counts for a part
TRUST = 0.1
# nats that a metre pays for being rare
METRES = {3: 3.0, 4: 0.0, 5: 10.0, 6: 10.0, 7: 10.0}
# nats for a bar that breaks off
BREAK_COST = 12.0
# nats for a chord that changes on the first beat of a bar, in the middle of one, elsewhere
CHANGE_COSTS = (2.0, 3.0, 5.0)
# beats a minute of the grid where no beat is heard
PLAIN_TEMPO = 120.0
_FLOOR = 1e-4


@dataclass(frozen=True)
class BeatGrid:
    """Beats, bars and chords over time.

    Attributes:
        beats: (N,) seconds, rising.
        places: (N,) int, 0 = first of its bar.
        beats_per_bar: of most bars; a bar may break off.
        roots: (N,) int, the chord on each beat, 0 = C .. 11, 12 = no chord.
        qualities: (N,) int, index into `QUALITY_NAMES` of the vocabulary.
        unit: note value of a beat.
    """

    beats: np.ndarray
    places: np.ndarray
    beats_per_bar: int
    roots: np.ndarray
    qualities: np.ndarray
    unit: BeatUnit = QUARTER

    @property
    def tempo(self) -> float:
        """Beats a minute, the median."""
        return 60 / float(np.median(np.diff(self.beats)))

    def labels(self, frames: int) -> np.ndarray:
        """The same as frame labels (T, 4) int16, -100 before the first beat and after the last."""
        labels = np.full((frames, len(LABEL_SIZES)), UNKNOWN, np.int16)
        middles = (np.arange(frames) + 0.5) / FRAME_RATE
        index = np.searchsorted(self.beats, middles, side="right") - 1
        last = self.beats[-1] + (self.beats[-1] - self.beats[-2])
        inside = (index >= 0) & (middles < last)
        index = index[inside]
        lengths = np.append(np.diff(self.beats), last - self.beats[-1])
        phase = BEAT_PHASES * (middles[inside] - self.beats[index]) / lengths[index]
        labels[inside, 0], labels[inside, 1] = self.roots[index], self.qualities[index]
        labels[inside, 2], labels[inside, 3] = (
            np.clip(phase, 0, BEAT_PHASES - 1),
            self.places[index],
        )
        return labels


def plain_grid(seconds: float, tempo: float = PLAIN_TEMPO) -> BeatGrid:
    """Bars of four at one tempo from second 0 on, without chords: for where no beat was found."""
    count = max(4, math.ceil(seconds * tempo / 60))
    place = np.arange(count)
    roots, qualities = np.full(count, NO_ROOT), np.full(count, NO_CHORD)
    return BeatGrid(place * 60 / tempo, place % 4, 4, roots, qualities)


def find_grid(heard: dict[str, np.ndarray]) -> BeatGrid | None:
    """The likeliest beats, bars and chords, None for less than three beats.

    Args:
        heard: as `hear` gives it.
    """
    logs = {name: np.log(np.maximum(part, _FLOOR)) for name, part in heard.items()}
    frames = _beats(TRUST * logs["beat_phase"])
    if len(frames) < 3:
        return None
    places, metre = _bars(TRUST * _summed(logs["bar_beat"], frames))
    roots, qualities = _chords(
        TRUST * _summed(logs["chord_root"], frames),
        TRUST * _summed(logs["chord_quality"], frames),
        places,
        metre,
    )
    beats = _smooth(frames / FRAME_RATE)
    return BeatGrid(beats, places, metre, roots, qualities, beat_unit(metre))


def _beats(scores: np.ndarray) -> np.ndarray:
    """Frames at which beats begin: the best chain of beats, each scored as a whole.

    A beat from frame s to s + L passes through the twelve phases in turn; `scores` (T, 12) says how
    well each frame fits. A semi-Markov search: the state is where a beat ends and how long it was.
    """
    frames = len(scores)
    lengths = np.arange(SHORTEST, LONGEST + 1)
    sums = np.concatenate([np.zeros((1, BEAT_PHASES)), np.cumsum(scores, axis=0)])
    # (frames + 1, lengths): the score of the beat that ends at a frame
    fit = np.full((frames + 1, len(lengths)), -np.inf)
    for column, length in enumerate(lengths):
        if length > frames:
            break
        # the frames of each phase by where their middles lie
        edges = np.clip(
            np.ceil(np.arange(BEAT_PHASES + 1) * length / BEAT_PHASES - 0.5).astype(int), 0, length
        )
        starts = np.arange(frames - length + 1)
        fit[length:, column] = sum(
            sums[starts + edges[phase + 1], phase] - sums[starts + edges[phase], phase]
            for phase in range(BEAT_PHASES)
        )
    apart = np.maximum(np.abs(lengths[:, None] - lengths) - ROUNDING, 0)
    cost = TEMPO_COST * np.log1p(apart / np.minimum(lengths[:, None], lengths)) ** 2
    # frames before the first beat and after the last are of any phase
    anywhere = float(np.mean(scores.max(axis=1))) - np.log(BEAT_PHASES) * TRUST if frames else 0.0
    best = np.full((frames + 1, len(lengths)), -np.inf)
    came = np.full((frames + 1, len(lengths)), -1)
    rows = np.arange(len(lengths))
    for end in range(SHORTEST, frames + 1):
        count = min(len(lengths), end - SHORTEST + 1)
        begun = end - lengths[:count]
        options = best[begun] - cost[:count]
        choice = options.argmax(axis=1)
        value = options[rows[:count], choice]
        fresh = np.where(begun <= LONGEST, anywhere * begun, -np.inf)
        came[end, :count] = np.where(value > fresh, choice, -1)
        best[end, :count] = np.maximum(value, fresh) + fit[end, :count]
    ends = np.arange(frames + 1)
    final = best + np.where(frames - ends <= LONGEST, anywhere * (frames - ends), -np.inf)[:, None]
    if not np.isfinite(final).any():
        return np.zeros(0, int)
    end, column = (int(place) for place in np.unravel_index(int(final.argmax()), final.shape))
    bounds = [end]
    while column >= 0:
        start = end - int(lengths[column])
        bounds.append(start)
        end, column = start, int(came[end, column])
    return np.array(bounds[::-1])


def _summed(scores: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(T, C) -> (N, C): over each beat; the last lasts as long as the one before it."""
    sums = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, axis=0)])
    ends = np.append(frames[1:], min(len(scores), 2 * frames[-1] - frames[-2]))
    return sums[ends] - sums[np.minimum(frames, len(scores))]


def _bars(scores: np.ndarray) -> tuple[np.ndarray, int]:
    """(N, 8) scores of the places in the bar -> places (N,) and beats in a bar."""
    options = []
    for metre, rare in METRES.items():
        # from place p to p + 1, or a bar breaks off and another begins
        cost = np.full((metre, metre), np.inf)
        cost[:, 0] = BREAK_COST
        cost[np.arange(metre), (np.arange(metre) + 1) % metre] = 0
        places, value = best_path(scores[:, :metre], cost)
        options.append((value - rare, places, metre))
    _, places, metre = max(options, key=lambda option: option[0])
    return places, metre


def _chords(
    roots: np.ndarray, qualities: np.ndarray, places: np.ndarray, metre: int
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 13) and (N, 8) scores -> the chord on each beat: (N,) roots, (N,) qualities."""
    chords = (roots[:, :NO_ROOT, None] + qualities[:, None, :NO_CHORD]).reshape(len(roots), -1)
    none = roots[:, NO_ROOT:] + qualities[:, NO_CHORD:]
    scores = np.concatenate([chords, none], axis=1)
    middle = metre // 2 if metre % 2 == 0 else -1
    first, half, other = CHANGE_COSTS
    costs = np.where(places == 0, first, np.where(places == middle, half, other))
    path = best_path_of_equal_changes(scores, costs)
    none = path == NO_ROOT * NO_CHORD
    roots = np.where(none, NO_ROOT, path // NO_CHORD)
    return roots, np.where(none, NO_CHORD, path % NO_CHORD)


def _smooth(beats: np.ndarray) -> np.ndarray:
    """Beats without the rounding to frames: each moves onto the line through five around it."""
    if len(beats) < 5:
        return beats
    windows = np.lib.stride_tricks.sliding_window_view(beats, 5)
    steady = windows.mean(axis=1)
    return np.concatenate([beats[:2], steady, beats[-2:]])
