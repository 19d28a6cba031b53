"""Where in a track a chart is played: a search over what the ear hears.

States are the beats of one chorus and "outside" (introduction, ending, a break). From beat to beat
the form goes on for nothing; to begin it anywhere else, to leave it in the middle, or to lose a
beat costs. The evidence of a beat is what the ear hears in its frames: chord, and beat of the bar.
The chart may be in another key, and the ear may count half or double time: each is tried, and the
likeliest wins (a Viterbi search, all twelve keys at once).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from modeling_saxsolo.chord_search_saxsolo import FRAME_RATE, QUALITIES, summed
from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from modeling_saxsolo.vocabulary_saxsolo import NO_CHORD, NO_ROOT
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.charts.chart import Chart
from saxsolo.music.placed_chart import OUTSIDE, Form, PlacedChart, form_of

_FLOOR = 1e-3


@dataclass(frozen=True)
class AlignmentCosts:
    """What the search weighs, in nats; found on renders.

    Attributes:
        trust: what a frame's chord counts, since neighbours say nearly the same.
        place_trust: what a frame's beat of the bar counts.
        root: how much of a chord's chance is its root's alone: bands play other qualities.
        slip: a beat lost, or one too many.
        start, section, bar: to begin the form at its first beat, at a section, at another bar.
        cut: the track begins inside the form.
        leave: the form ends before its last beat; end: at it.
        jump: from a bar to the beginning of a section; to another bar, twice that.
        time: the ear counts half or double time.
        key: another key than the chart's.
        least: agreement from which another key is believed.
        fits, covers: agreement, and share of the beats in the form, below which the chart is no
            chart of the track: it is laid over all of it.
        hidden: what a beat outside the form costs there.
    """

    trust: float = 0.06
    place_trust: float = 0.04
    root: float = 0.5
    slip: float = 12.0
    start: float = 3.0
    section: float = 15.0
    bar: float = 30.0
    cut: float = 10.0
    leave: float = 60.0
    end: float = 15.0
    jump: float = 60.0
    time: float = 10.0
    key: float = 15.0
    least: float = 0.45
    fits: float = 0.25
    covers: float = 0.5
    hidden: float = 30.0


@dataclass(frozen=True)
class _Beats:
    """Beats to align with.

    Attributes:
        frames: (N + 1,) edges. seconds: (N,). bars: whether the ear's places count. factor: of the
            heard tempo. heard: index of the heard beat at or before each.
    """

    frames: np.ndarray
    seconds: np.ndarray
    factor: float
    heard: np.ndarray


def align(
    chart: Chart,
    heard: Mapping[str, np.ndarray],
    music: HeardMusic,
    *,
    first_bar: float | None = None,
    tempo: float | None = None,
    costs: AlignmentCosts | None = None,
) -> PlacedChart | None:
    """The likeliest place of a chart in a track; None where no beats were heard.

    Args:
        heard: name -> (F, classes) probabilities of the ear, as in `ear_decoding.decode`.
        music: what was decoded from them.
        first_bar: second at which the form begins, where known.
        tempo: beats a minute, where known: chooses between half, plain and double time.
    """
    costs = costs or AlignmentCosts()
    if len(music.beats) < 3:
        return None
    placed = _placed(chart, heard, music, first_bar, tempo, costs)
    if (placed.agreement or 0.0) >= costs.fits and placed.inside.mean() >= costs.covers:
        return placed
    # whoever gives another chart than the band plays wants it played
    everywhere = replace(costs, leave=1e6, end=1e6, jump=1e6, key=1e6)
    return _placed(chart, heard, music, first_bar, tempo, everywhere, costs.hidden)


def _placed(
    chart: Chart,
    heard: Mapping[str, np.ndarray],
    music: HeardMusic,
    first_bar: float | None,
    tempo: float | None,
    costs: AlignmentCosts,
    hidden: float = 0.0,
) -> PlacedChart:
    """The likeliest place; a beat outside the form costs `hidden`."""
    form = form_of(chart)
    options = _options(music, len(heard["chord"]), tempo, int(form.sizes[0]))
    best: tuple[float, _Beats, int, np.ndarray] | None = None
    keys = [0]
    for beats in options:
        inside, outside = _evidence(heard, form, beats, costs)
        outside -= hidden
        forced = None if first_bar is None else int(np.abs(beats.seconds - first_bar).argmin())
        if beats is options[0]:
            keys = _keys(_search(inside, outside, form, costs, forced, keep=False)[0], costs)
        values, paths = _search(inside[keys], outside[keys], form, costs, forced)
        # against the track without the chart: other beats, other evidence
        values = values - (outside[keys] + hidden).sum(axis=1)
        for key, value, index in zip(keys, values, paths, strict=True):
            value -= costs.key * (key != 0) + costs.time * (beats.factor != 1)
            if key and _agreement(heard, form, beats, index, key) < costs.least:
                continue
            if best is None or value > best[0]:
                best = float(value), beats, key, index
    assert best is not None
    _, beats, key, index = best
    moved = chart.transpose(key)
    agreement = _agreement(heard, form, beats, index, key)
    return PlacedChart(
        moved, form_of(moved), beats.seconds, index, agreement, key if key <= 6 else key - 12,
        _heard_grid(music, beats),
    )  # fmt: skip


def _keys(values: np.ndarray, costs: AlignmentCosts) -> list[int]:
    """The chart's own key, and another that fits far better."""
    other = int(values.argmax())
    return [0] if other == 0 or values[other] < values[0] + costs.key else [0, other]


