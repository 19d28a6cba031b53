"""Listening to a backing: the same codes however it comes and at any level; none from silence."""

import numpy as np
import pytest
import torch

from modeling_saxsolo import AudioError, SaxsoloConfig, SaxsoloProcessor
from modeling_saxsolo.backing_saxsolo import (
    LISTENING_LEVEL,
    BackingMeasure,
    heard_blocks,
    in_blocks,
    measure_backing,
)

from .test_processing import tiny_encodec, tiny_saxcodec

RATE = 44100


@pytest.fixture(params=[tiny_saxcodec, tiny_encodec], ids=["saxcodec", "encodec"])
def processor(request):
    return SaxsoloProcessor(request.param(), SaxsoloConfig(codec_dim=0))


@pytest.fixture(scope="module")
def sound():
    """(n, 2) float32, 6.3 s: longer than a block of the codec's."""
    noise = np.random.default_rng(0).normal(size=(round(6.3 * RATE), 2))
    swell = 0.05 + 0.04 * np.sin(np.arange(len(noise)) / RATE)
    return (noise * swell[:, None]).astype(np.float32)


def heard(audio, measure, **more):
    return torch.cat(list(heard_blocks(audio, RATE, 32000, measure, **more)))


@pytest.mark.parametrize("size", [1000, 65536, 200_000])
def test_blocks_give_the_codes_of_the_whole(processor, sound, size):
    def blocks():
        return (sound[start : start + size] for start in range(0, len(sound), size))

    measure = processor.measure(blocks(), RATE)
    assert measure == processor.measure(sound, RATE)
    whole = processor(sound, sampling_rate=RATE)["backing_codes"]
    by_blocks = processor(blocks(), sampling_rate=RATE, measure=measure)["backing_codes"]
    assert torch.equal(by_blocks, whole)
    in_parts = list(processor.listen(blocks(), RATE, measure))
    assert len(in_parts) > 1 and torch.equal(torch.cat(in_parts, dim=-1), whole)
    with pytest.raises(AudioError, match="measure"):
        processor(blocks(), sampling_rate=RATE)


def test_channels_and_types_are_one_sound(processor, sound):
    measure = processor.measure(sound, RATE)
    wanted = processor(sound, sampling_rate=RATE)["backing_codes"]
    for same in (sound.T, torch.from_numpy(sound), sound.astype(np.float64)):
        assert processor.measure(same, RATE) == measure
        assert torch.equal(processor(same, sampling_rate=RATE)["backing_codes"], wanted)
    integers = np.round(sound * 32767).astype(np.int16)
    as_read = integers.astype(np.float32) / 32768
    first, second = (processor(s, sampling_rate=RATE)["backing_codes"] for s in (integers, as_read))
    assert torch.equal(first, second)


@pytest.mark.parametrize("decibels", [-24, -12, 8, 20])
def test_every_level_is_heard_as_one(processor, sound, decibels):
    louder = (sound * 10 ** (decibels / 20)).astype(np.float32)
    wanted = processor(sound, sampling_rate=RATE)["backing_codes"]
    codes = processor(louder, sampling_rate=RATE)["backing_codes"]
    assert (codes == wanted).float().mean() > 0.97
    level = measure_backing(heard(louder, processor.measure(louder, RATE)), 32000, 32000).loudness
    assert level == pytest.approx(LISTENING_LEVEL, abs=0.01)


def test_gain():
    assert BackingMeasure(None, 0.0).gain() == 1.0
    assert BackingMeasure(LISTENING_LEVEL - 20, 0.1).gain() == pytest.approx(10)
    for loudness, decibels in ((-20.0, 0), (-28.0, 0), (-48.0, 20), (-5.0, -10)):
        gain = BackingMeasure(loudness, 0.5).gain(-28.0, -15.0)
        assert gain == pytest.approx(10 ** (decibels / 20))


@pytest.mark.parametrize("level", [0.0, 9e-5])
def test_silence_is_refused_unless_forced(processor, level):
    silence = np.full(RATE, level, np.float32)
    with pytest.raises(AudioError, match="silent"):
        processor(silence, sampling_rate=RATE)
    forced = processor(silence, sampling_rate=RATE, force=True)
    assert forced["backing_codes"].shape == (1, 4, 50)
    assert torch.isfinite(heard(silence, processor.measure(silence, RATE))).all()


def test_seconds_cut_and_lengthen(processor, sound):
    measure = processor.measure(sound, RATE, seconds=2.0)
    short = processor(sound, sampling_rate=RATE, seconds=2.0)["backing_codes"]
    assert short.shape[-1] == 100
    whole = heard(sound, measure)
    cut = heard(sound, measure, seconds=2.0)
    assert torch.equal(cut, whole[:64000])
    level = measure_backing(cut, 32000, 32000).loudness
    assert level == pytest.approx(LISTENING_LEVEL, abs=0.01)
    longer = heard(sound, measure, seconds=7.0)
    assert torch.equal(longer[: len(whole)], whole)
    assert len(longer) == 224000 and not longer[len(whole) :].any()


def test_a_batch_takes_one_measure_a_sound(sound):
    processor = SaxsoloProcessor(tiny_saxcodec(), SaxsoloConfig(codec_dim=0))
    sounds = [sound[:RATE], sound[RATE : 3 * RATE]]
    measures = [processor.measure(one, RATE) for one in sounds]
    batch = processor(sounds, sampling_rate=RATE)
    given = processor(sounds, sampling_rate=RATE, measure=measures)
    assert torch.equal(batch["backing_codes"], given["backing_codes"])
    with pytest.raises(ValueError, match="measure has 1 values for 2 sounds"):
        processor(sounds, sampling_rate=RATE, measure=measures[:1])


def test_a_live_source_settles_at_the_level_of_the_whole(sound):
    processor = SaxsoloProcessor(tiny_saxcodec(), SaxsoloConfig(codec_dim=0))
    quiet = sound * 0.01
    meter = processor.running_measure()
    blocks = (quiet[start : start + 4410] for start in range(0, len(quiet), 4410))
    live = heard(blocks, meter)
    measure = processor.measure(quiet, RATE)
    assert meter.measure == measure
    whole = heard(quiet, measure)
    assert live.shape == whole.shape and torch.isfinite(live).all()
    torch.testing.assert_close(live[-3200:], whole[-3200:], rtol=0.05, atol=1e-5)


@pytest.mark.parametrize("sizes", [[5], [5, 5], [3, 12, 1], [0, 4], []])
def test_in_blocks(sizes):
    parts = [torch.arange(float(size)) + start for start, size in enumerate(sizes)]
    blocks = list(in_blocks(parts, 5))
    assert all(len(b) == 5 for b in blocks[:-1]) and all(0 < len(b) <= 5 for b in blocks[-1:])
    assert torch.equal(torch.cat([torch.zeros(0), *blocks]), torch.cat([torch.zeros(0), *parts]))
