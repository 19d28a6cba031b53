"""How right a listener is about chords and beats, by the measures of MIREX, through mir_eval.

Chords are compared over time (Harte 2010; Pauwels and Peeters 2013): the share of the annotated
seconds that are named right, where root, majmin, thirds, sevenths and mirex forgive more or less.
Beats are compared from the first annotated one on, not after mir_eval's usual 5 s: F-measure within
70 ms, and the longest and the total stretches of right tempo and phase (CMLt; AMLt forgives
half, double and off-beat). mir_eval: Raffel et al. 2014.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mir_eval
import numpy as np

CHORD_METRICS = ("root", "majmin", "thirds", "sevenths", "mirex")
BEAT_METRICS = ("beat_f1", "cmlt", "amlt", "downbeat_f1", "steady_bars")
PITCH_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
# the eight qualities of the frame labels in Harte's notation, each with its usual seventh
_HARTE = ("maj7", "min7", "7", "hdim7", "dim7", "sus4(b7)", "aug", "N")
# the qualities keep no sixth or seventh of a major or minor chord; the symbol does
_HARTE_OF_SYMBOL = {
    "": "maj", "6": "maj6", "69": "maj6(9)", "j7": "maj7",
    "-": "min", "-6": "min6", "-69": "min6(9)", "-7": "min7", "-j7": "minmaj7",
    "7": "7", "7alt": "7(#5)", "+7": "aug(b7)", "+": "aug", "+j7": "aug(7)",
    "m7b5": "hdim7", "o": "dim", "o7": "dim7",
    "sus": "sus4", "sus7": "sus4(b7)",
}  # fmt: skip


@dataclass(frozen=True)
class ChordTrack:
    """Chords over time: (N, 2) seconds and N labels in Harte's notation."""

    intervals: np.ndarray
    labels: list[str]


def harte(root: int | None, quality: int, symbol: str = "") -> str:
    """A chord's label in Harte's notation (Harte et al. 2005).

    Args:
        root: pitch class, None = no chord.
        quality: one of the eight of the frame labels.
        symbol: in the Weimar spelling, if known; keeps sixths and sevenths.
    """
    if root is None or quality >= 7:
        return "N"
    shape = symbol.split("/")[0].lstrip("ABCDEFG")
    # an accidental belongs to the root only in front
    shape = shape[1:] if shape[:1] in ("#", "b") else shape
    while shape and shape not in _HARTE_OF_SYMBOL:
        shape = shape[:-1]
    known = symbol and (shape or symbol.split("/")[0].rstrip("#b") in PITCH_NAMES)
    return f"{PITCH_NAMES[root]}:{_HARTE_OF_SYMBOL[shape] if known else _HARTE[quality]}"


def chord_track(rows: Sequence[Sequence[Any]]) -> ChordTrack:
    """The track of rows (start, end, symbol, root, quality, ...) as `truth.json` has them.

    Empty stretches are dropped.
    """
    kept = [row for row in rows if row[1] > row[0]]
    intervals = np.array([[row[0], row[1]] for row in kept], np.float64).reshape(-1, 2)
    return ChordTrack(intervals, [harte(row[3], row[4], row[2]) for row in kept])


def chord_metrics(truth: ChordTrack, heard: ChordTrack) -> dict[str, float]:
    """Share of the annotated time that is right, by measure; NaN where nothing is comparable.

    What is heard outside the annotated time does not count; what is not heard inside is "no chord".
    """
    if not len(truth.labels):
        return dict.fromkeys(CHORD_METRICS, float("nan"))
    intervals, labels = heard.intervals, heard.labels
    if not len(labels):
        intervals, labels = truth.intervals[:1], ["N"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        intervals, labels = mir_eval.util.adjust_intervals(
            intervals, labels, truth.intervals.min(), truth.intervals.max(), "N", "N"
        )
        merged, ours, theirs = mir_eval.util.merge_labeled_intervals(
            truth.intervals, truth.labels, intervals, labels
        )
        lengths = mir_eval.util.intervals_to_durations(merged)
        return {
            name: float(
                mir_eval.chord.weighted_accuracy(
                    getattr(mir_eval.chord, name)(ours, theirs), lengths
                )
            )
            for name in CHORD_METRICS
        }


def root_confusions(truth: ChordTrack, heard: ChordTrack) -> np.ndarray:
    """Seconds by what was heard: (14,), the interval above the true root in semitones, then a chord
    heard as none, then none heard as a chord."""
    seconds = np.zeros(14)
    step = 0.05
    end = truth.intervals.max() if len(truth.labels) else 0.0
    for time in np.arange(step / 2, end, step):
        true, said = _root_at(truth, time), _root_at(heard, time)
        if true is None:
            continue
        if true < 0 or said is None or said < 0:
            if true >= 0:
                seconds[12] += step
            elif said is not None and said >= 0:
                seconds[13] += step
        else:
            seconds[(said - true) % 12] += step
    return seconds


def _root_at(track: ChordTrack, time: float) -> int | None:
    index = int(np.searchsorted(track.intervals[:, 0], time, side="right")) - 1
    if index < 0 or time >= track.intervals[index, 1]:
        return None
    return int(mir_eval.chord.encode(track.labels[index])[0])


def beat_metrics(
    truth: np.ndarray, places: np.ndarray, heard: np.ndarray, heard_places: np.ndarray
) -> dict[str, float]:
    """F1 of beats and of first beats within 70 ms, CMLt, AMLt; whether no bar was invented that is
    shorter or longer than the others, NaN for a track that has such bars.

    Args:
        truth, heard: (N,) seconds, rising. places, heard_places: (N,) beat of the bar from 1.
    """
    if len(truth) < 2:
        return dict.fromkeys(BEAT_METRICS, float("nan"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # what is heard before the first or after the last annotated beat is not known to be wrong
        inside = (heard > truth[0] - 0.07) & (heard < truth[-1] + 0.07)
        heard, heard_places = heard[inside], heard_places[inside]
        _, cmlt, _, amlt = mir_eval.beat.continuity(truth, heard) if len(heard) > 1 else (0,) * 4
        return {
            "beat_f1": float(mir_eval.beat.f_measure(truth, heard)),
            "cmlt": float(cmlt),
            "amlt": float(amlt),
            "downbeat_f1": float(
                mir_eval.beat.f_measure(truth[places == 1], heard[heard_places == 1])
            ),
            "steady_bars": float(_steady(heard_places)) if _steady(places) else float("nan"),
        }


def _steady(places: np.ndarray) -> bool:
    """Whether as many beats lie between all first beats."""
    return len(set(np.diff(np.flatnonzero(places == 1)).tolist())) <= 1


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017): mean distance between how sure and how often
    right, over bins of equal width. Both (N,), `right` 0 or 1."""
    if not len(confidence):
        return float("nan")
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for place in range(bins):
        inside = index == place
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return float(error)
