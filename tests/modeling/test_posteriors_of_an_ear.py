"""Labels heard by an ear of its own take the place of what the label heads hear."""

import pytest
import torch


def own_posteriors(model, inputs) -> torch.Tensor:
    """(B, sum of classes, T) of the model's own label heads."""
    keep = ("backing_codes", "attention_mask", "condition_ids")
    logits = model.encoder(**{name: inputs[name] for name in keep}).frame_label_logits
    parts = logits.split(model.encoder.label_sizes, dim=-1)
    return torch.cat([part.softmax(-1) for part in parts], -1).transpose(1, 2)


@pytest.mark.parametrize("listen", ["labels", "both"])
def test_the_heads_own_posteriors_change_nothing(make_model, make_inputs, listen):
    model = make_model(listen=listen)
    inputs = make_inputs(model.config)
    with torch.no_grad():
        plain = model(**inputs, output_logits=True)
        posteriors = own_posteriors(model, inputs)
        given = model(**inputs, frame_label_posteriors=posteriors, output_logits=True)
    torch.testing.assert_close(given.logits, plain.logits)


def test_with_labels_alone_the_codes_are_not_heard(make_model, make_inputs):
    model = make_model(listen="labels", clock="cross")
    inputs = make_inputs(model.config)
    with torch.no_grad():
        posteriors = own_posteriors(model, inputs)
        first = model(**inputs, frame_label_posteriors=posteriors, output_logits=True)
        inputs["backing_codes"] = inputs["backing_codes"].flip(-1)
        second = model(**inputs, frame_label_posteriors=posteriors, output_logits=True)
    torch.testing.assert_close(second.logits, first.logits)


def test_labels_told_go_before_posteriors(make_model, make_inputs):
    model = make_model(listen="labels")
    inputs = make_inputs(model.config)
    inputs["frame_label_inputs"] = inputs["frame_labels"].clone()
    with torch.no_grad():
        told = model(**inputs, output_logits=True)
        uniform = own_posteriors(model, inputs).roll(3, dims=1)
        both = model(**inputs, frame_label_posteriors=uniform, output_logits=True)
    torch.testing.assert_close(both.logits, told.logits)


def test_generate_plays_over_posteriors_window_by_window(make_model, make_backing):
    model = make_model(listen="labels", clock="cross")
    inputs = make_backing(model.config, batch=1, frames=120)
    generator = torch.Generator().manual_seed(3)
    classes = sum(model.config.frame_labels.values())
    posteriors = torch.rand(1, classes, 120, generator=generator)
    settings = {"do_sample": False, "guidance_scale": 1.5}
    first = model.generate(**inputs, frame_label_posteriors=posteriors, **settings)
    again = model.generate(**inputs, frame_label_posteriors=posteriors, **settings)
    other = model.generate(**inputs, frame_label_posteriors=posteriors.flip(-1), **settings)
    assert first.shape[-1] == 120
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_posteriors_of_another_length_are_refused(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config)
    with pytest.raises(ValueError, match="frame_label_posteriors"):
        model.generate(**inputs, frame_label_posteriors=torch.zeros(2, 16, 5))
