"""Damage changes the sound, never its place in time or its length."""

import numpy as np
import pytest

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.render.damage import (
    active_rms,
    add_noise,
    equalise,
    lossy,
    narrow,
    room,
    saturate,
    to_level,
    wear_out,
)


def clicks(seconds: float = 3.0) -> np.ndarray:
    """Decaying noise bursts, three a second."""
    rng = np.random.default_rng(0)
    time = np.arange(int(seconds * SAMPLING_RATE)) / SAMPLING_RATE
    shape = np.exp(-12 * (time % (1 / 3)))
    return (0.2 * shape * rng.standard_normal(len(time))).astype(np.float32)


def lag_of(damaged: np.ndarray, audio: np.ndarray) -> int:
    spectrum = np.fft.rfft(damaged, 2 * len(audio)) * np.conj(np.fft.rfft(audio, 2 * len(audio)))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    return lag - 2 * len(audio) if lag > len(audio) else lag


@pytest.mark.parametrize("file_format", ["MP3", "OGG"])
@pytest.mark.parametrize("compression", [0.2, 0.9])
def test_lossy_codecs_keep_length_and_place(file_format: str, compression: float) -> None:
    audio = clicks()
    back = lossy(audio, file_format, compression)
    assert back.shape == audio.shape and back.dtype == np.float32
    assert abs(lag_of(back, audio)) <= 2
    assert 0.3 < np.corrcoef(back, audio)[0, 1] < 0.9999


@pytest.mark.parametrize(
    "change",
    [
        lambda audio, rng: room(audio, rng, seconds=0.5, wet=0.3),
        lambda audio, rng: equalise(audio, rng, strength=6.0),
        lambda audio, rng: narrow(audio, 150.0, 4000.0),
        lambda audio, rng: saturate(audio, 2.0),
        lambda audio, rng: add_noise(audio, rng, snr_db=30.0),
    ],
    ids=["room", "equaliser", "band", "saturation", "noise"],
)
def test_changes_are_finite_float32_and_in_place(change: object) -> None:
    audio = clicks()
    out = change(audio, np.random.default_rng(1))
    assert out.shape == audio.shape and out.dtype == np.float32
    assert np.isfinite(out).all()
    assert not np.array_equal(out, audio)
    assert abs(lag_of(out, audio)) <= 16


def test_noise_has_the_level_asked_for() -> None:
    audio = clicks()
    noise = add_noise(audio, np.random.default_rng(2), snr_db=20.0) - audio
    ratio = 20 * np.log10(active_rms(audio) / np.sqrt(np.mean(np.square(noise))))
    # hum comes on top of the hiss
    assert 14 < ratio < 21


def test_level_is_reached_unless_the_peak_would_clip() -> None:
    audio = clicks()
    quiet = to_level(audio, -30.0)
    assert 20 * np.log10(active_rms(quiet)) == pytest.approx(-30.0, abs=0.1)
    assert np.abs(to_level(audio, 0.0)).max() == pytest.approx(0.97, abs=1e-3)
    assert not to_level(np.zeros(1000, np.float32), -20.0).any()


def test_rests_do_not_count_for_the_level() -> None:
    audio = clicks()
    padded = np.concatenate([audio, np.zeros(5 * SAMPLING_RATE, np.float32)])
    assert active_rms(padded) == pytest.approx(active_rms(audio), rel=1e-3)


def test_chains_are_drawn_by_the_seed() -> None:
    audio = clicks(1.5)
    outs = [wear_out(audio, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(outs[0][0], outs[1][0])
    assert outs[0][1] == outs[1][1] != outs[2][1]
    for seed in range(12):
        out, settings = wear_out(audio, np.random.default_rng(seed))
        assert out.shape == audio.shape and np.isfinite(out).all(), settings
