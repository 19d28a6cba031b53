"""What the planner knows of a moment and of a note: classes, counted in NumPy alone.

B rows, E events, n beats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .line_saxsolo import END, LINE_SIZES, NO_INTERVAL, RESTS, WIDEST, rest_class
from .note_events_saxsolo import (
    LONGEST,
    METRE,
    NO_END_KNOWN,
    NO_PITCH,
    OFFSETS,
    PLACE,
    QUALITY,
    ROOT,
    SECTION,
    SECTION_BARS,
    STEPS,
    TEMPO,
    TEMPO_CLASSES,
    TICKS,
)
from .vocabulary_saxsolo import (
    FEELS,
    IRREGULAR_BAR,
    LOWEST_PITCH,
    NO_CHORD,
    NO_ROOT,
    NUM_PITCHES,
)

#: beats after an event whose chords it is heard over
AHEAD = (0, 1, 2, 4)
FARTHEST = 16  # semitones from the register's middle that are told apart
NO_DISTANCE = 2 * FARTHEST + 1
_AHEAD = np.array(AHEAD)
#: what a solo may be asked for -> classes, 0 = not asked
CONTROLS = {
    "density": 13,
    "space": 9,
    "lowest": NUM_PITCHES + 1,
    "highest": NUM_PITCHES + 1,
    "feel": len(FEELS) + 1,
}
# notes a second of the first and after the last class of density
_FEWEST, _MOST = 0.75, 12.0

DEGREES = [NO_ROOT + 1] * len(AHEAD)
_QUALITIES = [NO_CHORD + 1] * len(AHEAD)
_MOTIONS = [NO_ROOT + 1] * (len(AHEAD) - 1)
_PLACE = [TICKS, IRREGULAR_BAR + 1, IRREGULAR_BAR + 1, SECTION_BARS + 1, TEMPO_CLASSES]
_AT = [*_PLACE, *DEGREES, *_QUALITIES, *_MOTIONS]
_NOTE = [NUM_PITCHES + 1, NO_INTERVAL + 1]
#: sizes of the vocabularies of an event, of where a step lands, and of a pitch there
EVENT = [STEPS, LONGEST + 1, OFFSETS + 1, NO_END_KNOWN + 1, *_NOTE]
EVENT += [*_AT, *CONTROLS.values(), *LINE_SIZES]
LANDING = [STEPS, *_AT, RESTS]
STRUCK = [*_NOTE, *DEGREES]


def event_features(
    events: np.ndarray, at: np.ndarray, controls: np.ndarray, line: np.ndarray, before: np.ndarray
) -> np.ndarray:
    """(B, E, F) classes of `EVENT`.

    Args:
        events: (B, E, 6), see `event_rows`. at: (B, E, 16), their `place_features`.
        controls: (B, 5). line: (B, E, 11), see `line_features`.
        before: (B, 1) pitch of the last note before them.
    """
    _, step, pitch, length, offset, ending = np.moveaxis(events, -1, 0)
    previous = np.concatenate([before, last_pitch(pitch, before)[:, :-1]], axis=1)
    interval = interval_class(pitch, previous)
    known = np.stack([step, length, offset, ending, pitch, interval], axis=-1)
    asked = np.repeat(controls[:, None], events.shape[1], axis=1)
    return np.concatenate([known, at, asked, line[..., :END]], axis=-1)


def place_features(sheet: np.ndarray, tick: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """What is known of a moment: place in beat, bar and section, tempo, and `pitch` over its
    chords; (B, n, 6), (B, E), (B, E) -> (B, E, 16)."""
    rows = _beat_rows(sheet, tick)
    now, roots = rows[..., 0, :], rows[..., ROOT]
    place = [tick % TICKS, now[..., PLACE], now[..., METRE], now[..., SECTION], now[..., TEMPO]]
    degrees = degree_class(pitch[..., None], roots)
    motions = _motion(roots[..., :1], roots[..., 1:])
    parts = [np.stack(place, axis=-1), degrees, rows[..., QUALITY], motions]
    return np.concatenate(parts, axis=-1)


def roots_ahead(sheet: np.ndarray, tick: np.ndarray) -> np.ndarray:
    """Roots of the chords of a moment and of those ahead: (B, E, 4)."""
    return np.asarray(_beat_rows(sheet, tick)[..., ROOT])


def interval_class(pitch: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Semitones from one pitch to the next, cut at two octaves; a class of its own for waits."""
    steps = np.clip(pitch - last, -WIDEST, WIDEST) + WIDEST
    return np.where((pitch == NO_PITCH) | (last == NO_PITCH), NO_INTERVAL, steps)


