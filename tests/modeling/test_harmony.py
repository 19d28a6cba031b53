"""Degrees: what holds in one key holds in all."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.harmony_saxsolo import SaxsoloHarmony, onto_onsets

LOWEST_C = 48 - 40  # its place among the pitches of the score stream


@pytest.fixture(scope="module")
def harmony():
    torch.manual_seed(0)
    return SaxsoloHarmony(SaxsoloConfig(hidden_size=24, num_attention_heads=2, lookahead=[15]))


def roots_at(*pitch_classes):
    """(1, 1, O, 12), sure of one root a moment."""
    return torch.eye(12)[list(pitch_classes)][None, None]


@settings(deadline=None, max_examples=30)
@given(
    pitch=st.integers(0, 23),
    root=st.integers(0, 11),
    ahead=st.integers(0, 11),
    up=st.integers(0, 11),
)
def test_a_note_and_its_chords_moved_together_look_the_same(harmony, pitch, root, ahead, up):
    def heard(shift):
        token = torch.tensor([[1 + pitch + shift]])
        return harmony.hear(token, roots_at((root + shift) % 12, (ahead + shift) % 12))

    torch.testing.assert_close(heard(up), heard(0))


@settings(deadline=None, max_examples=30)
@given(root=st.integers(0, 11), ahead=st.integers(0, 11), up=st.integers(0, 11))
def test_the_leaning_turns_with_the_roots(harmony, root, ahead, up):
    hidden = torch.randn(1, 1, 24, generator=torch.Generator().manual_seed(1))
    here = harmony.lean(hidden, roots_at(root, ahead))
    there = harmony.lean(hidden, roots_at((root + up) % 12, (ahead + up) % 12))
    torch.testing.assert_close(there, here.roll(up, dims=-1))


def test_degrees_are_counted_from_the_root(harmony):
    with torch.no_grad():
        harmony.into.weight.zero_()
        harmony.into.weight[:12, :12] = torch.eye(12)
    e_over_c = harmony.hear(torch.tensor([[1 + LOWEST_C + 4]]), roots_at(0, 5))
    assert e_over_c[0, 0].nonzero().tolist() == [[4]]


def test_silence_and_special_tokens_have_no_degree(harmony):
    tokens = torch.tensor([[0, 121, 2048, 2049]])
    assert not harmony.hear(tokens, roots_at(0, 5).expand(1, 4, 2, 12)).any()


def test_a_held_note_stands_where_its_onset_did(harmony):
    roots = roots_at(2, 7)
    struck, held = torch.tensor([[1 + 30]]), torch.tensor([[61 + 30]])
    torch.testing.assert_close(harmony.hear(struck, roots), harmony.hear(held, roots))


def test_without_a_root_nothing_leans(harmony):
    assert not harmony.lean(torch.randn(1, 1, 24), torch.zeros(1, 1, 2, 12)).any()


def test_only_onsets_of_the_pitch_class_are_moved(harmony):
    leaning = torch.zeros(1, 12)
    leaning[0, 0] = 1.0  # C
    moved = onto_onsets(torch.zeros(1, 121), leaning)[0].nonzero()[:, 0]
    assert [(int(token) - 1 + 40) % 12 for token in moved] == [0] * 5
    assert moved.max() <= 60
