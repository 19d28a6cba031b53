"""Batches: crop, delay, pad, drop, transpose."""

import numpy as np
import pytest
import torch

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.delay_saxsolo import undo_delay
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.corpus.tokens.collate import IGNORE, CollateError, Collator
from saxsolo.corpus.tokens.score_rows import CLIP_FRAMES, clip_bounds, score_rows
from saxsolo.music.frame_labels import frame_labels, score_tokens

SMALL = {"hidden_size": 32, "num_attention_heads": 2, "codebook_size": 128, "window_frames": 200}


@pytest.fixture
def config() -> SaxsoloConfig:
    return SaxsoloConfig(**SMALL)


@pytest.fixture
def rows() -> list[dict]:
    return score_rows(builtin_scores())


def with_audio(row: dict, seed: int = 0) -> dict:
    """The row with random codes of K = 4, V = 128."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 128, (2, len(row["score"]), 4)).astype(np.int16)
    return {**row, "timbre": "mtg", "backing_codes": codes[0], "solo_codes": codes[1]}


@pytest.mark.parametrize("frames", [0, 1, 1499, 1500, 1501, 3100, 40000])
def test_clips_cover_everything_and_leave_no_short_tail(frames):
    bounds = clip_bounds(frames)
    assert [i for start, end in bounds for i in range(start, end)] == list(range(frames))
    lengths = [end - start for start, end in bounds]
    assert max(lengths, default=0) <= CLIP_FRAMES
    assert max(lengths, default=0) - min(lengths, default=0) <= 1


def test_rows_of_scores_join_to_the_whole_solo():
    score = builtin_scores()[0]
    rows = score_rows([score], tempi=(1.0, 0.8))
    assert {row["pair_id"] for row in rows} == {f"{score.id}@1", f"{score.id}@0.8"}
    slow = [row for row in rows if row["tempo_factor"] == 0.8]
    frames = sum(len(row["score"]) for row in slow)
    played = score.scale_tempo(0.8)
    joined = np.concatenate([row["score"] for row in slow])
    assert (joined == score_tokens(played, frames)).all()
    joined = np.concatenate([row["frame_labels"] for row in slow])
    assert (joined == frame_labels(played, frames)).all()
    assert [row["start_frame"] for row in slow] == [0, len(slow[0]["score"])]
    assert slow[0]["tempo"] == pytest.approx(132 * 0.8)


def test_a_batch_holds_what_the_row_holds(config, rows):
    row = with_audio(rows[0])
    row = {name: v[:150] if isinstance(v, np.ndarray) else v for name, v in row.items()}
    batch = Collator(config, 200, 0, 0, label_inputs=1.0)([row])
    streams = undo_delay(batch["labels"], config.stream_delays)[0]
    assert (streams[0].numpy() == row["score"]).all()
    assert (streams[1:].T.numpy() == row["solo_codes"]).all()
    assert (batch["backing_codes"][0].T.numpy() == row["backing_codes"]).all()
    assert (batch["frame_labels"][0].T.numpy() == row["frame_labels"]).all()
    assert (batch["frame_label_inputs"] == batch["frame_labels"]).all()
    assert batch["attention_mask"].tolist() == [[1] * 150]
    assert batch["condition_ids"].tolist() == [[2, 0, 1, 0]]  # tenor, swing, medium, mtg
    assert all(value.dtype == torch.int64 for value in batch.values())


def test_shorter_rows_are_padded_with_what_is_ignored(config, rows):
    short = {n: v[:60] if isinstance(v, np.ndarray) else v for n, v in with_audio(rows[0]).items()}
    batch = Collator(config, 200, 0, 0)([with_audio(rows[1]), short])
    assert batch["backing_codes"].shape == (2, 4, 200)
    assert batch["attention_mask"][1].tolist() == [1] * 60 + [0] * 140
    streams = undo_delay(batch["labels"], config.stream_delays)
    assert (streams[1, :, 60:] == IGNORE).all() and (streams[1, :, :60] >= 0).all()
    assert (batch["frame_labels"][1, :, 60:] == -100).all()


def test_rows_without_audio_teach_only_the_score(config, rows):
    batch = Collator(config, 200, backing_dropout=0)(rows[:2])
    assert batch["attention_mask"].sum() == 0
    assert (batch["labels"][:, 1:] == IGNORE).all() and (batch["labels"][:, 0] >= 0).any()
    assert (batch["frame_label_inputs"] == batch["frame_labels"]).all()
    silent = SaxsoloConfig(**SMALL, score_vocab_size=0)
    with pytest.raises(CollateError, match="score_vocab_size"):
        Collator(silent)(rows[:1])


def test_transposition_moves_notes_and_roots_alike(config, rows):
    plain = Collator(config, 5000, 0, 0)([rows[0]])
    shifts = set()
    for seed in range(40):
        moved = Collator(config, 5000, 0, 0, transpose=True, seed=seed)([rows[0]])
        roots, old_roots = moved["frame_labels"][0, 0], plain["frame_labels"][0, 0]
        known = (old_roots >= 0) & (old_roots < 12)
        shift = set(((roots - old_roots)[known] % 12).tolist())
        tokens, old = moved["labels"][0, 0], plain["labels"][0, 0]
        sounding = old > 0
        difference = set((tokens - old)[sounding].tolist())
        assert len(shift) == len(difference) == 1
        assert shift == {step % 12 for step in difference}
        assert (tokens[~sounding] == old[~sounding]).all()
        assert (moved["frame_labels"][0, 1:] == plain["frame_labels"][0, 1:]).all()
        shifts |= difference
    assert shifts <= set(range(-6, 6)) and len(shifts) > 8


def test_drops_happen_as_often_as_asked(config, rows):
    row = with_audio(rows[0])
    collator = Collator(config, 20, 0.25, 0.1, label_inputs=0.5, seed=3)
    batch = collator([row] * 2000)
    heard = batch["attention_mask"].amax(dim=1)
    told = (batch["frame_label_inputs"] >= 0).flatten(1).any(1).long()
    known = (batch["frame_labels"] >= 0).flatten(1).any(1)
    assert heard.float().mean().item() == pytest.approx(0.75, abs=0.04)
    assert not (told & (1 - heard)).any()
    assert told[known & (heard > 0)].float().mean().item() == pytest.approx(0.5, abs=0.06)
    given = (batch["condition_ids"] >= 0).float()
    assert given[heard > 0].mean().item() == pytest.approx(0.9, abs=0.03)
    assert given[heard == 0].mean().item() == pytest.approx(0.45, abs=0.06)


def test_codes_of_another_codec_are_refused(config, rows):
    row = with_audio(rows[0])
    row["solo_codes"] = row["solo_codes"][:, :3]
    with pytest.raises(CollateError, match="solo_codes"):
        Collator(config)([row])
