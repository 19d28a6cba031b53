"""A sound is compared with its planned notes: what is out of tune, faded or not silent is found."""

import numpy as np
import pytest

from saxsolo.evaluation.notes import SoloNotes
from saxsolo.evaluation.voicing import voicing, voicing_table

RATE = 44100
NOTES = SoloNotes(
    onsets=np.array([0.5, 1.5]),
    ends=np.array([1.0, 1.75]),
    pitches=np.array([57, 64]),
    loudness=np.full(2, np.nan),
    seconds=3.0,
    voiced_share=0.25,
)


def played(cents: float = 0.0, hiss: float = 0.0, second: float = 1.0) -> np.ndarray:
    time = np.arange(3 * RATE) / RATE
    sound = hiss * np.random.default_rng(0).standard_normal(len(time))
    for onset, end, pitch, gain in zip(
        NOTES.onsets, NOTES.ends, NOTES.pitches, (1.0, second), strict=True
    ):
        hertz = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
        tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 8))
        sound += 0.1 * gain * tone * ((time >= onset) & (time < end))
    return sound.astype(np.float32)


def test_a_faithful_sound_has_every_note():
    row = voicing("a", NOTES, played(), RATE)
    assert row.notes == 2
    assert row.pitched > 0.95 and row.in_tune > 0.98 and abs(row.off) < 5
    assert row.faded == 0 and row.sounding_rests == 0
    assert "| mean | 2 | " in voicing_table([row])


def test_the_tracks_tuning_is_no_fault_and_another_pitch_is():
    assert voicing("a", NOTES, played(40), RATE, cents=40).in_tune > 0.98
    assert voicing("a", NOTES, played(90), RATE).in_tune < 0.1
    assert voicing("a", NOTES, played(30), RATE).off == pytest.approx(30, abs=6)


def test_hiss_in_rests_and_a_note_that_fades_are_found():
    assert voicing("a", NOTES, played(hiss=0.003), RATE).sounding_rests > 0.95
    assert voicing("a", NOTES, played(second=0.01), RATE).faded == pytest.approx(1 / 3, abs=0.1)
