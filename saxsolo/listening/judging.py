"""What a teacher would point at in a solo: notes against the changes, time against the beat, range,
space, repeated licks. It describes, bar by bar and phrase by phrase, and does not grade.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import NO_ROOT, PITCH_NAMES
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chord_symbols import SCALES, TONES, chord_name
from saxsolo.music.score import Note

# a rest of this many beats ends a phrase
PHRASE_REST = 1.0
# onsets this near to a beat, as a share of it, are meant to be on it
ON_BEAT = 0.2
# the second of two eighths lies here in the beat
OFF_BEAT = (0.42, 0.8)
LICK = 5  # intervals of a repeated lick
FEWEST = 4  # notes that a median needs
MASTERS = "masters.json"


@dataclass(frozen=True)
class BarView:
    """One bar.

    Attributes:
        bar: number from 1, 0 before the first bar line. start: seconds.
        chords: as a lead sheet has them.
        notes: how many begin. chord_tones, scale_tones: of their length, the share in the chord
            and in its scale; None without notes or chords.
        outside: names of the longest notes outside the scale, with the chord under them.
        late_ms: median distance of the onsets on beats from the beat, late above 0; None for none.
    """

    bar: int
    start: float
    chords: list[str]
    notes: int
    chord_tones: float | None
    scale_tones: float | None
    outside: list[str]
    late_ms: float | None


@dataclass(frozen=True)
class PhraseView:
    """One phrase: from second to second, its notes, how late it lies and how it swings.

    `swing`: length of the first eighth to the second, 1 = straight, 2 = triplets; None for too few
    eighths.
    """

    start: float
    end: float
    notes: int
    late_ms: float | None
    swing: float | None


@dataclass(frozen=True)
class Judgement:
    """What was found in a solo.

    Attributes:
        figures: name -> value, None where there is too little to say; see FIGURES.
        bars, phrases: in order.
        licks: (notes from the first on, how often) of what is played more than once.
    """

    figures: dict[str, float | None]
    bars: list[BarView]
    phrases: list[PhraseView]
    licks: list[tuple[str, int]]


#: figure -> what it says
FIGURES = {
    "notes_a_second": "notes a second",
    "chord_tones": "of the time on chord tones",
    "scale_tones": "of the time in the chord's scale",
    "landing": "of the notes on the first beat are chord tones",
    "late_ms": "milliseconds behind the beat",
    "spread_ms": "milliseconds of spread around the beat",
    "swing": "first eighth to second",
    "space": "of the time at rest",
    "phrase_beats": "beats in a phrase",
    "range": "semitones from lowest to highest note",
    "lowest": "lowest note (MIDI)",
    "highest": "highest note (MIDI)",
    "repeated": "of the notes in licks played before",
}


def judge(notes: Sequence[Note], grid: BeatGrid, symbols: Sequence[str] = ()) -> Judgement:
    """Describes a solo over beats and chords.

    Args:
        notes: in order, one at a time.
        grid: of the same clock. symbols: the chord on each beat in the chart's own words.
    """
    inside = [note for note in notes if _beat_of(grid, note.onset) is not None]
    places = [_place(grid, note.onset) for note in inside]
    late = [_lateness(grid, place) for place in places]
    bars = _bars(inside, grid, places, late, symbols)
    phrases = _phrases(inside, grid, places, late)
    licks, repeated = _licks(inside)
    figures = _figures(inside, grid, late, places, phrases)
    figures["repeated"] = repeated
    return Judgement(figures, bars, phrases, licks)


def _beat_of(grid: BeatGrid, second: float) -> int | None:
    index = int(np.searchsorted(grid.beats, second + 0.03, side="right")) - 1
    last = 2 * grid.beats[-1] - grid.beats[-2]
    return index if 0 <= index and second < last else None


def _place(grid: BeatGrid, second: float) -> float:
    """Beats from the first beat of the grid on."""
    edges = np.append(grid.beats, 2 * grid.beats[-1] - grid.beats[-2])
    return float(np.interp(second, edges, np.arange(len(edges))))


def _length(grid: BeatGrid, beat: int) -> float:
    lengths = np.diff(grid.beats)
    return float(lengths[min(beat, len(lengths) - 1)])


def _lateness(grid: BeatGrid, place: float) -> float | None:
    """Seconds behind the nearest beat, for an onset that is meant to be on one."""
    nearest = round(place)
    if abs(place - nearest) > ON_BEAT or nearest >= len(grid.beats):
        return None
    return (place - nearest) * _length(grid, nearest)


def _shares(notes: Sequence[Note], grid: BeatGrid) -> tuple[float, float, float, list[str]]:
    """Seconds on chord tones, in the scale, and in all, and the longest notes outside."""
    chord = scale = total = 0.0
    outside: Counter[str] = Counter()
    for note in notes:
        beat = _beat_of(grid, note.onset)
        end = note.onset + note.duration
        while beat is not None and beat < len(grid.beats):
            upper = grid.beats[beat + 1] if beat + 1 < len(grid.beats) else end
            part = min(end, upper) - max(note.onset, grid.beats[beat])
            root, quality = int(grid.roots[beat]), int(grid.qualities[beat])
            if part > 0 and root != NO_ROOT and quality < len(TONES):
                step = (note.pitch - root) % 12
                total += part
                chord += part * (step in TONES[quality])
                scale += part * (step in SCALES[quality])
                if step not in SCALES[quality]:
                    name = f"{PITCH_NAMES[note.pitch % 12]} over {chord_name(root, quality)}"
                    outside[name] += part
            if upper >= end:
                break
            beat += 1
    return chord, scale, total, [name for name, length in outside.most_common(2) if length > 0.05]


def _bars(
    notes: Sequence[Note],
    grid: BeatGrid,
    places: list[float],
    late: list[float | None],
    symbols: Sequence[str],
) -> list[BarView]:
    firsts = [int(i) for i in np.flatnonzero(grid.places == 0)]
    # what comes before the first bar line is bar 0
    broken = not firsts or firsts[0] != 0
    firsts = [0, *firsts] if broken else firsts
    views = []
    for number, (first, last) in enumerate(
        zip(firsts, [*firsts[1:], len(grid.beats)], strict=True), 0 if broken else 1
    ):
        members = [i for i, place in enumerate(places) if first <= place + 0.06 < last]
        chord, scale, total, outside = _shares([notes[i] for i in members], grid)
        named = [late[i] for i in members]
        views.append(
            BarView(
                number,
                round(float(grid.beats[first]), 3),
                _names(grid, first, last, symbols),
                len(members),
                round(chord / total, 3) if total else None,
                round(scale / total, 3) if total else None,
                outside,
                _milliseconds([value for value in named if value is not None], 1),
            )
        )
    return views


def _names(grid: BeatGrid, first: int, last: int, symbols: Sequence[str]) -> list[str]:
    names: list[str] = []
    for beat in range(first, last):
        known = symbols[beat] if beat < len(symbols) else ""
        name = known or chord_name(int(grid.roots[beat]), int(grid.qualities[beat])) or "N.C."
        if not names or names[-1] != name:
            names.append(name)
    return names


def _milliseconds(seconds: Sequence[float], fewest: int = FEWEST) -> float | None:
    return round(1000 * float(np.median(seconds)), 1) if len(seconds) >= fewest else None


def _phrases(
    notes: Sequence[Note], grid: BeatGrid, places: list[float], late: list[float | None]
) -> list[PhraseView]:
    groups: list[list[int]] = []
    for index, note in enumerate(notes):
        if index:
            before = notes[index - 1]
            rest = note.onset - before.onset - before.duration
            if rest < PHRASE_REST * _length(grid, int(places[index])):
                groups[-1].append(index)
                continue
        groups.append([index])
    return [
        PhraseView(
            round(notes[group[0]].onset, 3),
            round(notes[group[-1]].onset + notes[group[-1]].duration, 3),
            len(group),
            _milliseconds([v for i in group if (v := late[i]) is not None], 2),
            _swing([places[i] for i in group]),
        )
        for group in groups
    ]


def _swing(places: Sequence[float]) -> float | None:
    """First eighth to second, the median over beats with an onset on them and one off them."""
    ratios = []
    onsets = np.array(places)
    for beat in np.unique(np.round(onsets[np.abs(onsets - np.round(onsets)) <= ON_BEAT])):
        on = onsets[np.abs(onsets - beat) <= ON_BEAT]
        following = onsets[np.abs(onsets - beat - 1) <= ON_BEAT]
        between = onsets[(onsets > beat + ON_BEAT) & (onsets < beat + 1 - ON_BEAT + 0.1)]
        off = between[(between - beat > OFF_BEAT[0]) & (between - beat < OFF_BEAT[1])]
        if len(off) == 1 and len(between) == 1 and len(following):
            ratios.append(float((off[0] - on[0]) / (following[0] - off[0])))
    return round(float(np.median(ratios)), 2) if len(ratios) >= FEWEST else None


def _figures(
    notes: Sequence[Note],
    grid: BeatGrid,
    late: list[float | None],
    places: list[float],
    phrases: list[PhraseView],
) -> dict[str, float | None]:
    if not notes:
        return dict.fromkeys(FIGURES)
    begin, end = notes[0].onset, notes[-1].onset + notes[-1].duration
    chord, scale, total, _ = _shares(notes, grid)
    known = [value for value in late if value is not None]
    landing = []
    for note, place in zip(notes, places, strict=True):
        beat = min(round(place), len(grid.beats) - 1)
        root, quality = int(grid.roots[beat]), int(grid.qualities[beat])
        if abs(place - beat) <= ON_BEAT and grid.places[beat] == 0 and root != NO_ROOT:
            landing.append((note.pitch - root) % 12 in TONES[quality])
    pitches = [note.pitch for note in notes]
    sounding = sum(note.duration for note in notes)
    lengths = [_place(grid, p.end) - _place(grid, p.start) for p in phrases]
    median = np.median(known) if known else 0.0
    return {
        "notes_a_second": _rounded(len(notes) / max(end - begin, 1e-6), 2),
        "chord_tones": _rounded(chord / total, 3) if total else None,
        "scale_tones": _rounded(scale / total, 3) if total else None,
        "landing": _rounded(np.mean(landing), 3) if len(landing) >= FEWEST else None,
        "late_ms": _milliseconds(known),
        "spread_ms": _milliseconds([abs(value - median) for value in known]),
        "swing": _swing(places),
        "space": _rounded(max(0.0, 1 - sounding / max(end - begin, 1e-6)), 3),
        "phrase_beats": _rounded(np.median(lengths), 1) if lengths else None,
        "range": float(max(pitches) - min(pitches)),
        "lowest": float(min(pitches)),
        "highest": float(max(pitches)),
    }


def _rounded(value: Any, digits: int) -> float:
    return round(float(value), digits)


def _licks(notes: Sequence[Note]) -> tuple[list[tuple[str, int]], float | None]:
    """Runs of LICK intervals that come again, the most frequent first, and the share of notes in
    one that was played before. Transposed licks are the same."""
    steps = [b.pitch - a.pitch for a, b in zip(notes, notes[1:], strict=False)]
    runs = [tuple(steps[i : i + LICK]) for i in range(len(steps) - LICK + 1)]
    if not runs:
        return [], None
    seen: dict[tuple[int, ...], int] = {}
    again = np.zeros(len(notes), bool)
    for index, run in enumerate(runs):
        if run in seen and index - seen[run] > LICK:
            again[index : index + LICK + 1] = True
        seen.setdefault(run, index)
    counts = Counter(run for run in runs if len(set(run)) > 1)
    named = []
    for run, count in counts.most_common(5):
        if count > 1:
            first = seen[run]
            pitches = [notes[first + i].pitch for i in range(LICK + 1)]
            named.append((" ".join(PITCH_NAMES[p % 12] for p in pitches), count))
    return named, round(float(again.mean()), 3)


@lru_cache(maxsize=1)
def masters() -> dict[str, Any]:
    """What held-out masters do: figure -> [10 %, median, 90 %], with source and licence."""
    text = files("saxsolo.listening").joinpath(MASTERS).read_text(encoding="utf-8")
    return dict(json.loads(text))


def as_dict(judgement: Judgement) -> dict[str, Any]:
    """For JSON, with the masters beside it."""
    return {**asdict(judgement), "masters": masters()["figures"]}


def as_text(judgement: Judgement) -> str:
    """To read: figures beside those of the masters, phrases, bars worth a look, licks."""
    known = masters()["figures"]
    lines = [f"{'':16}{'you':>9}   masters (10 %, median, 90 %)"]
    for name, words in FIGURES.items():
        value = judgement.figures.get(name)
        if value is None and name not in known:
            continue
        shown = "-" if value is None else f"{value:g}"
        theirs = ", ".join(f"{v:g}" for v in known[name]) if name in known else ""
        lines.append(f"{name:16}{shown:>9}   {theirs:24} {words}")
    lines += ["", "phrases"]
    for phrase in judgement.phrases:
        late = "" if phrase.late_ms is None else f", {_behind(phrase.late_ms)}"
        swing = "" if phrase.swing is None else f", eighths {phrase.swing:g} to 1"
        lines.append(
            f"  {phrase.start:7.2f} to {phrase.end:7.2f} s: {phrase.notes} notes{late}{swing}"
        )
    lines += ["", "bars"]
    for bar in judgement.bars:
        if not bar.notes:
            continue
        share = "" if bar.chord_tones is None else f"{bar.chord_tones:4.0%} chord tones"
        late = "" if bar.late_ms is None else f", {_behind(bar.late_ms)}"
        out = f"; {', '.join(bar.outside)}" if bar.outside else ""
        lines.append(
            f"  {bar.bar:3} {' '.join(bar.chords):18} {bar.notes:2} notes {share}{late}{out}"
        )
    if judgement.licks:
        lines += ["", "played more than once"]
        lines += [f"  {notes}: {count} times" for notes, count in judgement.licks]
    return "\n".join(lines) + "\n"


def _behind(late_ms: float) -> str:
    return f"{abs(late_ms):.0f} ms {'behind' if late_ms >= 0 else 'ahead of'} the beat"
