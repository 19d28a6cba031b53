"""What can be heard in an accompaniment: beats, chords, bass notes, tuning, as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saxsolo.corpus.render.bar_plan import Stroke
from saxsolo.music.chord_symbols import parse_chord

from .plan import Plan

Row = list[Any]
HEARD = 0.08  # seconds a key must sound inside a chord for the chord to count as played


def chord_rows(
    spans: Sequence[tuple[float, float, str]], sounding: Sequence[Stroke], duration: float
) -> list[Row]:
    """[start, end, symbol, root, quality, bass] without gaps from 0 to `duration` seconds.

    A span in which nobody plays a pitched key, and time without a span, is "NC".
    """
    rows: list[Row] = []
    place = 0.0
    strokes = sorted(sounding)
    for start, end, symbol in spans:
        start, end = max(start, place), min(end, duration)
        if end - start < 0.02:
            continue
        heard = any(
            min(stroke.time + stroke.duration, end) - max(stroke.time, start - 0.05) > HEARD
            for stroke in strokes
            if start - 15 < stroke.time < end
        )
        if start - place > 0.02:
            rows.append(chord_row(place, start, "NC"))
        else:
            start = place
        rows.append(chord_row(start, end, symbol if heard else "NC"))
        place = end
    if duration - place > 0.02:
        rows.append(chord_row(place, duration, "NC"))
    return _merged(rows)


def chord_row(start: float, end: float, symbol: str) -> Row:
    """One row of the truth, times rounded to 0.1 ms."""
    chord = parse_chord(symbol)
    return [round(start, 4), round(end, 4), symbol, chord.root, chord.quality, chord.bass]


def _merged(rows: list[Row]) -> list[Row]:
    out: list[Row] = []
    for row in rows:
        if out and out[-1][2] == row[2]:
            out[-1][1] = row[1]
        else:
            out.append(row)
    return out


def beat_rows(plan: Plan, duration: float, speed: float) -> list[Row]:
    """[seconds, beat in the bar from 1, beats a bar] of every beat before the end."""
    rows = []
    for bar in plan.bars:
        for place in range(bar.size):
            seconds = plan.seconds(bar.start + place) / speed
            if seconds < duration:
                rows.append([round(seconds, 4), place + 1 + bar.missing, bar.size + bar.missing])
    return rows


def bass_rows(strokes: Sequence[Stroke], duration: float, speed: float) -> list[Row]:
    """[onset, end, MIDI key] of the bass."""
    rows = []
    for stroke in strokes:
        onset = stroke.time / speed
        if onset < duration:
            end = min((stroke.time + stroke.duration) / speed, duration)
            rows.append([round(onset, 4), round(end, 4), stroke.key])
    return rows
