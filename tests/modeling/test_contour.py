"""Asked vibrato, bends and scoops: both ways of decoding follow, never ahead of time."""

import numpy as np
import pytest
import torch

from modeling_saxsolo.contour_saxsolo import asked_codes, contours, follow
from modeling_saxsolo.vocabulary_saxsolo import ARTICULATIONS, HOLD, ONSET, SCORE_VOCAB_SIZE

LED = ("vibrato", "scoop", "bend")
CODES = {
    "score_vocab_size": SCORE_VOCAB_SIZE,
    "pitch_range": [60.0, 1500.0],
    "codebook_size": 300,
    "codec_dim": 8,
}
LINE = [0] * 4 + [ONSET + 20] + [HOLD + 20] * 24 + [ONSET + 22] + [HOLD + 22] * 30


def bits(*names):
    return sum(1 << ARTICULATIONS.index(name) for name in names)


def line(*names):
    """Score (1, T) and masks with these kinds in every note."""
    score = np.array([LINE])
    return score, np.where(score > 0, bits(*names), 0)


@pytest.fixture
def voiced(make_model):
    model = make_model(articulations=list(ARTICULATIONS), window_frames=24, **CODES).double()
    torch.nn.init.normal_(model.decoder.intonation.out.weight)
    return model


@pytest.mark.parametrize("kind", LED)
def test_both_ways_of_decoding_follow_alike(voiced, make_backing, kind):
    score, masks = (torch.from_numpy(array) for array in line(kind))
    inputs = make_backing(voiced.config, batch=1, frames=score.shape[1])
    forced = torch.full((1, voiced.config.num_streams, score.shape[1]), -1)
    forced[:, 0] = score

    def play(**how):
        torch.manual_seed(0)
        how = {"plan_frames": 9, "do_sample": True, "codec_temperature": 0.6, **how}
        return voiced.generate(**inputs, forced_codes=forced, **how)

    fast, slow = play(articulation=masks), play(articulation=masks, fast=False)
    assert torch.equal(fast, slow)
    asked = asked_codes(voiced.config, score, masks)
    delay = voiced.config.stream_delays[1]
    there = ~np.isnan(asked[0, delay:])
    codes, wanted = fast[0, 1, :-delay].numpy()[there], asked[0, delay:][there]
    near = np.abs(codes - wanted) < 3
    assert there.sum() >= 2 and near[codes > 0].all() and (codes > 0).any()


def test_nothing_changes_where_none_of_them_is_asked(voiced):
    score, masks = line("slurred", "short", "fall", "glide", "ghost", "growl", "subtone")
    for told in (masks, 0 * masks, 0 * masks - 1):
        asked = asked_codes(voiced.config, torch.from_numpy(score), torch.from_numpy(told))
        assert asked is None


def test_a_contour_depends_on_its_own_note_so_far_alone():
    score, masks = line(*LED)
    whole = contours(score, masks)
    assert np.isnan(whole[:, :4]).all() and not np.isnan(whole[:, 4:]).any()
    for stop in (10, 29, 31, 50):
        np.testing.assert_array_equal(contours(score[:, :stop], masks[:, :stop]), whole[:, :stop])
    np.testing.assert_array_equal(contours(score[:, 2:], masks[:, 2:]), whole[:, 2:])


def test_vibrato_begins_small_and_is_of_five_to_six_hertz():
    score = np.array([[ONSET + 20] + [HOLD + 20] * 199])
    cents = contours(score, np.full_like(score, bits("vibrato")))[0]
    assert np.abs(cents[:5]).max() < 10 and 20 < np.abs(cents[50:]).max() <= 50
    spectrum = np.abs(np.fft.rfft(cents * np.hanning(200), 2000))
    assert 5 <= np.argmax(spectrum) * 50 / 2000 <= 6


def test_how_likely_a_pitch_is_stays(voiced):
    logits = np.random.default_rng(0).normal(0, 2, 302)
    before = np.exp(logits[:300]) / np.exp(logits[:300]).sum()
    follow(logits, 150.3, voiced.config)
    after = np.exp(logits[:300]) / np.exp(logits[:300]).sum()
    assert after[0] == pytest.approx(before[0]) and 148 <= after[1:].argmax() + 1 <= 152
