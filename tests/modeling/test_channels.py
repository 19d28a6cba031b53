"""Which mono is heard: content survives an inverted channel, and ordinary stereo is as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from modeling_saxsolo import AudioError, SaxsoloConfig, SaxsoloProcessor
from modeling_saxsolo.backing_saxsolo import BackingMeter, heard_blocks, measure_backing
from modeling_saxsolo.channels_saxsolo import MONOS, ChannelMeter, stereo_matrix

from .test_processing import tiny_saxcodec

RATE = 44100


def band(seconds: float = 4.0) -> np.ndarray:
    """(n, 2) float32: a bass in the middle, a piano to the left, noise all around."""
    time = np.arange(round(seconds * RATE)) / RATE
    rng = np.random.default_rng(0)
    bass = 0.3 * np.sin(2 * np.pi * 82 * time)
    piano = sum(0.05 * np.sin(2 * np.pi * f * time) for f in (330, 440, 660))
    noise = 0.02 * rng.standard_normal((len(time), 2))
    return (bass[:, None] + piano[:, None] * [1.0, 0.6] + noise).astype(np.float32)


def mono_of(samples: np.ndarray, size: int = 10_000) -> str:
    meter = ChannelMeter()
    for start in range(0, len(samples), size):
        meter.push(samples[start : start + size])
    return meter.mono


def inverted(samples: np.ndarray) -> np.ndarray:
    return samples * np.float32([1, -1])


def with_bass_inverted(samples: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(samples[:, 1])
    spectrum[: round(200 / RATE * len(samples))] *= -1
    right = np.fft.irfft(spectrum, len(samples))
    return np.stack([samples[:, 0], right], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    "change, mono",
    [
        (lambda x: x, "mean"),
        (inverted, "difference"),
        (lambda x: x[:, :1] * np.float32([1, -1]), "difference"),
        (lambda x: x[:, :1] * np.float32([1, 0]), "mean"),
        (lambda x: x[:, :1] * np.float32([1, 1]), "mean"),
        (with_bass_inverted, "left"),
        (lambda x: 0 * x, "mean"),
        (lambda x: x[:100], "mean"),
    ],
    ids=["stereo", "inverted", "opposite", "left only", "twin", "bass inverted", "silent", "short"],
)
def test_the_mono_that_is_heard(change, mono):
    samples = change(band())
    assert mono_of(samples) == mono
    assert {mono_of(samples, size) for size in (777, 65536, len(samples))} == {mono}


@pytest.mark.parametrize("change", [inverted, with_bass_inverted])
def test_what_is_heard_keeps_the_bass(change):
    samples = change(band())
    measure = measure_backing(samples, RATE, 32000)
    heard = torch.cat(list(heard_blocks(samples, RATE, 32000, measure))).numpy()
    spectrum = np.abs(np.fft.rfft(heard))
    place = round(82 / 32000 * len(heard))
    assert spectrum.argmax() == pytest.approx(place, abs=2)


def test_an_inverted_channel_is_heard_as_the_band_it_is():
    processor = SaxsoloProcessor(tiny_saxcodec(), SaxsoloConfig(codec_dim=0))
    samples = band()
    wanted = processor(samples, sampling_rate=RATE)["backing_codes"]
    found = processor(inverted(samples), sampling_rate=RATE)["backing_codes"]
    assert torch.equal(found, wanted)


def test_blocks_and_the_whole_are_heard_alike():
    samples = with_bass_inverted(band()) + np.float32([0.1, 0])
    measure = measure_backing(samples, RATE, 32000)
    assert measure.mono == "left"
    whole = torch.cat(list(heard_blocks(samples, RATE, 32000, measure)))
    for size in (1000, 70_000):

        def blocks(size=size):
            return (samples[start : start + size] for start in range(0, len(samples), size))

        found = measure_backing(blocks(), RATE, 32000)
        # the tuning is summed in another order
        assert found.tuning == measure.tuning
        assert replace(found, cents=measure.cents) == measure
        assert measure_backing(blocks, RATE, 32000) == found
        parts = torch.cat(list(heard_blocks(blocks(), RATE, 32000, measure)))
        assert torch.equal(parts, whole)


def test_the_seconds_that_are_played_decide():
    samples = np.concatenate([inverted(band(2.0)), band(6.0)])
    assert measure_backing(samples, RATE, 32000).mono == "mean"
    assert measure_backing(samples, RATE, 32000, seconds=2.0).mono == "difference"
    blocks = (samples[start : start + 50_000] for start in range(0, len(samples), 50_000))
    assert measure_backing(blocks, RATE, 32000, 2.0) == measure_backing(samples, RATE, 32000, 2.0)


def test_a_live_source_goes_over_without_a_step():
    samples = inverted(band())
    meter = BackingMeter(32000)
    blocks = (samples[start : start + 4410] for start in range(0, len(samples), 4410))
    live = torch.cat(list(heard_blocks(blocks, RATE, 32000, meter)))
    measure = measure_backing(samples, RATE, 32000)
    assert meter.measure.mono == measure.mono == "difference"
    whole = torch.cat(list(heard_blocks(samples, RATE, 32000, measure)))
    torch.testing.assert_close(live[-3200:], whole[-3200:], rtol=0.05, atol=1e-3)


def test_what_lies_off_zero_is_not_heard():
    samples = band()
    for offset in ([0.3, 0.3], [0.3, -0.2]):
        measure = measure_backing(samples + np.float32(offset), RATE, 32000)
        plain = measure_backing(samples, RATE, 32000)
        assert measure.offset == pytest.approx(offset, abs=1e-3)
        assert measure.loudness == pytest.approx(plain.loudness, abs=0.05)
        heard = torch.cat(list(heard_blocks(samples + np.float32(offset), RATE, 32000, measure)))
        assert abs(float(heard[3200:-3200].mean())) < 1e-3


def test_a_constant_is_silence():
    processor = SaxsoloProcessor(tiny_saxcodec(), SaxsoloConfig(codec_dim=0))
    with pytest.raises(AudioError, match="silent"):
        processor(np.full(RATE, 0.3, np.float32), sampling_rate=RATE)


@pytest.mark.parametrize("channels", [3, 4, 5, 6, 7, 8, 12])
def test_many_channels_become_two_without_loss_of_level(channels):
    matrix = stereo_matrix(channels)
    assert matrix.shape == (channels, 2)
    np.testing.assert_array_equal(sorted(matrix[:, 0]), sorted(matrix[:, 1]))
    if channels <= 8:
        np.testing.assert_array_equal(matrix[:2], np.eye(2))
    if channels in (6, 7, 8):
        # the low-frequency channel
        assert not matrix[3].any()
    assert set(MONOS) == {"mean", "difference", "left", "right"}
