"""What the model computes: losses, causality, masks, the clock, and where gradients go."""

import pytest
import torch
from torch.nn import functional as F

from modeling_saxsolo.layers_saxsolo import dropout


def logits_of(model, inputs):
    """(B, N, S, V) with the labels as input."""
    out = model(**inputs, output_logits=True)
    return out.logits.unflatten(0, (-1, model.config.num_streams))


def test_loss_is_the_mean_of_the_streams_cross_entropies(make_model, make_inputs):
    model = make_model(frame_labels={})
    inputs = make_inputs(model.config)
    out = model(**inputs, output_logits=True)
    logits = out.logits.unflatten(0, (2, -1))
    expected = [
        F.cross_entropy(logits[:, n].flatten(0, 1), inputs["labels"][:, n].flatten())
        for n in range(model.config.num_streams)
    ]
    torch.testing.assert_close(out.loss_per_stream, torch.stack(expected))
    torch.testing.assert_close(out.loss, torch.stack(expected).mean())


def test_frame_labels_add_their_weighted_loss(make_model, make_inputs):
    model = make_model(frame_label_weight=0.25)
    inputs = make_inputs(model.config)
    out = model(**inputs)
    streams = out.loss_per_stream.mean()
    torch.testing.assert_close(out.loss, streams + 0.25 * out.frame_label_loss)
    assert out.frame_label_accuracy.shape == (2,)
    inputs["frame_labels"][:, 1] = -100
    accuracy = model(**inputs).frame_label_accuracy
    assert not accuracy[0].isnan()
    assert accuracy[1].isnan()


def test_codes_beyond_a_streams_vocabulary_cannot_be_chosen(make_model, make_inputs):
    model = make_model()
    logits = logits_of(model, make_inputs(model.config))
    lowest = torch.finfo(logits.dtype).min
    assert (logits[:, 0, :, 9:] == lowest).all()
    assert (logits[:, 1:, :, 24:] == lowest).all()
    assert (logits[:, 1:, :, :24] > lowest).all()


@pytest.mark.parametrize("listen", ["both", "labels", "states"])
@pytest.mark.parametrize("clock", ["both", "added", "cross", "none"])
def test_a_changed_frame_changes_nothing_before_it(make_model, make_inputs, clock, listen):
    model = make_model(clock=clock, listen=listen)
    inputs = make_inputs(model.config, batch=1)
    before = logits_of(model, inputs)
    step = 9
    for stream in range(model.config.num_streams):
        labels = inputs["labels"].clone()
        labels[:, stream, step] = (labels[:, stream, step] + 1) % 9
        after = logits_of(model, {**inputs, "labels": labels})
        assert torch.equal(before[:, :, : step + 1], after[:, :, : step + 1])
        assert not torch.allclose(before[:, :, step + 1], after[:, :, step + 1])


@pytest.mark.parametrize("listen", ["both", "labels", "states"])
@pytest.mark.parametrize("clock", ["both", "added", "cross", "none"])
def test_padding_changes_nothing(make_model, make_inputs, clock, listen):
    model = make_model(clock=clock, listen=listen)
    long = make_inputs(model.config, batch=2, frames=22)
    frames = 13
    steps = frames + max(model.config.stream_delays)
    short = {
        name: value[:1] if name == "condition_ids" else value[:1, ..., :frames]
        for name, value in long.items()
    }
    short["labels"] = long["labels"][:1, :, :steps]
    long["attention_mask"][0, frames:] = 0
    alone, padded = logits_of(model, short), logits_of(model, long)
    torch.testing.assert_close(padded[:1, :, :steps], alone, rtol=1e-4, atol=1e-5)


def test_masked_frames_may_hold_anything(make_model, make_inputs):
    model = make_model()
    inputs = make_inputs(model.config)
    inputs["attention_mask"][0, 15:] = 0
    inputs["attention_mask"][1] = 0
    first = model(**inputs).loss
    inputs["backing_codes"][0, :, 15:] = 1
    inputs["backing_codes"][1] = 2
    torch.testing.assert_close(model(**inputs).loss, first)


