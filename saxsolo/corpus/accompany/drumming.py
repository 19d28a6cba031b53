"""Drums: one bar after another in the manner of a style, with sticks or brushes; fills; count-ins.

Keys are those of General MIDI's percussion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .plan import Bar, Note, Plan

KICK, STICK, SNARE, CLAP, SNARE2 = 36, 37, 38, 39, 40
LOW_TOM, CLOSED, MID_TOM, PEDAL, OPEN, HIGH_TOM, CRASH = 45, 42, 47, 44, 46, 50, 49
RIDE, BELL, TAMBOURINE, COWBELL, RIDE2, SHAKER, CLAVES = 51, 53, 54, 56, 59, 70, 75
HIGH_CONGA, LOW_CONGA, CLICK, BLOCK, WOODBLOCK = 63, 64, 33, 76, 77

Stroke = tuple[float, int, float]
Style = Callable[[Bar, int, "Drummer", np.random.Generator], list[Stroke]]


@dataclass
class Drummer:
    """A drummer's habits: cymbal, how busy, brushes, a kick pattern that stays."""

    ride: int
    busy: float
    brushes: bool
    kick: tuple[float, ...]
    feather: bool
    fills: float
    percussion: int | None
    loud: float
    sweep: bool = False


def choose_drummer(feel: str, size: int, brushes: bool, rng: np.random.Generator) -> Drummer:
    """Habits by chance."""
    steps = np.arange(1, 4 * size) / 4
    kick = tuple(float(s) for s in np.sort(rng.choice(steps, min(3, len(steps)), replace=False)))
    percussion = None
    if rng.random() < (0.4 if feel in ("bossa", "samba", "latin") else 0.06):
        percussion = int(rng.choice((SHAKER, TAMBOURINE, COWBELL, CLAVES, HIGH_CONGA)))
    return Drummer(
        ride=int(rng.choice((RIDE, RIDE2, CLOSED, BELL), p=(0.6, 0.2, 0.15, 0.05))),
        busy=float(rng.uniform(0.02, 0.6)),
        brushes=brushes,
        kick=kick,
        feather=bool(rng.random() < 0.4),
        fills=float(rng.uniform(0, 0.6)),
        percussion=percussion,
        loud=float(rng.uniform(0.75, 1.2)),
    )


def play_drums(plan: Plan, drummer: Drummer, rng: np.random.Generator) -> list[Note]:
    """The drums of the bars in which "drums" plays, and of the count-in."""
    notes: list[Note] = []
    pattern_size = 0
    for index, bar in enumerate(plan.bars):
        if "drums" not in bar.players:
            continue
        if bar.part == "stop":
            strokes: list[Stroke] = [(0, KICK, 80), (0, SNARE, 70), (0, CRASH, 50)]
        elif bar.part == "pickup":
            strokes = [(float(at), SNARE, 70) for at in np.arange(0, bar.size, 0.5)]
        else:
            strokes = _bar(plan, bar, index, drummer, rng)
            pattern_size += 1
            last = pattern_size % 8 == 0 or (pattern_size % 4 == 0 and rng.random() < 0.2)
            if last and rng.random() < drummer.fills and bar.size > 1:
                strokes = [s for s in strokes if s[0] < bar.size - 2] + _fill(bar, drummer, rng)
        for place, key, loud in strokes:
            velocity = loud * drummer.loud * float(rng.uniform(0.85, 1.15))
            length = 0.9 if key == CLAP else 0.2
            notes.append(Note(bar.start + place, length, key, velocity))
    return notes


def count_in(plan: Plan, key: int, halves: bool, loud: float) -> list[Note]:
    """Clicks or sticks on the beats of bars of part "count"; `halves`: the first bar in halves."""
    bars = [bar for bar in plan.bars if bar.part == "count"]
    notes = []
    for index, bar in enumerate(bars):
        step = 2 if halves and index == 0 and len(bars) > 1 and bar.size % 2 == 0 else 1
        for place in range(0, bar.size, step):
            accent = 1.2 if place == 0 else 1.0
            notes.append(Note(bar.start + place, 0.1, key, loud * accent))
    return notes


