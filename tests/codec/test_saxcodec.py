"""What must hold of the codec whatever its weights: causality, stream == whole, clear errors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.quantizer_saxcodec import CodebookTrainer, ResidualVectorQuantizer
from modeling_saxsolo.source_saxcodec import noise_samples, pulse_frames
from saxsolo.training.codec_run import start_from

FRAME = 640
TINY = {
    "encoder_size": 16,
    "encoder_layers": 2,
    "decoder_size": 16,
    "decoder_layers": 2,
    "codebook_dim": 8,
    "codebook_size": 32,
}


PITCH_CODES = {
    "pitch_codes": True,
    "decoder_lookahead": 3,
    "filter_bands": 60,
    "free_bins": 200,
}


@pytest.fixture(
    scope="module",
    params=[{"decoder_lookahead": 0}, {}, {"decoder_lookahead": 3}, PITCH_CODES],
    ids=["lookahead 0", "lookahead 1", "lookahead 3", "pitch codes"],
)
def codec(request) -> SaxcodecModel:
    torch.manual_seed(0)
    model = SaxcodecModel(SaxcodecConfig(**TINY, **request.param)).eval()
    with torch.no_grad():
        # decided about the pitch, as training makes it: a tie would flip with any rounding
        model.f0_head.weight *= 30
    return model


@pytest.fixture(scope="module")
def sound() -> torch.Tensor:
    """A gliding tone with noise, (1, 1, 24 frames)."""
    time = torch.arange(24 * FRAME) / 32000
    tone = torch.sin(2 * torch.pi * (220 + 40 * time) * time)
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(1))
    return (0.3 * tone + 0.02 * noise)[None, None]


def cuts(total: int) -> st.SearchStrategy[list[int]]:
    """Ways to cut `total` frames into chunks."""
    return st.lists(st.integers(1, total - 1), max_size=6).map(
        lambda inner: [0, *sorted(set(inner)), total]
    )


@settings(max_examples=15, deadline=None)
@given(edges=cuts(24))
@torch.inference_mode()
def test_stream_equals_whole(codec, sound, edges):
    codes = codec.encode(sound)
    whole = codec.decode(codes)
    heard, said = codec.init_encoder_state(), codec.init_decoder_state()
    chunks, sounds = [], []
    for start, end in zip(edges, edges[1:], strict=False):
        piece, heard = codec.encode_chunk(sound[..., start * FRAME : end * FRAME], heard)
        audio, said = codec.decode_chunk(piece, said, last=end == 24)
        ready = max(0, end - codec.config.decoder_lookahead) if end < 24 else 24
        assert sum(sound.shape[-1] for sound in [*sounds, audio]) == ready * FRAME
        chunks.append(piece)
        sounds.append(audio)
    assert torch.equal(torch.cat(chunks, -1), codes)
    torch.testing.assert_close(torch.cat(sounds, -1), whole, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_codes_do_not_hear_the_future(codec, sound):
    changed = sound.clone()
    changed[..., 12 * FRAME :] = 0.5
    before, after = codec.encode(sound), codec.encode(changed)
    assert torch.equal(before[..., :12], after[..., :12])
    assert not torch.equal(before[..., 12:], after[..., 12:])


@torch.inference_mode()
def test_samples_do_not_know_later_codes(codec, sound):
    codes = codec.encode(sound)
    changed = codes.clone()
    changed[..., 12:] = (changed[..., 12:] + 7) % TINY["codebook_size"]
    before, after = codec.decode(codes), codec.decode(changed)
    first = (12 - codec.config.decoder_lookahead) * FRAME
    torch.testing.assert_close(before[..., :first], after[..., :first])
    # the start of a window is faint, the second frame is not
    later = slice(first, first + 2 * FRAME)
    assert (before[..., later] - after[..., later]).abs().max() > 1e-3


@torch.inference_mode()
def test_held_back_samples_need_no_code_to_come_out(codec, sound):
    codes = codec.encode(sound)
    audio, state = codec.decode_chunk(codes, codec.init_decoder_state())
    rest, _ = codec.decode_chunk(codes[..., :0], state, last=True)
    whole = torch.cat([audio, rest], dim=-1)
    torch.testing.assert_close(whole, codec.decode(codes), atol=1e-4, rtol=0)


@torch.inference_mode()
def test_batch_equals_single(codec, sound):
    other = sound.flip(-1)
    both = codec.encode(torch.cat([sound, other]))
    assert torch.equal(both[:1], codec.encode(sound))
    assert torch.equal(both[1:], codec.encode(other))
    torch.testing.assert_close(codec.decode(both)[:1], codec.decode(both[:1]))


@torch.inference_mode()
def test_last_frame_is_filled(codec):
    codes = codec.encode(torch.zeros(1, 1, 3 * FRAME + 1))
    assert codes.shape == (1, 4, 4)
    assert codec.decode(codes).shape == (1, 1, 4 * FRAME)


def test_pulses_have_the_pitch_and_stay_in_phase():
    f0 = torch.full((1, 100), 441.3)
    frames, phase = pulse_frames(f0, torch.zeros(1, dtype=torch.float64), 1280, 320, 32000)
    # a hop later, a frame holds what the one before it held there
    torch.testing.assert_close(frames[0, 1, :960], frames[0, 0, 320:], atol=1e-2, rtol=1e-3)
    assert float(frames.square().mean()) == pytest.approx(1.0, rel=0.05)
    sound = frames[0, :, :320].flatten()
    spectrum = torch.fft.rfft(sound * torch.hann_window(len(sound))).abs()
    first = spectrum[: int(600 * len(sound) / 32000)].argmax() * 32000 / len(sound)
    assert float(first) == pytest.approx(441.3, abs=1.5)
    assert float(phase) == pytest.approx(441.3 * 100 * 320 / 32000 % 1, abs=1e-4)


def test_pulses_start_again_after_a_pause():
    f0 = torch.tensor([[441.3, 441.3, 0.0, 300.0, 300.0]])
    frames, phase = pulse_frames(f0, torch.tensor([0.3]).double(), 1280, 320, 32000)
    alone, end = pulse_frames(f0[:, 3:], torch.zeros(1).double(), 1280, 320, 32000)
    torch.testing.assert_close(frames[:, 3:], alone)
    assert not frames[:, 2].any()
    assert float(phase) == pytest.approx(float(end))


def test_no_pulses_without_pitch():
    frames, _ = pulse_frames(torch.zeros(1, 3), torch.zeros(1, dtype=torch.float64), 1280, 320, 1)
    assert not frames.any()


def test_noise_is_white_and_a_function_of_its_place():
    noise = noise_samples(0, 100_000, torch.device("cpu"))
    assert torch.equal(noise[777:999], noise_samples(777, 222, torch.device("cpu")))
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.square().mean()) == pytest.approx(1, abs=0.02)
    neighbours = (noise[1:] * noise[:-1]).mean()
    assert float(neighbours) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("hertz", [46.875, 100.0, 441.3, 1760.0])
def test_pitch_to_bin_and_back(codec, hertz):
    there = codec.f0_to_bin(torch.tensor([hertz]))
    assert float(codec.bin_to_f0(there)) == pytest.approx(hertz, rel=1e-4)


def test_predicted_pitch_reads_between_the_bins(codec):
    steps = torch.arange(codec.config.f0_bins)
    logits = torch.cat([torch.tensor([-9.0]), -0.5 * (steps - 100.4).square()])
    heard = codec.predicted_f0(logits[None, None])
    exact = codec.bin_to_f0(torch.tensor(100.4))
    assert abs(1200 * float(torch.log2(heard / exact))) < 2
    logits[0] = 99.0
    assert codec.predicted_f0(logits[None, None]) == 0


def test_codebooks_learn_clusters_and_revive():
    torch.manual_seed(0)
    centres = 5 * torch.randn(8, 4)
    latents = (centres[:, None] + 0.01 * torch.randn(8, 200, 4)).flatten(0, 1)
    quantizer = ResidualVectorQuantizer(2, 16, 4)
    books = CodebookTrainer(quantizer, decay=0.5)
    books.start(latents[torch.randperm(len(latents))])
    # a code that nothing is near to comes back to where the latents are
    quantizer.vectors[0, 3] = books.sums[0, 3] = 1e3
    for _ in range(20):
        some = latents[torch.randperm(len(latents))[:400]]
        books.update(some, quantizer.encode(some), torch.ones(400))
    codes = quantizer.encode(latents)
    error = (quantizer.decode(codes) - latents).square().mean()
    assert error < 0.05 * latents.square().mean()
    assert 3 in codes[:, 0] and quantizer.vectors[0, 3].abs().max() < 100


def test_every_weight_gets_a_gradient(codec, sound):
    model = SaxcodecModel(codec.config)
    pitches = sound.shape[-1] // codec.config.pitch_hop
    output = model(sound, torch.full((1, pitches), 220.0))
    (output.audio.abs().mean() + output.f0_logits.logsumexp(-1).mean()).backward()
    still = [n for n, p in model.named_parameters() if p.requires_grad and not p.grad.any()]
    assert still == []


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.encode(torch.zeros(1, 2, 640)), r"\(1, 2, 640\)"),
        (lambda c: c.encode(torch.zeros(640)), r"\(640,\)"),
        (lambda c: c.encode_chunk(torch.zeros(1, 1, 700), c.init_encoder_state()), "700"),
        (lambda c: c.decode(torch.zeros(1, 3, 5, dtype=torch.long)), r"\(1, 3, 5\).*4"),
        (lambda c: c.decode(torch.full((1, 4, 5), 32)), "32.*31"),
    ],
)
def test_wrong_shapes_are_refused(codec, call, words):
    with pytest.raises(ValueError, match=words):
        call(codec)


@pytest.mark.parametrize(
    "words",
    [
        {"n_fft": 1000},
        {"hop_length": 333, "n_fft": 1332},
        {"max_f0": 20000.0},
        {"decoder_lookahead": -1},
    ],
)
def test_wrong_sizes_are_refused(words):
    with pytest.raises(ValueError, match="|".join(words)):
        SaxcodecConfig(**words)


def test_saved_and_loaded_in_half_precision(codec, sound, tmp_path):
    from saxsolo.training.codec_run import export_codec as export

    twin = SaxcodecModel(codec.config)
    twin.load_state_dict(codec.state_dict())
    export(twin, tmp_path)
    loaded = SaxcodecModel.from_pretrained(tmp_path).eval()
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert list(tmp_path.glob("*.safetensors"))
    with torch.inference_mode():
        same = (loaded.encode(sound) == codec.encode(sound)).float().mean()
    assert same > 0.9
    assert np.isfinite(loaded.decode(loaded.encode(sound)).detach().numpy()).all()


@torch.inference_mode()
def test_attention_begins_silent_streams_and_looks_back_only_so_far(codec, sound, tmp_path):
    codec.save_pretrained(tmp_path)
    attending = SaxcodecModel.from_pretrained(tmp_path, decoder_attention=5).eval()
    codes = codec.encode(sound)
    assert torch.equal(attending.encode(sound), codes)
    assert torch.equal(attending.decode(codes), codec.decode(codes))
    trained = SaxcodecModel(attending.config).eval()
    start_from(trained, tmp_path)
    assert torch.equal(trained.decode(codes), codec.decode(codes))
    for part in (attending.decoder[-1].out, attending.decoder[-1].down):
        part.weight.normal_(std=0.1)
    attending.decoder[-1].distance.normal_()
    whole = attending.decode(codes)
    assert (whole - codec.decode(codes)).abs().max() > 1e-3
    state, sounds = attending.init_decoder_state(), []
    for piece in codes.split([1, 1, 9, 13], dim=-1):
        audio, state = attending.decode_chunk(piece, state)
        sounds.append(audio)
    sounds.append(attending.decode_chunk(codes[..., :0], state, last=True)[0])
    torch.testing.assert_close(torch.cat(sounds, -1), whole, atol=1e-4, rtol=0)
