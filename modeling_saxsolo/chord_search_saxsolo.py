"""From the chance of each chord in each frame to the likeliest changes, and how sure of each.

Three kinds of evidence: the frames of a stretch; the bars that sound alike, since a form comes
round again (Mauch, Noland and Dixon, ISMIR 2009); and which chord tends to follow which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .viterbi_saxsolo import best_path_of_changes, state_chances

FRAME_RATE = 50
QUALITIES, NO_CHORD_QUALITY = 7, 7
# chord classes are root * 7 + quality, then "no chord"
NO_CHORD = 12 * QUALITIES
CHORDS = NO_CHORD + 1
_FLOOR = 1e-4
_FRAMES_AT_ONCE = 4096
# what the chance over all chains counts in a chord's confidence, beside that of its frames
SURE = 0.3


@dataclass(frozen=True)
class ChordCosts:
    """What the search weighs, in nats; found on held-out renders.

    Attributes:
        trust: what a frame counts, since neighbours say nearly the same.
        change: at the first beat of a bar, in the middle of one, at other beats.
        progression: weight of which chord follows which.
        repeats: weight of what bars alike say, all together.
        alike: mean overlap of the chances (Bhattacharyya coefficient, 0 to 1) from which stretches
            of `alike_bars` bars count as alike.
    """

    trust: float = 0.06
    change: tuple[float, float, float] = (2.0, 3.0, 5.0)
    progression: float = 1.5
    repeats: float = 1.0
    alike: float = 0.7
    alike_bars: int = 4


@dataclass(frozen=True)
class HeardChord:
    """A chord from `start` to `end`, seconds; `root` None and quality 7 for no chord."""

    start: float
    end: float
    root: int | None
    quality: int
    confidence: float


def find_chords(
    chord: np.ndarray,
    beats: np.ndarray,
    places: np.ndarray,
    metres: np.ndarray,
    costs: ChordCosts | None = None,
    progressions: np.ndarray | None = None,
) -> list[HeardChord]:
    """Chords that change on beats, or on any quarter of a second where there are no beats.

    Args:
        chord: (F, 85) probabilities.
        beats: (N,) frames. places: (N,) beat of the bar from 0. metres: (N,) beats in the bar.
        progressions: (7, 12, 7), see `progression_gains`; None = every chord follows as easily.
    """
    costs = costs or ChordCosts()
    edges, change = _segments(len(chord), beats, places, metres, costs)
    evidence = costs.trust * summed(chord, edges, _FLOOR)
    bars = _regular_bars(edges, beats, places, metres)
    evidence = _with_repeats(evidence, edges, bars, costs)
    gains = costs.progression * _gains_of_classes(progressions)
    path = best_path_of_changes(evidence, change, gains)
    chances = state_chances(evidence, change, gains)
    lengths = np.diff(edges)
    chords = []
    begins = [0, *(np.flatnonzero(np.diff(path)) + 1), len(path)]
    for begin, end in zip(begins[:-1], begins[1:], strict=True):
        state = int(path[begin])
        # the chains are too sure of themselves, the frames too little: held-out renders
        sure = SURE * np.average(chances[begin:end, state], weights=lengths[begin:end])
        sure += (1 - SURE) * float(chord[edges[begin] : edges[end], state].mean())
        root = None if state == NO_CHORD else state // QUALITIES
        quality = NO_CHORD_QUALITY if state == NO_CHORD else state % QUALITIES
        start, stop = float(edges[begin]), float(edges[end])
        chords.append(
            HeardChord(start / FRAME_RATE, stop / FRAME_RATE, root, quality, min(1.0, float(sure)))
        )
    return chords


def summed(scores: np.ndarray, edges: np.ndarray, floor: float | None = None) -> np.ndarray:
    """(F, C) -> (N - 1, C): over each stretch between two of (N,) frames.

    Args:
        floor: the logs of the scores are summed, of this where they are lower.
    """
    at = np.zeros((len(edges), scores.shape[1]))
    reached = np.zeros((1, scores.shape[1]), scores.dtype)
    # sums of an hour's frames are kept where an edge is, and nowhere else
    for begin in range(0, len(scores), _FRAMES_AT_ONCE):
        part = scores[begin : begin + _FRAMES_AT_ONCE]
        part = part if floor is None else np.log(np.maximum(part, floor))
        sums = np.cumsum(np.concatenate([reached, part]), axis=0)
        inside = (edges > begin) & (edges <= begin + len(part))
        at[inside] = sums[edges[inside] - begin]
        reached = sums[-1:]
    over: np.ndarray = at[1:] - at[:-1]
    return over


def progression_gains(counts: np.ndarray, prior: float = 5.0) -> np.ndarray:
    """How much likelier than by chance a chord follows another, in nats.

    Args:
        counts: (7, 12, 7) changes from a quality, up by so many semitones, to a quality.
        prior: changes that are assumed beside those counted after each quality, spread as all
            qualities are.

    Returns:
        (7, 12, 7) log of the probability times 84; zeros where nothing was counted.
    """
    if not counts.sum():
        return np.zeros(counts.shape)
    qualities = counts.sum(axis=(0, 1)) + 1e-3
    spread = qualities / qualities.sum() / 12
    after = counts.sum(axis=(1, 2), keepdims=True)
    gains: np.ndarray = np.log(12 * QUALITIES * (counts + prior * spread) / (after + prior))
    return gains


def count_progressions(chords: np.ndarray) -> np.ndarray:
    """(7, 12, 7) changes between chords; (F,) classes, below 0 where unknown. What stands on either
    side of a stretch without a chord is no change."""
    counts = np.zeros((QUALITIES, 12, QUALITIES))
    starts = np.flatnonzero(np.diff(chords, prepend=-1000))
    heard = chords[starts]
    for before, after in zip(heard[:-1], heard[1:], strict=True):
        if 0 <= before < NO_CHORD and 0 <= after < NO_CHORD:
            step = (after // QUALITIES - before // QUALITIES) % 12
            counts[before % QUALITIES, step, after % QUALITIES] += 1
    return counts


def _gains_of_classes(progressions: np.ndarray | None) -> np.ndarray:
    """(85, 85) nats from the row's chord to the column's; nothing to and from "no chord"."""
    gains = np.zeros((CHORDS, CHORDS))
    if progressions is not None:
        root, quality = np.divmod(np.arange(NO_CHORD), QUALITIES)
        step = (root[None, :] - root[:, None]) % 12
        gains[:NO_CHORD, :NO_CHORD] = progressions[quality[:, None], step, quality[None, :]]
    return gains


def _segments(
    frames: int, beats: np.ndarray, places: np.ndarray, metres: np.ndarray, costs: ChordCosts
) -> tuple[np.ndarray, np.ndarray]:
    """Edges (M + 1,) of the stretches in which a chord cannot change, and the cost of a change at
    the beginning of each (M,)."""
    first, half, other = costs.change
    step = FRAME_RATE // 4
    inside = (beats > 0) & (beats < frames)
    edges = {0: other}
    for beat, place, metre in zip(beats[inside], places[inside], metres[inside], strict=True):
        middle = metre % 2 == 0 and place == metre // 2
        edges[int(beat)] = first if place == 0 else half if middle else other
    begin, end = (int(beats[0]), int(beats[-1])) if len(beats) else (frames, frames)
    for edge in (*range(step, begin - step, step), *range(end + step, frames - step, step)):
        edges.setdefault(edge, other)
    places_of = np.array(sorted(edges))
    return np.append(places_of, frames), np.array([edges[edge] for edge in places_of])


def _regular_bars(
    edges: np.ndarray, beats: np.ndarray, places: np.ndarray, metres: np.ndarray
) -> np.ndarray:
    """(bars, beats): the stretches of each whole bar of the most frequent metre."""
    if not len(beats):
        return np.zeros((0, 1), int)
    size = int(np.bincount(metres).argmax())
    place_of = {int(edge): index for index, edge in enumerate(edges[:-1])}
    rows = []
    for first in np.flatnonzero((places == 0) & (metres == size)):
        bar = [place_of.get(int(beat)) for beat in beats[first : first + size]]
        if len(bar) == size and None not in bar:
            rows.append(bar)
    return np.array(rows, int).reshape(-1, size)


def _with_repeats(
    evidence: np.ndarray, edges: np.ndarray, bars: np.ndarray, costs: ChordCosts
) -> np.ndarray:
    """Adds to the evidence of each bar what the bars like it say, as much as one of them at most.

    Bars are alike where a run of `alike_bars` bars around both is: a chord alone is found in many
    places, four bars of changes where the form comes round.
    """
    count, size = bars.shape
    run = costs.alike_bars
    if not costs.repeats or count < 2 * run:
        return evidence
    frames = np.diff(edges)[:, None]
    mean = np.exp((evidence - evidence.max(axis=1, keepdims=True)) / (costs.trust * frames))
    roots = np.sqrt(mean / mean.sum(axis=1, keepdims=True))[bars].reshape(count, -1)
    overlap = roots @ roots.T / size
    alike = np.zeros((count, count))
    for apart in range(1, count - run + 1):
        means = np.convolve(np.diagonal(overlap, apart), np.full(run, 1 / run), "valid")
        padded = np.pad(means, run - 1, constant_values=-1.0)
        best = np.lib.stride_tricks.sliding_window_view(padded, run).max(axis=1)
        first = np.arange(count - apart)
        alike[first, first + apart] = alike[first + apart, first] = best
    # in place: an hour has some thousand bars, and each such table a number for each two of them
    del overlap
    weights = alike
    weights -= costs.alike
    weights /= 1 - costs.alike
    np.clip(weights, 0, 1, out=weights)
    weights /= np.maximum(1.0, weights.sum(axis=1, keepdims=True))
    shared = evidence.copy()
    shared[bars] += costs.repeats * np.einsum("ij,jbc->ibc", weights, evidence[bars])
    return shared
