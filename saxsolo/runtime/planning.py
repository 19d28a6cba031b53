"""The notes of a solo, event by event: `modeling_saxsolo.planning_saxsolo.NotePlan` over graphs.

Without prompts and given notes: a solo plays wherever the band does.
"""

from typing import Any

import numpy as np

from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet
from modeling_saxsolo.line_saxsolo import END, line_features, rest_class
from modeling_saxsolo.note_events_saxsolo import (
    ENDS,
    NO_OFFSET,
    NO_PITCH,
    QUALITY,
    ROOT,
    STEPS,
    TICKS,
    WAIT,
    Event,
    TimedNote,
    end_seconds,
    event_rows,
    frame_of,
    onset_seconds,
    sheet_table,
    tokens_of,
    wait,
)
from modeling_saxsolo.phrasing_saxsolo import Phrasing
from modeling_saxsolo.vocabulary_saxsolo import (
    FRAME_RATE,
    HIGHEST_PITCH,
    LOWEST_PITCH,
    NO_CHORD,
    NO_ROOT,
)

from .spectra import Array

MEMORY, REMEMBERED = 256, 128
_NEVER = 2**62


class NotePlan:
    """The notes from frame `first` to `last` over a lead sheet.

    Args:
        graphs: name -> session. config: of the folder. controls: (5,) classes.
        pitches: lowest and highest MIDI pitch of the instrument.
        temperature: 0 takes the likeliest. random: draws the rest.
    """

    def __init__(
        self,
        graphs: dict[str, Any],
        config: dict[str, Any],
        sheet: LeadSheet,
        first: int,
        last: int,
        controls: list[int],
        pitches: tuple[int, int],
        temperature: float,
        random: np.random.Generator,
    ):
        self.graphs, self.sheet, self.first, self.last = graphs, sheet, first, last
        self.temperature, self.random = temperature, random
        # closed gaps change no other choice
        (self.closing,) = random.spawn(1)
        places = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1)
        self.beyond = (places < pitches[0]) | (places > pitches[1])
        self.pitch_temperature = config["model"]["pitch_temperature"]
        self.rhythm_temperature = config["model"]["rhythm_temperature"]
        self.phrasing = Phrasing.of(config["model"].get("phrasing"))
        self.guidance = config["sampling"]["guidance_scale"]
        sizes = config["planner"]
        table = sheet_table(sheet)
        hidden = table.copy()
        hidden[:, ROOT], hidden[:, QUALITY] = NO_ROOT, NO_CHORD
        rows = [table] if self.guidance == 1 else [table, hidden]
        self.table = np.stack(rows)
        self.controls = np.tile(np.array(controls, np.int64), (len(rows), 1))
        heads = sizes["num_heads"]
        self.empty = np.zeros(
            (sizes["num_layers"], len(rows), heads, 0, sizes["hidden_size"] // heads), np.float32
        )
        self.notes: list[TimedNote] = []
        self.history: list[Event] = []
        self.keys = self.values = self.empty
        self.pitch = NO_PITCH
        self.silent_until = first
        self._over = False
        tick = round(TICKS * float(sheet.beat_at(first / FRAME_RATE)))
        # the first note comes in the solo's first half, and within eight beats
        eight = frame_of(float(sheet.seconds_at((tick + WAIT) / TICKS)))
        self.begin_by = max(first + 1, min(eight, (first + last) // 2))
        self._hear([wait(tick)])

    def until(self, frames: int) -> Array:
        """The score stream's first frames, (frames,); more is planned only as it is needed."""
        # a note may end sooner once the next one is known
        while self._earliest < frames and not self._over:
            self._over = not self._next()
        notes = [note for note in self.notes if note.start < min(self.last, frames)]
        tokens = tokens_of(notes, frames)
        tokens[self.last :] = 0
        return tokens

    def _hear(self, events: list[Event]) -> None:
        self.history.extend(events)
        if self.keys.shape[3] + len(events) > MEMORY:
            self.keys = self.values = self.empty
            self.pitch = NO_PITCH
            events = self.history[-MEMORY // 2 :]
        before = []
        for event in events:
            before.append(self.pitch)
            self.pitch = self.pitch if event.pitch == NO_PITCH else event.pitch
        rows = len(self.table)
        known = event_rows(self.history[-len(events) - REMEMBERED :])
        line = np.tile(line_features(known)[-len(events) :], (rows, 1, 1))
        self.line = line[:, -1:]
        self.hidden, self.keys, self.values = self.graphs["planner_event"].run(
            None,
            {
                "events": np.tile(known[-len(events) :], (rows, 1, 1)),
                "before": np.tile(np.array(before, np.int64), (rows, 1)),
                "sheet": self.table,
                "controls": self.controls,
                "line": line,
                "keys": self.keys,
                "values": self.values,
            },
        )

    def _next(self) -> bool:
        """One more event; False where the solo is over."""
        tick = self.history[-1].tick
        frames = self._frames(tick)
        step = self._draw_step(tick, frames)
        if int(frames[step]) >= self.last:
            return False
        if step == WAIT:
            self.silent_until = max(self.silent_until, int(frames[step]))
            self._hear([Event(tick + WAIT, WAIT, NO_PITCH, 0, NO_OFFSET)])
            return True
        event = self._draw_note(tick, step)
        start = max(self._earliest, frame_of(onset_seconds(self.sheet, event)))
        start = start if self.first <= start < self.last else int(frames[step])
        if self.notes:
            last = self.notes[-1]
            end = min(last.end, start)
            if self.phrasing.gaps and self.temperature:
                end = start - self.phrasing.gap(start - end, float(self.closing.random()))
            self.notes[-1] = TimedNote(last.start, end, last.pitch)
        end = max(start + 1, frame_of(end_seconds(self.sheet, event)))
        self.notes.append(TimedNote(start, end, event.pitch))
        self.begin_by = _NEVER
        self._hear([event])
        return True

    @property
    def _earliest(self) -> int:
        return max(self.silent_until, self.notes[-1].start + 1 if self.notes else 0)

    def _frames(self, tick: int) -> Array:
        seconds = self.sheet.seconds_at((tick + np.arange(STEPS)) / TICKS)
        frames = np.floor(seconds * FRAME_RATE + 0.5).astype(int)
        near = np.arange(STEPS) <= TICKS // 4
        return np.where(near & (frames < self._earliest), self._earliest, frames)

    def _draw_step(self, tick: int, frames: Array) -> int:
        inputs = {
            "hidden": self.hidden[:1],
            "tick": _one(tick),
            "sheet": self.table[:1],
            "line": self.line[:1],
        }
        logits = self.graphs["planner_step"].run(None, inputs)[0]
        logits = logits + self.phrasing.steps(self.history[-1].ending == ENDS)
        allowed = (frames >= self.last) | ((frames >= self.first) & (frames >= self._earliest))
        allowed[WAIT] = True
        allowed &= frames < self.begin_by
        if not allowed.any():
            allowed[WAIT] = True
        logits = np.where(allowed, logits, -np.inf)
        if self.rhythm_temperature != 1:
            logits = _steadier(logits, tick, self.rhythm_temperature)
        return self._draw(logits, self.temperature)

    def _draw_note(self, tick: int, step: int) -> Event:
        rows = len(self.table)
        landing = np.full((rows, 1), tick + step)
        last = np.full((rows, 1), self.pitch)
        landed, endings = self.graphs["planner_land"].run(
            None,
            {
                "hidden": self.hidden,
                "landing": landing,
                "step": np.full((rows, 1), step),
                "last": last,
                "sheet": self.table,
                "rest": rest_class(landing - self.line[..., END]),
            },
        )
        endings[ENDS] += self.phrasing.endings
        ending = self._draw(endings, self.temperature)
        logits, ended = self.graphs["planner_pitch"].run(
            None,
            {
                "landed": landed,
                "ending": np.full((rows, 1), ending),
                "last": last,
                "landing": landing,
                "sheet": self.table,
                "line": self.line,
            },
        )
        chosen = logits[0]
        if rows > 1:
            chosen = logits[1] + self.guidance * (logits[0] - logits[1])
        recent = self.history[-REMEMBERED:]
        played = np.array([event.pitch for event in recent if event.pitch != NO_PITCH], dtype=int)
        chosen = np.where(self.beyond, -np.inf, chosen + self.phrasing.pitches(played))
        pitch = self._draw(chosen, self.temperature * self.pitch_temperature)
        lengths, offsets = self.graphs["planner_rest"].run(
            None,
            {
                "ended": ended[:1],
                "pitch": _one(pitch),
                "last": last[:1],
                "landing": landing[:1],
                "sheet": self.table[:1],
            },
        )
        lengths[0] = -np.inf
        length = self._draw(lengths, self.temperature)
        offset = self._draw(offsets, self.temperature)
        return Event(tick + step, step, pitch, length, offset, ending)

    def _draw(self, logits: Array, temperature: float) -> int:
        if not temperature:
            return int(logits.argmax())
        noise = self.random.exponential(size=len(logits))
        chances = np.exp((logits - logits.max()) / temperature)
        return int((chances / noise).argmax())


def _steadier(logits: Array, tick: int, temperature: float) -> Array:
    """As `planning_saxsolo.with_rhythm_temperature`."""
    changed = logits.copy()
    beats = (tick % TICKS + np.arange(WAIT)) // TICKS
    for beat in range(int(beats[-1]) + 1):
        inside = np.flatnonzero(beats == beat)
        within = logits[inside]
        if np.isfinite(within).any():
            places = within / temperature
            changed[inside] = places - _log_sum(places) + _log_sum(within)
    return changed


def _log_sum(values: Array) -> float:
    highest = values.max()
    return float(highest + np.log(np.exp(values - highest).sum()))


def _one(value: int) -> Array:
    return np.array([[value]], np.int64)
