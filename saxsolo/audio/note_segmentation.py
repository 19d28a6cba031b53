"""The notes in a pitch track: where they begin and end, their pitch and their level.

SwiftF0's segmentation by dynamic programming (swift-f0, arXiv:2508.18440). The evaluation and the
corpus of recordings both take their notes from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saxsolo.music.score import Note

from .pitch import HOP_SECONDS, SURE, PitchTrack, Samples, track_pitch

# what a new note costs, in milliseconds of being a semitone off (chosen on 30 solos of the
# training split and 15 of validation: mean F1 0.89 at the tracker's own 80, 0.95 at 40, 0.96 at 32)
PITCH_HOLD_MS = 32.0
# levels that are loudness 0 and 1
_SOFTEST_DB, _LOUDEST_DB = -50.0, -6.0


@dataclass(frozen=True)
class TrackedNote:
    """One note: seconds, MIDI pitch, and the level of its loudest 16 ms in dB of full scale."""

    onset: float
    end: float
    pitch: int
    level: float


def segment(track: PitchTrack) -> list[TrackedNote]:
    """The notes of a track, in the order of their onsets."""
    from swift_f0 import PitchResult, segment_notes

    result = PitchResult(track.times, track.hertz, track.confidence, track.level)
    notes = []
    for note in segment_notes(result, pitch_hold_ms=PITCH_HOLD_MS):
        first = int(note.start / HOP_SECONDS + 0.5)
        last = max(first + 1, int(note.end / HOP_SECONDS + 0.5))
        level = float(track.level[first:last].max())
        notes.append(
            TrackedNote(float(note.start), float(note.end), midi_pitch(note.pitch_hz), level)
        )
    return notes


def midi_pitch(hertz: float) -> int:
    """Nearest MIDI pitch, 69 = 440 hertz."""
    return round(69 + 12 * math.log2(hertz / 440))


def track_solo(solo: Samples, sampling_rate: int) -> tuple[list[Note], float]:
    """Notes of a monophonic sound (n,), and the share of its time that has a pitch, 0..1."""
    track = track_pitch(np.ascontiguousarray(solo, np.float32), sampling_rate)
    notes = [
        Note(note.onset, note.end - note.onset, note.pitch, _loudness(note.level))
        for note in segment(track)
    ]
    return notes, float((track.confidence >= SURE).mean())


def _loudness(level: float) -> float:
    return min(max((level - _SOFTEST_DB) / (_LOUDEST_DB - _SOFTEST_DB), 0.0), 1.0)