def test_a_batch_is_its_rows(make_model, make_inputs):
    model = make_model()
    inputs = make_inputs(model.config, batch=3)
    inputs["attention_mask"][1] = 0
    inputs["frame_label_inputs"][2] = inputs["frame_labels"][2]
    together = logits_of(model, inputs)
    for row in range(3):
        alone = logits_of(model, {k: v[row : row + 1] for k, v in inputs.items()})
        torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-5)


def test_rows_without_backing_still_hear_labels_told(make_model, make_inputs):
    model = make_model()
    inputs = make_inputs(model.config)
    inputs["attention_mask"][:] = 0
    silent = model(**inputs)
    assert silent.frame_label_loss is None
    assert silent.frame_label_accuracy.isnan().all()
    inputs["frame_label_inputs"] = inputs["frame_labels"]
    assert not torch.allclose(model(**inputs).loss, silent.loss)


def test_score_only_rows_leave_the_codebooks_out(make_model, make_inputs):
    model = make_model().train()
    inputs = make_inputs(model.config)
    inputs["attention_mask"][:] = 0
    inputs["labels"][:, 1:] = -100
    inputs["frame_label_inputs"] = inputs["frame_labels"]
    out = model(**inputs)
    out.loss.backward()
    torch.testing.assert_close(out.loss.detach(), out.loss_per_stream[0])
    assert out.loss_per_stream[1:].isnan().all()
    assert model.heads[1].weight.grad is None
    assert all(p.grad is None for p in model.encoder.layers.parameters())


def test_labels_heard_are_the_encoders_own_and_labels_told_replace_them(make_model, make_inputs):
    model = make_model()
    inputs = make_inputs(model.config)
    heard = logits_of(model, inputs)
    # Telling one frame's label changes nothing for steps whose lookahead does not reach it.
    inputs["frame_label_inputs"][:, 0, 19] = 1
    told = logits_of(model, inputs)
    assert torch.equal(told[:, :, :11], heard[:, :, :11])
    assert not torch.allclose(told[:, :, 11], heard[:, :, 11])


def test_a_model_that_listens_to_labels_hears_nothing_else(make_model, make_inputs):
    inputs = make_inputs(make_model().config)
    inputs["frame_label_inputs"] = inputs["frame_labels"]
    other = {**inputs, "backing_codes": (inputs["backing_codes"] + 1) % 24}
    labels, both = make_model(listen="labels"), make_model(listen="both")
    assert torch.equal(logits_of(labels, inputs), logits_of(labels, other))
    assert not torch.allclose(logits_of(both, inputs), logits_of(both, other))
    other.pop("frame_label_inputs")
    assert not torch.allclose(logits_of(labels, inputs), logits_of(labels, other))


def test_posteriors_hand_no_gradient_to_the_label_head(make_model, make_inputs):
    model = make_model()
    inputs = make_inputs(model.config)
    inputs.pop("frame_labels")
    model(**inputs).loss.backward()
    assert model.encoder.label_head.weight.grad is None
    assert model.encoder.label_input[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("listen", ["both", "labels", "states"])
@pytest.mark.parametrize("clock", ["both", "added", "cross", "none"])
@pytest.mark.parametrize("codec_dim", [0, 8])
def test_gradients_reach_every_parameter(make_model, make_inputs, clock, codec_dim, listen, stride):
    options = {"clock": clock, "listen": listen, "codec_dim": codec_dim, "memory_stride": stride}
    model = make_model(dropout=0.1, **options).train()
    inputs = make_inputs(model.config, batch=3)
    inputs["attention_mask"][0] = 0
    inputs["condition_ids"][1] = -1
    inputs["frame_label_inputs"][0] = inputs["frame_labels"][0]
    model(**inputs).loss.backward()
    # With neither an added state nor a place in the memory there is nothing null about a frame.
    stateless = clock in ("cross", "none") and listen != "labels"
    unused = {"encoder.null_state"} if stateless else set()
    missing = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()}
    assert missing == unused


