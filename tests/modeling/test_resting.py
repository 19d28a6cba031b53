"""Rests that have lasted are silent, and what is not known is left alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig, SaxsoloConfigError
from modeling_saxsolo.resting_saxsolo import LINGERING, long_rests

SIZE = 121


@given(score=st.lists(st.sampled_from([-1, 0, 0, 0, 5, 121, 2048]), min_size=1, max_size=200))
def test_a_rest_is_long_when_no_note_is_near_before(score):
    resting = long_rests(np.array(score), SIZE)
    for place, rests in enumerate(resting):
        before = score[max(0, place - LINGERING) : place + 1]
        assert rests == all(token == 0 or token >= SIZE for token in before)


@pytest.mark.parametrize("fast", [True, False])
def test_long_rests_get_the_codes_of_silence(make_model, fast):
    model = make_model(window_frames=48, rest_codes=[3, 1, 4]).double()
    frames = 120
    forced = torch.full((1, model.config.num_streams, frames), -1)
    forced[:, 0] = 0
    forced[:, 0, 30:40] = 1
    forced[:, 2, 100] = 7
    torch.manual_seed(0)
    codes = torch.zeros(1, model.config.num_codebooks, frames, dtype=torch.long)
    played = model.generate(backing_codes=codes, forced_codes=forced, plan_frames=9, fast=fast)[0]
    resting = torch.from_numpy(long_rests(forced[0, 0].numpy(), model.config.score_vocab_size))
    assert resting.sum() == 30 + frames - 40 - LINGERING
    silence = torch.tensor([3, 1, 4])[:, None].expand(-1, frames).clone()
    silence[1, 100] = 7  # what is given goes before it
    assert torch.equal(played[1:, resting], silence[:, resting])
    assert not torch.equal(played[1:, ~resting], silence[:, ~resting])


def test_codes_that_the_codec_lacks_are_refused():
    for codes in ([1, 2, 3], [1, 2, 3, 2048], [-1, 0, 0, 0]):
        with pytest.raises(SaxsoloConfigError, match="rest_codes"):
            SaxsoloConfig(rest_codes=codes)
