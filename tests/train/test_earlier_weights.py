"""A new model begins with what an earlier one learnt, as far as it means the same."""

import pytest
import torch

from modeling_saxsolo.vocabulary_saxsolo import CONDITIONS
from saxsolo.training.earlier_weights import carried_over

ROWS = "encoder.condition_embed.weight"


def conditions(**changed):
    return {name: list(values) for name, values in {**CONDITIONS, **changed}.items()}


def test_other_codes_start_as_new_and_the_rest_stays(make_model):
    earlier = make_model(codebook_size=150)
    model = make_model(codebook_size=130, pitch_range=[60.0, 1500.0])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for value in before.values():
        value.add_(1)
    model.load_state_dict(before)
    weights = carried_over(earlier, model, new_codes=True)
    model.load_state_dict(weights)
    there = earlier.state_dict()
    fresh = (
        "encoder.embed.",
        "decoder.embed.",
        "heads.1.",
        "heads.2.",
        "heads.3.",
        "heads.4.",
        "decoder.intonation.",
    )
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name] if name.startswith(fresh) else there[name]), name


def test_values_of_conditions_keep_their_rows_by_name(make_model):
    earlier = make_model(conditions=conditions(timbre=["mtg", "font"]))
    model = make_model(conditions=conditions(timbre=["iowa", "mtg"]))
    own = model.state_dict()[ROWS]
    weights = carried_over(earlier, model)[ROWS]
    there = earlier.state_dict()[ROWS]
    last = len(there) - 3  # "not given" of the last condition
    assert torch.equal(weights[: last + 1], there[: last + 1])
    assert torch.equal(weights[last + 1], own[last + 1])  # iowa
    assert torch.equal(weights[last + 2], there[last + 1])  # mtg


def test_another_size_is_refused_by_name(make_model):
    with pytest.raises(ValueError, match=r"decoder\.embed.* there and .* here"):
        carried_over(make_model(hidden_size=48), make_model())
