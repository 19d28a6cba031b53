"""From what the ear hears, frame by frame, to one story: beats, bars, chords, how sure of each.

Three searches, each over what the one before it found: the likeliest chain of beats (a semi-Markov
model over places in the beat, after the bar pointer of Whiteley, Cemgil and Godsill 2006), of bars
over those beats (places and metres), and of chords that change on beats. Frames come fifty a
second. NumPy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .chord_search_saxsolo import FRAME_RATE, ChordCosts, HeardChord, find_chords, summed
from .subdivision_saxsolo import halves, thirds
from .viterbi_saxsolo import best_path

# metre class m of the ear: m + 2 beats in a bar
SMALLEST_METRE = 2
# a beat lasts 0.18 s (333 a minute) to 1.4 s (43 a minute)
SHORTEST, LONGEST = 9, 70
_FLOOR = 1e-4
# bars are divided anew up to 260 beats a minute
_SHORTEST_ANEW = 11.5
# share of the beats in one metre, from which a track has one
_NEARLY_ALL = 0.9
# share of the beats with a stroke on their half, from which they may be two beats each
_DIVIDED = 0.5
_ENDS_AT_ONCE = 4096


@dataclass(frozen=True)
class DecodingCosts:
    """What the searches weigh, in nats; found on held-out renders.

    Attributes:
        beat_trust, bar_trust: what a frame counts, since neighbours say nearly the same.
        metre_trust: what a frame's metre counts; the places know it better.
        onset, downbeat: what the outputs "a beat begins" and "a bar begins" count.
        tempo: cost of a beat longer or shorter than the one before: times the squared log ratio.
        last_beat: chance from which a beat is named that no other follows.
        least_beat: mean chance of a beat on the beats, below which there are none: noise and held
            tones stay under 0.2, bands above 0.4.
        metre_change: another metre at a bar line. broken_bar: a bar that ends early.
        metre_sure: mean chance from which a metre that is heard over bars of two or four beats
            counts them anew.
        unsure_bars: chance of a bar's beginning on its other beats, by that on its first, from
            which each beat is a bar; on its middle, from which each half is one.
        longest_evidence: a beat longer than so many frames says no more about bars than that.
        chords: see `ChordCosts`.
    """

    beat_trust: float = 0.1
    bar_trust: float = 0.1
    metre_trust: float = 0.01
    onset: float = 0.5
    downbeat: float = 1.0
    tempo: float = 120.0
    last_beat: float = 0.3
    least_beat: float = 0.25
    metre_change: float = 50.0
    broken_bar: float = 50.0
    metre_sure: float = 0.5
    unsure_bars: float = 0.33
    longest_evidence: float = 15.0
    chords: ChordCosts = field(default_factory=ChordCosts)


@dataclass(frozen=True)
class HeardMusic:
    """Beats, bars and chords of a track.

    Attributes:
        beats: (N,) seconds, rising. places: (N,) beat of the bar from 1. metres: (N,) beats in the
            bar. beat_confidence: (N,) 0 to 1.
        chords: one after the other, from the first frame to the last.
        tuning_cents: how much sharper than A = 440 Hz.
        thirds: how sure it is that each beat divides in three, as in 6/8 and 12/8, 0 to 1.
        metre_confidence: how sure the number of beats in most bars is, 0 to 1.
    """

    beats: np.ndarray
    places: np.ndarray
    metres: np.ndarray
    beat_confidence: np.ndarray
    chords: list[HeardChord] = field(default_factory=list)
    tuning_cents: float = 0.0
    thirds: float = 0.0
    metre_confidence: float = 0.0

    @property
    def tempo(self) -> float | None:
        """Beats a minute, the median; None without beats."""
        return 60 / float(np.median(np.diff(self.beats))) if len(self.beats) > 1 else None

    @property
    def metre(self) -> int | None:
        """Beats in most bars; None without beats."""
        return int(np.bincount(self.metres).argmax()) if len(self.metres) else None


def decode(
    heard: Mapping[str, np.ndarray],
    costs: DecodingCosts | None = None,
    tuning_cents: float = 0.0,
    progressions: np.ndarray | None = None,
) -> HeardMusic:
    """The likeliest beats, bars and chords.

    Args:
        heard: probabilities as `SaxsoloEar.hear` names them, as arrays: chord (F, 85), phase
            (F, 12), place (F, 8), beats (F, 2), metre (F, 6); rises (F, 2) where thirds are to be
            told from halves.
        tuning_cents: kept in what is returned.
        progressions: which chord follows which, see `find_chords`.

    Raises:
        ValueError: where a part is missing or the parts differ in length.
    """
    costs = costs or DecodingCosts()
    _check(heard)
    frames = find_beats(heard, costs)
    sure = np.array([_beat_chance(heard, frame) for frame in frames])
    if len(frames) and sure.mean() < costs.least_beat:
        frames, sure = frames[:0], sure[:0]
    places, metres = find_bars(heard, frames, costs)
    frames, places, metres = beats_of_metre(heard, frames, places, metres, costs)
    sure = np.array([_beat_chance(heard, frame) for frame in frames])
    chords = find_chords(heard["chord"], frames, places, metres, costs.chords, progressions)
    music = HeardMusic(_smooth(frames / FRAME_RATE), places + 1, metres, sure, chords, tuning_cents)
    usual = music.metre
    if usual is None:
        return music
    if "rises" in heard:
        music = replace(music, thirds=thirds(heard["rises"], music.beats, usual))
    inside = np.minimum(frames, len(heard["metre"]) - 1)
    chance = float(heard["metre"][inside, usual - SMALLEST_METRE].mean())
    return replace(music, metre_confidence=chance)


def _check(heard: Mapping[str, np.ndarray]) -> None:
    sizes = {}
    for name, classes in (("chord", 85), ("phase", 12), ("place", 8), ("beats", 2), ("metre", 6)):
        if name not in heard or heard[name].ndim != 2 or heard[name].shape[1] != classes:
            shape = heard[name].shape if name in heard else "nothing"
            raise ValueError(f"{name!r} must be (frames, {classes}) probabilities, got {shape}")
        sizes[name] = len(heard[name])
    if len(set(sizes.values())) > 1:
        raise ValueError(f"all parts must have the same number of frames, got {sizes}")


def _log(probabilities: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(np.maximum(probabilities, _FLOOR))
    return logs


def find_beats(heard: Mapping[str, np.ndarray], costs: DecodingCosts) -> np.ndarray:
    """Frames at which beats begin, (N,) int, empty for less than 3.

    A beat from frame s to s + L passes through the twelve phases in turn. The state of the search
    is where a beat ends and how long it was.
    """
    phase = costs.beat_trust * _log(heard["phase"])
    onset = costs.onset * (_log(heard["beats"][:, 0]) - _log(1 - heard["beats"][:, 0]))
    frames = len(phase)
    if frames < 3 * SHORTEST:
        return np.zeros(0, int)
    # frames before the first beat and after the last are of any phase
    anywhere = float(np.mean(phase.max(axis=1))) - np.log(12) * costs.beat_trust
    lengths = np.arange(SHORTEST, LONGEST + 1)
    came, end, column = _best_chain(phase, np.clip(onset, -3, 3), lengths, costs.tempo, anywhere)
    if end == 0:
        return np.zeros(0, int)
    chain = [end]
    while column >= 0:
        start = end - int(lengths[column])
        chain.append(start)
        end, column = start, int(came[end, column])
    beats = np.array(chain[::-1])
    # where the last beat ends, another may begin: the stroke on which the music stops
    if _beat_chance(heard, beats[-1]) < costs.last_beat:
        beats = beats[:-1]
    return beats if len(beats) >= 3 else np.zeros(0, int)


def _beat_fit(
    sums: np.ndarray, onset: np.ndarray, lengths: np.ndarray, first: int, last: int
) -> np.ndarray:
    """(last - first, lengths): the score of the beat of that length that ends at a frame.

    Args:
        sums: (F + 1, 12) of the phases before each frame. onset: (F,).
    """
    fit = np.full((last - first, len(lengths)), -np.inf)
    for column, length in enumerate(lengths):
        edges = np.clip(np.ceil(np.arange(13) * length / 12 - 0.5).astype(int), 0, length)
        starts = np.arange(max(0, first - length), last - length)
        total = onset[np.minimum(starts, len(onset) - 1)].copy()
        for part in range(12):
            total += sums[starts + edges[part + 1], part] - sums[starts + edges[part], part]
        if len(starts):
            fit[starts[0] + length - first :, column] = total
    return fit


def _best_chain(
    phase: np.ndarray, onset: np.ndarray, lengths: np.ndarray, tempo: float, anywhere: float
) -> tuple[np.ndarray, int, int]:
    """For each end of a beat (F + 1) and length the length of the beat before it (-1: the first);
    where the best chain ends (0: there is none), and the length of its last beat.

    Only what the way back needs is kept of the whole track, in single bytes.
    """
    frames, count = len(phase), len(lengths)
    apart = np.maximum(np.abs(lengths[:, None] - lengths) - 1.0, 0)
    cost = tempo * np.log1p(apart / np.minimum(lengths[:, None], lengths)) ** 2
    sums = np.concatenate([np.zeros((1, 12)), np.cumsum(phase, axis=0)])
    came = np.full((frames + 1, count), -1, np.int8)
    # of the latest ends, one after the other in a ring
    best = np.full((LONGEST + 1, count), -np.inf)
    rows = np.arange(count)
    highest, found, column = -np.inf, 0, 0
    for first in range(0, frames + 1, _ENDS_AT_ONCE):
        last = min(first + _ENDS_AT_ONCE, frames + 1)
        fit = _beat_fit(sums, onset, lengths, first, last)
        for end in range(max(first, SHORTEST), last):
            size = min(count, end - SHORTEST + 1)
            begun = end - lengths[:size]
            options = best[begun % len(best)] - cost[:size]
            choice = options.argmax(axis=1)
            value = options[rows[:size], choice]
            fresh = anywhere * begun
            came[end, :size] = np.where(value > fresh, choice, -1)
            now = np.full(count, -np.inf)
            now[:size] = np.maximum(value, fresh) + fit[end - first, :size]
            best[end % len(best)] = now
            whole = float(now.max()) + anywhere * (frames - end)
            if whole > highest:
                highest, found, column = whole, end, int(now.argmax())
    return came, found, column


def find_bars(
    heard: Mapping[str, np.ndarray], frames: np.ndarray, costs: DecodingCosts
) -> tuple[np.ndarray, np.ndarray]:
    """Place in the bar from 0 and beats in the bar, for each beat: two (N,) int arrays.

    The states are the places of every metre. A bar may be followed by one of another metre, or
    break off.
    """
    if len(frames) == 0:
        return np.zeros(0, int), np.zeros(0, int)
    ends = np.append(frames, min(len(heard["place"]), 2 * frames[-1] - frames[-2]))
    ends[-1] = max(ends[-1], frames[-1])
    part = np.minimum(1, costs.longest_evidence / np.maximum(np.diff(ends), 1))[:, None]
    place = costs.bar_trust * part * summed(heard["place"], ends, _FLOOR)
    metre = costs.metre_trust * part * summed(heard["metre"], ends, _FLOOR)
    starts = np.minimum(frames, len(heard["beats"]) - 1)
    first = _chance_near(heard["beats"][:, 1], starts)
    states = [
        (size, at)
        for size in range(SMALLEST_METRE, SMALLEST_METRE + metre.shape[1])
        for at in range(size)
    ]
    scores = np.stack(
        [
            place[:, at]
            + metre[:, size - SMALLEST_METRE]
            + costs.downbeat * (_log(first) if at == 0 else _log(1 - first))
            for size, at in states
        ],
        axis=1,
    )
    path, _ = best_path(scores, _bar_costs(states, costs))
    chosen = np.array(states)[path]
    return chosen[:, 1], chosen[:, 0]


def beats_of_metre(
    heard: Mapping[str, np.ndarray],
    frames: np.ndarray,
    places: np.ndarray,
    metres: np.ndarray,
    costs: DecodingCosts,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Beats, places and metres anew where the metre that is heard contradicts the beats.

    A band that plays two feel is heard in two, and a fast waltz one beat a bar, while the metre's
    output hears four or three. Either the bars stand and are divided otherwise, or, where bars
    could begin on any beat, each beat is a bar. Where two bars of two are heard as one of four,
    bars begin on its middle as well, and strokes lie halfway between the beats.
    """
    if len(frames) < 3:
        return frames, places, metres
    usual = int(np.bincount(metres).argmax())
    chances = heard["metre"][frames[0] : frames[-1]].mean(axis=0)
    named = int(chances.argmax()) + SMALLEST_METRE
    if chances.max() < costs.metre_sure or float(np.mean(metres == usual)) <= _NEARLY_ALL:
        return frames, places, metres
    first = _chance_near(heard["beats"][:, 1], np.minimum(frames, len(heard["beats"]) - 1))
    begins = places == 0

    def spread(others: np.ndarray) -> float:
        return float(first[others].mean() / max(first[begins].mean(), _FLOOR))

    if named == usual == 4 and "rises" in heard:
        divided = halves(heard["rises"], frames / FRAME_RATE) > _DIVIDED
        if divided and spread(places == 2) > costs.unsure_bars:
            usual, begins = 2, places % 2 == 0
    if named == 3 and usual in (2, 4) and spread(~begins) > costs.unsure_bars:
        edges, parts = frames, np.full(len(frames) - 1, named)
    elif named in (3, 4) and usual == 2:
        at = np.flatnonzero(begins)
        edges = frames[at]
        parts = np.maximum(1, np.round(np.diff(at) * named / usual)).astype(int)
    else:
        return frames, places, metres
    if len(edges) < 3 or np.median(np.diff(edges) / parts) < _SHORTEST_ANEW:
        return frames, places, metres
    anew = [
        np.round(np.linspace(start, end, count, endpoint=False)).astype(int)
        for start, end, count in zip(edges[:-1], edges[1:], parts, strict=True)
    ]
    within = [np.arange(count) for count in parts]
    beats = np.append(np.concatenate(anew), edges[-1])
    return beats, np.append(np.concatenate(within), 0), np.full(len(beats), named)


