"""A solo's notes, decided by the planner only as far as they are needed, as the score stream.

What is given is kept where it stands: the notes of a prompt, notes and rests further on. A note
that is drawn to begin after a given one lets the given one come first; a given note that nothing
follows lasts as long as the planner likes. NumPy alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .folded_planner_saxsolo import MEMORY, Array, FoldedPlanner, PlannedLine
from .lead_sheet_saxsolo import LeadSheet
from .line_saxsolo import line_features
from .note_events_saxsolo import (
    ENDS,
    GOES_ON,
    LONGEST,
    LONGEST_STEP,
    NO_OFFSET,
    NO_PITCH,
    QUALITY,
    ROOT,
    STEPS,
    TICKS,
    WAIT,
    Event,
    TimedNote,
    beat_seconds,
    end_seconds,
    event_rows,
    events_of,
    frame_of,
    notes_of,
    onset_seconds,
    sheet_table,
    wait,
)
from .phrasing_saxsolo import Phrasing
from .planner_features_saxsolo import control_classes
from .recall_saxsolo import PhraseMemory
from .steering_saxsolo import Steering, with_onset_bias
from .vocabulary_saxsolo import (
    FRAME_RATE,
    FREE,
    HOLD,
    LOWEST_PITCH,
    NO_CHORD,
    NO_ROOT,
    NUM_PITCHES,
    ONSET,
    REST,
)

# events before those that are heard, for what their features count
_REMEMBERED = 128
# frames that a note needs before something is given or the solo ends: fewer are a click
LEAST_ROOM = 4
# a frame after every other: nothing is left to choose
_NEVER = 2**62


@dataclass(frozen=True)
class PlanSettings:
    """How notes are drawn.

    Attributes:
        do_sample: False takes the likeliest.
        temperature: of steps, lengths and offsets; pitch_temperature: a factor on it for pitches.
        rhythm_temperature: a factor on it for the place within a beat, once the beat is chosen.
        top_k, top_p: as in the library, for every choice.
        guidance: how far pitches lean to the chords: 0 = not at all, 1 = as learnt.
        time: how far onsets keep to the beat: 0 = they float free of it, see `LeadSheet.floating`,
            1 = as learnt, more = the likeliest places within a beat.
        onset_bias: added to the logit of beginning a note at each twelfth of a beat.
        lowest, highest: MIDI pitches beyond which nothing is drawn; None = what was learnt.
        phrasing: leans of phrases, rests, gaps and pitches, phrases that come back, and the wait
            before a solo.
    """

    do_sample: bool = True
    temperature: float = 1.0
    pitch_temperature: float = 1.0
    rhythm_temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    guidance: float = 1.0
    time: float = 1.0
    onset_bias: float = 0.0
    lowest: float | None = None
    highest: float | None = None
    phrasing: Phrasing = field(default_factory=Phrasing)


class NotePlan:
    """The notes of one solo over one lead sheet.

    Args:
        planner: of the model, folded.
        sheet: beats and chords.
        given: (T,) score tokens, FREE where the planner chooses; other tokens than the score's are
            rests.
        known: frames that are past, where nothing is chosen.
        settings: how notes are drawn.
        controls: what is asked for, see `control_classes`.
        seed: of the drawing, which is the plan's own: the notes do not depend on how they are
            played.
    """

    def __init__(
        self,
        planner: FoldedPlanner,
        sheet: LeadSheet,
        given: Array,
        known: int = 0,
        settings: PlanSettings | None = None,
        controls: Mapping[str, float | None] | None = None,
        seed: int = 0,
    ):
        self.settings = settings or PlanSettings()
        self.planner, self.sheet = planner, sheet.floating(self.settings.time)
        # drawn apart: closed gaps, the entry and what comes back shift no other random number
        self.random, self.closing, self.entering, recalling = (
            np.random.default_rng((seed, part)) for part in range(4)
        )
        recalls = self.settings.phrasing.recalls if self.settings.do_sample else 0.0
        self.memory = PhraseMemory(self.sheet, recalls, recalling)
        free = np.flatnonzero(given == FREE)
        self.free = np.zeros(len(given), bool)
        self.free[free[free >= known]] = True
        self.last = int(free[-1]) + 1 if len(free) else 0
        self.given_tokens = given
        self.first = int(np.flatnonzero(self.free)[0]) if self.free.any() else self.last
        notes = notes_of(np.where(given == FREE, REST, given))
        past = [note for note in notes if note.start < self.first]
        self.given = [note for note in notes if note.start >= self.first]
        self.notes = past
        self.silent_until = self.kept_until = self.first
        self.begin_by = _NEVER
        self._next_free = _next_place(self.free)
        self._next_blocked = _next_place(~self.free)
        controls = controls or {}
        self.steering = Steering(controls.get("density"), controls.get("space"))
        self.line = self._line(sheet_table(self.sheet), controls)
        self._begin(past)

    def tokens(self, first: int, stop: int) -> Array:
        """The score stream's frames [first, stop), given ones included."""
        while self.reached < stop:
            self._next()
        stop = min(stop, len(self.given_tokens))
        tokens = self.given_tokens[first:stop].copy()
        for note in self.notes:
            if note.end > first and note.start < stop:
                frames = np.arange(max(note.start, first), min(note.end, stop))
                drawn = np.where(frames == note.start, ONSET, HOLD) + note.pitch
                places = frames - first
                tokens[places] = np.where(tokens[places] == FREE, drawn, tokens[places])
        return np.where(tokens == FREE, REST, tokens)

    def _line(self, table: Array, controls: Mapping[str, float | None]) -> PlannedLine:
        """The line over what is known, and where pitches are guided the same without chords."""
        rows = [table]
        if self.settings.guidance != 1:
            hidden = table.copy()
            hidden[:, ROOT], hidden[:, QUALITY] = NO_ROOT, NO_CHORD
            rows.append(hidden)
        asked = control_classes(**controls)  # type: ignore[arg-type]
        return PlannedLine(self.planner, np.stack(rows), np.array(asked))

    def _begin(self, past: Sequence[TimedNote]) -> None:
        """What was played before, or the wait with which a solo begins."""
        self.history: list[Event] = []
        if past:
            starts = np.array([note.start for note in past])
            ends = np.array([note.end for note in past])
            pitches = np.array([note.pitch for note in past]) + LOWEST_PITCH
            events = events_of(
                self.sheet, starts / FRAME_RATE, (ends - starts) / FRAME_RATE, pitches
            )
            open_note = past[-1].end == self.first
            self.memory.hear(events[:-1][: -MEMORY // 2])
            self._hear(events[:-1][-MEMORY // 2 :])
            last = self._lasting(events[-1], past[-1]) if open_note else events[-1]
            if open_note:
                self.notes[-1] = self._timed(last, past[-1].start)
            self._hear([last])
        else:
            self._begin_stretch(self._draw_entry())
        self.reached = self.first if self.first < self.last else _NEVER

    def _hear(self, events: Sequence[Event]) -> None:
        """Takes events into the planner's memory."""
        self.history.extend(events)
        self.memory.hear(events)
        if self.line.count + len(events) > MEMORY:
            self.line.forget()
            events = self.history[-MEMORY // 2 :]
        rows = event_rows(self.history[-len(events) - _REMEMBERED :])
        if events:
            self.line.hear(rows[-len(events) :], line_features(rows, len(events)))

    def _next(self) -> None:
        """One more event: drawn, or the next given note if that comes first."""
        tick = self.history[-1].tick
        at = self.given[0].start if self.given else self.last
        edge = min(at, self._edge)
        frames = self._frames(tick)
        step = self._draw_step(tick, frames, edge)
        if int(frames[step]) < edge:
            if step == WAIT:
                self.reached = self.silent_until = max(self.reached, int(frames[step]))
                self._hear([Event(tick + WAIT, WAIT, NO_PITCH, 0, NO_OFFSET)])
                return
            event = self._draw_note(tick, step)
            start = max(self._earliest, frame_of(onset_seconds(self.sheet, event)))
            # a little early or late, but not into what is given
            fits = start + LEAST_ROOM <= edge and self.free[start]
            start = start if fits else int(frames[step])
            self._add(event, self._timed(event, start))
        elif edge < at and self._next_free[edge] < at:
            self.reached = int(self._next_free[edge])
            self._begin_stretch(self.reached)
        elif self.given:
            self._take_given(self.given.pop(0))
        else:
            self.reached = _NEVER

    def _draw_entry(self) -> int:
        """The frame from which on the planner may begin, where no note was played before."""
        if not self.settings.do_sample:
            return self.first
        free = np.array([self.first, self._next_blocked[self.first]])
        first, end = self.sheet.beat_at(free / FRAME_RATE).tolist()
        entry = self.settings.phrasing.entry_beat(first, end, self.entering)
        return max(self.first, frame_of(float(self.sheet.seconds_at(entry))))

    def _begin_stretch(self, frame: int) -> None:
        """A wait up to where the solo begins, or begins anew after a rest that is given.

        The first note of a stretch comes in its first half, and within eight beats, as in training:
        first notes are too rare there for the planner to learn when they come.
        """
        tick = round(TICKS * float(self.sheet.beat_at(frame / FRAME_RATE)))
        self.silent_until = frame
        self.memory.forget()
        end = int(self._next_blocked[min(frame, len(self.free))])
        if not self.given or self.given[0].start > end:
            eight = frame_of(float(self.sheet.seconds_at((tick + WAIT) / TICKS)))
            self.begin_by = max(frame + 1, min(eight, (frame + end) // 2))
        self._hear([wait(max([tick, *(event.tick for event in self.history[-1:])]))])

    def _take_given(self, note: TimedNote) -> None:
        onset, length = note.start / FRAME_RATE, (note.end - note.start) / FRAME_RATE
        begin = self.history[-1].tick
        pitch = note.pitch + LOWEST_PITCH
        event = events_of(
            self.sheet, np.array([onset]), np.array([length]), np.array([pitch]), begin=None
        )[-1]
        tick = max(event.tick, begin)
        while tick - self.history[-1].tick > LONGEST_STEP:
            self._hear([wait(self.history[-1].tick + WAIT)])
        event = replace(event, tick=tick, step=tick - self.history[-1].tick)
        is_open = note.end < len(self.free) and bool(self.free[note.end])
        if is_open:
            event = self._lasting(event, note)
        timed = self._timed(event, note.start) if is_open else note
        self._add(event, TimedNote(timed.start, max(timed.end, note.end), timed.pitch))
        self.memory.forget()
        self.kept_until = note.end

    def _add(self, event: Event, note: TimedNote) -> None:
        if self.notes:
            before = self.notes[-1]
            end = self._end_before(before, note.start)
            self.notes[-1] = TimedNote(before.start, end, before.pitch)
            if self.begin_by == _NEVER:
                # not across a rest that is given
                passed, sounding = note.start - before.start, end - before.start
                self.steering.passed(passed / FRAME_RATE, sounding / FRAME_RATE)
        self.notes.append(note)
        self.begin_by = _NEVER
        self.reached = max(self.reached, note.start)
        self._hear([event])

    def _end_before(self, before: TimedNote, start: int) -> int:
        """Where the last note ends once the next one is known: short gaps may be closed."""
        end, gaps = min(before.end, start), self.settings.phrasing.gaps
        if not gaps or not self.settings.do_sample or not self.free[end - 1 : start].all():
            return end
        chance = float(self.closing.random())
        return start - self.settings.phrasing.gap(start - end, chance)

    @property
    def _earliest(self) -> int:
        """First frame in which a note may begin."""
        return max(self.silent_until, self.notes[-1].start + 1 if self.notes else 0)

    @property
    def _edge(self) -> int:
        """First frame from here on in which something is given."""
        here = min(max(self._earliest, self.kept_until), len(self.free))
        return int(self._next_blocked[here])

    def _timed(self, event: Event, start: int) -> TimedNote:
        """An event as a note from a frame on, no longer than what is free after it."""
        end = max(start + 1, frame_of(end_seconds(self.sheet, event)))
        return TimedNote(start, end, event.pitch)

    def _frames(self, tick: int) -> Array:
        """(97,) frames in which the steps from a tick land; of the same or earlier frames than the
        last note's, the next."""
        seconds = self.sheet.seconds_at((tick + np.arange(STEPS)) / TICKS)
        frames = np.floor(seconds * FRAME_RATE + 0.5).astype(int)
        # a note may be later than its tick: the next one of a small step follows it
        near = np.arange(STEPS) <= TICKS // 4
        return np.where(near & (frames < self._earliest), self._earliest, frames)

    def _draw_step(self, tick: int, frames: Array, at: int) -> int:
        waited = max(0, int(frames[0]) - self.notes[-1].start) if self.notes else 0
        ended = self.history[-1].ending == ENDS
        logits = self.line.steps(tick) + self.settings.phrasing.steps(ended)
        logits = logits + self.memory.steps(tick)
        logits = self.steering.steps(logits, waited / FRAME_RATE)
        if self.settings.onset_bias:
            logits = with_onset_bias(logits, self.settings.onset_bias)
        inside = frames < min(at, len(self.free))
        allowed = ~inside
        fits = frames[inside] <= self._next_blocked[frames[inside]] - LEAST_ROOM
        allowed[inside] = fits & (frames[inside] >= self._earliest)
        # waiting is possible until the first note of a stretch has to come
        allowed[WAIT] = True
        allowed &= frames < self.begin_by
        if not allowed.any():
            allowed[WAIT] = True
        logits = np.where(allowed, logits, -np.inf)
        heat = self.settings.rhythm_temperature / max(1.0, self.settings.time)
        if heat != 1:
            logits = with_rhythm_temperature(logits, tick, heat)
        return self._draw(logits, self.settings.temperature)

    def _draw_note(self, tick: int, step: int) -> Event:
        endings = self.line.land(tick, step)
        endings[ENDS] += self.settings.phrasing.endings
        ending = self._draw(endings, self.settings.temperature)
        self.line.end(ending)
        logits = self.line.pitches()
        chosen = logits[0]
        if len(logits) > 1:
            chosen = logits[1] + self.settings.guidance * (logits[0] - logits[1])
        lean = self.settings.phrasing.pitches(self._played) + self.memory.leans(tick + step)
        heat = self.settings.temperature * self.settings.pitch_temperature
        pitch = self._draw(self._within_range(chosen + lean), heat)
        length, offset = self._draw_rest(tick + step, pitch, 1)
        return Event(tick + step, step, pitch, length, offset, ending)

    @property
    def _played(self) -> Array:
        """(N,) pitches of the notes so far, of those that are remembered."""
        recent = self.history[-_REMEMBERED:]
        return np.array([event.pitch for event in recent if event.pitch != NO_PITCH], dtype=int)

    def _within_range(self, logits: Array) -> Array:
        """(60,) pitch logits without what lies beyond the range that is asked for."""
        first, last = pitch_places(self.settings.lowest, self.settings.highest)
        place = np.arange(len(logits))
        return np.where((place < first) | (place > last), -np.inf, logits)

    def _lasting(self, event: Event, note: TimedNote) -> Event:
        """A note that has begun, with an end that is drawn; at least as long as it is."""
        self.line.land(event.tick - event.step, event.step)
        self.line.end(GOES_ON if event.ending == GOES_ON else ENDS)
        length, _ = self._draw_rest(event.tick, event.pitch, event.length)
        return replace(event, length=length)

    def _draw_rest(self, tick: int, pitch: int, least: int) -> tuple[int, int]:
        """Length, of at least so many ticks, and offset of a note at a tick."""
        lengths, offsets = self.line.strike(pitch)
        lengths = self.steering.lengths(lengths)
        if self.settings.phrasing.holds:
            lengths = lengths + self.settings.phrasing.lengths(beat_seconds(self.sheet, tick))
        lengths[: min(least, LONGEST)] = -np.inf
        heat = self.settings.temperature
        return self._draw(lengths, heat), self._draw(offsets, heat)

    def _draw(self, logits: Array, temperature: float) -> int:
        if not self.settings.do_sample:
            return int(logits.argmax())
        kept = among_likeliest(logits / temperature, self.settings.top_k, self.settings.top_p)
        reached = np.exp(kept - kept.max()).cumsum(dtype=np.float64)
        return int(reached.searchsorted(self.random.random() * reached[-1], side="right"))


def among_likeliest(logits: Array, top_k: int | None, top_p: float | None) -> Array:
    """Logits (N,) without all but the top_k likeliest (None or 0 = all are kept), and without the
    least likely ones that together have no more than 1 - top_p; the likeliest always stays. As the
    library's warpers."""
    if top_k and top_k < len(logits):
        logits = np.where(logits < np.sort(logits)[-top_k], -np.inf, logits)
    if top_p is not None and top_p < 1:
        order = logits.argsort(kind="stable")
        chances = np.exp(logits[order] - logits.max())
        rare = chances.cumsum() / chances.sum() <= 1 - top_p
        rare[-1] = False
        logits = logits.copy()
        logits[order[rare]] = -np.inf
    return logits


def _next_place(marked: Array) -> Array:
    """(T,) bool -> (T + 1,): the first marked frame from each frame on, T for none."""
    places = np.append(np.where(marked, np.arange(len(marked)), len(marked)), len(marked))
    return np.minimum.accumulate(places[::-1])[::-1]


def with_rhythm_temperature(logits: Array, tick: int, temperature: float) -> Array:
    """Step logits (97,) from a tick, with the choice among the twelfths of each beat at another
    temperature; how likely each beat and a wait are stays as it was."""
    changed = logits.copy()
    beats = (tick % TICKS + np.arange(LONGEST_STEP + 1)) // TICKS
    starts = np.flatnonzero(np.diff(beats, prepend=-1))
    with np.errstate(invalid="ignore"):
        before = np.logaddexp.reduceat(logits[:WAIT], starts)
        after = np.logaddexp.reduceat(logits[:WAIT] / temperature, starts)
        moved = np.where(np.isfinite(before), before - after, 0.0)
    changed[:WAIT] = logits[:WAIT] / temperature + moved[beats]
    return changed


def pitch_places(lowest: float | None, highest: float | None) -> tuple[int, int]:
    """First and last pitch of the score stream that a range in MIDI pitches allows.

    Raises:
        ValueError: for a range outside the stream.
    """
    top = LOWEST_PITCH + NUM_PITCHES - 1
    first = LOWEST_PITCH if lowest is None else max(LOWEST_PITCH, int(lowest))
    last = top if highest is None else min(top, int(highest))
    if first > last:
        raise ValueError(
            f"the range {lowest} to {highest} lies outside MIDI {LOWEST_PITCH} to {top}: move it."
        )
    return first - LOWEST_PITCH, last - LOWEST_PITCH
