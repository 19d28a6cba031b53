"""Comping: voicings with small steps between them, in the rhythms of the feel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from saxsolo.music.chord_symbols import Chord

from .bar_plan import BarPlan, Stroke

LOWEST, HIGHEST = 50, 74
# (place in beats, length in beats); .5 is swung where the feel swings
SWING_BARS = (
    ((0, 0.8), (1.5, 0.4)),  # Charleston
    ((0, 1.4),),
    ((1.5, 0.4), (3.5, 0.9)),
    ((1.5, 0.4), (3.5, 0.4)),
    ((0.5, 0.4), (2.5, 0.8)),
    ((1, 0.5), (2.5, 0.5)),
    ((2.5, 1.2),),
    ((0, 0.5), (3.5, 0.6)),
    ((1, 0.4), (3, 0.4)),
    ((0, 3.5),),
    (),
)
BOSSA_BARS = (((0, 1.3), (1.5, 1.3), (3, 0.9)), ((0.5, 1), (1.5, 1), (3, 0.5), (3.5, 1)))
FUNK_BARS = (
    ((0, 0.4), (0.75, 0.2), (2.5, 0.4)),
    ((1, 0.2), (1.75, 0.4), (3, 0.2)),
    ((0, 1.5), (2.75, 0.3)),
    ((0.5, 0.2), (1.5, 0.2), (2.5, 0.2), (3.5, 0.2)),
)
BALLAD_BARS = (((0, 1.9), (2, 1.9)), ((0, 3.8),), ((0, 1.9), (2, 0.9), (3.5, 0.5)))
WALTZ_BARS = (((0, 2.5),), ((0, 0.9), (1.5, 1.2)), ((1, 0.5), (2, 0.5)), ((0.5, 1.8),))
TWO_BEAT_BARS = (((1, 0.4), (3, 0.4)), ((0, 0.4), (1, 0.4), (2, 0.4), (3, 0.4)))


def play_chords(
    plan: BarPlan, feel: str, rng: np.random.Generator, *, legato: bool = False
) -> list[Stroke]:
    """Strokes of the chord instrument. `legato`: hold chords until the next (organ, pads)."""
    figures = {
        "latin": BOSSA_BARS,
        "funk": FUNK_BARS,
        "ballad": BALLAD_BARS,
        "waltz": WALTZ_BARS,
        "twobeat": TWO_BEAT_BARS,
    }.get(feel, SWING_BARS)
    favourites = list(figures)
    if feel == "swing":  # each player leans on a few figures
        chosen = rng.choice(len(figures), size=int(rng.integers(3, 8)), replace=False)
        favourites = [figures[int(i)] for i in chosen]
    rooted = bool(rng.random() < 0.15)
    size = int(rng.choice((3, 4, 4)))
    late = float(rng.normal(0.004, 0.006))
    voicing: tuple[int, ...] = ()
    strokes: list[Stroke] = []
    for bar_index, bar in enumerate(plan.bars):
        if feel == "latin":
            figure = favourites[bar_index % len(favourites)]
        else:
            figure = favourites[int(rng.integers(len(favourites)))]
        hits = [(place, length) for place, length in figure if place < len(bar)]
        hits = _cover_changes(plan, bar, hits)
        for order, (place, length) in enumerate(hits):
            beat, offset = bar[int(place)], place - int(place)
            chord = _anticipated(plan, beat, offset)
            if chord.root is None:
                continue
            voicing = next_voicing(chord, voicing, rng, size=size, rooted=rooted)
            if legato and order + 1 < len(hits):
                length = hits[order + 1][0] - place
            seconds = length * float(plan.lengths[beat])
            loud = float(rng.normal(64, 7)) + (4 if offset else 0)
            place_in_beat = "&" if offset == 0.5 else offset
            roll = (
                float(rng.uniform(0, 0.012)) if feel != "ballad" else float(rng.uniform(0, 0.035))
            )
            anchor = plan.stroke(beat, place_in_beat, 0, loud, rng, spread=3, late=late)
            for finger, key in enumerate(voicing):
                strokes.append(
                    Stroke(
                        anchor.time + finger * roll,
                        max(0.06, seconds),
                        key,
                        int(np.clip(anchor.velocity + rng.normal(0, 4), 12, 120)),
                    )
                )
    return strokes


def _cover_changes(
    plan: BarPlan, bar: list[int], hits: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Add a chord where a change in the middle of the bar would otherwise go unheard."""
    added = list(hits)
    for place in range(1, len(bar)):
        if plan.beats[bar[place]].chord == plan.beats[bar[place] - 1].chord:
            continue
        if not any(place - 0.5 <= hit < place + 1.5 for hit, _ in added):
            added.append((float(place), 0.8))
    return sorted(added)


def _anticipated(plan: BarPlan, beat: int, offset: float) -> Chord:
    """The chord meant by a hit: off the beat it already belongs to the next beat."""
    following = beat + 1
    if offset >= 0.5 and following < len(plan.chords) and plan.chords[following].root is not None:
        return plan.chords[following]
    return plan.chords[beat]


def voicing_classes(chord: Chord, *, size: int, rooted: bool) -> list[int]:
    """Pitch classes worth playing, most needed first: third, seventh, colour, fifth (root)."""
    root = chord.root
    assert root is not None, chord
    steps = {(tone - root) % 12 for tone in chord.tones}
    colours = {(tone - root) % 12 for tone in chord.scale} - steps
    guides: list[int] = [step for step in (4, 3, 5, 10, 11, 9) if step in steps]
    fifth: list[int] = [step for step in (7, 6, 8) if step in steps and step not in guides]
    colour: list[int] = [step for step in (2, 1, 9, 6, 8) if step in colours and step not in guides]
    if 1 in colour and 2 in colour:
        colour.remove(1)
    wanted = guides[:2] + colour[:1] + fifth[:1] + colour[1:2]
    wanted = ([0] if rooted or len(guides) < 2 else []) + wanted
    return [(root + step) % 12 for step in dict.fromkeys(wanted)][:size]


def next_voicing(
    chord: Chord,
    before: tuple[int, ...],
    rng: np.random.Generator,
    *,
    size: int = 4,
    rooted: bool = False,
) -> tuple[int, ...]:
    """Keys for a chord, as close as possible to the keys held before."""
    classes = voicing_classes(chord, size=size, rooted=rooted)
    candidates = list(_positions(classes))
    centre = float(np.mean(before)) if before else float(rng.uniform(57, 65))

    def distance(keys: tuple[int, ...]) -> float:
        if not before:
            return abs(float(np.mean(keys)) - centre)
        moves = float(sum(min(abs(key - old) for old in before) for key in keys))
        # drift back to the middle of the keyboard
        return moves + 0.35 * abs(float(np.mean(keys)) - 61)

    ranked = sorted(candidates, key=lambda keys: (distance(keys), keys))
    if before and len(ranked) > 1 and rng.random() < 0.15:
        return ranked[1]
    return ranked[0]


def _positions(classes: list[int]) -> Iterable[tuple[int, ...]]:
    """Close positions of the pitch classes, from each of them upwards, within the hand's range."""
    ordered = sorted(classes)
    for turn in range(len(ordered)):
        rotated = ordered[turn:] + ordered[:turn]
        for octave in (48, 60):
            keys = [octave + rotated[0]]
            for pitch_class in rotated[1:]:
                keys.append(keys[-1] + (pitch_class - keys[-1]) % 12)
            if LOWEST <= keys[0] and keys[-1] <= HIGHEST + 2:
                yield tuple(keys)
