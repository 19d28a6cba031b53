"""Whoever has three recordings trains on them."""

import json

import numpy as np
import pytest

from saxsolo.corpus.tokens.score_rows import Row
from saxsolo.corpus.tokens.shards import TokenSource, write_corpus
from saxsolo.training.small_corpus import recording_of, split_by_recording
from saxsolo.training.solo_inputs import SoloInputs
from saxsolo.training.train_solo import train_solo


def rows_of(recordings: int, versions: int = 2) -> list[Row]:
    return [
        {"performer": "me", "title": f"Tune {number}", "pair_id": f"{number}-{version}"}
        for number in range(recordings)
        for version in range(versions)
    ]


@pytest.mark.parametrize("count, held_out", [(1, 0), (2, 1), (3, 1), (14, 1), (40, 4)])
def test_whole_recordings_are_held_out(count, held_out):
    rows = split_by_recording(rows_of(count))
    by_split = {
        split: {recording_of(row) for row in rows if row["split"] == split}
        for split in ("train", "validation")
    }
    assert len(by_split["validation"]) == held_out
    assert not by_split["train"] & by_split["validation"]
    assert len(rows) == 2 * count and rows == split_by_recording(rows_of(count))


def tokens(folder, count: int, split: str):
    """A corpus of so many recordings, all in one split; every other version is transposed."""
    rng = np.random.default_rng(0)
    codes = folder / "codes"
    codes.mkdir()
    rows = []
    for place, row in enumerate(rows_of(count)):
        frames = 300
        np.savez(
            codes / f"{row['pair_id']}.npz",
            backing_codes=rng.integers(0, 128, (frames, 4)).astype(np.int16),
            solo_codes=rng.integers(0, 128, (frames, 4)).astype(np.int16),
            score=np.zeros(frames, np.int16),
            frame_labels=np.full((frames, 4), -100, np.int16),
        )
        texts = ("instrument", "style", "feel", "timbre", "source", "attribution")
        rows.append(
            {
                **row,
                **dict.fromkeys(texts, ""),
                "split": split,
                "licence": "CC0-1.0",
                "semitones": place % 2,
                "tempo": 0.0,
                "tempo_factor": 1.0,
                "frames": frames,
            }
        )
    source = TokenSource(rows, codes, 4, 128, 50.0, "0" * 64)
    write_corpus(source, folder / "tokens")
    return str(folder / "tokens")


@pytest.mark.parametrize("split", ["train", "test"])
def test_three_recordings_train(settings, tmp_path, capsys, split):
    inputs = SoloInputs(tokens=tokens(tmp_path, 3, split))
    assert train_solo(settings.changed(max_steps=3), inputs, tmp_path / "run", device="cpu")
    said = capsys.readouterr().err
    assert f"has the splits {split}: 1 of 3 recordings held out for validation" in said
    assert "of one tune: the loss over another tune's backing, which needs two, is left out" in said
    figures = json.loads((tmp_path / "run/final/figures.json").read_text())
    assert figures["step"] == 3 and np.isfinite(figures["loss_own"])
    assert np.isfinite(figures["gap_none"]) and "loss_other" not in figures


def test_one_recording_trains_without_a_judgement(settings, tmp_path, capsys):
    inputs = SoloInputs(tokens=tokens(tmp_path, 1, "train"))
    assert train_solo(settings.changed(max_steps=2), inputs, tmp_path / "run", device="cpu")
    assert "0 of 1 recordings held out" in capsys.readouterr().err
    assert "loss_own" not in json.loads((tmp_path / "run/final/figures.json").read_text())
