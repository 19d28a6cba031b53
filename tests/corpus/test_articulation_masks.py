"""How notes were played, from the truth of a render to the model's batch."""

import json
import shutil

import datasets
import numpy as np
import pytest

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.vocabulary_saxsolo import ARTICULATIONS
from saxsolo.corpus.pairs_folder import PairsError
from saxsolo.corpus.render.articulation_masks import articulation_masks, as_played
from saxsolo.corpus.tokens.collate import Collator
from saxsolo.corpus.tokens.shards import load_tokens
from saxsolo.corpus.tokens.tokenise import tokenise
from saxsolo.music.frame_labels import tokens_to_notes


def bit(name):
    return 1 << ARTICULATIONS.index(name)


def test_a_mask_holds_where_the_kind_is_heard():
    rows = [
        {"onset": 0.1, "duration": 0.5, "pitch": 60, "velocity": 80, "attack": "tongued",
         "vibrato_depth": 20.0, "vibrato_rate": 5.0, "vibrato_start": 0.2, "scoop": 90.0,
         "scoop_length": 0.1, "fall": 150.0, "fall_length": 0.1},
        {"onset": 0.6, "duration": 0.1, "pitch": 62, "velocity": 80, "attack": "slurred",
         "ghost": 9.0},
        # begins in the same frame as the last: the score moves it, or leaves it out
        {"onset": 0.604, "duration": 0.2, "pitch": 64, "velocity": 80, "attack": "short"},
        {"onset": 0.9, "duration": 0.1, "pitch": 64, "velocity": 80, "attack": "tongued"},
    ]  # fmt: skip
    score = np.zeros(60, np.int16)
    score[5], score[6:30] = 21, 81
    score[30], score[31], score[32:40] = 23, 25, 85
    score[45], score[46:50] = 25, 85
    masks = articulation_masks(as_played(rows), score)
    scoop, vibrato, fall = bit("scoop"), bit("vibrato"), bit("fall")
    assert not masks[:5].any() and not masks[40:].any()
    assert (masks[5:15] == scoop).all() and (masks[15:25] == scoop | vibrato).all()
    assert (masks[25:30] == scoop | vibrato | fall).all()
    assert masks[30] == bit("slurred") | bit("ghost")
    assert (masks[31:40] == bit("short")).all()


@pytest.fixture
def solos(pairs, tmp_path):
    """The folder of pairs as solos alone; one of them says how its notes were played."""
    folder = tmp_path / "solos"
    shutil.copytree(pairs, folder)
    for backing in folder.rglob("backing.flac"):
        backing.unlink()
    return folder


def write_truth(folder):
    with np.load(folder / "labels.npz") as file:
        notes = tokens_to_notes(file["score"])
    kinds = [{"attack": "slurred"}, {"attack": "tongued", "growl": 0.5}, {"attack": "short"}]
    rows = [
        {"onset": note.onset, "duration": note.duration, "pitch": note.pitch, "velocity": 80}
        | kinds[place % 3]
        for place, note in enumerate(notes)
    ]
    (folder / "notes.json").write_text(json.dumps({"notes": rows}))


def test_masks_come_from_the_notes_into_rows_and_batches(codec, solos, tmp_path, monkeypatch):
    out = tmp_path / "tokens"
    before = load_tokens(tokenise(solos, codec, out), "train")
    assert "articulation" not in before[0]
    # what is encoded already gets its masks without being encoded again
    write_truth(solos / "train" / "long")
    monkeypatch.setattr("saxsolo.corpus.tokens.tokenise.encode", None)
    rows = load_tokens(tokenise(solos, codec, out), "train")
    assert "1 slurred, 2 short, 4 vibrato" in (out / "README.md").read_text()
    one, long = rows[0], rows[1:]
    assert (one["articulation"] == -1).all() and one["articulation"].dtype == np.int16
    whole = np.concatenate([row["articulation"] for row in long])
    score = np.concatenate([row["score"] for row in long])
    assert set(whole.tolist()) == {0, bit("slurred"), bit("growl"), bit("short")}
    assert not whole[score == 0].any()
    cache = str(tmp_path / "cache")
    loaded = datasets.load_dataset(str(out), split="train", cache_dir=cache)
    for row, same in zip(rows, loaded, strict=True):
        assert np.array_equal(row["articulation"], same["articulation"])
    config = SaxsoloConfig(
        listen="labels", hears="spectrum", codebook_size=256, articulations=["growl", "short"]
    )
    batch = Collator(config, articulation_dropout=0.0, window_frames=2000)([long[0], one])
    frames = len(long[0]["score"])
    assert np.array_equal(batch["articulation"][0, :frames], long[0]["articulation"])
    assert (batch["articulation"][1] == -1).all()
    unknown = Collator(config, articulation_dropout=1.0)([long[0]])
    assert (unknown["articulation"] == -1).all()


def test_damaged_notes_are_named(codec, solos, tmp_path):
    (solos / "train" / "one" / "notes.json").write_text('{"notes": [{"onset": 1}]}')
    with pytest.raises(PairsError, match=r"notes\.json"):
        tokenise(solos, codec, tmp_path / "tokens")
