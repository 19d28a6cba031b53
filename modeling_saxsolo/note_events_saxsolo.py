"""Notes as events in musical time, and back to frames.

A tick is a twelfth of a beat. An event says how many ticks after the one before it a note is
written, its pitch, how many ticks it lasts, and by how many half ticks it is played early or late:
a swung eighth is written in the middle of the beat, and late. A rest of more than `LONGEST_STEP`
ticks is a chain of waits: events without a note. A solo begins with a wait too. NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .lead_sheet_saxsolo import LeadSheet
from .vocabulary_saxsolo import (
    FRAME_RATE,
    HOLD,
    IRREGULAR_BAR,
    LOWEST_PITCH,
    NUM_PITCHES,
    ONSET,
    REST,
)

TICKS = 12  # in a beat
LONGEST_STEP = 95
WAIT = LONGEST_STEP + 1  # the step class of a wait, and its ticks
STEPS = WAIT + 1
NO_PITCH = NUM_PITCHES  # the pitch class of a wait
LONGEST = 96  # ticks of the longest note
OFFSETS = 17  # half ticks, the middle one is on time
_HALF = 2  # offsets in a tick
ON_TIME, NO_OFFSET = OFFSETS // 2, OFFSETS
GOES_ON, ENDS, NO_END_KNOWN = range(3)  # whether a rest of a beat follows a note
#: columns of the table of a lead sheet
PLACE, METRE, SECTION, ROOT, QUALITY, TEMPO = range(6)
SECTION_BARS = 16  # bars of a section that are told apart, the last for all after
TEMPO_CLASSES = 12
_SLOWEST, _FASTEST = 40.0, 320.0


@dataclass(frozen=True)
class Event:
    """A note or a wait.

    Attributes:
        tick: since the first beat of the lead sheet. step: ticks since the event before, 0 to 95,
            or `WAIT`.
        pitch: MIDI pitch - `LOWEST_PITCH`, or `NO_PITCH`.
        length: ticks, 1 to 96; 0 for a wait.
        offset: 0 (four ticks early) to 16 (four ticks late); `NO_OFFSET` where it is not known.
        ending: whether a phrase ends with it: a beat or more without a note follows.
    """

    tick: int
    step: int
    pitch: int
    length: int
    offset: int
    ending: int = NO_END_KNOWN


@dataclass(frozen=True)
class TimedNote:
    """A note in frames: from `start` to `end`, pitch as in `Event`."""

    start: int
    end: int
    pitch: int


def wait(tick: int) -> Event:
    """Nothing until `tick`: with this a solo begins."""
    return Event(tick, WAIT, NO_PITCH, 0, NO_OFFSET)


def fold(pitch: int) -> int:
    """A MIDI pitch as in `Event`, moved by octaves into the range of the score stream."""
    step = pitch - LOWEST_PITCH
    if step < 0:
        return step % 12
    return step if step < NUM_PITCHES else NUM_PITCHES - 12 + step % 12


def events_of(
    sheet: LeadSheet,
    onsets: np.ndarray,
    durations: np.ndarray,
    pitches: np.ndarray,
    written: np.ndarray | None = None,
    begin: int | None = None,
    timed: bool = True,
) -> list[Event]:
    """Notes in seconds as events.

    Args:
        sheet: the beats.
        onsets, durations, pitches: (N,) seconds, seconds and MIDI, sorted by onset.
        written: (N,) seconds where the metre has them, NaN where nobody says; None = nowhere. Such
            notes are written where `written_ticks` has them.
        begin: tick of the wait with which they begin; None = the beat of the first note.
        timed: whether the onsets say how early or late a note is.
    """
    places = TICKS * sheet.beat_at(np.asarray(onsets, dtype=np.float64))
    lengths = TICKS * sheet.beat_at(np.asarray(onsets) + np.asarray(durations)) - places
    ticks = written_ticks(places)
    if written is not None:
        said = np.isfinite(written)
        exact = np.floor(TICKS * sheet.beat_at(np.where(said, written, 0.0)) + 0.5).astype(int)
        # an onset far from where it is written is a slip of the transcription
        said &= np.abs(places - exact) <= OFFSETS // 2 / _HALF
        ticks = np.where(said, exact, ticks)
    ticks = np.maximum.accumulate(ticks)
    if begin is None:
        begin = int(ticks[0]) // TICKS * TICKS if len(ticks) else 0
    events = [wait(begin)]
    for tick, place, length, pitch in zip(ticks, places, lengths, pitches, strict=True):
        if tick < begin:
            continue
        while tick - events[-1].tick > LONGEST_STEP:
            events.append(wait(events[-1].tick + WAIT))
        late = int(np.clip(np.floor(_HALF * (place - tick) + 0.5) + ON_TIME, 0, OFFSETS - 1))
        ticks_long = int(np.clip(np.floor(length + 0.5), 1, LONGEST))
        step = int(tick) - events[-1].tick
        events.append(Event(int(tick), step, fold(pitch), ticks_long, late if timed else NO_OFFSET))
    return _with_endings(events)


def event_rows(events: Sequence[Event]) -> np.ndarray:
    """(E, 6) int64 of events, the columns in the order of `Event`."""
    rows = [(e.tick, e.step, e.pitch, e.length, e.offset, e.ending) for e in events]
    return np.array(rows, dtype=np.int64).reshape(-1, 6)


def _with_endings(events: list[Event]) -> list[Event]:
    """Whether a phrase ends is known of all notes but the last."""
    following: int | None = None
    told: list[Event] = []
    for event in reversed(events):
        if event.pitch != NO_PITCH and following is not None:
            rest = following - event.tick - event.length
            told.append(replace(event, ending=ENDS if rest >= TICKS else GOES_ON))
        else:
            told.append(event)
        if event.pitch != NO_PITCH:
            following = event.tick
    return told[::-1]


# ticks by which a note is rather written elsewhere than on each tick of a beat
_RARE = np.array([0.0, 1.0, 1.0, 0.5, 0.5, 1.0, 0.0, 1.0, 0.5, 0.5, 1.0, 1.0])


def written_ticks(places: np.ndarray) -> np.ndarray:
    """Where notes at (N,) places in ticks are written: near, and rather on eighths, sixteenths and
    triplets than between."""
    near = np.floor(places)[:, None] + np.arange(-2, 4)
    cost = np.abs(places[:, None] - near) + _RARE[(near % TICKS).astype(int)]
    return np.asarray(near[np.arange(len(near)), cost.argmin(axis=1)].astype(int))


def onset_seconds(sheet: LeadSheet, event: Event) -> float:
    """When a note begins, right to a quarter of a tick."""
    return float(sheet.seconds_at((event.tick + _late(event)) / TICKS))


def end_seconds(sheet: LeadSheet, event: Event) -> float:
    """When a note ends, if no other begins before."""
    return float(sheet.seconds_at((event.tick + _late(event) + event.length) / TICKS))


def beat_seconds(sheet: LeadSheet, tick: int) -> float:
    """How long a beat from a tick on lasts."""
    begin, end = sheet.seconds_at(np.array([tick, tick + TICKS]) / TICKS)
    return float(end - begin)


def _late(event: Event) -> float:
    """Ticks."""
    return 0.0 if event.offset == NO_OFFSET else (event.offset - ON_TIME) / _HALF


def frame_of(seconds: float) -> int:
    """The frame whose beginning is nearest."""
    return int(np.floor(seconds * FRAME_RATE + 0.5))


def frames_of(sheet: LeadSheet, events: Sequence[Event]) -> list[TimedNote]:
    """Events on the clock of frames. Notes of the same frame follow each other frame by frame; a
    note ends where the next begins."""
    notes: list[TimedNote] = []
    for event in events:
        if event.pitch == NO_PITCH:
            continue
        start = frame_of(onset_seconds(sheet, event))
        if notes:
            last = notes[-1]
            start = max(start, last.start + 1)
            notes[-1] = TimedNote(last.start, min(last.end, start), last.pitch)
        end = max(start + 1, frame_of(end_seconds(sheet, event)))
        notes.append(TimedNote(start, end, event.pitch))
    return notes


def tokens_of(notes: Sequence[TimedNote], frames: int) -> np.ndarray:
    """Notes -> the score stream (frames,) int64."""
    tokens = np.full(frames, REST, dtype=np.int64)
    for note in notes:
        if 0 <= note.start < frames:
            tokens[note.start] = ONSET + note.pitch
            tokens[note.start + 1 : min(note.end, frames)] = HOLD + note.pitch
    return tokens


def notes_of(tokens: np.ndarray) -> list[TimedNote]:
    """The score stream (frames,) -> notes; tokens that are none count as rests, and a held pitch
    that nothing started begins a note."""
    notes: list[TimedNote] = []
    sounding = NO_PITCH
    for frame, token in enumerate(np.asarray(tokens).tolist()):
        if not ONSET <= token < HOLD + NUM_PITCHES:
            sounding = NO_PITCH
            continue
        pitch = (token - ONSET) % NUM_PITCHES
        if token >= HOLD and pitch == sounding:
            notes[-1] = TimedNote(notes[-1].start, frame + 1, pitch)
        else:
            notes.append(TimedNote(frame, frame + 1, pitch))
        sounding = pitch
    return notes


def sheet_table(sheet: LeadSheet) -> np.ndarray:
    """(n, 6) int64, one row a beat: place in the bar (7 = no metre), beats in the bar, bar of the
    section (16 = not known), root (12 = none), quality (7 = none), class of the tempo."""
    gaps = np.diff(sheet.beats)
    around = np.array([np.median(gaps[max(0, i - 4) : i + 4]) for i in range(len(sheet))])
    share = np.log(60 / around / _SLOWEST) / np.log(_FASTEST / _SLOWEST)
    tempo = np.clip(np.floor(share * TEMPO_CLASSES), 0, TEMPO_CLASSES - 1)
    metred = (sheet.metres >= 2) & (sheet.metres <= IRREGULAR_BAR)
    section = np.where(sheet.bars < 0, SECTION_BARS, np.minimum(sheet.bars, SECTION_BARS - 1))
    columns = (
        np.where(metred, np.minimum(sheet.places, IRREGULAR_BAR - 1), IRREGULAR_BAR),
        np.where(metred, sheet.metres, 0),
        section,
        sheet.roots,
        sheet.qualities,
        tempo,
    )
    return np.stack(columns, axis=1).astype(np.int64)