def degree_class(pitch: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Semitones of a pitch above a root, 0 to 11; 12 without a pitch or a root."""
    degree = (pitch + LOWEST_PITCH - root) % 12
    return np.where((pitch == NO_PITCH) | (root == NO_ROOT), NO_ROOT, degree)


def register_distance(pitch: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Semitones of a pitch from the middle of the register, cut; a class of its own without one."""
    distance = np.clip(pitch - centre, -FARTHEST, FARTHEST) + FARTHEST
    return np.where(centre == NO_PITCH, NO_DISTANCE, distance)


def rest_before(line: np.ndarray, landing: np.ndarray) -> np.ndarray:
    """Class of the rest before a note at ticks (B, E), `line` (B, E, 11) being that of the event
    before it."""
    return rest_class(landing - line[..., END])


def last_pitch(pitch: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The pitch of the last note at each event (B, E), waits passed over."""
    index = np.where(pitch == NO_PITCH, -1, np.arange(pitch.shape[1]))
    index = np.maximum.accumulate(index, axis=1)
    known = np.take_along_axis(pitch, np.maximum(index, 0), axis=1)
    return np.where(index < 0, before, known)


def control_classes(
    density: float | None = None,
    space: float | None = None,
    lowest: int | None = None,
    highest: int | None = None,
    feel: int | None = None,
) -> list[int]:
    """What a solo is asked for, as classes in the order of `CONTROLS`; None = not asked.

    Args:
        density: notes a second. space: share of the time without a note, 0 to 1.
        lowest, highest: MIDI pitches. feel: index into `FEELS`.

    Raises:
        ValueError: for a value that no solo can have.
    """
    _check_controls(density, space, lowest, highest)
    classes = [0] * len(CONTROLS)
    if density is not None:
        share = math.log(max(density, 1e-3) / _FEWEST) / math.log(_MOST / _FEWEST)
        classes[0] = 1 + min(11, max(0, int(12 * share)))
    if space is not None:
        classes[1] = 1 + min(7, max(0, int(8 * space)))
    for index, pitch in ((2, lowest), (3, highest)):
        if pitch is not None:
            classes[index] = 1 + min(NUM_PITCHES - 1, max(0, int(pitch) - LOWEST_PITCH))
    if feel is not None and feel >= 0:
        classes[4] = 1 + feel
    return classes


def _check_controls(density: Any, space: Any, lowest: Any, highest: Any) -> None:
    ranges = {
        "density": (density, 0.0, 20.0),
        "space": (space, 0.0, 1.0),
        "lowest": (lowest, 0, 127),
        "highest": (highest, 0, 127),
    }
    for name, (value, least, most) in ranges.items():
        if value is None:
            continue
        number = isinstance(value, (int, float, np.integer, np.floating))
        if not number or not least <= value <= most:
            raise ValueError(f"{name} is {value!r}: give a number from {least:g} to {most:g}.")
        if name in ("lowest", "highest") and value != int(value):
            raise ValueError(f"{name} is {value!r}: give a whole MIDI pitch.")
    if lowest is not None and highest is not None and lowest > highest:
        raise ValueError(f"lowest {lowest} lies above highest {highest}: exchange them.")


def _motion(root: np.ndarray, other: np.ndarray) -> np.ndarray:
    none = (root == NO_ROOT) | (other == NO_ROOT)
    return np.where(none, NO_ROOT, (other - root) % 12)


def _beat_rows(sheet: np.ndarray, tick: np.ndarray) -> np.ndarray:
    """(B, n, 6), (B, E) ticks -> (B, E, 4, 6) the beats `AHEAD` of each; beyond both ends the first
    and last beat."""
    beat = np.minimum(np.maximum(tick[..., None] // TICKS + _AHEAD, 0), sheet.shape[1] - 1)
    return np.asarray(sheet[np.arange(len(sheet))[:, None, None], beat])
