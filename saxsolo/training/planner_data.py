"""What the planner learns from: solos as events over their lead sheets, cut, moved and hidden.

Read from folders of the Weimar Jazz Database's format. Splits are made over all of them together:
no performer and no title of validation or test is in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet, covering, filled
from modeling_saxsolo.line_saxsolo import END, line_features
from modeling_saxsolo.note_events_saxsolo import (
    ENDS,
    LONGEST,
    LONGEST_STEP,
    NO_END_KNOWN,
    NO_OFFSET,
    NO_PITCH,
    QUALITY,
    ROOT,
    SECTION,
    SECTION_BARS,
    TEMPO,
    TEMPO_CLASSES,
    TICKS,
    event_rows,
    events_of,
    sheet_table,
    wait,
)
from modeling_saxsolo.planner_features_saxsolo import CONTROLS, control_classes
from modeling_saxsolo.vocabulary_saxsolo import (
    FEELS,
    LOWEST_PITCH,
    NO_CHORD,
    NO_ROOT,
    NUM_PITCHES,
)
from saxsolo.corpus.scores.splits import assign_splits
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.music.chord_symbols import parse_chord
from saxsolo.music.score import Score

# beats of the lead sheet that an excerpt keeps before its first event and after its last
_MARGIN = 16


@dataclass(frozen=True)
class Solo:
    """A solo as the planner reads it.

    Attributes:
        score: where it comes from.
        sheet: its beats and chords.
        table: (n, 6) of the sheet.
        events: (E, 6) int64 tick, step, pitch, length, offset, ending.
        seconds: (E,) when each begins.
        horn: whether a saxophone of the score's kind played it at this pitch.
    """

    score: Score
    sheet: LeadSheet
    table: np.ndarray
    events: np.ndarray
    seconds: np.ndarray
    horn: bool = True


@dataclass(frozen=True)
class Excerpts:
    """Excerpts of solos side by side: what `planner_losses` is given."""

    events: torch.Tensor
    sheet: torch.Tensor
    controls: torch.Tensor
    mask: torch.Tensor
    line: torch.Tensor
    seen: torch.Tensor


@dataclass(frozen=True)
class Noise:
    """How much of what the planner sees is changed while it learns.

    Attributes:
        pitch, timing: share of past events whose pitch is another nearby, whose length and offset
            are hidden or another.
        hidden_chords: share of excerpts without any chord, so that `guidance` has what to compare
            with. lost_chord: share of beats whose chord is not known.
        hidden_form: share of excerpts in which no bar of the section is known, as an ear leaves it.
        asked: share of controls that are told.
        octave: share of excerpts an octave higher or lower, where the range allows.
    """

    pitch: float = 0.03
    timing: float = 0.03
    hidden_chords: float = 0.12
    lost_chord: float = 0.02
    hidden_form: float = 0.6
    asked: float = 0.4
    octave: float = 0.15


def read_solos(
    saxophones: Sequence[Path],
    other_horns: Sequence[Path] = (),
    quantised: Sequence[Path] = (),
) -> dict[str, list[Solo]]:
    """Split -> solos of all folders of the Weimar Jazz Database's format.

    Args:
        saxophones: of saxophones alone.
        other_horns: of other instruments, moved by octaves into the range of a tenor.
        quantised: of saxophones, with the onsets of a metronome.
    """
    scores = [(score, True, True) for folder in saxophones for score in read_weimar(folder)]
    scores += [
        (_in_range(score), True, False)
        for folder in other_horns
        for score in read_weimar(folder, other_horns=True)
    ]
    scores += [(score, False, True) for folder in quantised for score in read_weimar(folder)]
    splits = assign_splits([score for score, _, _ in scores])
    solos: dict[str, list[Solo]] = {"train": [], "validation": [], "test": []}
    for score, timed, horn in scores:
        if splits[score.id] in solos and len(score.notes) >= 16 and len(score.beats) >= 8:
            solos[splits[score.id]].append(solo_of(score, timed, horn))
    return solos


def sheet_of_score(score: Score) -> LeadSheet:
    """The beats and chords of a score; bars of one beat have no metre."""
    chords = [parse_chord(beat.chord) for beat in score.beats]
    metres = np.array([beat.beats_per_bar for beat in score.beats])
    metred = (metres > 1) & np.array([beat.beat >= 1 for beat in score.beats])
    onsets = np.array([beat.onset for beat in score.beats])
    kept = np.append(True, np.diff(np.maximum.accumulate(onsets)) > 0.05)
    sheet = LeadSheet(
        onsets[kept],
        np.where(metred, [beat.beat - 1 for beat in score.beats], 0)[kept],
        np.where(metred, metres, 0)[kept],
        np.array([beat.section_bar for beat in score.beats])[kept],
        np.array([NO_ROOT if chord.root is None else chord.root for chord in chords])[kept],
        np.array([chord.quality for chord in chords])[kept],
    )
    return covering(filled(sheet), score.duration)


def solo_of(score: Score, timed: bool = True, horn: bool = True) -> Solo:
    """A score as events; `timed` and `horn` as in `events_of` and `Solo`."""
    sheet = sheet_of_score(score)
    notes = score.notes
    events = events_of(
        sheet,
        np.array([note.onset for note in notes]),
        np.array([note.duration for note in notes]),
        np.array([note.pitch for note in notes]),
        np.array([np.nan if note.written is None else note.written for note in notes]),
        timed=timed,
    )
    seconds = np.array([float(sheet.seconds_at(event.tick / TICKS)) for event in events])
    rows = event_rows(events)
    rows[-1, 5] = ENDS
    return Solo(score, sheet, sheet_table(sheet), rows, seconds, horn)


def _in_range(score: Score) -> Score:
    """By octaves to where a tenor mostly plays: the middle of its notes between D3 and D5."""
    middle = float(np.median([note.pitch for note in score.notes]))
    shift = 0
    while middle + shift > 74:
        shift -= 12
    while middle + shift < 50:
        shift += 12
    notes = tuple(replace(note, pitch=note.pitch + shift) for note in score.notes)
    return replace(score, notes=notes) if shift else score


def excerpt_batch(
    solos: Sequence[Solo],
    size: int,
    events: int,
    rng: np.random.Generator,
    noise: Noise | None,
) -> Excerpts:
    """Excerpts drawn at random, each solo as often as it is long.

    Args:
        size: excerpts. events: of each. noise: None changes nothing.
    """
    lengths = np.array([len(solo.events) for solo in solos], dtype=float)
    chosen = rng.choice(len(solos), size, p=lengths / lengths.sum())
    rows = []
    for index in chosen:
        solo = solos[index]
        # an excerpt may begin before the solo does: then it is the solo's beginning
        start = max(0, int(rng.integers(-events // 4, max(1, len(solo.events) - events // 2))))
        rows.append(_excerpt(solo, start, events, rng, noise))
    return collated(rows)


def whole_excerpts(solos: Sequence[Solo], events: int) -> list[Excerpts]:
    """All of some solos in order, unchanged, eight excerpts at a time."""
    rng = np.random.default_rng(0)
    rows = [
        _excerpt(solo, start, events, rng, None)
        for solo in solos
        for start in range(0, max(1, len(solo.events) - events // 4), events)
    ]
    return [collated(rows[first : first + 8]) for first in range(0, len(rows), 8)]


Row = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _excerpt(
    solo: Solo, start: int, count: int, rng: np.random.Generator, noise: Noise | None
) -> Row:
    """(E, 6) true and seen events, (n, 6) lead sheet, (5,) controls."""
    events = solo.events[start : start + count].copy()
    asked = _measured(solo, start, events)
    if start == 0 and noise is not None:
        # the band plays for a while before the soloist begins
        first = events[1, 0] - int(rng.integers(0, 8)) * TICKS
        opening = wait(int(first) // TICKS * TICKS if rng.random() < 0.8 else int(first))
        between = events[1, 0] - opening.tick
        if 0 <= between <= LONGEST_STEP:
            events[0, 0], events[1, 1] = opening.tick, between
    first = max(0, int(events[0, 0]) // TICKS - _MARGIN)
    last = int(events[-1, 0]) // TICKS + _MARGIN
    sheet = solo.table[first:last].copy()
    events[:, 0] -= first * TICKS
    if noise is None:
        return events, events, sheet, np.zeros(len(CONTROLS), np.int64)
    _transpose(events, sheet, asked, rng, noise)
    sheet[:, TEMPO] = np.clip(sheet[:, TEMPO] + rng.integers(-1, 2), 0, TEMPO_CLASSES - 1)
    lost = rng.random(len(sheet)) < noise.lost_chord
    if rng.random() < noise.hidden_chords:
        lost[:] = True
    sheet[lost, ROOT], sheet[lost, QUALITY] = NO_ROOT, NO_CHORD
    if rng.random() < noise.hidden_form:
        sheet[:, SECTION] = SECTION_BARS
    told = rng.random(len(CONTROLS)) < (noise.asked if rng.random() < 0.7 else 0.0)
    return events, _seen(events, rng, noise), sheet, np.where(told, asked, 0)


def _measured(solo: Solo, start: int, events: np.ndarray) -> np.ndarray:
    """The controls that an excerpt fulfils, (5,)."""
    notes = events[events[:, 2] != NO_PITCH]
    feel = FEELS.index(solo.score.feel)
    if len(notes) < 8:
        return np.array(control_classes(feel=feel))
    seconds = solo.seconds[start + len(events) - 1] - solo.seconds[start]
    steps = np.diff(notes[:, 0])
    sounding = np.minimum(notes[:-1, 3], steps).sum() / max(1, steps.sum())
    return np.array(
        control_classes(
            density=len(notes) / max(1.0, float(seconds)),
            space=1 - float(sounding),
            lowest=int(notes[:, 2].min()) + LOWEST_PITCH,
            highest=int(notes[:, 2].max()) + LOWEST_PITCH,
            feel=feel,
        )
    )


def _transpose(
    events: np.ndarray,
    sheet: np.ndarray,
    asked: np.ndarray,
    rng: np.random.Generator,
    noise: Noise,
) -> None:
    """Into any key, in place; not beyond the range."""
    notes = events[:, 2] != NO_PITCH
    low, high = int(events[notes, 2].min()), int(events[notes, 2].max())
    semitones = int(rng.integers(-6, 6))
    if rng.random() < noise.octave:
        semitones += 12 * int(rng.choice([-1, 1]))
    if low + semitones < 0:
        semitones += 12
    if high + semitones >= NUM_PITCHES:
        semitones -= 12
    if low + semitones < 0:
        return
    events[notes, 2] += semitones
    asked[2:4] = np.where(asked[2:4] > 0, asked[2:4] + semitones, 0)
    named = sheet[:, ROOT] < NO_ROOT
    sheet[named, ROOT] = (sheet[named, ROOT] + semitones) % 12


def _seen(events: np.ndarray, rng: np.random.Generator, noise: Noise) -> np.ndarray:
    """Events with mistakes in what was played, as the planner's own will be."""
    seen = events.copy()
    notes = seen[:, 2] != NO_PITCH
    wrong = notes & (rng.random(len(seen)) < noise.pitch)
    moved = seen[wrong, 2] + rng.integers(-3, 4, wrong.sum())
    seen[wrong, 2] = np.clip(moved, 0, NUM_PITCHES - 1)
    off = notes & (rng.random(len(seen)) < noise.timing)
    seen[off, 3] = np.clip(seen[off, 3] + rng.integers(-2, 3, off.sum()), 1, LONGEST)
    seen[notes & (rng.random(len(seen)) < noise.timing), 4] = NO_OFFSET
    seen[notes & (rng.random(len(seen)) < noise.timing), 5] = NO_END_KNOWN
    return seen


def collated(rows: Sequence[Row]) -> Excerpts:
    """Rows of any length, padded."""
    longest = max(len(row[0]) for row in rows)
    beats = max(len(row[2]) for row in rows)
    true = np.zeros((len(rows), longest, 6), np.int64)
    seen, mask = true.copy(), np.zeros((len(rows), longest), bool)
    line = np.zeros((len(rows), longest, END + 1), np.int64)
    sheet = np.zeros((len(rows), beats, 6), np.int64)
    sheet[..., ROOT], sheet[..., QUALITY] = NO_ROOT, NO_CHORD
    for index, (events, as_seen, table, _) in enumerate(rows):
        true[index, : len(events)], seen[index, : len(events)] = events, as_seen
        mask[index, : len(events)] = True
        line[index, : len(events)] = line_features(as_seen)
        sheet[index, : len(table)] = table
    controls = np.stack([row[3] for row in rows]).astype(np.int64)
    tensors = [torch.from_numpy(array) for array in (true, sheet, controls, mask, line, seen)]
    return Excerpts(*tensors)
