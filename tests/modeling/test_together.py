"""Threads that play by one decoder: each gets what it would alone, and its own mistakes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from modeling_saxsolo import FrameStreamer
from modeling_saxsolo.note_events_saxsolo import notes_of
from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES

from .test_planner import BY_PLAN, inputs_of


@pytest.fixture
def model(make_model):
    return make_model(**BY_PLAN)


def shortened(inputs, frames):
    """Inputs of the first frames; the lead sheet stays."""
    posteriors = inputs["frame_label_posteriors"][..., :frames]
    assert posteriors.shape[1] == sum(LABEL_SIZES.values())
    return {**inputs, "frame_label_posteriors": posteriors}


def test_threads_play_what_each_plays_alone(model) -> None:
    """Of different lengths, beginning one after another, while the decoder is warmed up."""
    decoder, inputs = model.fast_decoder(), inputs_of(batch=1)
    lengths = [200, 90, 151, 33, 64, 45]
    wanted = [
        model.generate(**shortened(inputs, length), seed=seed)
        for seed, length in enumerate(lengths)
    ]
    state = torch.get_rng_state()

    def play(seed: int) -> torch.Tensor:
        decoder.warm_up()
        return model.generate(**shortened(inputs, lengths[seed]), seed=seed, fast=decoder)

    for _ in range(2):
        with ThreadPoolExecutor(3) as threads:
            found = list(threads.map(play, range(len(lengths))))
        for one, other in zip(found, wanted, strict=True):
            assert torch.equal(one, other) and notes_of(one[0, 0].numpy())
    assert torch.equal(torch.get_rng_state(), state)
    assert sorted(decoder.layers.room.free) == list(range(len(decoder.layers.room.seen)))


def test_who_stops_stops_alone(model) -> None:
    decoder, inputs = model.fast_decoder(), inputs_of(batch=1)
    wanted = model.generate(**inputs, seed=1)
    begun = threading.Event()

    class Stopped(Exception):
        pass

    def stop(frames: torch.Tensor) -> None:
        begun.wait(30)
        raise Stopped

    def stopped() -> None:
        streamer = FrameStreamer(model.config, stop, 5)
        with pytest.raises(Stopped):
            model.generate(**inputs, seed=2, streamer=streamer, fast=decoder)

    def whole() -> torch.Tensor:
        begun.set()
        return model.generate(**inputs, seed=1, fast=decoder)

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.submit(stopped), threads.submit(whole)
        first.result()
        assert torch.equal(second.result(), wanted)
    assert torch.equal(model.generate(**inputs, seed=1, fast=decoder), wanted)
