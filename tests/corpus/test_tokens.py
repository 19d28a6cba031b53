"""The token corpus: made, read back, and never wrong in silence."""

import json
import shutil
import types

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from transformers import EncodecConfig, EncodecModel

from modeling_saxsolo.backing_saxsolo import heard_blocks, measure_backing
from modeling_saxsolo.codec_adapter_saxsolo import encode
from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.ear_saxsolo import SaxsoloEar, SaxsoloEarConfig, join_heard
from modeling_saxsolo.ear_stream_saxsolo import hear_blocks, label_posteriors
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from saxsolo.corpus.tokens import tokenise as tokenise_module
from saxsolo.corpus.tokens.checks import sha256_of
from saxsolo.corpus.tokens.collate import CollateError, Collator
from saxsolo.corpus.tokens.shards import TokensError, load_tokens
from saxsolo.corpus.tokens.silent_codes import rest_codes, silent_codes, tell_silent_codes
from saxsolo.corpus.tokens.tokenise import TokeniseError, tokenise
from saxsolo.errors import CheckpointError

from ..command_line import command

TINY_EAR = SaxsoloEarConfig(
    note_channels=2, channels=4, scalars=8, num_hidden_layers=1, num_attention_heads=2,
    rhythm_channels=4, ratio_channels=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def corpus(codec, pairs, tmp_path_factory):
    return tokenise(pairs, codec, tmp_path_factory.mktemp("corpus") / "tokens")


@pytest.fixture
def copy(corpus, tmp_path):
    folder = tmp_path / "tokens"
    shutil.copytree(corpus, folder)
    return folder


def reseal(folder, name):
    """Writes the shard's new sha256 into tokens.json, so that only deeper checks can notice."""
    layout = json.loads((folder / "tokens.json").read_text())
    layout["sha256"][name] = sha256_of(folder / name)
    (folder / "tokens.json").write_text(json.dumps(layout))


TRAIN = "data/train-00000-of-00001.parquet"


def test_clips_join_to_the_whole_encoding(corpus, codec, pairs):
    rows = [row for row in load_tokens(corpus, "train") if row["pair_id"] == "long"]
    assert [row["clip"] for row in rows] == [0, 1] and rows[1]["start_frame"] == 826
    for name, file in (("solo_codes", "solo.flac"), ("backing_codes", "backing.flac")):
        sound, _ = soundfile.read(pairs / "train" / "long" / file, dtype="float32")
        whole = encode(codec, torch.from_numpy(sound)[None, None])[0].T.numpy()
        assert (np.concatenate([row[name] for row in rows]) == whole).all()
    with np.load(pairs / "train" / "long" / "labels.npz", allow_pickle=False) as labels:
        for name in ("score", "frame_labels"):
            assert (np.concatenate([row[name] for row in rows]) == labels[name]).all()


def test_splits_and_metadata_come_through(corpus):
    rows = load_tokens(corpus, "train") + load_tokens(corpus, "test")
    assert [row["id"] for row in rows] == ["one#0", "long#0", "long#1", "held#0"]
    assert {row["performer"] for row in rows[:3]} == {"player of train"}
    assert rows[0]["licence"] == "CC0-1.0" and rows[0]["frame_rate"] == 50.0
    streamed = load_tokens(corpus, "train", streaming=True)
    assert isinstance(streamed, types.GeneratorType)
    assert [row["id"] for row in streamed] == ["one#0", "long#0", "long#1"]


def test_load_dataset_reads_it_whole_and_streaming(corpus, tmp_path):
    own = load_tokens(corpus, "train")
    loaded = datasets.load_dataset(str(corpus), cache_dir=str(tmp_path))
    assert {name: len(part) for name, part in loaded.items()} == {"train": 3, "test": 1}
    streamed = list(datasets.load_dataset(str(corpus), split="train", streaming=True))
    for row, plain, stream in zip(own, loaded["train"], streamed, strict=True):
        for name in ("backing_codes", "solo_codes", "score", "frame_labels"):
            assert (np.array(plain[name]) == row[name]).all()
            assert (np.array(stream[name]) == row[name]).all()
        assert plain["performer"] == stream["performer"] == row["performer"]


def test_the_data_card_names_licence_splits_and_codec(corpus):
    text = (corpus / "README.md").read_text()
    assert "license: cc0-1.0" in text and "data/test-*.parquet" in text
    assert json.loads((corpus / "tokens.json").read_text())["codec_sha256"] in text


def test_no_flipped_bit_gets_through(copy):
    path = copy / TRAIN
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 300):
        bits = bytearray(whole)
        bits[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(bits))
        with pytest.raises(TokensError, match="damaged"):
            load_tokens(copy, "train")


