"""Audio to codes and back, with either codec inside."""

import json

import numpy as np
import pytest
import torch
from transformers import EncodecConfig, EncodecModel

from modeling_saxsolo import (
    AudioError,
    CodecError,
    SaxcodecConfig,
    SaxcodecModel,
    SaxsoloConfig,
    SaxsoloForConditionalGeneration,
    SaxsoloProcessor,
    StreamingDecoder,
    codec_layout,
    load_codec,
    resample_saxsolo,
)
from modeling_saxsolo import codec_adapter_saxsolo as adapter
from modeling_saxsolo.resample_saxsolo import Resampler, resample, to_mono


def tiny_saxcodec(**overrides):
    sizes = {"encoder_size": 16, "encoder_layers": 1, "decoder_size": 16, "decoder_layers": 1}
    torch.manual_seed(3)
    return SaxcodecModel(SaxcodecConfig(**{**sizes, "codebook_dim": 8, **overrides})).eval()


def tiny_encodec(**overrides):
    """The layout of facebook/encodec_32khz at a fraction of its width, with random weights."""
    settings = {
        "sampling_rate": 32000,
        "target_bandwidths": [2.2],
        "upsampling_ratios": [8, 5, 4, 4],
        "codebook_size": 2048,
        "use_causal_conv": False,
        "num_filters": 4,
        "hidden_size": 16,
        **overrides,
    }
    torch.manual_seed(3)
    return EncodecModel(EncodecConfig(**settings)).eval()


@pytest.fixture(params=[tiny_saxcodec, tiny_encodec], ids=["saxcodec", "encodec"])
def codec(request):
    return request.param()


@pytest.fixture
def config():
    return SaxsoloConfig(
        codec_dim=8,
        hidden_size=16,
        intermediate_size=16,
        num_attention_heads=2,
        encoder_layers=1,
        decoder_layers=1,
    )


def noise(seconds, rate, channels=None):
    shape = int(seconds * rate) if channels is None else (int(seconds * rate), channels)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32) * 0.1


def test_from_audio_to_codes_to_a_solo(codec, config):
    processor = SaxsoloProcessor(codec, config, {"timbre": "mtg"})
    inputs = processor(noise(0.5, 44100, 2), sampling_rate=44100, instrument="tenor")
    assert inputs["backing_codes"].shape == (1, 4, 25)
    assert inputs["attention_mask"].tolist() == [[1] * 25]
    assert inputs["condition_ids"].tolist() == [[2, -1, -1, 0]]
    torch.manual_seed(0)
    codes = SaxsoloForConditionalGeneration(config).eval().generate(**inputs)
    solo = processor.batch_decode(codes)
    assert [(s.shape, s.dtype) for s in solo] == [((16000,), np.float32)]
    assert np.isfinite(solo[0]).all()
    # The score stream is not sound, and one solo alone decodes the same.
    np.testing.assert_array_equal(processor.batch_decode(codes[:, 1:])[0], solo[0])
    np.testing.assert_array_equal(processor.decode(codes[0]), solo[0])


def test_a_batch_of_different_lengths(codec, config):
    processor = SaxsoloProcessor(codec, config)
    sounds = [noise(0.3, 32000), noise(0.1, 32000)]
    batch = processor(sounds, sampling_rate=32000, feel=["swing", None], tempo="up")
    assert batch["backing_codes"].shape == (2, 4, 15)
    assert batch["attention_mask"].sum(1).tolist() == [15, 5]
    assert batch["condition_ids"].tolist() == [[-1, 0, 3, -1], [-1, -1, 3, -1]]
    for row, sound in enumerate(sounds):
        alone = processor(sound, sampling_rate=32000)["backing_codes"][0]
        assert torch.equal(batch["backing_codes"][row, :, : alone.shape[-1]], alone)
    codes = batch["backing_codes"].clone()
    codes[1, :, 5:] = config.pad_token_id
    assert [len(s) for s in processor.batch_decode(codes)] == [15 * 640, 5 * 640]
    codes[1] = config.pad_token_id
    assert [len(s) for s in processor.batch_decode(codes)] == [15 * 640, 0]


