"""Bass lines: the transcribed pitches on their beats, the chords' own where none is known."""

from __future__ import annotations

import numpy as np

from .bar_plan import BarPlan, Stroke

LOWEST, HIGHEST = 28, 55


def play_bass(plan: BarPlan, feel: str, rng: np.random.Generator) -> list[Stroke]:
    """Strokes of the bass: walking in four, in two for ballads and two-beat, bossa and funk."""
    pitches = walk(plan, rng)
    if feel == "ballad":
        in_two = bool(rng.random() < 0.6)
    else:
        in_two = feel == "twobeat" or bool(feel == "swing" and rng.random() < 0.08)
    strokes: list[Stroke] = []
    late = float(rng.normal(0, 0.004))
    for bar in plan.bars:
        for place, beat in enumerate(bar):
            pitch = pitches[beat]
            if pitch is None:
                continue
            length = float(plan.lengths[beat])

            def put(
                offset: float | str, key: int, loud: float, beats: float, at: int = beat
            ) -> None:
                strokes.append(
                    plan.stroke(
                        at, offset, key, loud, rng, length=beats * plan.lengths[at], late=late
                    )
                )

            if feel == "latin":
                if place % 2 == 0:
                    put(0, pitch, 88, 1.35)
                    fifth = _near(plan.chords[beat].root, 7, pitch)
                    put(1.5, fifth if place == 0 and fifth is not None else pitch, 74, 0.45)
            elif feel == "funk":
                put(0, pitch, 92 if place == 0 else 80, 0.6)
                if rng.random() < 0.35:
                    octave = pitch + 12 if pitch + 12 <= HIGHEST else pitch
                    put(float(rng.choice((0.5, 0.75))), octave, 68, 0.25)
            elif in_two and len(bar) != 3:
                if place % 2 == 0:
                    put(0, pitch, 86, 1.8 if beat + 1 < len(plan.times) else 0.9)
                elif rng.random() < 0.12:
                    put("&", pitch, 62, 0.3)
            else:
                put(0, pitch, 84 + (4 if place % 2 else 0), 0.92)
                # a skipped, dead note before the next beat
                if rng.random() < 0.06 and length > 0.2:
                    put("&", pitch, 48, 0.2)
    return _one_at_a_time(strokes)


def walk(plan: BarPlan, rng: np.random.Generator) -> list[int | None]:
    """A bass pitch for every beat; None where neither a transcription nor a chord says anything."""
    out: list[int | None] = []
    last = int(rng.integers(36, 46))
    for index, (beat, chord) in enumerate(zip(plan.beats, plan.chords, strict=True)):
        if beat.bass is not None:
            pitch = fold(beat.bass)
        elif chord.bass is None:
            out.append(None)
            continue
        else:
            changed = index == 0 or plan.beats[index - 1].chord != beat.chord or beat.beat == 1
            following = plan.chords[index + 1] if index + 1 < len(plan.chords) else chord
            if changed:
                pitch = _closest(chord.bass, last)
            elif following.bass is not None and following.bass != chord.bass:
                # lead into the next root by a half step from above or below
                target = _closest(following.bass, last)
                pitch = fold(target + int(rng.choice((-1, 1))))
            else:
                tones = sorted(_closest(tone, last) for tone in chord.tones)
                tones = [tone for tone in tones if tone != last] or [last]
                pitch = int(rng.choice(sorted(tones, key=lambda tone: abs(tone - last))[:3]))
        out.append(pitch)
        last = pitch
    return out


def fold(pitch: int) -> int:
    """The pitch by octaves into the range of the bass."""
    while pitch < LOWEST:
        pitch += 12
    while pitch > HIGHEST:
        pitch -= 12
    return pitch


def _closest(pitch_class: int, to: int) -> int:
    return fold(to + (pitch_class - to + 6) % 12 - 6)


def _near(root: int | None, interval: int, to: int) -> int | None:
    return None if root is None else _closest((root + interval) % 12, to)


def _one_at_a_time(strokes: list[Stroke]) -> list[Stroke]:
    """Each note ends where the next begins."""
    strokes = sorted(strokes)
    out = []
    for index, stroke in enumerate(strokes):
        if index + 1 < len(strokes):
            room = strokes[index + 1].time - stroke.time - 0.005
            if room < 0.02:
                continue
            stroke = stroke._replace(duration=min(stroke.duration, room))
        out.append(stroke)
    return out
