"""Beats: what holds at one tempo holds at all; and every way of playing knows the same beats."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.rhythm_saxsolo import BINS, PHASES, SaxsoloRhythm, count_beats

LABELS = {"chord_root": 13, "beat_phase": 12}


@pytest.fixture(scope="module")
def rhythm():
    torch.manual_seed(0)
    return SaxsoloRhythm(SaxsoloConfig(hidden_size=24, num_attention_heads=2))


@pytest.fixture
def lively(make_model):
    """lively(**overrides): a model that reacts to beats; untrained, that part is silent."""

    def make(**overrides):
        model = make_model(frame_labels=LABELS, **overrides)
        random = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for part in (model.decoder.rhythm.into, model.decoder.rhythm.out):
                part.weight.copy_(torch.randn(part.weight.shape, generator=random))
        return model

    return make


def phases_at(beat_frames: float, frames: int, first: float = 0.0) -> torch.Tensor:
    """(1, frames, 12), sure of the place in a beat that lasts `beat_frames`."""
    place = (torch.arange(frames) / beat_frames + first) % 1
    return torch.eye(PHASES)[(place * PHASES).long()][None]


def by_hand(score: list[int], pitches: int) -> list[list[int]]:
    """The frames of the last two onsets that each step has read."""
    found, struck = [], [-1, -1]
    for step, token in enumerate(score):
        if 0 < token <= pitches:
            struck = [step - 1, struck[0]]
        found.append(list(struck))
    return found


@settings(deadline=None, max_examples=50)
@given(score=st.lists(st.sampled_from([0, 1, 5, 60, 61, 120, 2048]), min_size=1, max_size=30))
def test_the_last_two_onsets(rhythm, score):
    found = rhythm.last_onsets(torch.tensor([[2049, *score]]))[0].tolist()
    assert found == by_hand([2049, *score], 60)


@settings(deadline=None, max_examples=50)
@given(beat=st.floats(12.5, 60.0), first=st.floats(0, 0.99))
def test_beats_are_counted_at_any_tempo(beat, first):
    beats, known = count_beats(phases_at(beat, 300, first))
    assert known.all()
    assert abs(float(beats[0, -1]) - 299 / beat) <= 1 / PHASES + 1e-3


def test_an_eighth_is_an_eighth_at_any_tempo(rhythm):
    features = []
    for beat in (12, 24, 48):
        beats, known = count_beats(phases_at(beat, 4 * beat))
        onsets = torch.tensor([[[2 * beat, beat]]])
        features.append(rhythm.since(onsets, beats, known, 2 * beat + beat // 2))
    assert all(torch.allclose(one, features[0], atol=1e-4) for one in features)
    places = features[0][0, 0] @ torch.arange(float(BINS))
    torch.testing.assert_close(places, torch.tensor([6.0, 12.0]), atol=1e-3, rtol=0)


def test_what_was_not_heard_or_played_says_nothing(rhythm):
    beats, known = count_beats(phases_at(20, 100))
    assert not rhythm.since(torch.tensor([[[-1, -1]]]), beats, known, 50).any()
    one = rhythm.since(torch.tensor([[[30, -1]]]), beats, known, 50)
    assert one[0, 0, 0].any() and not one[0, 0, 1].any()
    beats, known = count_beats(torch.zeros(1, 100, PHASES))
    assert not known.any()
    assert not rhythm.since(torch.tensor([[[30, 10]]]), beats, known, 50).any()


def test_long_ago_is_one_place(rhythm):
    beats, known = count_beats(phases_at(20, 400))
    since = rhythm.since(torch.tensor([[[10, 0]]]), beats, known, 390)
    assert since[0, 0, 0].nonzero().tolist() == [[BINS - 1]]


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_playing_step_by_step_equals_the_whole_pass(lively, make_backing, guidance):
    """Beats ago are the same with a cache, which sees one token at a time, and without."""
    model = lively()
    inputs = make_backing(model.config, frames=24)
    inputs["frame_label_inputs"][:, 1] = (torch.arange(24) * 2) % 12
    playing = {"do_sample": False, "guidance_scale": guidance}
    whole = model.generate(**inputs, **playing, use_cache=False)
    assert torch.equal(model.generate(**inputs, **playing), whole)
    assert torch.equal(model.generate(**inputs, **playing, cache_implementation="static"), whole)


def test_the_beat_changes_the_solo_and_only_later_steps(lively, make_inputs):
    model = lively(listen="labels")
    inputs = make_inputs(model.config, batch=1)
    inputs["frame_label_inputs"][:] = 0
    inputs["frame_label_inputs"][:, 1] = (torch.arange(20) * 2) % 12
    before = model(**inputs, output_logits=True).logits
    inputs["labels"][:, 0, 9] = 3
    after = model(**inputs, output_logits=True).logits
    assert torch.equal(before[:, :10], after[:, :10])
    assert not torch.equal(before[:, 10:], after[:, 10:])


def test_a_cache_without_onsets_is_refused(lively, make_inputs):
    model = lively()
    inputs = make_inputs(model.config)
    ids = torch.zeros(2 * model.config.num_streams, 4, dtype=torch.long)
    inputs = {k: v for k, v in inputs.items() if k not in ("labels", "frame_labels")}
    first = model(**inputs, decoder_input_ids=ids)
    with pytest.raises(ValueError, match="4 steps.*onsets"):
        model(**inputs, decoder_input_ids=ids[:, :1], past_key_values=first.past_key_values)


def test_it_is_silent_until_it_has_learnt(make_model, make_inputs):
    plain = make_model(frame_labels=LABELS, rhythm=False)
    model = make_model(frame_labels=LABELS)
    model.load_state_dict(plain.state_dict(), strict=False)
    inputs = make_inputs(model.config)
    torch.testing.assert_close(model(**inputs).loss, plain(**inputs).loss)
    model(**inputs).loss.backward()
    for part in (model.decoder.rhythm.into, model.decoder.rhythm.out):
        assert part.weight.grad.any()


@pytest.mark.parametrize("words", [{"frame_labels": {"phase": 3}}, {"listen": "states"}])
def test_rhythm_without_beats_is_refused(make_config, words):
    with pytest.raises(ValueError, match="rhythm"):
        make_config(**{"frame_labels": LABELS, **words, "rhythm": True, "degrees": False})