@pytest.mark.parametrize(
    "overrides",
    [
        {"delays": [0, 0, 0], "score_lead": 0},
        {"delays": [2, 0, 1]},
        {"score_vocab_size": 0},
        {"frame_labels": {}},
        {"conditions": {}},
        {"lookahead": []},
        {"codec_dim": 0},
        {"memory_stride": 1},
    ],
)
def test_every_option_learns_a_batch(make_model, make_inputs, overrides):
    model = make_model(**overrides, initializer_range=0.05).train()
    inputs = make_inputs(model.config, batch=2, frames=8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        loss = model(**inputs).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_sdpa_equals_eager(make_model, make_inputs):
    model = make_model()
    inputs = make_inputs(model.config)
    inputs["attention_mask"][0, 12:] = 0
    fused = logits_of(model, inputs)
    model.set_attn_implementation("eager")
    torch.testing.assert_close(logits_of(model, inputs), fused, rtol=1e-4, atol=1e-5)


def test_gradient_checkpointing_changes_no_gradient(make_model, make_inputs):
    model = make_model().train()
    inputs = make_inputs(model.config)
    model(**inputs).loss.backward()
    plain = {n: p.grad.clone() for n, p in model.named_parameters()}
    model.zero_grad()
    model.activation_checkpointing_enable()
    model(**inputs).loss.backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, plain[name], msg=name)


def test_accumulated_halves_equal_the_whole_batch(make_model, make_inputs):
    model = make_model().train()
    inputs = make_inputs(model.config, batch=4)
    model(**inputs).loss.backward()
    whole = {n: p.grad.clone() for n, p in model.named_parameters()}
    model.zero_grad()
    for rows in (slice(0, 2), slice(2, 4)):
        (model(**{k: v[rows] for k, v in inputs.items()}).loss / 2).backward()
    assert model.accepts_loss_kwargs is False
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, whole[name], rtol=1e-3, atol=1e-5, msg=name)


def test_bf16_autocast_gives_nearly_the_same_loss(make_model, make_inputs):
    model = make_model(initializer_range=0.05).train()
    inputs = make_inputs(model.config)
    exact = model(**inputs).loss
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(**inputs).loss
    assert rounded.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        for embed in (model.encoder.embed, model.decoder.embed):
            assert embed(inputs["backing_codes"].transpose(1, 2)).dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=2e-2, atol=0)


def test_codec_vectors_become_the_embeddings(make_model, make_config):
    model = make_model()
    vectors = 3 * torch.randn(3, 24, 8) + 0.1
    model.init_codec_embeddings(vectors)
    for embed in (model.encoder.embed, model.decoder.embed):
        table = embed.vectors.weight.detach().view(3, 26, 8)
        scale = vectors.std(dim=(1, 2), keepdim=True)
        torch.testing.assert_close(table[:, :24], vectors / scale)
    with pytest.raises(ValueError, match=r"\(3, 24, 9\).*\(3, 24, 8\)"):
        model.init_codec_embeddings(torch.randn(3, 24, 9))
    with pytest.raises(ValueError, match=r"\(3, 24, 0\)"):
        make_model(codec_dim=0).init_codec_embeddings(vectors)


def test_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    x = torch.ones(1001, 33)
    y = dropout(x, 0.25, training=True)
    assert abs((y == 0).float().mean() - 0.25) < 0.01
    assert abs(y.mean() - 1) < 0.02
    # Neighbours that share a random word are dropped independently.
    gone = (y.flatten() == 0).float()
    together = (gone[:-1] * gone[1:]).mean()
    assert abs(together - 0.0625) < 0.01
    assert torch.equal(dropout(x, 0.25, training=False), x)


def test_nothing_to_hear_or_to_continue_is_refused(make_model, make_inputs):
    model = make_model()
    inputs = make_inputs(model.config)
    with pytest.raises(ValueError, match="give backing_codes"):
        model(labels=inputs["labels"])
    with pytest.raises(ValueError, match="give decoder_input_ids"):
        model(backing_codes=inputs["backing_codes"])
    inputs["labels"][:] = -100
    with pytest.raises(ValueError, match="every one is -100"):
        model(**inputs)


def test_quiet_codes_change_nothing_where_there_are_none(make_model, make_inputs):
    model = make_model()
    inputs = make_inputs(model.config)
    scores_alone = {**inputs, "labels": inputs["labels"].clone()}
    scores_alone["labels"][:, 1:] = -100
    loud = [logits_of(model, batch) for batch in (scores_alone, inputs)]
    model.quieten_codes(0.0)
    quiet = [logits_of(model, batch) for batch in (scores_alone, inputs)]
    torch.testing.assert_close(quiet[0], loud[0], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(quiet[1], loud[1], rtol=1e-2, atol=1e-2)