def test_page_checksums_notice_a_flip_where_the_sha256_does_not(copy):
    path = copy / TRAIN
    column = pq.ParquetFile(path).metadata.row_group(0).column(20)
    whole = bytearray(path.read_bytes())
    whole[column.data_page_offset + column.total_compressed_size // 2] ^= 4
    path.write_bytes(bytes(whole))
    reseal(copy, TRAIN)
    with pytest.raises(TokensError, match="cannot be read"):
        load_tokens(copy, "train")


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_half_a_shard_is_no_shard(copy, kept):
    whole = (copy / TRAIN).read_bytes()
    (copy / TRAIN).write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(TokensError, match="damaged"):
        load_tokens(copy, "train")
    reseal(copy, TRAIN)
    with pytest.raises(TokensError, match="cannot be read"):
        load_tokens(copy, "train")


def test_a_missing_shard_or_split_or_card_is_named(copy, tmp_path):
    with pytest.raises(TokensError, match="validation"):
        load_tokens(copy, "validation")
    (copy / TRAIN).unlink()
    with pytest.raises(TokensError, match="0 of 1 shards"):
        load_tokens(copy, "train")
    with pytest.raises(TokensError, match="no token corpus"):
        load_tokens(tmp_path, "train")


def change_column(folder, name, change):
    table = pq.read_table(folder / TRAIN)
    column = table.column(name).combine_chunks()
    column = column.storage if isinstance(column, pa.ExtensionArray) else column
    place = table.schema.get_field_index(name)
    values = pa.array(change(column.to_pylist()), type=column.type)
    pq.write_table(table.set_column(place, name, values), folder / TRAIN, write_page_checksum=True)
    reseal(folder, TRAIN)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("solo_codes", lambda v: [[f[:3] for f in row] for row in v], "solo_codes is"),
        ("solo_codes", lambda v: [[[64, *f[1:]] for f in row] for row in v], "0..63"),
        ("solo_codes", lambda v: [row[:-1] for row in v], "solo_codes is"),
        ("solo_codes", lambda v: [[f[: 3 + (i > 5)] for i, f in enumerate(r)] for r in v], "width"),
        ("backing_codes", lambda v: [[[-1, *f[1:]] for f in row] for row in v], "-1"),
        ("score", lambda v: [[121, *row[1:]] for row in v], "score spans"),
        ("frame_labels", lambda v: [[[13, *f[1:]] for f in row] for row in v], "chord_root"),
        ("split", lambda v: ["test"] * len(v), "test"),
        ("codec_sha256", lambda v: ["0" * 64] * len(v), "codec"),
    ],
)
def test_wrong_shapes_and_ranges_are_refused(copy, name, change, message):
    change_column(copy, name, change)
    with pytest.raises(TokensError, match=message):
        load_tokens(copy, "train")


def test_lost_rows_and_other_layouts_are_refused(copy):
    with pytest.raises(TokensError, match="num_codebooks 4 but the model 8"):
        load_tokens(copy, "train", num_codebooks=8)
    table = pq.read_table(copy / TRAIN)
    pq.write_table(table.slice(0, 2), copy / TRAIN)
    reseal(copy, TRAIN)
    with pytest.raises(TokensError, match="2 rows"):
        load_tokens(copy, "train")


def test_encoding_is_taken_up_where_it_was_broken_off(codec, pairs, corpus, tmp_path, monkeypatch):
    encoded = []

    def counted(codec, audio):
        encoded.append(audio.shape[-1])
        if len(encoded) == 2:
            raise KeyboardInterrupt
        return encode(codec, audio)

    monkeypatch.setattr(tokenise_module, "encode", counted)
    out = tmp_path / "tokens"
    with pytest.raises(KeyboardInterrupt):
        tokenise(pairs, codec, out)
    assert not out.exists()
    tokenise(pairs, codec, out)
    assert len(encoded) == 4  # three pairs, one of them twice
    for split in ("train", "test"):
        for again, row in zip(load_tokens(out, split), load_tokens(corpus, split), strict=True):
            assert (again["solo_codes"] == row["solo_codes"]).all()


