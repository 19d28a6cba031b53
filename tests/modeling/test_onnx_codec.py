"""The codec's graphs, with and without pitch codes, are the codec: chunk by chunk, to the code."""

import numpy as np
import pytest
import torch

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from saxsolo.publishing.onnx_export import codec_graphs, codec_settings, write_graph  # noqa: E402
from saxsolo.runtime.sounding import Voice  # noqa: E402

KINDS = {
    "pitch read from all codes": {},
    "pitch codes": {
        "sampling_rate": 44100, "hop_length": 441, "n_fft": 1764, "long_n_fft": 5292,
        "decoder_lookahead": 3, "max_f0": 2093.0, "f0_bins": 376, "pitch_codes": True,
        "filter_bands": 100, "free_bins": 320,
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=list(KINDS))
def codec_and_sessions(request, tmp_path_factory):
    torch.manual_seed(0)
    config = SaxcodecConfig(
        encoder_size=16, encoder_layers=2, decoder_size=16, decoder_layers=2, codebook_dim=8,
        **KINDS[request.param],
    )  # fmt: skip
    codec = SaxcodecModel(config).eval()
    folder = tmp_path_factory.mktemp("graphs")
    sessions = {}
    with torch.no_grad():
        # loud enough for the pulses to count
        codec.filter_head.bias.fill_(-2.0)
        for graph in codec_graphs(codec):
            write_graph(graph, folder / f"{graph.name}.onnx")
            sessions[graph.name] = onnxruntime.InferenceSession(folder / f"{graph.name}.onnx")
    return codec, sessions


@pytest.mark.parametrize("chunks", [(1, 1, 1, 2, 30, 25), (60,)])
@torch.no_grad()
def test_a_voice_sounds_as_the_codec_however_the_codes_are_cut(codec_and_sessions, chunks):
    codec, sessions = codec_and_sessions
    torch.manual_seed(1)
    codes = torch.randint(0, 2048, (1, 4, 60))
    # pauses, a held note that wavers, and leaps
    codes[0, 0, :10] = codes[0, 0, 40:43] = 0
    codes[0, 0, 15:35] = 900 + torch.arange(20) % 3
    wanted = codec.decode(codes, cents=15.0)[0, 0].numpy()
    voice = Voice(sessions["codec_decoder"], codec_settings(codec.config), cents=15.0)
    ends = np.cumsum(chunks)
    parts = [voice.push(codes[0, :, e - n : e].numpy()) for n, e in zip(chunks, ends, strict=True)]
    sound = np.concatenate([*parts, voice.finish()])
    assert sound.shape == wanted.shape
    # pitches read from random logits differ by a rounding, and the phase adds that up
    limit = 1e-3 if codec.config.pitch_codes else 1e-2
    assert np.abs(sound - wanted).max() < limit * np.abs(wanted).max()


@torch.no_grad()
def test_the_encoder_names_the_same_codes(codec_and_sessions):
    codec, sessions = codec_and_sessions
    config = codec.config
    audio = 0.1 * torch.randn(1, 20 * config.frame_samples)
    expected, _ = codec.encode_chunk(audio[:, None], codec.init_encoder_state(1))
    history = torch.zeros(1, config.long_n_fft - config.hop_length)
    samples = torch.cat([history, audio], dim=1)
    short = samples[:, history.shape[1] + config.hop_length - config.n_fft :]
    short = codec._log_spectrum(short.unfold(1, config.n_fft, config.hop_length))
    long = samples[:, config.hop_length :].unfold(1, config.long_n_fft, config.frame_samples)
    long = codec._log_spectrum(long)[..., : config.long_bins]
    past = np.zeros((config.encoder_layers, 1, 6, config.encoder_size), np.float32)
    parts = []
    for at, end in ((0, 8), (8, 20)):
        inputs = {
            "short": short[:, 2 * at : 2 * end].numpy(),
            "long": long[:, at:end].numpy(),
            "past": past,
        }
        codes, past = sessions["codec_encoder"].run(None, inputs)
        parts.append(codes)
    heard = np.concatenate(parts, axis=2)
    if config.pitch_codes:
        # a pitch between two codes may be rounded either way
        assert np.abs(heard[:, 0] - expected[:, 0].numpy()).max() <= 1
        heard[:, 0] = expected[:, 0]
    assert np.array_equal(heard, expected.numpy())
