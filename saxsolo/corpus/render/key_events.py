"""A played line as the events of an instrument: keys, attacks and bends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modeling_saxsolo.player_saxsolo import PlayedNote

from .saxophone import CC_ATTACK, SHORT, SLURRED, TONGUED
from .sounds import MidiEvent

STEP = 0.004
SLUR_OVERLAP = 0.012

_ATTACKS = {"tongued": TONGUED, "short": SHORT, "slurred": SLURRED}


def key_events(played: Sequence[PlayedNote], lags: Mapping[int, float]) -> list[MidiEvent]:
    """Key, attack and bend events; keys go down the `lags` before their notes should sound."""
    events: list[MidiEvent] = []
    starts = [max(0.0, note.onset - lags[_ATTACKS[note.attack]]) for note in played]
    for index, (note, start) in enumerate(zip(played, starts, strict=True)):
        end = note.onset + note.duration
        following = np.inf
        if index + 1 < len(played):
            following = starts[index + 1]
            # a slurred note sounds before the one it follows is let go
            slur = played[index + 1].attack == "slurred"
            end = played[index + 1].onset + SLUR_OVERLAP if slur else min(end, following - 0.002)
        events.append(MidiEvent(start, "cc", CC_ATTACK, _ATTACKS[note.attack]))
        events.append(MidiEvent(start, "on", note.pitch, note.velocity))
        events.append(MidiEvent(max(end, start + 0.02), "off", note.pitch, 0))
        at = np.arange(0.0, note.duration + 0.02, STEP)
        cents = note.cents(at)
        times = note.onset + at
        # the bend of the beginning is there before the sound is
        events.append(MidiEvent(start, "bend", 0, round(float(cents[0]), 2)))
        moved = np.flatnonzero(np.abs(np.diff(cents, prepend=cents[0])) > 0.02)
        events += [
            MidiEvent(float(times[i]), "bend", 0, round(float(cents[i]), 2))
            for i in moved
            if times[i] < following
        ]
    return events
