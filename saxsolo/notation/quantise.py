"""Notes in seconds to notes in beats: what a musician would have written down.

Each beat is divided on its own: into one, two, three, four, six or eight parts, whichever explains
its onsets best for the complexity of the notation. The second of two eighths may lie anywhere from
the middle of the beat to its last third, and the same holds for sixteenths in double time: swing is
played, not written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations, zip_longest
from typing import NamedTuple

import numpy as np

from saxsolo.music.bars import bars_of
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.charts.spelling import NO_CHORD
from saxsolo.music.chord_symbols import QUALITY_SYMBOLS, transpose_chord
from saxsolo.music.markers import form_marks
from saxsolo.music.metre import DOTTED_QUARTER, EIGHTH, QUARTER, BeatUnit
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.music.score import Note

# ink: what each division of a beat costs against the squared error of its onsets
DIVISIONS = {
    QUARTER: {1: 0.0, 2: 1.0, 3: 5.0, 4: 4.0, 6: 11.0, 8: 11.0},
    DOTTED_QUARTER: {1: 0.0, 3: 1.0, 6: 4.0, 12: 13.0},
    EIGHTH: {1: 0.0, 2: 2.0, 3: 7.0, 4: 9.0},
}
# how far an onset is off in a human's hands: seconds, and at least this share of a beat
SLOP, LEAST_SLOP = 0.04, 0.05
# the second of two eighths is heard from the middle of the beat up to here
SWING = 2 / 3
TOO_MUCH = 1000.0
# how far behind the beat a whole solo may be, in beats
LATE = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
# an onset this late in a beat belongs to the next
NEXT_BEAT = 0.88
# a gap shorter than this, in beats, is articulation and no rest
SHORTEST_REST = 0.5


@dataclass(frozen=True)
class Written:
    """A note in beats from the beginning of the first bar.

    Attributes:
        start, end: beats.
        pitch: MIDI, as it sounds.
        articulations: how it is played, see `Note`.
    """

    start: Fraction
    end: Fraction
    pitch: int
    articulations: tuple[str, ...] = ()


class Change(NamedTuple):
    """Where a chord begins.

    Attributes:
        beat: from the beginning of the first bar.
        root, quality: 12 and any where there is none.
        symbol: in full, in the spelling of `chord_symbols`.
    """

    beat: int
    root: int
    quality: int
    symbol: str


@dataclass(frozen=True)
class Lead:
    """What is written: bars, notes, chords.

    Attributes:
        bars: beats in each bar.
        notes: in order, not overlapping.
        chords: where each chord begins.
        divisions: into how many parts each beat is divided.
        tempo: beats a minute, the median.
        swing: where in the beat the second of two eighths lies, the median; None for too few.
        dropped: notes for which there was no place.
        unit: note value of a beat.
        pickup: whether the first bar is a pick-up.
        tempi: beats a minute of each bar; empty for one tempo throughout.
        sections, choruses: beat and name, or number, where one begins.
        key: of the chart, "Eb", "Cm"; empty where none is named.
    """

    bars: list[int]
    notes: list[Written]
    chords: list[Change]
    divisions: list[int]
    tempo: float
    swing: float | None
    dropped: int
    unit: BeatUnit = QUARTER
    pickup: bool = False
    tempi: list[float] = field(default_factory=list)
    sections: list[tuple[int, str]] = field(default_factory=list)
    choruses: list[tuple[int, int]] = field(default_factory=list)
    key: str = ""


def quantise(
    notes: Sequence[Note], grid: BeatGrid, seconds: float, placed: PlacedChart | None = None
) -> Lead:
    """Places notes on the grid; its bars are those of `bars_of`, from second 0 to the end.

    Args:
        notes: in order, not overlapping.
        grid: of the same clock.
        seconds: length of the solo.
        placed: the chart that the grid is of, for full chord symbols and marks of the form.
    """
    bars = bars_of(grid, seconds)
    beats = bars.beats
    onsets = np.interp([n.onset for n in notes], beats, np.arange(len(beats)))
    ends = np.interp([n.onset + n.duration for n in notes], beats, np.arange(len(beats)))
    lengths = np.diff(beats)
    # whoever plays behind the beat throughout is not written so
    inks = DIVISIONS[bars.unit]
    layouts = [_lay_out(onsets - late, lengths, inks) for late in LATE]
    layout = min(layouts, key=lambda candidate: candidate.cost)
    starts, divisions = layout.starts, layout.divisions
    kept = sorted(starts)
    written = []
    for member, following in zip_longest(kept, kept[1:]):
        limit = Fraction(len(beats) - 1) if following is None else starts[following]
        end = _end(starts[member], float(ends[member]), limit, divisions, list(inks)[1])
        note = notes[member]
        written.append(Written(starts[member], end, note.pitch, note.articulations))
    marks = [] if placed is None else form_marks(placed)
    marks = [mark for mark in marks if bars.before + mark.beat >= 0]
    swing = float(np.median(layout.offbeats)) if len(layout.offbeats) >= 8 else None
    return Lead(
        bars.lengths,
        written,
        changes_of(grid, bars.before, placed),
        divisions,
        grid.tempo,
        swing if bars.unit == QUARTER else None,
        len(notes) - len(kept),
        bars.unit,
        bars.pickup,
        bars.tempi,
        [(bars.before + m.beat, m.section) for m in marks if m.section],
        [(bars.before + m.beat, m.chorus) for m in marks if m.chorus],
        "" if placed is None else placed.chart.key,
    )


@dataclass
class _Layout:
    """Where each note begins, how each beat is divided, where second eighths were heard."""

    starts: dict[int, Fraction]
    divisions: list[int]
    offbeats: list[float]
    cost: float


def _lay_out(onsets: np.ndarray, lengths: np.ndarray, inks: dict[int, float]) -> _Layout:
    """Onsets in beats (N,) and the seconds of each beat to notation."""
    homes = np.maximum(np.floor(onsets + 1 - NEXT_BEAT).astype(int), 0)
    layout = _Layout({}, [1] * len(lengths), [], 0.0)
    for home in np.unique(homes).tolist():
        if home == len(lengths):
            # early for a beat that is not there
            break
        members = np.flatnonzero(homes == home)
        slop = max(LEAST_SLOP, SLOP / lengths[home])
        cost, division, places = _divide(onsets[members] - home, slop, inks)
        layout.divisions[home] = division
        layout.cost += cost
        for member, place in zip(members.tolist(), places, strict=False):
            layout.starts[member] = home + Fraction(place, division)
            if division == 2 and place == 1:
                layout.offbeats.append(float(onsets[member] - home))
    return layout


def _divide(
    phases: np.ndarray, slop: float, inks: dict[int, float]
) -> tuple[float, int, tuple[int, ...]]:
    """The cheapest division of one beat, what it costs and the places of its onsets; what is too
    much for the finest is left out at the end."""
    best = (TOO_MUCH, max(inks), tuple(range(max(inks))))
    swings = (2, 4) if inks is DIVISIONS[QUARTER] else ()
    for division, ink in inks.items():
        if len(phases) > division:
            continue
        low = np.arange(division) / division
        # every second eighth, or sixteenth in double time, may swing
        high = low + (
            np.arange(division) % 2 * (SWING - 0.5) * 2 / division if division in swings else 0
        )
        errors = np.maximum(np.maximum(low - phases[:, None], phases[:, None] - high), 0)
        squares = (errors / slop) ** 2
        rows = np.arange(len(phases))
        for places in combinations(range(division), len(phases)):
            cost = ink + float(squares[rows, list(places)].sum())
            if cost < best[0]:
                best = (cost, division, places)
    return best


def _end(
    start: Fraction, end: float, limit: Fraction, divisions: list[int], coarsest: int
) -> Fraction:
    """Where a written note ends: at the next one if the gap is short, else on its beat's raster,
    which has `coarsest` parts at least."""
    if float(limit) - end < SHORTEST_REST:
        return limit
    home = min(int(end), len(divisions) - 1)
    division = max(coarsest, divisions[home])
    latest = home + Fraction(round((end - home) * division), division)
    if latest <= start:
        begun = int(start)
        part = Fraction(1, max(coarsest, divisions[begun]))
        latest = start + part
    return min(latest, limit)


def changes_of(grid: BeatGrid, before: int, placed: PlacedChart | None = None) -> list[Change]:
    """Each change of chord; what begins before the first bar is left out.

    Args:
        before: beats before the grid's first.
        placed: the chart that the grid is of; its symbols are kept in full.
    """
    symbols = ["" for _ in grid.beats]
    if placed is not None and len(placed.index) == len(symbols):
        symbols = [
            placed.form.symbols[index] if inside else ""
            for index, inside in zip(placed.index, placed.inside, strict=True)
        ]
    changes: list[Change] = []
    for beat, (root, quality) in enumerate(zip(grid.roots, grid.qualities, strict=True)):
        symbol = symbols[beat] or _usual(int(root), int(quality))
        if before + beat >= 0 and (not changes or changes[-1].symbol != symbol):
            changes.append(Change(before + beat, int(root), int(quality), symbol))
    return changes


def _usual(root: int, quality: int) -> str:
    """The symbol of what is known by root and quality alone."""
    return transpose_chord(QUALITY_SYMBOLS[quality], root) if root < 12 else NO_CHORD
