"""Runs of the decoder set beside each other, from what `train` writes."""

import json

import pytest

from saxsolo.errors import CheckpointError
from saxsolo.evaluation.decoder_runs import decoders_text, read_decoder_run


def _run(folder, own, clips=("a1", "a2", "b1")):
    folder.mkdir()
    rows = [
        {"clip": clip, "solo": clip[0], "own": loss, "other": 9.0}
        for clip, loss in zip(clips, own, strict=True)
    ]
    facts = {"step": 150, "parameters": 2_000_000, "loss_own": sum(own) / 3, "per_clip": rows}
    facts |= {"loss_own_score": 1.0, "loss_own_codebook_1": 5.0, "loss_other_score": 9.0}
    (folder / "heldout-validation.json").write_text(json.dumps(facts))
    return read_decoder_run(folder)


def test_differences_are_those_clip_by_clip(tmp_path) -> None:
    first = _run(tmp_path / "first", [1.0, 2.0, 3.0])
    worse = _run(tmp_path / "worse", [1.25, 2.25, 3.25])
    text = decoders_text({"default": first, "worse": worse})
    assert "3 held-out clips of 2 solos" in text
    assert "| default | 2.00 M | 150 | 1.000 | 5.000 | 2.000 |" in text
    # the same everywhere, so that no draw of solos changes it
    assert text.endswith("| 2.250 | +0.250 | +0.250 to +0.250 |")


def test_other_clips_and_unfinished_runs_are_refused(tmp_path) -> None:
    first = _run(tmp_path / "first", [1.0, 2.0, 3.0])
    other = _run(tmp_path / "other", [1.0, 2.0, 3.0], ("a1", "a2", "c1"))
    with pytest.raises(CheckpointError, match="other was judged on other clips"):
        decoders_text({"default": first, "other": other})
    with pytest.raises(CheckpointError, match="heldout-validation.json is missing"):
        read_decoder_run(tmp_path)
