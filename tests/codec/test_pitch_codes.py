"""The pitch as the first code: exact to two cents, moved alone, at 44.1 kHz."""

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.codec_adapter_saxsolo import decode, encode
from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.pitch_saxcodec import FEATURES, code_features, code_to_f0, f0_to_code
from modeling_saxsolo.source_saxcodec import pulse_train
from saxsolo.playing.round_trip import round_trip

RANGE = (2048, 46.875, 2093.0)
RATE, FRAME = 44100, 882


@pytest.fixture(scope="module")
def codec() -> SaxcodecModel:
    """Plays its pulse train as it is: no noise, no free spectrum, a flat filter."""
    sizes = {"encoder_size": 16, "encoder_layers": 1, "decoder_size": 16, "decoder_layers": 1}
    config = SaxcodecConfig(
        **sizes, sampling_rate=RATE, hop_length=441, n_fft=1764, long_n_fft=5292, codebook_dim=8,
        decoder_lookahead=3, min_f0=46.875, max_f0=2093.0, pitch_codes=True, filter_bands=100,
        free_bins=320,
    )  # fmt: skip
    torch.manual_seed(0)
    model = SaxcodecModel(config).eval()
    with torch.no_grad():
        model.filter_head.weight.zero_()
        model.filter_head.bias.fill_(-30.0)
        model.filter_head.bias[: config.filter_bands] = -2.0
    return model


@given(st.floats(47.0, 2090.0))
def test_a_pitch_comes_back_within_two_cents(hertz):
    f0 = torch.tensor([[hertz, 0.0]])
    back = code_to_f0(f0_to_code(f0, *RANGE), *RANGE)
    assert abs(1200 * np.log2(float(back[0, 0]) / hertz)) < 2
    assert float(back[0, 1]) == 0


def test_pitches_out_of_range_take_the_nearest_code():
    codes = f0_to_code(torch.tensor([[10.0, 5000.0]]), *RANGE)
    assert codes.tolist() == [[1, 2047]]


def test_features_tell_pitches_apart_and_silence_from_all():
    features = code_features(torch.arange(2048), 2048)
    assert features.shape == (2048, FEATURES)
    assert not features[0].any()
    apart = (features[1:-100] - features[101:]).abs().sum(-1)
    assert float(apart.min()) > 0.5


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, 9 * FRAME - 1))
def test_a_pulse_train_in_two_parts_is_the_whole(cut):
    f0 = torch.tensor([[220.0, 222.0, 0.0, 0.0, 440.0, 445.0, 330.0, 328.0, 0.0, 0.0]])
    start = torch.zeros(1, dtype=torch.float64)
    whole, _ = pulse_train(f0, start, 0, 9 * FRAME, FRAME, RATE)
    first, phase = pulse_train(f0, start, 0, cut, FRAME, RATE)
    second, _ = pulse_train(f0, phase, cut, 9 * FRAME - cut, FRAME, RATE)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, atol=1e-4, rtol=0)


def test_pulses_glide_without_a_click_and_rest_where_no_pitch_is_near():
    f0 = torch.tensor([[300.0, 310.0, 0.0, 0.0, 0.0, 500.0]])
    pulses, _ = pulse_train(f0, torch.zeros(1, dtype=torch.float64), 0, 6 * FRAME, FRAME, RATE)
    assert not pulses[0, 2 * FRAME : 4 * FRAME].any()
    assert pulses[0, :FRAME].square().mean() == pytest.approx(1.0, rel=0.15)
    # a steady pitch has nothing between its harmonics; a gliding one must not either, far up
    glide = pulses[0, :FRAME] * torch.hann_window(FRAME)
    spectrum = torch.fft.rfft(glide, 8 * FRAME).abs()
    low, high = spectrum[: 2 * FRAME].max(), spectrum[-40:].max()
    assert float(high) < 1.5 * float(low)


def test_a_window_must_not_reach_beyond_the_codes_that_are_read():
    with pytest.raises(ValueError, match="decoder_lookahead=2"):
        SaxcodecConfig(pitch_codes=True, decoder_lookahead=2)
    with pytest.raises(ValueError, match="filter_bands"):
        SaxcodecConfig(filter_bands=5000)


def pitch_of(sound: np.ndarray, near: float) -> float:
    """Hertz of the fundamental, from the highest bin of its harmonics."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 19))
    hertz = np.arange(len(spectrum)) * RATE / (1 << 19)
    there = (hertz > 0.9 * near) & (hertz < 1.1 * near)
    return float(hertz[there][spectrum[there].argmax()])


@torch.inference_mode()
@pytest.mark.parametrize("cents", [0.0, -37.0, 50.0])
def test_the_first_code_is_the_pitch_and_cents_turn_it(codec, cents):
    codes = torch.zeros(1, 4, 60, dtype=torch.long)
    codes[0, 0] = f0_to_code(torch.tensor([[330.0]]), *RANGE)[0]
    sound = decode(codec, codes, cents)[0, 0].numpy()
    assert len(sound) == 60 * FRAME
    wanted = 330.0 * 2 ** (cents / 1200)
    heard = pitch_of(sound[10 * FRAME : 50 * FRAME], wanted)
    assert abs(1200 * np.log2(heard / wanted)) < 4


@torch.inference_mode()
def test_shapes_at_44100(codec):
    sound = torch.zeros(2, 1, 7 * FRAME + 1)
    codes = encode(codec, sound)
    assert codes.shape == (2, 4, 8)
    assert decode(codec, codes).shape == (2, 1, 8 * FRAME)
    assert codec.codebook_vectors.shape == (4, 2048, 8)
    assert codec.config.frame_rate == 50


def test_half_precision_trains_it_too(codec):
    model = SaxcodecModel(codec.config)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(torch.randn(1, 1, 6 * FRAME) * 0.1, torch.full((1, 6), 220.0))
    assert output.audio.dtype == torch.float32
    (output.audio.abs().mean() + output.f0_logits.float().mean()).backward()
    assert model.filter_head.weight.grad.abs().sum() > 0


def test_the_command_writes_the_codecs_rate(codec, tmp_path):
    codec.save_pretrained(tmp_path / "codec")
    soundfile.write(tmp_path / "in.wav", np.zeros(48000, np.float32), 48000)
    out = round_trip(tmp_path / "in.wav", tmp_path / "out.wav", codec=tmp_path / "codec")
    info = soundfile.info(out)
    assert (info.samplerate, info.frames) == (RATE, RATE)
