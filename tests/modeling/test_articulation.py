"""How notes are played as a condition: silent at first, heard once learnt, never ahead of time."""

import pytest
import torch

from modeling_saxsolo import SaxsoloConfigError
from modeling_saxsolo.fast_decoding_saxsolo import FastDecoder
from modeling_saxsolo.vocabulary_saxsolo import ARTICULATIONS
from saxsolo.training.earlier_weights import carried_over

KINDS = {"articulations": list(ARTICULATIONS)}


@pytest.fixture
def told(make_model):
    """A model that has learnt something of articulations, in double."""
    model = make_model(**KINDS).double()
    torch.nn.init.normal_(model.encoder.articulation.into.weight)
    return model


def masks(frames, batch=2, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 1 << len(ARTICULATIONS), (batch, frames), generator=random)


def test_earlier_weights_sound_as_before_and_learn(make_model, make_inputs):
    earlier, model = make_model(), make_model(**KINDS)
    model.load_state_dict(carried_over(earlier, model))
    inputs = make_inputs(model.config)
    told = {**inputs, "articulation": masks(20)}
    with torch.no_grad():
        before = earlier(**inputs, output_logits=True).logits
        assert torch.equal(model(**told, output_logits=True).logits, before)
    model.train()
    model(**told).loss.backward()
    gradient = model.encoder.articulation.into.weight.grad
    assert (gradient.abs().sum(0) > 0).all()  # of every kind, and of "known"
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    model.eval()
    with torch.no_grad():
        unknown = model(**inputs, output_logits=True).logits
        same = model(**inputs, articulation=torch.full((2, 20), -1), output_logits=True).logits
        assert torch.equal(same, unknown)
        assert not torch.allclose(model(**told, output_logits=True).logits, unknown)


@pytest.mark.parametrize("lead", [1, 3])
def test_a_frame_is_told_when_its_first_code_is_chosen(make_model, make_inputs, lead):
    model = make_model(**KINDS, score_lead=lead).double()
    torch.nn.init.normal_(model.encoder.articulation.into.weight)
    inputs = make_inputs(model.config)
    plain = masks(20)
    changed = plain.clone()
    changed[:, 12] ^= 1 << ARTICULATIONS.index("scoop")
    with torch.no_grad():
        first, second = (
            model(**inputs, articulation=given, output_logits=True).logits.unflatten(0, (2, -1))
            for given in (plain, changed)
        )
    different = (first != second).flatten(2).any(-1).any(0).any(0)
    steps = (first != second).any(-1).any(1).any(0)
    assert different.any() and not steps[: 12 + lead].any() and steps[12 + lead]


def test_only_kinds_of_the_model_are_heard(make_model, make_inputs):
    model = make_model(articulations=["fall", "slurred"])
    torch.nn.init.normal_(model.encoder.articulation.into.weight)
    inputs = make_inputs(model.config)

    def logits(names):
        mask = sum(1 << ARTICULATIONS.index(name) for name in names)
        given = torch.full((2, 20), mask)
        with torch.no_grad():
            return model(**inputs, articulation=given, output_logits=True).logits

    assert torch.equal(logits(["fall"]), logits(["fall", "growl"]))
    assert not torch.equal(logits(["fall"]), logits(["slurred"]))


def test_both_ways_of_decoding_play_the_same(told, make_backing, monkeypatch):
    calls = []
    fast = FastDecoder.play
    monkeypatch.setattr(FastDecoder, "play", lambda *args: calls.append(1) or fast(*args))
    inputs = make_backing(told.config, frames=90)  # longer than a window
    settings = {"plan_frames": 9, "seed": 3, "articulation": masks(90)}
    slow = told.generate(**inputs, **settings, fast=False)
    assert not calls
    assert torch.equal(told.generate(**inputs, **settings), slow) and calls
    settings["articulation"] = None
    assert not torch.equal(told.generate(**inputs, **settings), slow)


def test_what_does_not_fit_is_refused(make_config, make_model, make_backing):
    with pytest.raises(SaxsoloConfigError, match="'yodel'"):
        make_config(articulations=["yodel"])
    model = make_model()
    inputs = make_backing(model.config)
    with pytest.raises(ValueError, match="knows no articulations"):
        model.generate(**inputs, articulation=masks(20))
    with pytest.raises(ValueError, match=r"articulation is \(2, 19\)"):
        make_model(**KINDS).generate(**inputs, articulation=masks(19))
