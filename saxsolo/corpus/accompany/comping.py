"""When the chords are struck, and how long they ring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .plan import Bar, Harmony, Note, Plan
from .voicings import KINDS, Voicer

Hit = tuple[float, float]  # place in the bar and length, in beats

NAMED = {
    "charleston": ((0.0, 1.3), (1.5, 0.5)),
    "garland": ((1.5, 0.4), (3.5, 0.4)),
    "push": ((0.0, 1.0), (3.5, 2.0)),
    "late": ((1.5, 2.0),),
    "backbeat": ((1.0, 0.5), (3.0, 0.5)),
    "bossa": ((0.0, 0.9), (1.5, 0.9), (3.0, 0.7)),
    "bossa2": ((0.0, 0.5), (1.0, 0.5), (2.5, 0.9), (3.5, 1.0)),
    "partido": ((0.5, 0.4), (1.0, 0.4), (2.0, 0.4), (2.5, 0.4), (3.5, 0.6)),
    "montuno": ((0.0, 0.4), (1.0, 0.4), (1.5, 0.4), (2.5, 0.4), (3.5, 0.4)),
    "skank": ((0.5, 0.3), (1.5, 0.3), (2.5, 0.3), (3.5, 0.3)),
    "whole": ((0.0, 3.8),),
    "halves": ((0.0, 1.9), (2.0, 1.9)),
}
FEELS = {
    "swing": ("charleston", "garland", "push", "late", "backbeat", "free", "free", "free", "beats",
              "pad"),
    "ballad": ("pad", "pad", "halves", "free", "arpeggio", "late", "whole"),
    "bossa": ("bossa", "bossa2", "partido", "free", "pad", "arpeggio", "fingers"),
    "samba": ("partido", "bossa2", "free", "skank", "pad"),
    "latin": ("montuno", "montuno_octaves", "free", "halves", "skank"),
    "funk": ("sixteenths", "sixteenths", "skank", "backbeat", "pad", "free"),
    "pop": ("beats", "eighths", "pad", "arpeggio", "halves", "skank", "free"),
    "triplet": ("beats", "triplets", "pad", "arpeggio", "free"),
}  # fmt: skip


@dataclass(frozen=True)
class Comper:
    """How one player of chords plays: which rhythms and voicings, where, how loud, how long."""

    rhythm: str
    voicer: Voicer
    loud: float
    sustain: float
    mutate: float
    roll: float
    anticipate: float


def choose_comper(plan: Plan, instrument: str, feel: str, rng: np.random.Generator) -> Comper:
    """A manner for an instrument: piano, electric piano, guitar, organ, vibraphone, pad."""
    menu = FEELS.get(feel, FEELS["swing"])
    if plan.grid == 3:
        menu = FEELS["triplet"]
    rhythm = str(rng.choice(menu))
    if instrument == "guitar" and feel == "swing" and rng.random() < 0.35:
        rhythm = "beats"
    if instrument == "pad" or (instrument == "organ" and rng.random() < 0.4):
        rhythm = "pad"
    kinds = {str(kind): float(rng.uniform(0.2, 1)) for kind in
             rng.choice(KINDS, int(rng.integers(1, 4)), replace=False)}  # fmt: skip
    if "guide" in kinds and len(kinds) == 1 and rng.random() < 0.6:
        kinds["rootless"] = 1.0
    centre, low, high = float(rng.uniform(56, 67)), 42, 84
    if instrument == "guitar":
        if rhythm == "beats" and rng.random() < 0.6:
            kinds = {"freddie": 1.0}
        centre, low, high = float(rng.uniform(53, 62)), 40, 77
    if instrument == "vibraphone":
        kinds.pop("spread", None)
        kinds = kinds or {"rootless": 1.0}
        centre, low, high = float(rng.uniform(65, 72)), 53, 88
    voicer = Voicer(kinds, centre, low, high)
    return Comper(
        rhythm=rhythm,
        voicer=voicer,
        loud=float(rng.uniform(48, 92)),
        sustain=float(rng.choice((0.35, 0.7, 1.0, 1.0, 1.5))),
        mutate=float(rng.choice((0.05, 0.2, 0.5))),
        roll=float(rng.choice((0, 0, 0.01, 0.03))),
        anticipate=float(rng.choice((0.2, 0.6, 0.9))),
    )


def comp(plan: Plan, player: str, comper: Comper, rng: np.random.Generator) -> list[Note]:
    """The chords of a whole performance, for the bars in which `player` plays."""
    harmony = Harmony(plan.bars)
    notes: list[Note] = []
    hits: list[Hit] = []
    for bar in plan.bars:
        if player not in bar.players:
            continue
        if bar.part == "stop":
            notes += _strike(plan, harmony, bar.start, 0.5, comper, rng, 1.2)
            continue
        rhythm = comper.rhythm
        if bar.part == "end" or (bar.part == "intro" and bar.feel == "rubato"):
            rhythm = str(rng.choice(("pad", "arpeggio", "pad")))
        if rhythm in ("arpeggio", "fingers", "montuno_octaves"):
            notes += _broken(plan, harmony, bar, rhythm, comper, rng)
            continue
        if not hits or rhythm in ("pad",) or rng.random() < comper.mutate or hits[0][1] < 0:
            hits = _hits(rhythm, bar, plan.grid, rng)
        for place, length in _with_changes(hits, bar, rng):
            if place < bar.size:
                stretch = comper.sustain if rhythm != "pad" else 1.0
                notes += _strike(plan, harmony, bar.start + place, length * stretch, comper, rng)
    return notes


def _strike(
    plan: Plan, harmony: Harmony, beat: float, length: float, comper: Comper,
    rng: np.random.Generator, loud: float = 1.0,
) -> list[Note]:  # fmt: skip
    """One chord; an off-beat before a change often plays the chord to come."""
    chord = harmony.chord(beat)
    span = harmony.span(beat)
    if span is not None and span.end - beat < 0.55 and beat % 1 and length > 0.3:
        if rng.random() < comper.anticipate:
            chord = harmony.chord(span.end) or chord
            span = harmony.span(span.end) or span
    if chord is None or chord.root is None or span is None:
        return []
    length = min(length, max(0.3, span.end - beat + (0.4 if rng.random() < 0.1 else 0)))
    keys = comper.voicer.voice(chord, rng)
    velocity = comper.loud * loud * float(rng.uniform(0.85, 1.15))
    roll = comper.roll * float(rng.uniform(0, 2))
    out = []
    for index, key in enumerate(keys):
        tone = velocity * (1.08 if index == len(keys) - 1 else float(rng.uniform(0.85, 1.0)))
        out.append(Note(beat + index * roll, max(0.1, length - index * roll), key, tone))
    return out


def _hits(rhythm: str, bar: Bar, grid: int, rng: np.random.Generator) -> list[Hit]:
    size = bar.size
    if rhythm == "pad":
        return [(span.start - bar.start, span.end - span.start) for span in bar.spans]
    if rhythm == "beats":
        return [(float(beat), float(rng.choice((0.35, 0.8)))) for beat in range(size)]
    if rhythm == "eighths":
        return [(step / 2, 0.45) for step in range(2 * size)]
    if rhythm == "triplets":
        return [(step / 3, 0.3) for step in range(3 * size)]
    if rhythm == "sixteenths":
        count = int(rng.integers(2, 6))
        steps = np.sort(rng.choice(4 * size, min(count, 4 * size), replace=False))
        return [(float(step) / 4, 0.25) for step in steps]
    if rhythm in NAMED and size == 4:
        return list(NAMED[rhythm])
    return _free(size, grid, rng)


def _free(size: int, grid: int, rng: np.random.Generator) -> list[Hit]:
    """A few strokes of a bar at likely places."""
    places = [step / grid for step in range(size * grid)]
    weights = np.array([1.2 if p == 0 else 0.7 if p % 1 == 0 else 1.0 for p in places])
    count = int(np.clip(rng.poisson(0.55 * size), 1, len(places)))
    chosen = np.sort(rng.choice(len(places), count, replace=False, p=weights / weights.sum()))
    picked = [places[int(index)] for index in chosen]
    ends = [*picked[1:], float(size)]
    short = rng.random() < 0.4
    return [
        (at, 0.4 if short or rng.random() < 0.3 else max(0.3, 0.9 * (end - at)))
        for at, end in zip(picked, ends, strict=True)
    ]


def _with_changes(hits: list[Hit], bar: Bar, rng: np.random.Generator) -> list[Hit]:
    """Every chord of a beat or more is struck somewhere, or nobody could hear it."""
    out = list(hits)
    for span in bar.spans:
        start, end = span.start - bar.start, span.end - bar.start
        if end - start < 0.9 or any(start - 0.5 <= at < end - 0.4 for at, _ in hits):
            continue
        if rng.random() < 0.85:
            out.append((start, (end - start) * 0.8))
    return sorted(out)


def _broken(
    plan: Plan, harmony: Harmony, bar: Bar, rhythm: str, comper: Comper, rng: np.random.Generator
) -> list[Note]:
    """Chords one key after the other: arpeggios, fingerpicking, a montuno in octaves."""
    notes: list[Note] = []
    steps = 3 if plan.grid == 3 else 2
    if plan.tempo < 70 and plan.grid == 2 and rng.random() < 0.6:
        steps = 4
    if plan.tempo > 170:
        steps = 1 if rhythm == "arpeggio" else 2
    for span in bar.spans:
        chord = harmony.chord(span.start)
        if chord is None or chord.root is None:
            continue
        keys = list(comper.voicer.voice(chord, rng))
        order = keys + keys[-2:0:-1] if rng.random() < 0.7 else keys[::-1]
        count = max(1, int((span.end - span.start) * steps))
        for index in range(count):
            beat = span.start + index / steps
            loud = comper.loud * float(rng.uniform(0.8, 1.1))
            ring = min(span.end - beat, 1.5 if rhythm == "arpeggio" else 0.6)
            if rhythm == "fingers" and index % 4 == 0:
                notes += [Note(beat, ring, key, loud) for key in keys[:-1]]
            elif rhythm == "montuno_octaves":
                key = order[index % len(order)]
                notes += [Note(beat, 0.4, key, loud), Note(beat, 0.4, key + 12, loud)]
            else:
                notes.append(Note(beat, max(0.2, ring), order[index % len(order)], loud))
    return notes
