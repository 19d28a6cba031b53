"""The token corpus: Parquet shards with checksums, a data card, and the functions that read it.

    TOKENS/README.md                                    data card; names the files of each split
    TOKENS/tokens.json                                  layout of the codec, sha256 of every shard
    TOKENS/data/<split>-00000-of-00002.parquet

One row is a clip of at most 1500 frames: `backing_codes` and `solo_codes` (T, K), `score` (T,),
`frame_labels` (T, 4), all int16, and where they come from; where an ear has listened also `heard`
(T, 41) uint8, the posteriors of all frame labels side by side in 255ths; where renders say how
their notes are played also `articulation` (T,) int16, a bit mask of `ARTICULATIONS`, -1 = unknown.
A corpus of solos alone has no `backing_codes`.
`datasets.load_dataset(TOKENS)` reads it, streaming or not. `load_tokens` also notices what Parquet
and datasets do not: flipped bits, missing shards, codes out of range.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES, UNKNOWN_ARTICULATION
from saxsolo.atomic import replace_folder
from saxsolo.corpus.scores.splits import SPLITS

from .checks import HEARD_SIZE, LayoutFile, TokensError, check_row, read_layout, sha256_of
from .data_card import card_text
from .score_rows import Row, clip_bounds

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
LARGEST_CODE = np.iinfo(np.int16).max
SHARD_ROWS = 1000
_PAGE_ROWS = 100
TEXTS = (
    "id pair_id split performer title instrument style feel timbre source licence attribution "
    "codec_sha256"
).split()
INTEGERS = ("clip", "start_frame", "semitones")
FLOATS = ("tempo", "tempo_factor", "frame_rate")


@dataclass(frozen=True)
class TokenSource:
    """What a corpus is built from: manifest rows, and the folder with <pair_id>.npz of each."""

    rows: Sequence[dict[str, Any]]
    codes: Path
    num_codebooks: int
    codebook_size: int
    frame_rate: float
    codec_sha256: str
    ear_sha256: str | None = None
    backing: bool = True
    articulation: bool = False


def row_features(
    num_codebooks: int, heard: bool = False, backing: bool = True, articulation: bool = False
) -> datasets.Features:
    """The columns of a token corpus, as `load_dataset` gives them; codes are (T, K).

    Args:
        heard: whether an ear has listened to the backings.
        backing: whether there are backings, or solos alone.
        articulation: whether rows say how their notes are played.
    """
    codes = datasets.Array2D((None, num_codebooks), "int16")
    by_ear = {"heard": datasets.Array2D((None, HEARD_SIZE), "uint8")} if heard else {}
    masks = {"articulation": datasets.List(datasets.Value("int16"))} if articulation else {}
    return datasets.Features(
        {
            **{name: datasets.Value("string") for name in TEXTS},
            **{name: datasets.Value("int32") for name in INTEGERS},
            **{name: datasets.Value("float32") for name in FLOATS},
            **({"backing_codes": codes} if backing else {}),
            "solo_codes": codes,
            "score": datasets.List(datasets.Value("int16")),
            "frame_labels": datasets.Array2D((None, len(LABEL_SIZES)), "int16"),
            **by_ear,
            **masks,
        }
    )


def features_of(source: TokenSource) -> datasets.Features:
    """The columns of the corpus that a source becomes."""
    heard = source.ear_sha256 is not None
    return row_features(source.num_codebooks, heard, source.backing, source.articulation)


def splits_of(source: TokenSource) -> list[str]:
    """The splits that have rows, in the order of `SPLITS`."""
    present = {row["split"] for row in source.rows}
    return [split for split in SPLITS if split in present]


def split_clips(source: TokenSource, split: str) -> Iterator[Row]:
    """The clips of all pairs of one split, in order."""
    for row in source.rows:
        if row["split"] == split:
            yield from clips_of(source, row)


def clips_of(source: TokenSource, row: dict[str, Any]) -> Iterator[Row]:
    """The clips of one pair, in order."""
    with np.load(source.codes / f"{row['pair_id']}.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if not name.endswith("_sha256")}
    unknown = np.full(len(arrays["score"]), UNKNOWN_ARTICULATION, dtype=np.int16)
    masks = arrays.pop("articulation", unknown)
    if source.articulation:
        arrays["articulation"] = masks
    described = {
        **{name: row[name] for name in (*TEXTS, *INTEGERS, *FLOATS) if name in row},
        "codec_sha256": source.codec_sha256,
        "frame_rate": source.frame_rate,
    }
    for clip, (start, end) in enumerate(clip_bounds(len(arrays["score"]))):
        yield {
            **described,
            "id": f"{row['pair_id']}#{clip}",
            "clip": clip,
            "start_frame": start,
            **{name: array[start:end] for name, array in arrays.items()},
        }


def refuse_foreign(out: Path) -> None:
    """Raises `TokensError` where `out` holds anything but an earlier corpus."""
    if out.exists() and not (out.is_dir() and (out / "tokens.json").exists()):
        if not out.is_dir() or any(out.iterdir()):
            raise TokensError(f"{out} is not empty and holds no token corpus; choose another --out")


def write_corpus(source: TokenSource, out: Path) -> None:
    """Builds the shards beside `out` and moves them there whole; an earlier corpus is replaced.

    Raises `TokensError` where `out` holds anything else.
    """
    refuse_foreign(out)
    work = out.with_name(f"{out.name}.partial")
    fresh, cache = work / "corpus", work / "cache"
    for folder in (fresh, cache):
        shutil.rmtree(folder, ignore_errors=True)
    (fresh / "data").mkdir(parents=True)
    sums: dict[str, str] = {}
    rows: dict[str, int] = {}
    for split in splits_of(source):
        dataset = datasets.Dataset.from_generator(
            split_clips,
            features=features_of(source),
            cache_dir=str(cache),
            gen_kwargs={"source": source, "split": split},
        )
        count = -(-len(dataset) // SHARD_ROWS)
        rows[split] = len(dataset)
        for shard in range(count):
            name = f"data/{split}-{shard:05d}-of-{count:05d}.parquet"
            part = dataset.shard(count, shard, contiguous=True)
            part.to_parquet(
                str(fresh / name),
                batch_size=_PAGE_ROWS,
                write_page_checksum=True,
            )
            sums[name] = sha256_of(fresh / name)
    layout = LayoutFile(
        num_codebooks=source.num_codebooks,
        codebook_size=source.codebook_size,
        frame_rate=source.frame_rate,
        codec_sha256=source.codec_sha256,
        ear_sha256=source.ear_sha256,
        backing=source.backing,
        articulation=source.articulation,
        rows=rows,
        sha256=sums,
    )
    (fresh / "tokens.json").write_text(json.dumps(vars(layout), indent=1) + "\n", "utf-8")
    (fresh / "README.md").write_text(card_text(layout, source.rows), "utf-8")
    replace_folder(fresh, out)
    shutil.rmtree(cache)


def load_tokens(
    folder: Path | str,
    split: str,
    streaming: bool = False,
    num_codebooks: int | None = None,
    codebook_size: int | None = None,
) -> list[Row] | Iterator[Row]:
    """Rows of one split, every one checked; arrays are int16 numpy.

    Args:
        folder: of the corpus, or user/name of a data set on the Hub, which is fetched.
        streaming: give an iterator that holds one batch at a time.
        num_codebooks, codebook_size: of the model; a corpus of other sizes is refused.

    Raises:
        TokensError: for a missing split or shard, a shard whose sha256 or page checksum is wrong,
            another K, codes or labels out of range, arrays of different lengths.
    """
    folder = _local(folder)
    layout = read_layout(folder)
    for name, wanted in (("num_codebooks", num_codebooks), ("codebook_size", codebook_size)):
        if wanted is not None and getattr(layout, name) != wanted:
            raise TokensError(
                f"{folder} has {name} {getattr(layout, name)} but the model {wanted}; tokenise "
                f"with the model's codec"
            )
    shards = layout.shards(split, folder)
    rows = _rows(folder, shards, layout, split)
    return rows if streaming else list(rows)


def token_splits(folder: Path | str) -> list[str]:
    """The splits of a corpus, in the order of `SPLITS`.

    Args:
        folder: as in `load_tokens`.

    Raises:
        TokensError: it holds no corpus.
    """
    rows = read_layout(_local(folder)).rows
    return [split for split in SPLITS if split in rows]


def _local(folder: Path | str) -> Path:
    """The folder, or where the Hub's data set of that name was fetched to."""
    if Path(folder).exists() or not _HUB_ID.fullmatch(str(folder)):
        return Path(folder)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(folder), repo_type="dataset"))
    except (OSError, ValueError) as error:
        raise TokensError(
            f"{folder} is not a folder here, and cannot be fetched from the Hub: {error}"
        ) from error


