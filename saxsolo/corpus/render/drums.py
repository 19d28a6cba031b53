"""Drums by feel, on the transcribed beats: key strokes of the General MIDI kit."""

from __future__ import annotations

import numpy as np

from .bar_plan import BarPlan, Stroke

Beats = list[float]

KICK, STICK, SNARE, SLAP, SNARE2, LOW_TOM, CLOSED, PEDAL, MID_TOM, OPEN = (
    36, 37, 38, 39, 40, 43, 42, 44, 47, 46,
)  # fmt: skip
HIGH_TOM, CRASH, RIDE, BELL, RIDE2 = 50, 49, 51, 53, 59


def play_drums(
    plan: BarPlan, feel: str, rng: np.random.Generator, *, brushes: bool
) -> list[Stroke]:
    """Strokes (time, duration, key, velocity) for every beat of the plan."""
    strokes: list[Stroke] = []
    ride = int(rng.choice((RIDE, RIDE, RIDE2)))
    busy = float(rng.uniform(0.1, 0.5))
    pattern = {
        "latin": _bossa,
        "funk": _funk,
        "ballad": _brushes,
        "twobeat": _two_beat,
        "waltz": _waltz,
    }.get(feel, _swing)
    if brushes and feel in ("swing", "twobeat"):
        pattern = _brushes
    funk_kick = [float(x) for x in rng.choice((1.5, 2.0, 2.5, 1.75, 3.5, 0.75), 2, replace=False)]
    clave = int(rng.integers(2))
    for bar_index, bar in enumerate(plan.bars):
        for place, beat in enumerate(bar):
            strokes += pattern(
                plan, beat, place, len(bar), bar_index + clave, busy, ride, funk_kick, rng
            )
        section_end = bar_index % 8 == 7 or (bar_index % 4 == 3 and rng.random() < 0.15)
        if section_end and len(bar) >= 2 and rng.random() < 0.45:
            strokes += _fill(plan, bar, brushes or feel == "ballad", rng)
    return strokes


def _swing(
    plan: BarPlan, beat: int, place: int, size: int, bar: int, busy: float, ride: int, kick: Beats,
    rng: np.random.Generator,
) -> list[Stroke]:  # fmt: skip
    out = [plan.stroke(beat, 0, ride, 70 + 12 * (place % 2), rng)]
    if place % 2 and rng.random() < 0.85 or rng.random() < 0.06:
        out.append(plan.stroke(beat, "&", ride, 56, rng))
    if place % 2:
        out.append(plan.stroke(beat, 0, PEDAL, 66, rng))
    if rng.random() < 0.5:
        out.append(plan.stroke(beat, 0, KICK, 30, rng))
    if rng.random() < busy:
        key = SNARE if rng.random() < 0.7 else KICK
        out.append(plan.stroke(beat, "&" if rng.random() < 0.7 else 0, key, 48, rng, spread=16))
    return out


def _brushes(
    plan: BarPlan, beat: int, place: int, size: int, bar: int, busy: float, ride: int, kick: Beats,
    rng: np.random.Generator,
) -> list[Stroke]:  # fmt: skip
    out = [plan.stroke(beat, 0, SNARE2 if place % 2 == 0 else SNARE, 58 + 10 * (place % 2), rng)]
    if rng.random() < 0.4:
        out.append(plan.stroke(beat, "&", SNARE, 42, rng))
    if place % 2:
        out.append(plan.stroke(beat, 0, PEDAL, 58, rng))
    if place == 0 and rng.random() < 0.5:
        out.append(plan.stroke(beat, 0, KICK, 34, rng))
    if rng.random() < 0.2:
        out.append(plan.stroke(beat, 0, ride, 46, rng))
    return out


