"""Many plans side by side: the planner's own lines, from which it can learn.

The choices are those of `NotePlan`, drawn for all lines in one batch, except that no phrase recalls
an earlier one; nothing is given but what was played before, nothing asked for or steered but the
range. B lines, E events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet
from modeling_saxsolo.line_saxsolo import CENTRE
from modeling_saxsolo.note_events_saxsolo import (
    ENDS,
    NO_END_KNOWN,
    NO_OFFSET,
    NO_PITCH,
    ON_TIME,
    QUALITY,
    ROOT,
    STEPS,
    TICKS,
    WAIT,
    TimedNote,
    beat_seconds,
    event_rows,
    frame_of,
    sheet_table,
    tokens_of,
    wait,
)
from modeling_saxsolo.phrasing_saxsolo import Phrasing
from modeling_saxsolo.planner_features_saxsolo import control_classes
from modeling_saxsolo.planner_saxsolo import (
    PlannerPast,
    SaxsoloPlanner,
    place_features,
    rest_before,
    roots_ahead,
)
from modeling_saxsolo.planning_saxsolo import PlanSettings
from modeling_saxsolo.steering_saxsolo import with_onset_bias
from modeling_saxsolo.vocabulary_saxsolo import NO_CHORD, NO_ROOT

from .planner_lines import LastNotes

# half ticks in an offset's tick
_HALF = 2


@dataclass(frozen=True)
class Window:
    """A part of a lead sheet that is played over.

    Attributes:
        sheet: beats and chords. table: (n, 6) of it, see `sheet_table`.
        start, end: seconds.
        lowest, highest: MIDI pitches that are asked for, None = not asked.
        past: (P, 6) events that its line goes on from; empty where it begins a solo.
    """

    sheet: LeadSheet
    table: np.ndarray
    start: float
    end: float
    lowest: int | None = None
    highest: int | None = None
    past: np.ndarray = field(default_factory=lambda: np.zeros((0, 6), np.int64))

    def opening(self, phrasing: Phrasing, random: np.random.Generator) -> np.ndarray:
        """(P or 1, 6) what comes before the first event of its line: `past`, or a wait up to the
        beat in which a solo may begin."""
        if len(self.past):
            return self.past
        first, end = self.sheet.beat_at(np.array([self.start, self.end])).tolist()
        beat = phrasing.entry_beat(first, end, random)
        return event_rows([wait(round(TICKS * beat))])


def window_of(
    sheet: LeadSheet,
    start: float,
    end: float,
    lowest: int | None = None,
    highest: int | None = None,
) -> Window:
    """A part of a sheet in which a solo begins, see `Window`."""
    return Window(sheet, sheet_table(sheet), start, end, lowest, highest)


@torch.inference_mode()
def sample_lines(
    planner: SaxsoloPlanner,
    windows: Sequence[Window],
    settings: PlanSettings,
    seed: int,
    longest: int = 250,
) -> list[np.ndarray]:
    """A line over each window, drawn side by side.

    Args:
        settings: temperatures, guidance, onset_bias and phrasing of them, except `recalls`, are
            followed; lines are always drawn, whatever `do_sample` says.
        seed: of all.
        longest: events after which a line ends.

    Returns:
        (E, 6) int64 events of each, the window's `opening` first, all before the end of its window.
    """
    planner.eval()
    random = torch.Generator().manual_seed(seed)
    entering = np.random.default_rng(seed)
    openings = [window.opening(settings.phrasing, entering) for window in windows]
    lengths = np.array([len(opening) for opening in openings])
    lines = [np.zeros((0, 6), np.int64)] * len(windows)
    for length in np.unique(lengths):
        alike = np.flatnonzero(lengths == length).tolist()
        some, begun = [windows[place] for place in alike], [openings[place] for place in alike]
        played = _side_by_side(planner, some, np.stack(begun), settings, random, longest)
        for place, line in zip(alike, played, strict=True):
            lines[place] = line
    return lines


def _side_by_side(
    planner: SaxsoloPlanner,
    windows: Sequence[Window],
    openings: np.ndarray,
    settings: PlanSettings,
    random: torch.Generator,
    longest: int,
) -> list[np.ndarray]:
    """`sample_lines` of windows whose openings (B, P, 6) are equally long."""
    lines, guided = len(windows), settings.guidance != 1
    copies = 2 if guided else 1
    sheet = _tables(windows, guided)
    asked = torch.tensor([control_classes(lowest=w.lowest, highest=w.highest) for w in windows])
    stop = np.array([TICKS * float(w.sheet.beat_at(w.end)) for w in windows])
    drawn = [list(opening) for opening in openings]
    heard, features = torch.from_numpy(openings), []
    notes, owners, past = LastNotes(lines), np.arange(lines), None
    for new in openings.swapaxes(0, 1):
        notes.hear(new)
        features.append(notes.features.copy())
    line = torch.from_numpy(np.stack(features, axis=1))
    for _ in range(longest):
        hidden, past = planner(
            heard.repeat(copies, 1, 1),
            sheet,
            asked.repeat(copies, 1),
            line.repeat(copies, 1, 1),
            past,
        )
        lean = notes.leans(settings.phrasing)
        sheets = [windows[owner].sheet for owner in owners.tolist()]
        hidden, last, line = hidden[:, -1:], heard[:, -1], line[:, -1:]
        events = _next_events(
            planner, last, hidden, sheet, line, past, settings, random, lean, sheets
        )
        new = events.numpy()
        notes.hear(new)
        going = new[:, 0] < stop[owners]
        for place in np.flatnonzero(going):
            drawn[owners[place]].append(new[place])
        if not going.any():
            break
        if going.mean() < 0.8:
            both = torch.from_numpy(np.tile(going, copies))
            events, asked, sheet = events[going], asked[going], sheet[both]
            caches = [(key[both], value[both]) for key, value in past.caches]
            past = PlannerPast(caches, past.pitch[both], past.count)
            notes.keep(going)
            owners = owners[going]
        else:
            # over: whatever is drawn is dropped
            stop[owners[~going]] = -1
        heard, line = events[:, None], torch.from_numpy(notes.features)[:, None]
    return [np.stack(rows) for rows in drawn]


def _tables(windows: Sequence[Window], guided: bool) -> torch.Tensor:
    """(B or 2 B, n, 6) lead sheets, and the same without chords."""
    beats = max(len(window.table) for window in windows)
    table = np.stack(
        [
            np.concatenate([w.table, np.repeat(w.table[-1:], beats - len(w.table), axis=0)])
            for w in windows
        ]
    )
    if not guided:
        return torch.from_numpy(table)
    hidden = table.copy()
    hidden[..., ROOT], hidden[..., QUALITY] = NO_ROOT, NO_CHORD
    return torch.from_numpy(np.concatenate([table, hidden]))


def _next_events(
    planner: SaxsoloPlanner,
    events: torch.Tensor,
    hidden: torch.Tensor,
    sheet: torch.Tensor,
    line: torch.Tensor,
    past: PlannerPast,
    settings: PlanSettings,
    random: torch.Generator,
    leans: np.ndarray,
    sheets: Sequence[LeadSheet],
) -> torch.Tensor:
    """(B, 6) the event after each, as `NotePlan` draws it; `leans` (B, 60) are the phrasing's of
    pitches, `sheets` the B lead sheets."""
    lines, copies = len(events), len(hidden) // len(events)
    heat = settings.temperature
    tick = events[:, 0]
    logits = planner.step_logits(hidden[:lines], tick[:, None], sheet[:lines], line)[:, 0]
    ended = (events[:, 2] != NO_PITCH) & (events[:, 5] == ENDS)
    lean = torch.from_numpy(settings.phrasing.steps(True))
    logits = logits + ended[:, None] * lean
    if settings.onset_bias:
        logits = torch.from_numpy(with_onset_bias(logits.numpy(), settings.onset_bias))
    # the first note of a line comes within eight beats
    unplayed = line[:, 0, CENTRE] == NO_PITCH
    logits[unplayed, WAIT] = -torch.inf
    step = _draw(_by_beat(logits, tick, settings.rhythm_temperature), heat, random)
    landing = (tick + step)[:, None].repeat(copies, 1)
    both = line.repeat(copies, 1, 1)
    at = place_features(sheet, landing, past.pitch)
    landed = planner.land(hidden, step[:, None].repeat(copies, 1), at, rest_before(both, landing))
    roots = roots_ahead(sheet, landing)
    ends = planner.ending(landed[:lines])[:, 0].clone()
    ends[:, ENDS] += settings.phrasing.endings
    ending = _draw(ends, heat, random)
    landed = planner.end(landed, ending[:, None].repeat(copies, 1))
    pitches = planner.pitch_logits(landed, past.pitch, roots, both)[:, 0]
    if copies > 1:
        plain = pitches[lines:]
        pitches = plain + settings.guidance * (pitches[:lines] - plain)
    pitches = pitches + torch.from_numpy(leans)
    pitch = _draw(pitches, heat * settings.pitch_temperature, random)
    struck = planner.strike(landed[:lines], pitch[:, None], past.pitch[:lines], roots[:lines])
    lengths = planner.length(struck)[:, 0].clone()
    lengths[:, 0] = -torch.inf
    if settings.phrasing.holds:
        starts = zip(sheets, (tick + step).tolist(), strict=True)
        beats = [beat_seconds(sheet, start) for sheet, start in starts]
        lengths += torch.from_numpy(np.stack([settings.phrasing.lengths(b) for b in beats]))
    length = _draw(lengths, heat, random)
    offset = _draw(planner.offset(struck)[:, 0], heat, random)
    new = torch.stack([tick + step, step, pitch, length, offset, ending], dim=-1)
    waits = torch.tensor([0, WAIT, NO_PITCH, 0, NO_OFFSET, NO_END_KNOWN]).repeat(lines, 1)
    waits[:, 0] = tick + WAIT
    return torch.where((step == WAIT)[:, None], waits, new)


def _draw(logits: torch.Tensor, heat: float, random: torch.Generator) -> torch.Tensor:
    drawn: torch.Tensor = torch.multinomial((logits / heat).softmax(-1), 1, generator=random)[:, 0]
    return drawn


def _by_beat(logits: torch.Tensor, tick: torch.Tensor, heat: float) -> torch.Tensor:
    """`with_rhythm_temperature` of each row (B, 97)."""
    if heat == 1:
        return logits
    changed = logits.clone()
    beats = (tick[:, None] % TICKS + torch.arange(STEPS)) // TICKS
    beats[:, WAIT] = -1
    for beat in range(int(beats.max()) + 1):
        inside = beats == beat
        some = logits.masked_fill(~inside, -torch.inf)
        places = some / heat - (some / heat).logsumexp(-1, keepdim=True)
        places = places + some.logsumexp(-1, keepdim=True)
        changed = torch.where(inside, places, changed)
    return changed


def stream_of(
    sheet: LeadSheet,
    events: np.ndarray,
    frames: int,
    settings: PlanSettings,
    rng: np.random.Generator,
) -> np.ndarray:
    """(E, 6) events as a score stream (frames,) of the whole sheet, played as `NotePlan` does."""
    rows = events[events[:, 2] != NO_PITCH]
    late = np.where(rows[:, 4] == NO_OFFSET, 0.0, (rows[:, 4] - ON_TIME) / _HALF)
    starts = sheet.seconds_at((rows[:, 0] + late) / TICKS)
    ends = sheet.seconds_at((rows[:, 0] + late + rows[:, 3]) / TICKS)
    notes: list[TimedNote] = []
    for start_s, end_s, pitch in zip(starts, ends, rows[:, 2].tolist(), strict=True):
        start = frame_of(float(start_s))
        if notes:
            before = notes[-1]
            start = max(start, before.start + 1)
            end = min(before.end, start)
            if settings.phrasing.gaps:
                end = start - settings.phrasing.gap(start - end, float(rng.random()))
            notes[-1] = TimedNote(before.start, end, before.pitch)
        notes.append(TimedNote(start, max(start + 1, frame_of(float(end_s))), pitch))
    return tokens_of(notes, frames)
