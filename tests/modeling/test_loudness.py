"""Loudness by blocks, against the table of BS.1770-4, a sine and pyloudnorm."""

import numpy as np
import pytest

from modeling_saxsolo.loudness_saxsolo import LoudnessMeter, k_weighting


def loudness(sound: np.ndarray, rate: int, block: int) -> float | None:
    """LUFS of (n, channels)."""
    meter = LoudnessMeter(rate, sound.shape[1])
    for start in range(0, len(sound), block):
        meter.push(sound[start : start + block])
    return meter.loudness


def steps(rate: int, channels: int) -> np.ndarray:
    """Four seconds of noise at four levels, one of them below the gate."""
    levels = np.repeat([0.001, 0.3, 0.05, 0.2], rate)[:, None]
    return (np.random.default_rng(0).normal(size=(4 * rate, channels)) * levels).astype(np.float32)


def test_the_filters_are_those_of_the_standard():
    (shelf, shelf_poles), (high, high_poles) = k_weighting(48000)
    np.testing.assert_allclose(shelf, [1.53512485958697, -2.69169618940638, 1.19839281085285])
    np.testing.assert_allclose(shelf_poles, [1, -1.69065929318241, 0.73248077421585])
    np.testing.assert_allclose(high, [1, -2, 1])
    np.testing.assert_allclose(high_poles, [1, -1.99004745483398, 0.99007225036621])


@pytest.mark.parametrize("rate", [22050, 32000, 44100, 48000, 96000])
def test_a_sine_of_minus_23(rate):
    """EBU Tech 3341, case 1: a stereo sine of 1 kHz with its peak at -23 dBFS is -23 LUFS."""
    time = np.arange(20 * rate) / rate
    sine = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * time)
    assert loudness(np.stack([sine, sine], axis=1), rate, 65536) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("rate", [22050, 32000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_it_agrees_with_pyloudnorm(rate, channels):
    pyloudnorm = pytest.importorskip("pyloudnorm")
    sound = steps(rate, channels)
    judge = pyloudnorm.Meter(rate, filter_class="DeMan")
    wanted = judge.integrated_loudness(sound.astype(np.float64))
    assert loudness(sound, rate, 65536) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("rate", [11025, 32000, 44099])
def test_the_bits_do_not_depend_on_the_blocks(rate):
    sound = steps(rate, 1)
    whole = loudness(sound, rate, len(sound))
    assert whole == loudness(sound, rate, 777) == loudness(sound, rate, rate)
    meter = LoudnessMeter(rate, 1)
    for part in np.array_split(sound, 9):
        meter.push(part)
        # asking on the way changes nothing
        assert meter.loudness is None or np.isfinite(meter.loudness)
    assert meter.loudness == whole
    assert meter.peak == np.abs(sound).max()


def test_the_end_of_a_last_chord_is_where_it_has_faded():
    time = np.arange(4 * 32000) / 32000
    struck = np.exp(-np.maximum(0, time - 2) * 2) * np.sin(2 * np.pi * 440 * time)
    for block in (777, 65536):
        meter = LoudnessMeter(32000, 1)
        for start in range(0, len(struck), block):
            meter.push(struck[start : start + block, None].astype(np.float32))
        # it falls by 17 dB a second, from a little over the loudness of the whole
        assert 2.5 < meter.fades_from < 3.0
    assert LoudnessMeter(32000, 1).fades_from is None
    meter.push(struck[: 2 * 32000, None].astype(np.float32))
    assert meter.fades_from is None


def test_silence_and_next_to_nothing_have_no_loudness():
    assert loudness(np.zeros((64000, 1), np.float32), 32000, 6400) is None
    assert loudness(np.full((64000, 1), 1e-5, np.float32), 32000, 6400) is None
    assert loudness(steps(32000, 1)[:9000], 32000, 6400) is None