def test_padding_in_a_batch_changes_no_code(codec, pairs, corpus, tmp_path):
    out = tokenise(pairs, codec, tmp_path / "tokens", batch=3)
    for row, single in zip(load_tokens(out, "train"), load_tokens(corpus, "train"), strict=True):
        for name in ("backing_codes", "solo_codes"):
            assert (row[name] != single[name]).mean() < 0.002  # rounding alone may differ


def test_encodec_stands_in_for_the_codec(pairs, tmp_path):
    config = EncodecConfig(
        target_bandwidths=[1.2],
        sampling_rate=32000,
        audio_channels=1,
        normalize=False,
        chunk_length_s=None,
        num_filters=2,
        hidden_size=8,
        codebook_dim=8,
        codebook_size=64,
        num_lstm_layers=1,
        upsampling_ratios=[8, 5, 4, 4],
    )
    torch.manual_seed(0)
    codec = EncodecModel(config).eval()
    books = config.num_quantizers
    with pytest.raises(TokeniseError, match="one pair at a time"):
        tokenise(pairs, codec, tmp_path / "tokens", batch=2)
    rows = load_tokens(tokenise(pairs, codec, tmp_path / "tokens", limit=1), "train")
    assert rows[0]["solo_codes"].shape == (75, books)


def test_bad_pairs_end_in_one_line(codec, pairs, tmp_path, capsys):
    codec.save_pretrained(tmp_path / "codec")
    arguments = ["--codec", str(tmp_path / "codec"), "--out", str(tmp_path / "tokens")]
    assert command("corpus", "tokenise", "--pairs", tmp_path, *arguments) == 2
    broken = tmp_path / "pairs"
    shutil.copytree(pairs, broken)
    (broken / "train" / "one" / "solo.flac").write_bytes(b"no sound")
    assert command("corpus", "tokenise", "--pairs", broken, *arguments) == 2
    sound = np.zeros(48000 + 640, np.float32)
    soundfile.write(broken / "train" / "one" / "solo.flac", sound, 32000)
    assert command("corpus", "tokenise", "--pairs", broken, *arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("saxsolo:")]
    assert len(lines) == 3
    for line, word in zip(lines, ("manifest.jsonl", "solo.flac", "48640"), strict=True):
        assert word in line, line
    assert not (tmp_path / "tokens").exists()


def test_a_foreign_folder_is_not_replaced(codec, pairs, tmp_path):
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "thesis.txt").write_text("mine")
    with pytest.raises(TokensError, match="not empty"):
        tokenise(pairs, codec, tmp_path / "tokens", limit=1)
    assert not (tmp_path / "tokens.partial").exists()  # found out before encoding anything
    assert (tmp_path / "tokens" / "thesis.txt").read_text() == "mine"


def test_rows_say_what_the_ear_hears(codec, pairs, tmp_path):
    torch.manual_seed(0)
    ear = SaxsoloEar(TINY_EAR).eval()
    out = tokenise(pairs, codec, tmp_path / "tokens", ear)
    rows = [row for row in load_tokens(out, "train") if row["pair_id"] == "long"]
    sound, rate = soundfile.read(pairs / "train" / "long" / "backing.flac", dtype="float32")
    measure = measure_backing(sound, rate, rate)
    blocks = heard_blocks(sound, rate, 16000, measure)
    heard = label_posteriors(join_heard(list(hear_blocks(ear, blocks, measure.tuning)))).T
    rows_heard = np.concatenate([row["heard"] for row in rows])
    assert np.abs(rows_heard / 255 - heard[: len(rows_heard)].numpy()).max() <= 0.5 / 255 + 1e-6
    by_library = datasets.load_dataset(str(out), split="train")
    assert np.asarray(by_library[0]["heard"]).shape == (len(by_library[0]["score"]), 41)
    # another ear hears again
    torch.manual_seed(1)
    other = tokenise(pairs, codec, out, SaxsoloEar(TINY_EAR).eval())
    again = [row for row in load_tokens(other, "train") if row["pair_id"] == "long"]
    assert (again[0]["heard"] != rows[0]["heard"]).any()