def test_stereo_layouts_and_integers_mean_the_same_sound(config):
    processor = SaxsoloProcessor(tiny_saxcodec(), config)
    stereo = noise(0.2, 32000, 2)
    expected = to_mono(stereo.mean(axis=1))
    torch.testing.assert_close(to_mono(stereo), expected)
    torch.testing.assert_close(to_mono(torch.from_numpy(stereo.T)), expected)
    integers = np.round(stereo.mean(axis=1) * 32767).astype(np.int16)
    torch.testing.assert_close(to_mono(integers), expected, rtol=0, atol=1e-4)
    as_tensor = torch.from_numpy(stereo.mean(axis=1)).view(1, 1, -1)
    one = processor(as_tensor, sampling_rate=32000)["backing_codes"]
    assert torch.equal(one, processor(stereo, sampling_rate=32000)["backing_codes"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_broken_samples_are_refused(config, bad):
    processor = SaxsoloProcessor(tiny_saxcodec(), config)
    audio = noise(0.1, 32000)
    audio[7] = bad
    with pytest.raises(AudioError, match="1 NaN or infinite samples"):
        processor(audio, sampling_rate=32000)
    with pytest.raises(AudioError, match=r"shape \(0,\)"):
        processor(np.zeros(0, np.float32), sampling_rate=32000)
    with pytest.raises(AudioError, match="sampling_rate is missing"):
        processor(noise(0.1, 32000))
    with pytest.raises(AudioError, match="positive whole number"):
        processor(noise(0.1, 32000), sampling_rate=-1)
    with pytest.raises(AudioError, match="bool"):
        to_mono(np.zeros(3, bool))


def test_unknown_conditions_are_refused_with_what_is_known(config):
    processor = SaxsoloProcessor(tiny_saxcodec(), config)
    audio = noise(0.1, 32000)
    with pytest.raises(ValueError, match="'bassoon' is unknown: choose one of .*'tenor'"):
        processor(audio, sampling_rate=32000, instrument="bassoon")
    with pytest.raises(ValueError, match=r"unknown conditions \['mood'\]: .*instrument, feel"):
        processor(audio, sampling_rate=32000, mood="blue")
    with pytest.raises(ValueError, match="feel has 2 values for 1 sounds"):
        processor(audio, sampling_rate=32000, feel=["swing", "funk"])
    with pytest.raises(ValueError, match="'grand' is unknown"):
        SaxsoloProcessor(tiny_saxcodec(), config, {"timbre": "grand"})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"num_codebooks": 8}, "num_codebooks 4 but the model 8"),
        ({"codebook_size": 1024}, "codebook_size 2048 but the model 1024"),
        ({"frame_rate": 75}, "frame_rate 50 but the model 75"),
        ({"sampling_rate": 24000}, "sampling_rate 32000 but the model 24000"),
    ],
)
def test_a_codec_of_another_layout_is_refused(codec, overrides, message):
    with pytest.raises(CodecError, match=message):
        SaxsoloProcessor(codec, SaxsoloConfig(**overrides))


def test_an_encodec_of_another_kind_is_refused():
    with pytest.raises(CodecError, match="audio_channels 2"):
        codec_layout(tiny_encodec(audio_channels=2))
    with pytest.raises(CodecError, match="SaxsoloForConditionalGeneration is not a codec"):
        codec_layout(SaxsoloForConditionalGeneration(SaxsoloConfig(hidden_size=12, codec_dim=0)))


def same_processor(one, two):
    audio = noise(0.2, 16000)
    first = one(audio, sampling_rate=16000, instrument="alto")
    second = two(audio, sampling_rate=16000, instrument="alto")
    assert all(torch.equal(first[key], second[key]) for key in first)
    codes = first["backing_codes"]
    np.testing.assert_array_equal(one.batch_decode(codes)[0], two.batch_decode(codes)[0])


def test_save_and_load_with_the_codec_inside(codec, config, tmp_path):
    processor = SaxsoloProcessor(codec, config, {"timbre": "mtg"})
    processor.save_pretrained(tmp_path)
    loaded = SaxsoloProcessor.from_pretrained(tmp_path)
    same_processor(processor, loaded)
    assert list(loaded.conditions) == list(config.conditions)
    assert loaded.default_conditions == {"timbre": "mtg"}
    assert loaded.num_streams == 5
    assert list(tmp_path.rglob("*.safetensors")) == [tmp_path / "codec" / "model.safetensors"]
    loaded.save_pretrained(tmp_path / "again")
    same_processor(processor, SaxsoloProcessor.from_pretrained(tmp_path / "again"))


def test_save_and_load_with_the_codec_by_reference(codec, config, tmp_path):
    codec.save_pretrained(tmp_path / "the-codec")
    processor = SaxsoloProcessor(codec, config)
    folder = tmp_path / "model"
    processor.save_pretrained(folder, codec_reference="../the-codec")
    assert json.loads((folder / "processor_config.json").read_text())["codec"] == "../the-codec"
    assert not (folder / "codec").exists()
    same_processor(processor, SaxsoloProcessor.from_pretrained(folder))
    (tmp_path / "the-codec").rename(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"names the codec \.\./the-codec, but .* is not a folder"):
        SaxsoloProcessor.from_pretrained(folder)
    given = SaxsoloProcessor.from_pretrained(folder, codec=tmp_path / "elsewhere")
    same_processor(processor, given)
    same_processor(processor, SaxsoloProcessor.from_pretrained(folder, codec=codec))


