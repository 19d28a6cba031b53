"""What a critic looks at in a stretch of a solo: some hundred figures of rhythm, line and harmony.

None of them names the key, the register, the tempo or the tune.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from modeling_saxsolo.note_events_saxsolo import TICKS
from modeling_saxsolo.vocabulary_saxsolo import IRREGULAR_BAR

from .line import SHORTEST_REST, Line, resolutions, swing_ratio

#: beats between two onsets: sixteenth, triplet, eighth, dotted eighth, quarter, half, more
STEP_EDGES = np.array([0, 0.2, 0.29, 0.42, 0.62, 0.88, 1.25, 2.25, np.inf])
_STEP_NAMES = ("tiny", "sixteenth", "triplet", "eighth", "dotted", "quarter", "half", "long")
_INTERVALS = ((0, 0), (1, 1), (2, 2), (3, 4), (5, 7), (8, 12), (13, 99))


def features(line: Line, start: float, seconds: float) -> dict[str, float]:
    """Figures of the notes of a stretch; NaN where there is too little to say.

    Args:
        line: the notes of the stretch alone. start, seconds: the stretch.
    """
    if len(line) < 8:
        return {}
    return {
        **_density(line, start, seconds),
        **_rhythm(line),
        **_time(line),
        **_articulation(line),
        **_intervals(line),
        **_contour(line),
        **_harmony(line),
        **_phrases(line),
        **_repeats(line),
    }


def _share(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _spread(values: np.ndarray) -> float:
    return float(np.std(values)) if len(values) > 1 else float("nan")


def _entropy(values: Sequence[object] | np.ndarray) -> float:
    """Bits, less what so few values can have."""
    counts = np.array(list(Counter(map(str, values)).values()), dtype=float)
    if counts.sum() < 4:
        return float("nan")
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum() / np.log2(counts.sum()))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) < 4 or np.std(first) < 1e-6 or np.std(second) < 1e-6:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _density(line: Line, start: float, seconds: float) -> dict[str, float]:
    per = np.histogram(line.seconds, np.arange(start, start + seconds + 0.1, 2.0))[0]
    return {
        "density: notes a second": len(line) / seconds,
        "density: notes a beat": len(line) / max(1.0, line.onsets[-1] - line.onsets[0]),
        "density: spread over 2 s": _spread(per),
        "density: same as 2 s before": _correlation(per[1:], per[:-1]),
    }


def _rhythm(line: Line) -> dict[str, float]:
    kinds = np.searchsorted(STEP_EDGES, line.steps, side="right") - 1
    shares = {f"rhythm: {name}": _share(kinds == index) for index, name in enumerate(_STEP_NAMES)}
    runs = np.diff(np.flatnonzero(np.append(True, np.append(np.diff(kinds) != 0, True))))
    places = line.ticks % TICKS
    written = {
        f"place: {name}": _share(places == tick)
        for name, tick in (("beat", 0), ("middle", 6), ("2nd triplet", 4), ("3rd triplet", 8))
    }
    bars = line.sheet.places[line.beats]
    metred = line.sheet.metres[line.beats] > 1
    return {
        **shares,
        **written,
        "place: 2nd, 4th sixteenth": _share((places == 3) | (places == 9)),
        "place: first beat of bar": _share(bars[metred & (bars < IRREGULAR_BAR)] == 0),
        "rhythm: same step as before": _share(kinds[1:] == kinds[:-1]),
        "rhythm: longest run of a step": float(runs.max(initial=0)) / len(line),
        "rhythm: entropy of pairs": _entropy(list(zip(kinds[:-1], kinds[1:], strict=True))),
        "rhythm: doubling of tempo": _share(np.abs(np.diff(np.log2(line.steps + 0.01))) > 0.8),
    }


def _time(line: Line) -> dict[str, float]:
    late = line.late
    on = line.ticks % TICKS == 0
    off = line.ticks % TICKS == 6
    ratio = swing_ratio(line)
    near = line.steps[1:] < 1
    return {
        "time: late on beats": _mean(late[on]),
        "time: late between": _mean(late[off]),
        "time: spread on beats": _spread(late[on]),
        "time: spread between": _spread(late[off]),
        "time: spread": _spread(late),
        "time: concentration on the beat": line.concentration(1),
        "time: concentration on eighths": line.concentration(2),
        "time: late like the note before": _correlation(late[1:], late[:-1]),
        "time: late like two notes before": _correlation(late[2:], late[:-2]),
        "time: change of steps": _mean(np.abs(np.diff(line.steps))[near]),
        "time: swing ratio": float("nan") if ratio is None else ratio,
    }


def _articulation(line: Line) -> dict[str, float]:
    gaps = np.maximum(0, line.seconds[1:] - line.seconds[:-1] - line.lengths[:-1])
    rests = gaps >= SHORTEST_REST
    held = line.lengths[:-1] / np.maximum(np.diff(line.seconds), 0.02)
    close = line.steps < 1
    return {
        "length: no gap": _share(gaps[close] < 0.011),
        "length: gap below 50 ms": _share((gaps[close] >= 0.011) & ~rests[close]),
        "length: share of the step": _mean(held[close]),
        "length: spread of that share": _spread(held[close]),
        "length: like the note before": _correlation(held[close][1:], held[close][:-1]),
        "length: shorter than 100 ms": _share(line.lengths < 0.1),
        "length: longer than 500 ms": _share(line.lengths > 0.5),
        "length: longest": float(line.lengths.max()),
        "length: median": float(np.median(line.lengths)),
        "rest: share of the notes": _share(rests),
        "rest: 50 to 200 ms": _share(rests & (gaps < 0.2)),
        "rest: longest, beats": float(line.gaps.max(initial=0)),
        "rest: share of the time": float(gaps[rests].sum() / max(1, np.ptp(line.seconds))),
    }


def _intervals(line: Line) -> dict[str, float]:
    inside = line.intervals[line.gaps < 1]
    size = np.abs(inside)
    shares = {
        f"interval: {low} to {high}" if high > low else f"interval: {low}": _share(
            (size >= low) & (size <= high)
        )
        for low, high in _INTERVALS
    }
    leaps = np.flatnonzero(size[:-1] >= 5)
    turned = inside[leaps] * inside[leaps + 1] < 0
    skips = (size >= 3) & (size <= 4)
    over = np.abs(line.intervals[line.gaps >= 1])
    return {
        **shares,
        "interval: upwards": _share(inside[inside != 0] > 0),
        "interval: mean size up less down": _mean(inside[inside > 0]) + _mean(inside[inside < 0]),
        "interval: turn after a leap": _share(turned),
        "interval: step after a leap": _share(size[leaps + 1] <= 2),
        "interval: across a rest": _mean(over),
        "line: arpeggios": _share(skips[1:] & skips[:-1] & (inside[1:] * inside[:-1] > 0)),
        "line: chromatic runs": _share(
            (size[1:] == 1) & (size[:-1] == 1) & (inside[1:] * inside[:-1] > 0)
        ),
        "line: scale runs": _share(
            (size[1:] <= 2) & (size[:-1] <= 2) & (inside[1:] * inside[:-1] > 0)
        ),
        "line: back to the same note": _share(line.pitches[2:] == line.pitches[:-2]),
        "line: entropy of pairs": _entropy(list(zip(inside[:-1], inside[1:], strict=True))),
    }


def _contour(line: Line) -> dict[str, float]:
    signs = np.sign(line.intervals)
    moving = signs[signs != 0]
    runs = np.diff(np.flatnonzero(np.append(True, np.append(np.diff(moving) != 0, True))))
    pitches = line.pitches.astype(float)
    drift = [
        _correlation(pitches[lag:], pitches[:-lag]) if len(pitches) > lag + 4 else float("nan")
        for lag in (1, 4, 16)
    ]
    return {
        "contour: notes in one direction": _mean(runs),
        "contour: longest run": float(runs.max(initial=0)),
        "contour: turns": _share(moving[1:] != moving[:-1]),
        "contour: spread of pitch": _spread(pitches),
        "contour: range": float(np.ptp(pitches)),
        "contour: like the note before": drift[0],
        "contour: like 4 notes before": drift[1],
        "contour: like 16 notes before": drift[2],
        "contour: pitch classes": _entropy(line.pitches % 12),
    }


def _harmony(line: Line) -> dict[str, float]:
    worth, known = line.worth, np.isfinite(line.worth)
    on, off = line.ticks % TICKS == 0, line.ticks % TICKS == 6
    degrees = line.degrees
    strong = known & (line.sheet.places[line.beats] == 0) & on
    outside = np.flatnonzero(known[:-1] & (worth[:-1] == 0))
    led, chances = resolutions(line)
    named = {
        f"degree: {name}": _share(degrees[known] == value)
        for name, value in (("root", 0), ("b9", 1), ("9", 2), ("4", 5), ("tritone", 6), ("5", 7))
    }
    kept = known[1:] & known[:-1] & (np.diff(line.beats) > 0)
    return {
        **named,
        "harmony: chord tones": _share(worth[known] == 1),
        "harmony: scale tones": _share(worth[known] > 0),
        "harmony: chord tones on beats": _share(worth[known & on] == 1),
        "harmony: chord tones between": _share(worth[known & off] == 1),
        "harmony: chord tones on ones": _share(worth[strong] == 1),
        "harmony: scale tones on long notes": _share(worth[known & (line.lengths > 0.3)] > 0),
        "harmony: outside led on by step": _share(np.abs(line.intervals[outside]) <= 2),
        "harmony: outside after outside": _share(worth[outside + 1] == 0),
        "harmony: guide tones led on": led / chances if chances >= 2 else float("nan"),
        "harmony: chord tone in the next beat": _share(worth[1:][kept] == 1),
    }


def _phrases(line: Line) -> dict[str, float]:
    counts, spans, starts, ends, falls, tones = [], [], [], [], [], []
    for part in line.phrases:
        counts.append(part.stop - part.start)
        spans.append(line.ends[part.stop - 1] - line.onsets[part.start])
        starts.append(line.ticks[part.start] % TICKS == 0)
        ends.append(line.ticks[part.stop - 1] % TICKS == 0)
        tones.append(line.worth[part.stop - 1])
        if counts[-1] >= 4:
            falls.append(line.pitches[part.stop - 1] - line.pitches[part.start])
    last = [line.lengths[part.stop - 1] for part in line.phrases]
    tones = [tone for tone in tones if np.isfinite(tone)]
    peak = [
        int(np.argmax(line.pitches[part])) / max(1, part.stop - part.start - 1)
        for part in line.phrases
        if part.stop - part.start >= 6
    ]
    return {
        "phrase: how many": float(len(counts)),
        "phrase: notes": _mean(counts),
        "phrase: spread of notes": _spread(np.array(counts, dtype=float)),
        "phrase: beats": _mean(spans),
        "phrase: of one or two notes": _share(np.array(counts) <= 2),
        "phrase: begins on a beat": _mean(starts),
        "phrase: ends on a beat": _mean(ends),
        "phrase: last note, seconds": _mean(last),
        "phrase: last note in chord": _share(np.array(tones) == 1),
        "phrase: rise": _mean(falls),
        "phrase: place of the peak": _mean(peak),
    }


def _repeats(line: Line) -> dict[str, float]:
    moves = [tuple(row) for row in _grams(line.intervals, 3)]
    kinds = np.searchsorted(STEP_EDGES, line.steps, side="right") - 1
    rhythms = [tuple(row) for row in _grams(kinds, 4)]
    both = np.stack([line.intervals, kinds], axis=1)
    motifs = [tuple(row.ravel()) for row in np.lib.stride_tricks.sliding_window_view(both, (3, 2))]
    shapes = [tuple(row) for row in _grams(np.sign(line.intervals), 5)]
    return {
        "repeat: intervals": _repeated(moves),
        "repeat: rhythm": _repeated(rhythms),
        "repeat: both": _repeated(motifs),
        "repeat: shape": _repeated(shapes),
        "repeat: at once": _share(
            np.array([line.intervals[i] == line.intervals[i - 2] for i in range(2, len(moves))])
        ),
        "repeat: pitches used again": len(set(line.pitches.tolist())) / len(line),
    }


def _grams(values: np.ndarray, size: int) -> np.ndarray:
    if len(values) < size:
        return np.zeros((0, size), int)
    return np.lib.stride_tricks.sliding_window_view(values, size)


def _repeated(grams: Sequence[tuple[int, ...]]) -> float:
    counts = Counter(grams)
    return _mean([counts[gram] > 1 for gram in grams])