def _bossa(
    plan: BarPlan, beat: int, place: int, size: int, bar: int, busy: float, ride: int, kick: Beats,
    rng: np.random.Generator,
) -> list[Stroke]:  # fmt: skip
    out = [
        plan.stroke(beat, 0, CLOSED, 60, rng),
        plan.stroke(beat, 0.5, CLOSED, 46, rng),
    ]
    if place % 2 == 0:
        out.append(plan.stroke(beat, 0, KICK, 62, rng))
    else:
        out.append(plan.stroke(beat, 0.5, KICK, 52, rng))
        out.append(plan.stroke(beat, 0, PEDAL, 48, rng))
    hits = ((0, 1.5, 3), (1, 2.5)) if size == 4 else ((0, 1.5), (1,))
    for hit in hits[bar % 2]:
        if int(hit) == place:
            out.append(plan.stroke(beat, hit - place, STICK, 66, rng))
    return out


def _funk(
    plan: BarPlan, beat: int, place: int, size: int, bar: int, busy: float, ride: int, kick: Beats,
    rng: np.random.Generator,
) -> list[Stroke]:  # fmt: skip
    out = []
    steps = (0, 0.25, 0.5, 0.75) if busy > 0.3 and plan.tempo < 130 else (0, 0.5)
    for step in steps:
        loud = 70 if step == 0 else 52
        out.append(plan.stroke(beat, step, CLOSED, loud, rng))
    if place % 2:
        out.append(plan.stroke(beat, 0, SNARE, 92, rng))
    elif place == 0:
        out.append(plan.stroke(beat, 0, KICK, 88, rng))
    for hit in kick:
        if int(hit) == place:
            out.append(plan.stroke(beat, hit - place, KICK, 78, rng))
    if rng.random() < busy:
        out.append(plan.stroke(beat, float(rng.choice((0.25, 0.75))), SNARE, 34, rng))
    return out


def _two_beat(
    plan: BarPlan, beat: int, place: int, size: int, bar: int, busy: float, ride: int, kick: Beats,
    rng: np.random.Generator,
) -> list[Stroke]:  # fmt: skip
    out = [plan.stroke(beat, 0, CLOSED if place % 2 else OPEN, 64, rng)]
    if place % 2:
        out.append(plan.stroke(beat, "&", CLOSED, 50, rng))
        out.append(plan.stroke(beat, 0, SNARE, 44, rng))
    else:
        out.append(plan.stroke(beat, 0, KICK, 58, rng))
    return out


def _waltz(
    plan: BarPlan, beat: int, place: int, size: int, bar: int, busy: float, ride: int, kick: Beats,
    rng: np.random.Generator,
) -> list[Stroke]:  # fmt: skip
    out = [plan.stroke(beat, 0, ride, 74 if place == 0 else 64, rng)]
    if place == 1 or rng.random() < 0.15:
        out.append(plan.stroke(beat, "&", ride, 54, rng))
    if place % 3 == 1 or (place % 3 == 2 and busy > 0.3):
        out.append(plan.stroke(beat, 0, PEDAL, 60, rng))
    if place % 3 == 0:
        out.append(plan.stroke(beat, 0, KICK, 50, rng))
    if rng.random() < busy:
        out.append(plan.stroke(beat, "&", SNARE, 46, rng, spread=14))
    return out


def _fill(plan: BarPlan, bar: list[int], soft: bool, rng: np.random.Generator) -> list[Stroke]:
    """Toms or snare over the last two beats of a bar, a cymbal and kick on the next beat."""
    keys = [SNARE, SNARE, SNARE2] if soft else [SNARE, HIGH_TOM, MID_TOM, LOW_TOM]
    out = []
    for beat in bar[-2:]:
        for step in (0, 1 / 3, 2 / 3):
            if rng.random() < 0.7:
                key = int(rng.choice(keys))
                out.append(plan.stroke(beat, step, key, 56 if soft else 72, rng, spread=12))
    landing = bar[-1] + 1
    if landing < len(plan.times):
        if not soft:
            out.append(plan.stroke(landing, 0, CRASH, 74, rng))
        out.append(plan.stroke(landing, 0, KICK, 60, rng))
    return out
