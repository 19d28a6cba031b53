"""A live solo: what is heard in parts is what is heard of the whole, and blocks come when due."""

import numpy as np
import pytest
import soundfile
import soxr
import torch

from saxsolo.playing.live import BLOCK, LiveEar, LiveSettings, LiveSolo, hear_causally
from saxsolo.weights.loading import load_ear, load_player

BACKING = "examples/two_five_one.flac"


def sound(seconds, rate=16_000):
    samples, given = soundfile.read(BACKING, dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(axis=1), given, rate)[: round(seconds * rate)]


def test_streamed_hearing_is_that_of_the_whole_under_the_same_mask():
    ear = load_ear(device="cpu").model
    audio = torch.from_numpy(sound(23.0))
    live = LiveEar(ear, cents=10.0)
    random = np.random.default_rng(0)
    at = 0
    while at < len(audio):
        size = int(random.integers(100, 9000))
        live.push(audio[at : at + size])
        at += size
    whole = hear_causally(ear, audio, 10.0)
    assert live.frames > 1000
    for name, values in live.heard.items():
        expected = whole[name][live.first : live.frames]
        assert torch.allclose(values, expected, atol=1e-4), name


@pytest.mark.parametrize("cents", [30.0, -20.0])
def test_the_tuning_of_a_live_band_is_measured(cents):
    audio = sound(10.0)
    turned = soxr.resample(audio, 16_000 * 2 ** (cents / 1200), 16_000)
    plain, sharp = (LiveEar(load_ear(device="cpu").model) for _ in range(2))
    for ear, samples in ((plain, audio), (sharp, turned.astype(np.float32))):
        ear.push(torch.from_numpy(samples[: 9 * 16_000]))
    assert abs(sharp.cents - plain.cents - cents) <= 5


@pytest.mark.slow
@pytest.mark.parametrize("lookahead", [-1.0, 0.0])
def test_blocks_are_due_and_do_not_depend_on_how_the_band_comes(lookahead):
    player, rate = load_player(device="cpu"), 16_000
    audio = sound(6.0)
    solos = []
    for size in (1600, 3333):
        solo = LiveSolo(player, rate, LiveSettings(lookahead, seed=3, tuning=0.0, wait=1.0))
        blocks = []
        for at in range(0, len(audio), size):
            blocks += list(solo.push(audio[at : at + size]))
        assert len(blocks) == int((6.0 - lookahead) * 50 / BLOCK) + 1
        solos.append(np.concatenate(solo.parts, axis=1))
    assert np.array_equal(*[codes[:, : 2 * BLOCK] for codes in solos])
    assert (solos[0][0, :50] == 0).all()
