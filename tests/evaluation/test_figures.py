"""The figures move when the sound does."""

import numpy as np
import pytest

from saxsolo.audio.codec_metrics import codebook_use, log_mel_distance
from saxsolo.audio.note_segmentation import midi_pitch
from saxsolo.evaluation.harmony import chord_tone_share, matched_against_shuffled
from saxsolo.evaluation.notes import SoloNotes

RATE = 32000


def notes(pitches: list[int]) -> SoloNotes:
    onsets = np.arange(len(pitches)) * 0.5
    loudness = np.full(len(pitches), -20.0)
    pitches = np.array(pitches, dtype=int)
    return SoloNotes(onsets, onsets + 0.4, pitches, loudness, len(pitches) / 2, 0.8)


def c_major(seconds: float) -> np.ndarray:
    labels = np.zeros((round(50 * seconds), 4), np.int16)
    return labels


def test_chord_tones_and_a_semitone_off():
    assert chord_tone_share(notes([60, 64, 67, 71]), c_major(2)) == 1.0
    assert chord_tone_share(notes([61, 65, 68, 72]), c_major(2)) == 0.25
    assert chord_tone_share(notes([]), c_major(2)) is None
    assert chord_tone_share(notes([60]), np.full((50, 4), -100, np.int16)) is None


def test_who_listens_wins_and_who_does_not_is_even():
    listens = np.array([[0.9, 0.2, 0.3], [0.1, 0.8, 0.2], [0.3, np.nan, 0.7]])
    assert matched_against_shuffled(listens) == 1.0
    assert matched_against_shuffled(np.full((3, 3), 0.5)) == 0.5


def test_midi_pitch():
    assert [midi_pitch(h) for h in (440.0, 261.63, 466.2)] == [69, 60, 70]


def test_log_mel_distance_grows_with_the_damage():
    rng = np.random.default_rng(0)
    sound = (0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
    noise = rng.standard_normal(RATE).astype(np.float32)
    assert log_mel_distance(sound, sound, RATE) == 0
    little = log_mel_distance(sound, sound + 0.001 * noise, RATE)
    much = log_mel_distance(sound, sound + 0.1 * noise, RATE)
    assert 0 < little < much


def test_pitch_agreement_hears_a_semitone():
    pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[corpus])")
    from saxsolo.audio.codec_metrics import pitch_agreement

    time = np.arange(RATE) / RATE
    tone = {
        hertz: sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 9)).astype("float32")
        for hertz in (220.0, 222.0, 233.1)
    }
    same, voiced = pitch_agreement(tone[220.0], tone[222.0], RATE)
    assert voiced[0] > 50 and same[0] > 0.95 * voiced[0]
    off, voiced = pitch_agreement(tone[220.0], tone[233.1], RATE)
    assert off[0] < 0.05 * voiced[0]


def test_a_note_that_comes_late_is_wrong_only_at_its_start():
    pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[corpus])")
    from saxsolo.audio.codec_metrics import pitch_agreement

    time = np.arange(2 * RATE) / RATE

    def two_notes(turn: float) -> np.ndarray:
        phase = 220.0 * np.minimum(time, turn) + 294.0 * np.maximum(time - turn, 0)
        tone = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 9))
        return (0.2 * tone).astype("float32")

    agree, voiced = pitch_agreement(two_notes(1.0), two_notes(1.03), RATE)
    assert 0 < voiced[0] - voiced[1] < 20
    assert agree[0] < voiced[0]
    assert agree[1] == voiced[1]


def test_codebook_use_counts_codes():
    codes = np.stack([np.arange(8), np.zeros(8, int)], axis=1)
    shares, entropies = codebook_use(codes, 16)
    assert shares == [0.5, 1 / 16]
    assert entropies == pytest.approx([3.0, 0.0])
