"""The notes of a separated solo, for the score stream: SwiftF0 (arXiv:2508.18440)."""

from __future__ import annotations

import numpy as np

from saxsolo.music.score import Note

from .pitch import HOP_SECONDS, SURE, track_pitch

# what a new note costs, in milliseconds of being a semitone off; see saxsolo/evaluation/notes.py
_PITCH_HOLD_MS = 32.0
_SOFTEST_DB, _LOUDEST_DB = -50.0, -6.0


def track_solo(solo: np.ndarray, sampling_rate: int) -> tuple[list[Note], float]:
    """Notes of a monophonic sound (n,), and the share of its time that has a pitch, 0..1."""
    from swift_f0 import PitchResult, segment_notes

    track = track_pitch(np.ascontiguousarray(solo, np.float32), sampling_rate)
    found = PitchResult(track.times, track.hertz, track.confidence, track.level)
    notes = []
    for one in segment_notes(found, pitch_hold_ms=_PITCH_HOLD_MS):
        first, last = int(one.start / HOP_SECONDS), int(one.end / HOP_SECONDS) + 1
        level = float(np.max(track.level[first:last], initial=_SOFTEST_DB))
        loudness = (level - _SOFTEST_DB) / (_LOUDEST_DB - _SOFTEST_DB)
        pitch = round(69 + 12 * float(np.log2(one.pitch_hz / 440)))
        notes.append(
            Note(float(one.start), float(one.end - one.start), pitch, min(max(loudness, 0.0), 1.0))
        )
    return notes, float((track.confidence >= SURE).mean())