def test_folders_without_what_is_needed_are_refused(config, tmp_path):
    with pytest.raises(OSError, match="processor_config.json"):
        SaxsoloProcessor.from_pretrained(tmp_path)
    config.save_pretrained(tmp_path)
    with pytest.raises(CodecError, match="type 'saxsolo', not a codec"):
        load_codec(str(tmp_path))
    processor = SaxsoloProcessor(tiny_saxcodec(), config)
    with pytest.raises(ValueError, match="hf upload"):
        processor.save_pretrained(tmp_path, push_to_hub=True)
    with pytest.raises(ValueError, match=r"\(1, 3, 7\): give \(B, 5, T\).*\(B, 4, T\)"):
        processor.batch_decode(torch.zeros(1, 3, 7, dtype=torch.long))


def test_chunks_of_our_codec_equal_the_whole(monkeypatch):
    codec = tiny_saxcodec()
    audio = torch.from_numpy(noise(0.61, 32000)).view(1, 1, -1)
    whole = adapter.encode(codec, audio)
    assert torch.equal(whole, codec.encode(audio))
    monkeypatch.setattr(adapter, "CHUNK", 7)
    assert torch.equal(adapter.encode(codec, audio), whole)
    # How exact the codec's own chunks are is the codec's affair, tested with it.
    chunked = adapter.decode(codec, whole)
    torch.testing.assert_close(chunked, codec.decode(whole), rtol=0, atol=1e-3)
    decoder, state, expected = StreamingDecoder(codec), codec.init_decoder_state(1), []
    parts = whole.split([1, 5, whole.shape[-1] - 6], dim=-1)
    for part in parts:
        audio, state = codec.decode_chunk(part, state, last=part is parts[-1])
        expected.append(audio)
    streamed = torch.cat([*[decoder.push(part) for part in parts], decoder.finish()], dim=-1)
    assert streamed.shape == chunked.shape
    torch.testing.assert_close(streamed, torch.cat(expected, dim=-1), rtol=0, atol=1e-3)


def test_chunks_of_encodec_are_close_to_the_whole(monkeypatch):
    codec = tiny_encodec()
    # Untrained, EnCodec's signal fades from layer to layer: restore it, so that edges would show.
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            if name.endswith("original0"):
                parameter.mul_(8)
    codes = torch.randint(0, 2048, (2, 4, 330))
    whole = codec.decode(codes[None], [None], return_dict=True).audio_values
    assert whole.std() > 1e-3
    monkeypatch.setattr(adapter, "CHUNK", 90)
    chunked = adapter.decode(codec, codes)
    assert chunked.shape == whole.shape == (2, 1, 330 * 640)
    error = (chunked - whole).std() / whole.std()
    assert error < 1e-2
    jumps = (chunked - whole).diff(dim=-1).abs().max() / whole.std()
    assert jumps < 5e-2
    audio = torch.from_numpy(noise(6.0, 32000)).view(1, 1, -1)
    whole = codec.encode(audio, bandwidth=2.2, return_dict=True).audio_codes[0]
    agreement = (adapter.encode(codec, audio) == whole).float().mean()
    assert agreement > 0.95


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 44099, 48000, 96000])
def test_resampling_keeps_a_sine(rate):
    seconds, hertz, new_rate = 0.3, 1234.5, 32000
    x = torch.sin(2 * torch.pi * hertz * torch.arange(int(rate * seconds)).double() / rate)
    y = resample(x.float(), rate, new_rate)
    expected = torch.sin(2 * torch.pi * hertz * torch.arange(len(y)).double() / new_rate).float()
    assert len(y) == round(len(x) * new_rate / rate)
    edge = 1500
    torch.testing.assert_close(y[edge:-edge], expected[edge:-edge], rtol=0, atol=1e-4)


def test_resampling_lets_nothing_fold_back():
    x = torch.sin(2 * torch.pi * 17500 * torch.arange(20000).double() / 48000).float()
    assert resample(x, 48000, 32000)[1500:-1500].abs().max() < 1e-4
    assert torch.equal(resample(x, 32000, 32000), x)


@pytest.mark.parametrize("rate", [8000, 32000, 44100, 44099, 48000])
def test_resampling_by_blocks_gives_the_bits_of_the_whole(rate):
    x = torch.from_numpy(noise(0.4, rate))
    whole = resample(x, rate, 32000)
    for size in (777, len(x) - 1):
        resampler = Resampler(rate, 32000)
        parts = [resampler.push(block) for block in x.split(size)]
        assert torch.equal(torch.cat([*parts, resampler.finish()]), whole)


def test_weights_that_are_not_kept_give_the_same_bits(monkeypatch):
    x = torch.from_numpy(noise(0.4, 44100))
    whole = resample(x, 44100, 32000)
    monkeypatch.setattr(resample_saxsolo, "MOST_WEIGHTS", 0)
    assert torch.equal(resample(x, 44100, 32000), whole)
