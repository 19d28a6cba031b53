"""Vibrato, onsets and the Frechet distance measure what they say."""

import numpy as np
import pytest

from saxsolo.audio.fine_pitch import HOP, fine_f0
from saxsolo.audio.frechet import embedding, frechet_distance
from saxsolo.audio.vibrato import attack_errors, note_spans, slur_errors, vibrato, vibrato_kept

RATE = 44100


def line(depth: float = 20.0, rate: float = 5.5, late: int = 0) -> np.ndarray:
    """Two slurred notes of a second, the second with vibrato, every 5 ms."""
    at = np.arange(200) * HOP
    first = np.full(200 + late, 220.0)
    second = 330.0 * 2 ** (depth / 1200 * np.sin(2 * np.pi * rate * at))
    return np.concatenate([np.zeros(20), first, second, np.zeros(20)])


def test_vibrato_has_its_depth_and_rate():
    depth, rate, share = vibrato(line(30.0, 6.2)[240:400])
    assert depth == pytest.approx(30, rel=0.05) and rate == pytest.approx(6.2, abs=0.11)
    assert share > 0.95


def test_flattened_vibrato_is_seen():
    rows = vibrato_kept(line(20.0), line(10.0))
    assert len(rows) == 1
    assert rows[0, 1] / rows[0, 0] == pytest.approx(0.5, rel=0.1)
    assert len(vibrato_kept(line(3.0), line(3.0))) == 0


def test_notes_are_found_and_late_slurs_are_late():
    spans = note_spans(line())
    assert [span.hertz for span in spans] == pytest.approx([220, 330], rel=0.01)
    assert slur_errors(line(), line()) == pytest.approx([0.0])
    assert slur_errors(line(), line(late=3)) == pytest.approx([0.015])
    assert np.isnan(slur_errors(line(), line(late=40))).all()


def test_late_attacks_are_late_and_missing_ones_are_said():
    rng = np.random.default_rng(0)
    sound = np.zeros(RATE, np.float32)
    sound[RATE // 2 :] = rng.normal(0, 0.1, RATE - RATE // 2)
    late = np.concatenate([np.zeros(441, np.float32), sound[:-441]])
    assert attack_errors(sound, late, RATE) == pytest.approx([0.01], abs=0.002)
    assert np.isnan(attack_errors(sound, 0 * sound, RATE)).all()


def test_the_frechet_distance_is_nothing_for_the_same_and_grows():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 6 * RATE).astype(np.float32)
    same = embedding(noise, RATE)
    assert same.shape[1] == 120
    assert frechet_distance(same, same) == pytest.approx(0, abs=1e-3)
    near, far = (embedding(noise * gain, RATE) for gain in (0.9, 0.3))
    assert 0 < frechet_distance(same, near) < frechet_distance(same, far)
    assert frechet_distance(same[:1], same) is None


@pytest.mark.parametrize("hertz", [110.0, 350.0, 800.0])
def test_fine_pitch_keeps_a_vibrato_of_ten_cents(hertz):
    pytest.importorskip("swift_f0", reason="needs swift-f0", exc_type=ImportError)
    time = np.arange(2 * RATE) / RATE
    cents = 10 * np.sin(2 * np.pi * 5.5 * time)
    phase = 2 * np.pi * np.cumsum(hertz * 2 ** (cents / 1200)) / RATE
    sound = 0.2 * sum(np.sin(k * phase) / k for k in range(1, 12))
    depth, rate, _ = vibrato(fine_f0(sound.astype(np.float32), RATE)[40:360])
    assert depth == pytest.approx(10, rel=0.06) and rate == pytest.approx(5.5, abs=0.11)
