"""Laws that the measures of harmony, time, shape, novelty and sound keep."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saxsolo.audio.codec_metrics import bits_a_second, multi_resolution_stft_distance, si_sdr
from saxsolo.evaluation import chroma_chords as chords
from saxsolo.evaluation import harmony, timing
from saxsolo.evaluation.notes import SoloNotes
from saxsolo.evaluation.novelty import Novelty
from saxsolo.evaluation.shape import distances, features, jensen_shannon
from saxsolo.evaluation.sound import SoundError, frechet_distance, log_mel_statistics

RATE = 16000
pitches = st.lists(st.integers(44, 80), min_size=1, max_size=40)


def solo(pitches, step=0.25) -> SoloNotes:
    onsets = np.arange(len(pitches)) * step
    quiet = np.full(len(pitches), np.nan)
    return SoloNotes(onsets, onsets + 0.8 * step, np.array(pitches), quiet, len(onsets) * step, 0.8)


@given(pitches, st.integers(0, 11), st.integers(0, 6), st.integers(-11, 11))
def test_harmony_depends_on_degrees_only(line, root, quality, up):
    def labels(root):
        return np.tile(np.array([[root, quality, -100, -100]]), (1000, 1))

    own = harmony.fit(solo(line), labels(root))
    other = harmony.fit(solo([p + up for p in line]), labels((root + up) % 12))
    assert own == pytest.approx(other)
    assert own["scale_tones"] >= own["chord_tones"] >= 0


@given(st.integers(2, 8), st.integers(0, 1000))
def test_who_ignores_the_backing_is_even(cases, seed):
    one = np.random.default_rng(seed).random(cases)
    scores = np.tile(one, (cases, 1))  # every solo the same
    assert harmony.matched_against_shuffled(scores) == pytest.approx(0.5)
    assert harmony.matched_against_shuffled(np.eye(cases)) == 1


def test_harmony_refuses_other_shapes():
    with pytest.raises(harmony.HarmonyError, match=r"\(9, 2\)"):
        harmony.fit(solo([60]), np.zeros((9, 2)))
    with pytest.raises(harmony.HarmonyError, match="finite"):
        chords.estimate_chords(np.array([np.nan]), RATE)
    assert harmony.matched_against_shuffled(np.full((2, 2), np.nan)) is None


def test_plain_chords_are_estimated():
    time = np.arange(2 * RATE) / RATE
    sound, told = [], [(0, 2), (5, 0), (9, 1)]
    for root, quality in told:
        keys = [36 + root, *(60 + root + tone for tone in harmony.TONES[quality])]
        sound.append(
            sum(
                np.sin(2 * np.pi * k * 440 * 2 ** ((key - 69) / 12) * time) / k**2
                for key in keys
                for k in range(1, 4)
            )
        )
    found = chords.estimate_chords(0.05 * np.concatenate(sound).astype(np.float32), RATE)
    assert [tuple(found[50 + 100 * i, :2]) for i in range(3)] == told
    assert (found[:, 2:] == -100).all()
    assert (chords.estimate_chords(np.zeros(RATE, np.float32), RATE) == -100).all()


def test_beats_come_back_from_labels(blues):
    beats = timing.beats_of_labels(blues.labels)
    wanted = 0.5 + 60 / 132 * np.arange(len(beats))
    assert len(beats) >= 90 and np.abs(beats - wanted).max() <= 0.011


def test_swing_and_concentration_of_a_known_player(blues):
    beats = timing.beats_of_labels(blues.labels)[:-1]
    straight = np.sort(np.concatenate([beats, beats + 0.5 * 60 / 132]))
    notes = SoloNotes(straight, straight + 0.1, straight.astype(int), straight, 60.0, 0.5)
    figures = timing.fit(notes, blues.labels)
    assert figures["eighth_concentration"] > 0.98 and figures["beat_concentration"] < 0.1
    assert figures["swing_ratio"] == pytest.approx(1, abs=0.1)
    few = SoloNotes(beats[:3], beats[:3] + 0.1, np.arange(3), beats[:3], 5.0, 0.1)
    assert timing.fit(few, blues.labels)["beat_concentration"] is None


@given(pitches, st.integers(-12, 12))
def test_shape_does_not_know_the_key(line, up):
    first, second = features(solo(line)), features(solo([p + up for p in line]))
    for name, values in first.items():
        assert values == pytest.approx(second[name]), name
    same = distances([solo(line)], [solo(line)])
    assert all(value is None or value == pytest.approx(0) for value in same.values())


@given(
    st.lists(st.integers(0, 9), min_size=4, max_size=4),
    st.lists(st.integers(0, 9), min_size=4, max_size=4),
)
def test_jensen_shannon_is_symmetric_and_at_most_a_bit(first, second):
    first, second = np.array(first), np.array(second)
    value = jensen_shannon(first, second)
    if not first.any() or not second.any():
        assert value is None
        return
    assert value == pytest.approx(jensen_shannon(second, first)) and -1e-9 <= value <= 1 + 1e-9
    assert jensen_shannon(first, first) == pytest.approx(0)


@given(st.lists(st.integers(44, 80), min_size=8, max_size=40), st.integers(-20, 20))
def test_a_whole_copy_is_as_long_as_the_solo(line, up):
    copy = Novelty([solo(line)]).measure(solo([p + up for p in line], step=0.4))
    assert copy == {"longest_copy": len(line), "seen_share": 1.0}


def test_nothing_to_copy_from():
    line = [60, 62, 64, 65, 67, 69, 71, 72]
    assert Novelty([]).measure(solo(line)) == {"longest_copy": 0, "seen_share": 0.0}
    assert Novelty([solo(line)]).measure(solo([60]))["seen_share"] is None
    with pytest.raises(ValueError, match="n-grams of 0"):
        Novelty([], n=0)


def test_frechet_distance_of_known_gaussians():
    pytest.importorskip("scipy")
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 4000, 3))
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-3)
    assert frechet_distance(first, second + [3, 0, 0]) == pytest.approx(9, rel=0.1)
    assert frechet_distance(first, 2 * second) == pytest.approx(3, rel=0.1)
    # fewer rows than columns: no full rank, still finite
    assert math.isfinite(frechet_distance(rng.standard_normal((4, 9)), rng.standard_normal((4, 9))))
    with pytest.raises(SoundError, match="finite rows"):
        frechet_distance(first[:1], second)


def test_sound_refuses_nan_and_nothing():
    for sound, said in ((np.zeros(0), "shape"), (np.array([np.nan]), "1 of 1")):
        with pytest.raises(SoundError, match=said):
            log_mel_statistics(sound, RATE)
    assert log_mel_statistics(np.zeros(10 * RATE), RATE).shape == (0, 48)


def test_codec_figures_grow_with_the_damage():
    rng = np.random.default_rng(0)
    sound = (0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
    noise = rng.standard_normal(RATE).astype(np.float32)
    little, much = sound + 0.003 * noise, sound + 0.03 * noise
    assert si_sdr(sound, 0.5 * sound) > 60
    assert si_sdr(sound, much) == pytest.approx(17, abs=1)  # 0.3^2 / 2 over 0.03^2
    assert si_sdr(sound, 0 * sound) is None
    assert multi_resolution_stft_distance(sound, sound) == 0
    far = [multi_resolution_stft_distance(sound, other) for other in (little, much)]
    assert 0 < far[0] < far[1]
    assert multi_resolution_stft_distance(0 * sound, sound) is None
    codes = np.stack([np.arange(8), np.zeros(8, int)], axis=1)
    assert bits_a_second(codes, 16) == pytest.approx((400.0, 150.0))
