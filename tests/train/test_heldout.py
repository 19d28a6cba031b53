"""The held-out judgement: cases, partners, confidence intervals."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from saxsolo.corpus.tokens.collate import Collator
from saxsolo.training.heldout import choose_clips, confidence_interval, evaluate_heldout, partners


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=20))
def test_an_interval_holds_the_mean_and_shrinks_to_a_constant(values):
    values = np.array(values)
    groups = [str(place) for place in range(len(values))]
    low, high = confidence_interval(values, groups)
    assert values.min() - 1e-9 <= low <= high <= values.max() + 1e-9
    assert confidence_interval(np.full(4, 2.0), list("abcd")) == pytest.approx((2.0, 2.0))


def test_clips_of_one_solo_do_not_count_as_independent():
    rng = np.random.default_rng(0)
    solos = np.repeat(rng.normal(size=10), 20)
    apart = confidence_interval(solos, [str(i) for i in range(200)])
    together = confidence_interval(solos, [str(i // 20) for i in range(200)])
    assert together[1] - together[0] > 2.5 * (apart[1] - apart[0])


def test_a_partner_is_of_another_tune(score_corpus):
    found = partners(score_corpus)
    for row, partner in zip(score_corpus, found, strict=True):
        assert row["title"] != score_corpus[partner]["title"]
    one_tune = [row for row in score_corpus if row["title"] == score_corpus[0]["title"]]
    assert partners(one_tune) is None


def test_of_one_tune_the_other_backing_is_left_out(make_model, audio_corpus):
    one_tune = [row for row in audio_corpus if row["title"] == audio_corpus[0]["title"]]
    judgement = evaluate_heldout(make_model().eval(), one_tune)
    figures = judgement.figures()
    assert np.isfinite(figures["loss_own"]) and np.isfinite(figures["gap_none"])
    assert not any("other" in name for name in figures)
    assert set(judgement.per_clip()[0]) == {"clip", "solo", "own", "none"}


def test_chosen_clips_are_spread_over_the_performers(score_corpus):
    rows = [{**row, "performer": str(i), "id": str(i)} for i, row in enumerate(score_corpus * 9)]
    chosen = choose_clips(rows, 4)
    assert len(chosen) == 4 and len({row["performer"] for row in chosen}) == 4
    assert choose_clips(rows, 0) == choose_clips(rows, 999) and len(choose_clips(rows, 0)) == 27


@pytest.mark.parametrize("kind", ["score_corpus", "audio_corpus"])
def test_losses_are_those_of_the_model(kind, make_model, request):
    rows = request.getfixturevalue(kind)
    model = make_model(initializer_range=0.2).eval()
    judgement = evaluate_heldout(model, rows, batch_size=2)
    assert judgement.loss.shape == (len(rows), 3, 5)
    streams = slice(0, 5) if kind == "audio_corpus" else slice(0, 1)
    assert np.isfinite(judgement.loss[:, :, streams]).all()
    assert np.isfinite(judgement.loss).all() == (kind == "audio_corpus")
    window = model.config.window_frames
    row = {n: v[:window] if isinstance(v, np.ndarray) else v for n, v in rows[1].items()}
    with torch.no_grad():
        alone = model(**Collator(model.config, None, 0, 0, 0)([row])).loss_per_stream.numpy()
    assert judgement.loss[1, 0, streams] == pytest.approx(alone[streams], rel=1e-4)
    gap = judgement.loss[:, 1, 0] - judgement.loss[:, 0, 0]
    figures = judgement.figures()
    assert figures["gap_other_score"] == pytest.approx(gap.mean())
    low, high = figures["gap_other_score_95"]
    assert low <= figures["gap_other_score"] <= high
    assert (np.abs(gap) > 1e-6).all()  # another backing is heard
    assert (np.abs(judgement.loss[:, 2, 0] - judgement.loss[:, 0, 0]) > 1e-6).all()
    assert [clip["own"] for clip in judgement.per_clip()] == pytest.approx(
        np.nanmean(judgement.loss[:, 0], axis=1).tolist()
    )
    assert ("accuracy_chord_root" in figures) == (kind == "audio_corpus")


def test_a_model_that_hears_by_its_ear_is_judged_over_the_other_backing(make_model, audio_corpus):
    """The posteriors go with the backing: over another tune's the losses are others."""
    rng = np.random.default_rng(1)
    rows = [
        {**row, "heard": rng.integers(0, 256, (len(row["score"]), 41)).astype(np.uint8)}
        for row in audio_corpus
    ]
    model = make_model(initializer_range=0.3, listen="labels", hears="spectrum").eval()
    judgement = evaluate_heldout(model, rows, batch_size=2)
    assert np.isfinite(judgement.loss).all()
    assert (np.abs(judgement.loss[:, 0] - judgement.loss[:, 1]).max(axis=1) > 1e-4).all()
    assert np.isnan(judgement.label_accuracy).all()