def _chance_near(chance: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The highest of (F,) within a frame of each of (N,) frames."""
    padded = np.pad(chance, 1, mode="edge")
    near: np.ndarray = np.max([padded[frames], padded[frames + 1], padded[frames + 2]], axis=0)
    return near


def _bar_costs(states: list[tuple[int, int]], costs: DecodingCosts) -> np.ndarray:
    cost = np.full((len(states), len(states)), np.inf)
    for row, (size, at) in enumerate(states):
        for column, (next_size, next_at) in enumerate(states):
            if next_size == size and next_at == at + 1:
                cost[row, column] = 0.0
            elif next_at == 0:
                broken = 0.0 if at == size - 1 else costs.broken_bar
                cost[row, column] = broken + costs.metre_change * (next_size != size)
    return cost


def _beat_chance(heard: Mapping[str, np.ndarray], frame: int) -> float:
    """The highest chance of a beat within two frames, 0 outside the track."""
    near = heard["beats"][max(0, frame - 2) : frame + 3, 0]
    return float(near.max()) if len(near) else 0.0


def _smooth(beats: np.ndarray) -> np.ndarray:
    """Beats without the rounding to frames: each moves onto the mean of the three around it."""
    if len(beats) < 3:
        return beats
    steady = (beats[:-2] + beats[1:-1] + beats[2:]) / 3
    # a change of tempo stays where it is
    steady = np.clip(steady, beats[1:-1] - 0.5 / FRAME_RATE, beats[1:-1] + 0.5 / FRAME_RATE)
    return np.concatenate([beats[:1], steady, beats[-1:]])
