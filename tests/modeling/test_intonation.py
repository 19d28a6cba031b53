"""Pitch codes around the note: what holds for one pitch holds for all."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig, SaxsoloConfigError
from modeling_saxsolo.intonation_saxsolo import REACH, SaxsoloIntonation, note_codes
from modeling_saxsolo.pitch_saxcodec import code_to_f0

RANGE = [46.875, 2093.0]
CONFIG = SaxsoloConfig(pitch_range=RANGE)
SIZE = CONFIG.codebook_size


@pytest.fixture(scope="module")
def intonation():
    torch.manual_seed(0)
    module = SaxsoloIntonation(CONFIG)
    torch.nn.init.normal_(module.out.weight)
    return module


def test_a_note_has_the_code_of_its_pitch():
    codes = note_codes(CONFIG)
    assert codes[[0, -1, -2]].tolist() == [-1, -1, -1]  # a rest, pad and BOS
    for midi in (40, 69, 95):
        for token in (1 + midi - 40, 61 + midi - 40):
            hertz = code_to_f0(codes[token, None, None], SIZE, *RANGE).item()
            cents = 1200 * math.log2(hertz / (440 * 2 ** ((midi - 69) / 12)))
            assert abs(cents) < 1.7
    # above 2,093 Hz the codec has no pitch
    assert codes[1 + 99 - 40] == -1


@given(note=st.integers(70, 1900), distance=st.integers(-64, 64), moved=st.integers(-60, 60))
def test_preferences_move_with_note_and_pitch(intonation, note, distance, moved):
    torch.manual_seed(note)
    hidden = torch.randn(1, CONFIG.hidden_size)
    zero = torch.zeros(1, SIZE)

    def leaning(note, code):
        return intonation.lean(zero, hidden, torch.tensor([note]), torch.tensor([code]))[0]

    note = min(max(note, 2 * REACH + 61), SIZE - 2 * REACH - 62)
    here, there = leaning(note, note + distance), leaning(note + moved, note + distance + moved)
    assert torch.allclose(torch.roll(here, moved), there, atol=1e-5)
    assert here[: note - 2 * REACH].abs().max() == 0 == here[0]


def test_without_note_or_pitch_nothing_leans(intonation):
    hidden = torch.randn(3, CONFIG.hidden_size)
    logits = torch.randn(3, SIZE)
    notes, codes = torch.tensor([-1, -1, -1]), torch.tensor([0, SIZE, SIZE + 1])
    assert torch.equal(intonation.lean(logits, hidden, notes, codes), logits)


def test_settings_that_do_not_fit_are_refused():
    for settings in ({"score_lead": 2}, {"score_vocab_size": 0}, {"delays": [1, 2, 3, 4]}):
        with pytest.raises(SaxsoloConfigError, match="pitch_range"):
            SaxsoloConfig(pitch_range=RANGE, **settings)
    with pytest.raises(SaxsoloConfigError, match="lowest"):
        SaxsoloConfig(pitch_range=[100.0, 50.0])