def test_rows_without_an_ear_are_refused_by_a_model_that_has_one(corpus):
    rows = load_tokens(corpus, "train")
    config = SaxsoloConfig(listen="labels", hears="spectrum", codebook_size=256)
    with pytest.raises(CollateError, match="tokenise the pairs with an ear"):
        Collator(config)(rows[:1])


def test_solos_alone_become_a_corpus_without_backings(codec, pairs, corpus, tmp_path) -> None:
    """The same codes as of the pairs; labels are always told, and no backing is heard."""
    folder = tmp_path / "solos"
    shutil.copytree(pairs, folder)
    for backing in folder.rglob("backing.flac"):
        backing.unlink()
    alone = tokenise(folder, codec, tmp_path / "tokens")
    assert "without backings" in (alone / "README.md").read_text()
    rows, paired = load_tokens(alone, "train"), load_tokens(corpus, "train")
    for row, pair in zip(rows, paired, strict=True):
        assert row["backing_codes"] is None and row["id"] == pair["id"]
        assert np.array_equal(row["solo_codes"], pair["solo_codes"])
    cache = str(tmp_path / "cache")
    loaded = datasets.load_dataset(str(alone), split="train", streaming=True, cache_dir=cache)
    assert "backing_codes" not in next(iter(loaded))
    config = SaxsoloConfig(listen="labels", hears="spectrum", codebook_size=256)
    batch = Collator(config, backing_dropout=0, label_inputs=0)(rows[:2])
    assert batch["attention_mask"].sum() == 0
    assert torch.equal(batch["frame_labels"], batch["frame_label_inputs"])
    assert (batch["labels"][:, 1:] >= 0).any()
    ear = SaxsoloEar(TINY_EAR)
    with pytest.raises(TokeniseError, match="solos alone"):
        tokenise(folder, codec, tmp_path / "heard", ear)


def test_a_corpus_without_silent_codes_says_so(corpus, tmp_path) -> None:
    config = {"codebook_size": 64, "silent_codes": [1]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    codes = tell_silent_codes(corpus, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["silent_codes"] == codes


def test_pairs_of_another_rate_have_the_same_frames(pairs, tmp_path) -> None:
    """A codec of 44.1 kHz reads pairs of 32 kHz: as many codes, of the same moments."""
    torch.manual_seed(0)
    config = SaxcodecConfig(
        sampling_rate=44100, hop_length=441, n_fft=1764, long_n_fft=5292, codebook_size=64,
        encoder_size=16, encoder_layers=1, decoder_size=16, decoder_layers=1,
    )  # fmt: skip
    rows = load_tokens(tokenise(pairs, SaxcodecModel(config).eval(), tmp_path / "t"), "train")
    with np.load(pairs / "train" / "long" / "labels.npz", allow_pickle=False) as labels:
        assert sum(len(r["score"]) for r in rows if r["pair_id"] == "long") == len(labels["score"])


def test_silent_codes_are_those_of_rests_alone(tmp_path) -> None:
    score = np.array([0] * 60 + [20] * 40)
    codes = np.full((100, 2), 7)
    codes[:50, 0], codes[50:62, 0], codes[62:] = 3, 4, 9
    rows = [{"score": score, "solo_codes": codes}]
    # 3 is of rests alone, 4 begins two notes of twelve, 9 sounds, what is not seen is not known
    assert silent_codes(rows, 12) == [3]
    assert silent_codes(rows, 12, share=0.2) == [3, 4]
    with pytest.raises(CheckpointError, match=r"config\.json"):
        tell_silent_codes(tmp_path, tmp_path)


def test_rest_codes_are_those_of_most_long_rests() -> None:
    score = np.array([0] * 30 + [20] * 10 + [0] * 60)
    codes = np.full((100, 2), 7)
    # before the first note nobody knows, then a room fades
    codes[:40], codes[40:60] = 1, 2
    codes[65] = 3
    rows = [{"score": score, "solo_codes": codes}]
    assert rest_codes(rows) == [7, 7]
    codes[60:, 0] = np.arange(40)
    assert rest_codes(rows) is None
    assert rest_codes([{"score": score[:40], "solo_codes": codes[:40]}]) is None