def _rows(folder: Path, shards: list[str], layout: LayoutFile, split: str) -> Iterator[Row]:
    count = 0
    for name in shards:
        path = folder / name
        if sha256_of(path) != layout.sha256[name]:
            raise TokensError(
                f"{path} is damaged: its sha256 is not the one in tokens.json; fetch or build it "
                f"again"
            )
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                for batch in file.iter_batches(batch_size=_PAGE_ROWS):
                    for row in _read_batch(batch, layout):
                        check_row(row, layout, split, path)
                        count += 1
                        yield row
        except (pa.ArrowException, OSError, KeyError) as error:
            raise TokensError(f"{path} cannot be read: {error}; fetch or build it again") from error
    if count != layout.rows[split]:
        raise TokensError(
            f"{folder}: split {split} has {count} rows, tokens.json names {layout.rows[split]}"
        )


def _read_batch(batch: pa.RecordBatch, layout: LayoutFile) -> Iterator[Row]:
    plain = {name: batch.column(name).to_pylist() for name in (*TEXTS, *INTEGERS, *FLOATS)}
    arrays = {name: _storage(batch.column(name)) for name in layout.codes}
    arrays["frame_labels"] = _storage(batch.column("frame_labels"))
    arrays["score"] = _storage(batch.column("score"))
    if layout.ear_sha256 is not None:
        arrays["heard"] = _storage(batch.column("heard"))
    if layout.articulation:
        arrays["articulation"] = _storage(batch.column("articulation"))
    for place in range(batch.num_rows):
        row: Row = {name: values[place] for name, values in plain.items()}
        for name, column in arrays.items():
            row[name] = _as_numpy(column[place].values)
        if not layout.backing:
            row["backing_codes"] = None
        yield row


def _storage(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _as_numpy(values: pa.Array) -> np.ndarray:
    """(T,) of a list, (T, K) of a list of lists (ragged ones raise `TokensError`)."""
    if not pa.types.is_list(values.type):
        return values.to_numpy()
    widths = set(values.value_lengths().to_pylist())
    if len(widths) != 1:
        raise TokensError(f"rows of codes have the widths {sorted(widths)}; expected one")
    return values.flatten().to_numpy().reshape(len(values), widths.pop())
