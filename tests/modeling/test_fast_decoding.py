"""Fast decoding of known notes: the same codes as the library's loop, or that loop itself."""

import pytest
import torch
from transformers.generation import LogitsProcessor, LogitsProcessorList

from modeling_saxsolo import FrameStreamer, fast_decoding_saxsolo
from modeling_saxsolo.fast_decoding_saxsolo import FastDecoder

SHAPES = {
    "degrees and rhythm": {
        "degrees": True,
        "rhythm": True,
        "frame_labels": {"chord_root": 13, "beat_phase": 12},
    },
    "states": {"listen": "both", "clock": "both"},
    "no clock": {"listen": "states", "clock": "none"},
    "vectors": {"codec_dim": 8},
    "pitch codes": {"codec_dim": 8, "pitch_range": [60.0, 1500.0], "codebook_size": 300},
}


def play(model, inputs, seed=0, **settings):
    torch.manual_seed(seed)
    return model.generate(**inputs, **{"plan_frames": 9, "temperature": 1.0, **settings})


@pytest.fixture(params=[True, False], ids=["compiled", "numpy"])
def layers(request, monkeypatch):
    """With Numba and without."""
    assert fast_decoding_saxsolo.AVAILABLE
    monkeypatch.setattr(fast_decoding_saxsolo, "AVAILABLE", request.param)


@pytest.fixture
def counted(monkeypatch):
    """How often the fast decoder played."""
    calls = []
    fast = FastDecoder.play
    monkeypatch.setattr(FastDecoder, "play", lambda *args: calls.append(1) or fast(*args))
    return calls


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "settings",
    [
        {"do_sample": False},
        {"do_sample": True},
        {"do_sample": True, "codec_temperature": 0.7, "codec_top_k": 5},
    ],
    ids=["greedy", "sampled", "top k"],
)
def test_the_same_codes_as_the_library_in_double(
    make_model, make_backing, counted, layers, shape, settings
):
    model = make_model(window_frames=24, **shape).double()
    if model.config.pitch_range:
        # it starts at zero
        torch.nn.init.normal_(model.decoder.intonation.out.weight)
    inputs = make_backing(model.config, batch=2, frames=60)
    slow = play(model, inputs, fast=False, **settings)
    assert not counted
    assert torch.equal(play(model, inputs, **settings), slow)
    assert counted


@pytest.mark.parametrize("lead", [1, 3])
def test_a_note_does_not_fall_silent(make_model, make_backing, counted, lead):
    """Codes of silence alone are not drawn while a note sounds, by either path."""
    model = make_model(window_frames=32, score_lead=lead).double()
    inputs = make_backing(model.config, batch=2, frames=60)
    freely = play(model, inputs, do_sample=True)
    common = torch.bincount(freely[:, 1].flatten()).argsort(descending=True)
    silent = model.config.silent_codes = common[:4].tolist()
    for settings in ({"do_sample": True}, {"do_sample": False}):
        counted.clear()
        slow = play(model, inputs, fast=False, **settings)
        assert torch.equal(play(model, inputs, **settings), slow) and counted
        sounding = (slow[:, 0] > 0) & (slow[:, 0] < model.config.score_vocab_size)
        assert sounding.any()
        assert not torch.isin(slow[:, 1][sounding], torch.tensor(silent)).any()


def test_padded_rows_prompts_and_given_frames(make_model, make_backing, counted, layers):
    model = make_model(window_frames=24, listen="both").double()
    inputs = make_backing(model.config, batch=2, frames=50)
    inputs["attention_mask"][1, 33:] = 0
    streams = model.config.num_streams
    prompt = torch.randint(0, 5, (2, streams, 6))
    given = torch.full((2, streams, 50), -1)
    given[:, 0, 10:20] = 0
    given[:, 1, 14] = 3
    settings = {"prompt_codes": prompt, "forced_codes": given, "do_sample": True}
    slow = play(model, inputs, fast=False, **settings)
    fast = play(model, inputs, **settings)
    assert counted and torch.equal(fast, slow)
    assert (fast[:, 1, 14] == 3).all() and (fast[:, 0, 10:20] == 0).all()


def test_frames_are_streamed_as_they_are_played(make_model, make_backing, counted):
    model = make_model(window_frames=24)
    inputs = make_backing(model.config, batch=1, frames=40)
    parts = []
    whole = play(model, inputs, streamer=FrameStreamer(model.config, parts.append, 3))
    assert counted and torch.equal(torch.cat(parts, dim=-1), whole)


class Nothing(LogitsProcessor):
    def __call__(self, input_ids, scores):
        return scores


def test_processors_of_the_library_take_the_plain_path(make_model, make_backing, counted):
    model = make_model()
    inputs = make_backing(model.config, batch=1, frames=20)
    slow = play(model, inputs, logits_processor=LogitsProcessorList([Nothing()]))
    assert not counted and slow.shape[-1] == 20


def test_half_precision_takes_the_plain_path_and_is_refused_by_the_decoder(
    make_model, make_backing, counted
):
    model = make_model().to(torch.bfloat16)
    assert play(model, make_backing(model.config, frames=12)).shape[-1] == 12
    assert not counted
    with pytest.raises(ValueError, match="bfloat16"):
        FastDecoder(model)