def _bar(
    plan: Plan, bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator
) -> list[Stroke]:
    feel = bar.feel
    if plan.grid == 3:
        style: Style = _triplets
    elif drummer.brushes and feel in ("swing", "two", "walk", "ballad", "half", "waltz"):
        style = _brushes
    elif bar.size == 7:
        style = _seven
    elif feel == "double":
        style = _double
    elif feel == "half":
        style = _half
    else:
        style = {
            "bossa": _bossa, "samba": _samba, "latin": _latin, "funk": _funk, "pop": _rock,
            "ballad": _brushes if drummer.brushes else _swing,
        }.get(feel, _swing)  # fmt: skip
    strokes: list[Stroke] = style(bar, index, drummer, rng)
    if drummer.percussion is not None:
        step = 1.0 if drummer.percussion in (COWBELL, CLAVES) else 0.5
        for place in np.arange(0, bar.size, step):
            loud = 60 if place % 1 == 0 else 42
            strokes.append((float(place), drummer.percussion, loud))
        if drummer.percussion == HIGH_CONGA and bar.size == 4:
            strokes += [(3.0, LOW_CONGA, 70), (3.5, LOW_CONGA, 70)]
    return strokes


def _swing(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    out: list[Stroke] = []
    waltz = bar.size % 2 == 1
    for beat in range(bar.size):
        out.append((beat, drummer.ride, 72 + (10 if beat % 2 else 0)))
        skip = beat == 1 if waltz else beat % 2 == 1
        if rng.random() < (0.85 if skip else 0.08):
            out.append((beat + 0.5, drummer.ride, 55))
        hat = beat in (1, 2) if waltz and drummer.busy > 0.4 else beat % 2 == 1
        if bar.size == 5:
            hat = beat in (1, 3) if drummer.busy < 0.3 else beat in (1, 4)
        if hat and rng.random() < 0.95:
            out.append((beat, PEDAL, 66))
        if (drummer.feather and not waltz) or (waltz and beat == 0 and rng.random() < 0.8):
            out.append((beat, KICK, 38))
        if rng.random() < drummer.busy:
            key = SNARE if rng.random() < 0.7 else KICK
            at = beat + float(rng.choice((0, 0.5, 0.5, 0.5)))
            out.append((at, key, float(rng.uniform(35, 75))))
    if bar.size == 5 and rng.random() < 0.7:
        out += [(0, KICK, 60), (3, KICK, 55)]
    return out


def _double(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    out: list[Stroke] = []
    for half in range(2 * bar.size):
        at = half / 2
        out.append((at, drummer.ride, 72))
        if half % 2:
            out.append((at + 1 / 3, drummer.ride, 54))
            out.append((at, PEDAL, 64))
        if rng.random() < drummer.busy / 2:
            out.append((at + 1 / 3, SNARE, 50))
    return out


def _half(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    out: list[Stroke] = [(0, KICK, 80)]
    out += [(float(at), CLOSED, 60) for at in range(bar.size)]
    if bar.size > 2:
        out.append((float(bar.size // 2), SNARE, 88))
    if rng.random() < drummer.busy:
        out.append((bar.size - 0.5, KICK, 66))
    return out


def _brushes(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    out: list[Stroke] = []
    for beat in range(bar.size):
        if drummer.sweep:
            out.append((beat, CLAP, 46 + 8 * (beat % 2)))
        tap = beat % 2 == 1 or not drummer.sweep
        if tap:
            out.append((beat, SNARE, 52 + 10 * (beat % 2)))
        if rng.random() < 0.35:
            out.append((beat + 0.5, SNARE, 40))
        if beat % 2:
            out.append((beat, PEDAL, 58))
        if beat == 0 and rng.random() < 0.5:
            out.append((beat, KICK, 42))
        if rng.random() < 0.12:
            out.append((beat, RIDE, 44))
    return out


def _bossa(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    out: list[Stroke] = []
    top = SHAKER if drummer.busy > 0.5 else CLOSED
    for step in range(2 * bar.size):
        out.append((step / 2, top, 60 if step % 2 == 0 else 46))
    for beat in range(0, bar.size, 2):
        out.append((beat, KICK, 64))
        if beat + 1.5 < bar.size:
            out.append((beat + 1.5, KICK, 54))
        if beat + 1 < bar.size:
            out.append((beat + 1, PEDAL, 46))
    clave = ((0, 1.5, 3), (1, 2.5)) if rng.random() < 0.95 else ((0.5, 2), (1, 2, 3.5))
    key = STICK if not drummer.brushes else SNARE
    out += [(at, key, 68) for at in clave[index % 2] if at < bar.size]
    return out


def _samba(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    out: list[Stroke] = []
    for beat in range(bar.size):
        out.append((beat, drummer.ride, 62))
        out.append((beat + 0.5, drummer.ride, 50))
        if beat % 2:
            out += [(beat, PEDAL, 58), (beat, KICK, 78), (beat + 0.5, KICK, 50)]
        else:
            out.append((beat, KICK, 62))
    for at in np.arange(0, bar.size, 0.5):
        if rng.random() < 0.3 + drummer.busy / 2:
            out.append((float(at), STICK if drummer.busy < 0.3 else SNARE, 55))
    return out


def _latin(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    cascara = ((0, 1, 1.5, 2.5, 3), (0, 0.5, 1.5, 2, 3, 3.5))[index % 2]
    key = COWBELL if drummer.busy > 0.3 else BELL
    out: list[Stroke] = [(at, key, 66) for at in cascara if at < bar.size]
    out += [(1.5, KICK, 66), (3, KICK, 60)] if bar.size == 4 else [(0, KICK, 66)]
    clave = ((0, 1.5, 3), (1, 2))[index % 2]
    out += [(at, STICK, 70) for at in clave if at < bar.size]
    if rng.random() < drummer.busy:
        out.append((bar.size - 0.5, LOW_TOM, 64))
    return out


def _funk(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    out: list[Stroke] = [(0, KICK, 92)]
    step = 0.25 if drummer.busy > 0.35 else 0.5
    for at in np.arange(0, bar.size, step):
        key = OPEN if at % 2 == 1.5 and rng.random() < 0.15 else CLOSED
        out.append((float(at), key, 68 if at % 1 == 0 else 50))
    out += [(beat, SNARE, 94) for beat in range(1, bar.size, 2)]
    out += [(at, KICK, 80) for at in drummer.kick if at < bar.size]
    for at in np.arange(0.25, bar.size, 0.5):
        if rng.random() < drummer.busy * 0.5:
            out.append((float(at), SNARE, 32))
    return out


def _rock(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    top = drummer.ride if index // 8 % 2 else CLOSED
    out: list[Stroke] = [(step / 2, top, 66 - 12 * (step % 2)) for step in range(2 * bar.size)]
    out += [(beat, KICK, 88) for beat in range(0, bar.size, 2)]
    out += [(beat, SNARE, 92) for beat in range(1, bar.size, 2)]
    out += [(at, KICK, 76) for at in drummer.kick if at % 0.5 == 0 and at < bar.size]
    return out


def _seven(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    groups = (2, 2, 3) if drummer.kick[0] < 1.6 else (3, 2, 2)
    out: list[Stroke] = [(float(at), drummer.ride, 66 if at == 0 else 54) for at in range(bar.size)]
    at = 0
    for number, group in enumerate(groups):
        out.append((float(at), KICK if number != 1 else SNARE, 86 if number == 0 else 74))
        if number == 2 and rng.random() < 0.6:
            out.append((float(at + group - 1), SNARE, 70))
        at += group
    if rng.random() < drummer.busy:
        out.append((float(rng.integers(1, 7)), SNARE, 45))
    return out


def _triplets(bar: Bar, index: int, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    out: list[Stroke] = []
    top = drummer.ride if not drummer.brushes else SNARE2
    for beat in range(bar.size):
        for third in range(3):
            if third != 1 or drummer.busy < 0.45:
                out.append((beat + third / 3, top, 66 if third == 0 else 50))
        if beat % 2 and bar.size > 2:
            out.append((beat, SNARE, 86))
        elif bar.size == 2 and beat == 1 and drummer.kick[0] > 1:
            out.append((beat, SNARE if index % 2 else PEDAL, 70))
        else:
            out.append((beat, KICK, 84))
        if rng.random() < drummer.busy:
            out.append((beat + float(rng.choice((1 / 3, 2 / 3))), KICK, 62))
    return out


def _fill(bar: Bar, drummer: Drummer, rng: np.random.Generator) -> list[Stroke]:
    """Toms and snare over the end of a bar, a cymbal on the next."""
    keys = (SNARE, SNARE2) if drummer.brushes else (SNARE, HIGH_TOM, MID_TOM, LOW_TOM)
    out: list[Stroke] = []
    step = float(rng.choice((1 / 3, 0.5, 0.25)))
    for at in np.arange(bar.size - 2, bar.size, step):
        if rng.random() < 0.7:
            out.append((float(at), int(rng.choice(keys)), float(rng.uniform(55, 90))))
    if rng.random() < 0.6 and not drummer.brushes:
        out += [(float(bar.size), CRASH, 76), (float(bar.size), KICK, 76)]
    return out