def _options(music: HeardMusic, frames: int, tempo: float | None, size: int) -> list[_Beats]:
    """The heard beats, every second of them, and with one between each two; of a waltz that may be
    heard in one, with two between."""
    heard = np.asarray(music.beats, float)
    options = [_beats_at(heard, 1.0, frames, heard)]
    options += [_beats_at(heard[start::2], 0.5, frames, heard) for start in (0, 1)]
    options.append(_beats_at(_divided(heard, 2), 2.0, frames, heard))
    if size == 3:
        options.append(_beats_at(_divided(heard, 3), 3.0, frames, heard))
    options = [option for option in options if len(option.seconds) >= 3]
    if tempo is None:
        return options
    heard_tempo = 60 / float(np.median(np.diff(heard)))
    apart = [abs(np.log(option.factor * heard_tempo / tempo)) for option in options]
    return [o for o, a in zip(options, apart, strict=True) if a <= min(apart) + 1e-6]


def _divided(beats: np.ndarray, parts: int) -> np.ndarray:
    """Beats with others between, each divided into equal parts."""
    count = len(beats)
    finer: np.ndarray = np.interp(
        np.arange(parts * (count - 1) + 1) / parts, np.arange(count), beats
    )
    return finer


def _beats_at(seconds: np.ndarray, factor: float, frames: int, heard: np.ndarray) -> _Beats:
    last = 2 * seconds[-1] - seconds[-2] if len(seconds) > 1 else seconds[-1] + 0.5
    edges = np.clip(np.round(np.append(seconds, last) * FRAME_RATE).astype(int), 0, frames)
    before = np.searchsorted(heard, seconds + 1e-6, side="right") - 1
    return _Beats(edges, seconds, factor, np.maximum(before, 0))


def _evidence(
    heard: Mapping[str, np.ndarray], form: Form, beats: _Beats, costs: AlignmentCosts
) -> tuple[np.ndarray, np.ndarray]:
    """(12, N, P) of each beat of the form in each key, and (12, N) of what is outside."""
    chord = heard["chord"]
    roots = np.concatenate([chord[:, :-1].reshape(len(chord), 12, QUALITIES).sum(2), chord[:, -1:]],
                           axis=1)  # fmt: skip
    joint = (1 - costs.root) * chord + costs.root * np.concatenate(
        [np.repeat(roots[:, :12], QUALITIES, axis=1), roots[:, 12:]], axis=1
    )
    logs = costs.trust * summed(np.log(joint + _FLOOR), beats.frames)
    # what is outside: any chord of the chart, none, or at times another
    classes = _classes(form, 0)
    share = np.bincount(classes, minlength=chord.shape[1]) / len(classes)
    places = _place_evidence(heard, form, beats, costs)
    inside, outside = [], []
    for key in range(12):
        inside.append(logs[:, _classes(form, key)] + places)
        moved = np.append(
            np.roll(share[:-1].reshape(12, QUALITIES), key, axis=0).ravel(), share[-1]
        )
        mean = 0.7 * joint @ moved + 0.2 * joint[:, -1] + 0.1 * joint.max(axis=1)
        other = costs.trust * summed(np.log(mean + _FLOOR)[:, None], beats.frames)[:, 0]
        # bars go on there too
        outside.append(other + places.max(axis=1))
    return np.stack(inside), np.stack(outside)


def _classes(form: Form, key: int) -> np.ndarray:
    """(P,) chord classes of the ear, root * 7 + quality, 84 for none."""
    roots, qualities = form.roots, form.qualities
    none = (roots == NO_ROOT) | (qualities == NO_CHORD)
    return np.where(none, 12 * QUALITIES, (roots + key) % 12 * QUALITIES + qualities % QUALITIES)


def _place_evidence(
    heard: Mapping[str, np.ndarray], form: Form, beats: _Beats, costs: AlignmentCosts
) -> np.ndarray:
    """(N, P): how well the beat of the bar fits, against a beat of any place."""
    if beats.factor != 1:
        return np.zeros((len(beats.seconds), len(form.symbols)))
    place = heard["place"]
    logs = costs.place_trust * summed(np.log(place + _FLOOR), beats.frames)
    chance = costs.place_trust * np.log(1 / form.sizes) * np.diff(beats.frames)[:, None]
    fit: np.ndarray = logs[:, np.minimum(form.places, place.shape[1] - 1)] - chance
    return fit


def _search(
    inside: np.ndarray,
    outside: np.ndarray,
    form: Form,
    costs: AlignmentCosts,
    forced: int | None,
    keep: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Values (K,) and paths (K, N) for K keys; states 0..P-1, and OUTSIDE.

    Args:
        inside: (K, N, P). outside: (K, N). forced: beat on which the form begins.
        keep: whether paths are wanted; without, they are empty.
    """
    keys, count, size = inside.shape
    entry = np.where(form.sections, costs.section, np.where(form.places == 0, costs.bar, np.inf))
    entry[0] = costs.start
    first = np.where(form.places == 0, np.minimum(entry, costs.cut), costs.cut + costs.slip)
    last_of_bar = form.places == form.sizes - 1
    leave = np.where(last_of_bar, costs.leave, costs.leave + costs.slip)
    leave[-1] = costs.end
    # a jump leaves from a bar's end and lands on a bar's beginning
    land = np.where(form.sections, costs.jump, np.where(form.places == 0, 2 * costs.jump, np.inf))
    best = inside[:, 0] - first
    out = outside[:, 0].copy()
    if forced is not None:
        best = np.where((forced == 0) & (np.arange(size) == 0), inside[:, 0], -np.inf)
        out = np.full(keys, -np.inf) if forced == 0 else out
    back = np.zeros((keys, count if keep else 0, size), np.int32)
    back_out = np.full((keys, count), OUTSIDE, np.int32)
    own = np.arange(size)
    rows = np.arange(keys)
    for beat in range(1, count):
        source = np.where(last_of_bar, best, -np.inf).argmax(axis=1)
        jumped = best[rows, source]
        landing = np.where(last_of_bar[source], jumped, -np.inf)[:, None] - land
        # whence, and what it is worth so
        candidates = (
            ((own - 1) % size, np.roll(best, 1, axis=1)),
            (own, best - costs.slip),
            ((own - 2) % size, np.roll(best, 2, axis=1) - costs.slip),
            (np.full(size, OUTSIDE), out[:, None] - entry),
            (source[:, None], landing),
        )
        origin, entering = candidates[0]
        for other, value in candidates[1:]:
            better = value > entering
            entering = np.where(better, value, entering)
            if keep:
                origin = np.where(better, other, origin)
        if keep:
            back[:, beat] = origin
        leaving = best - leave
        from_where = leaving.argmax(axis=1)
        left = leaving[rows, from_where]
        back_out[:, beat] = np.where(left > out, from_where, OUTSIDE)
        out = np.maximum(left, out) + outside[:, beat]
        best = entering + inside[:, beat]
        if forced is not None and beat <= forced:
            best = np.where((own == 0) & (beat == forced), outside[:, :beat].sum(axis=1)[:, None]
                            + inside[:, beat], -np.inf)  # fmt: skip
            if keep:
                back[:, beat] = OUTSIDE
            if beat == forced:
                out = np.full(keys, -np.inf)
    values = np.maximum(best.max(axis=1), out)
    return values, _paths(best, out, back, back_out) if keep else np.zeros((keys, 0), int)


def _paths(best: np.ndarray, out: np.ndarray, back: np.ndarray, back_out: np.ndarray) -> np.ndarray:
    keys, count = back_out.shape
    paths = np.full((keys, count), OUTSIDE)
    for key in range(keys):
        state = int(best[key].argmax()) if best[key].max() >= out[key] else OUTSIDE
        for beat in range(count - 1, -1, -1):
            paths[key, beat] = state
            if beat:
                state = int(back_out[key, beat] if state == OUTSIDE else back[key, beat, state])
    return paths


def _agreement(
    heard: Mapping[str, np.ndarray], form: Form, beats: _Beats, index: np.ndarray, key: int
) -> float:
    """Share of the time in which the chart is played and the likeliest root is its own."""
    chord = heard["chord"]
    roots = np.concatenate([chord[:, :-1].reshape(len(chord), 12, QUALITIES).sum(2), chord[:, -1:]],
                           axis=1)  # fmt: skip
    loudest = summed(np.log(roots + _FLOOR), beats.frames).argmax(axis=1)
    inside = index != OUTSIDE
    wanted = np.where(form.roots[index] < NO_ROOT, (form.roots[index] + key) % 12, NO_ROOT)
    lengths = np.diff(beats.frames)
    return float(np.sum(lengths * inside * (loudest == wanted)) / max(1, lengths.sum()))


def _heard_grid(music: HeardMusic, beats: _Beats) -> BeatGrid:
    """What the ear heard, on the beats that were chosen."""
    places = (music.places - 1)[beats.heard]
    roots, qualities = [], []
    for second in beats.seconds:
        chord = next((c for c in music.chords if c.start <= second + 0.02 < c.end), None)
        known = chord is not None and chord.root is not None
        roots.append(chord.root if chord is not None and known else NO_ROOT)
        qualities.append(chord.quality if chord is not None and known else NO_CHORD)
    return BeatGrid(
        beats.seconds, places, music.metre or 4, np.array(roots, int), np.array(qualities, int)
    )
