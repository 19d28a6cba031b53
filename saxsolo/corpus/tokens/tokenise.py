"""Rendered or separated pairs, or solos alone -> the token corpus.

    saxsolo corpus tokenise --pairs PAIRS --codec CODEC --out TOKENS

PAIRS holds manifest.jsonl and <split>/<pair_id>/{solo.flac, backing.flac, labels.npz}; solos alone
have no backing.flac, and a model that trains on them is told their chords and beats. How the notes
were played stands in labels.npz, or follows from the notes.json of a rendered solo. Each pair is
encoded whole, then cut into clips, so that no clip starts with the codec's warm-up. The codes of a
pair wait in TOKENS.partial until all are there: a run that was broken off goes on, and more pairs
can be added later. TOKENS gets the Parquet shards and their data card (see jazz_sax_tokens.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import EncodecModel, PreTrainedModel

from modeling_saxsolo.backing_saxsolo import heard_blocks, measure_backing
from modeling_saxsolo.codec_adapter_saxsolo import CodecLayout, codec_layout, encode
from modeling_saxsolo.ear_saxsolo import SaxsoloEar, join_heard
from modeling_saxsolo.ear_spectrum_saxsolo import SAMPLING_RATE as EAR_RATE
from modeling_saxsolo.ear_stream_saxsolo import hear_blocks, label_posteriors
from saxsolo.atomic import replacing
from saxsolo.corpus.pairs_folder import (
    BACKING,
    LABELS,
    MANIFEST,
    SOLO,
    PairsError,
    is_alone,
    pair_folder,
    read_labels,
    read_manifest,
    read_whole_sound,
)
from saxsolo.corpus.render.articulation_masks import read_masks
from saxsolo.corpus.scores.splits import SPLITS
from saxsolo.errors import SaxsoloError

from .checks import codes_sha256, ear_sha256
from .shards import LARGEST_CODE, TokenSource, refuse_foreign, write_corpus

CODES = ("backing_codes", "solo_codes")
MASKS = "articulation"
# LUFS between which backings keep their level, as the renders have it. Listening brings all to one
# level in between; the spread here lets the model bear what a running measure gets wrong, and
# corpora keep their codes.
CORPUS_LEVELS = (-28.0, -15.0)


class TokeniseError(SaxsoloError, ValueError):
    """Pairs that cannot be tokenised: a codec that does not suit, sounds of different lengths."""


def tokenise(
    pairs: Path,
    codec: PreTrainedModel,
    out: Path,
    ear: SaxsoloEar | None = None,
    *,
    limit: int | None = None,
    batch: int = 1,
) -> Path:
    """Encodes what is not encoded yet and writes the corpus to `out`.

    Args:
        pairs: folder with manifest.jsonl. limit: only its first so many pairs.
        codec: on the device that is to encode.
        ear: listens to the backings; what it hears stands in the rows beside the codes, so that a
            model that hears by it trains from the corpus alone. None = no such column.
        batch: pairs encoded at once; more than one helps on a GPU, and needs a causal codec, since
            shorter ones are padded at their end.

    Raises:
        PairsError: for a pair whose files are missing or damaged.
        TokeniseError: for a codec that does not suit, or files that do not fit each other.
    """
    layout = codec_layout(codec)
    refuse_foreign(out)
    rows = read_manifest(pairs, needed=("pair_id", "split", "frames"))
    # sets that are no splits, as `saxsolo corpus solos` makes for codecs, stay outside
    rows = [row for row in rows if row["split"] in SPLITS][:limit]
    if not rows:
        raise PairsError(f"{pairs / MANIFEST} has no rows; render pairs first")
    alone = is_alone(pairs, rows[0])
    if alone and ear is not None:
        raise TokeniseError(f"{pairs} holds solos alone: there is nothing for an ear to hear")
    work = codes_folder(out)
    sha256 = encode_pairs(pairs, rows, codec, work, ear, batch=batch)
    source = TokenSource(
        rows=rows,
        codes=work,
        num_codebooks=layout.num_codebooks,
        codebook_size=layout.codebook_size,
        frame_rate=float(layout.frame_rate),
        codec_sha256=sha256,
        ear_sha256=None if ear is None else ear_sha256(ear),
        backing=not alone,
        articulation=any(_has_masks(work, row) for row in rows),
    )
    write_corpus(source, out)
    return out


def codes_folder(out: Path) -> Path:
    """Where the codes of pairs wait until the corpus `out` is written."""
    return out.with_name(f"{out.name}.partial") / "codes"


def encode_pairs(
    pairs: Path,
    rows: Sequence[dict[str, Any]],
    codec: PreTrainedModel,
    work: Path,
    ear: SaxsoloEar | None = None,
    *,
    batch: int = 1,
    quiet: bool = False,
) -> str:
    """Writes work/<pair_id>.npz of every row that has none of this codec's yet.

    Returns the sha256 of the codec's weights. Several processes may share `work`, each with its
    own rows. Raises as `tokenise` does.
    """
    layout = codec_layout(codec)
    if layout.codebook_size > LARGEST_CODE + 1:
        raise TokeniseError(
            f"the codec has {layout.codebook_size} codes a codebook; rows hold at most "
            f"{LARGEST_CODE + 1}"
        )
    if batch > 1 and isinstance(codec, EncodecModel):
        raise TokeniseError(f"batch {batch}: EnCodec looks ahead, its sounds go one pair at a time")
    sha256 = codes_sha256(codec)
    sums = {"codec_sha256": sha256, "ear_sha256": "" if ear is None else ear_sha256(ear)}
    waiting = [row for row in rows if not _is_encoded(work, row, sums)]
    missing = {row["pair_id"] for row in waiting}
    for row in rows:
        if row["pair_id"] not in missing:
            _add_masks(pairs, work, row)
    # Neighbours in length share a batch, so little is padded.
    waiting.sort(key=lambda row: row["frames"])
    seconds = sum(row["frames"] for row in waiting) / layout.frame_rate
    with tqdm(
        total=round(seconds),
        unit="s",
        unit_scale=True,
        desc="encoding",
        disable=quiet or not waiting,
    ) as bar:
        for first in range(0, len(waiting), batch):
            group = waiting[first : first + batch]
            coded = _encode_group(pairs, group, codec, layout)
            for row, arrays in zip(group, coded, strict=True):
                if ear is not None:
                    sound = pair_folder(pairs, row) / BACKING
                    rate, frames = layout.sampling_rate, len(arrays["score"])
                    arrays["heard"] = hear_pair(ear, read_whole_sound(sound, rate), rate, frames)
                known = {name: np.array(value) for name, value in sums.items()}
                _save(work, row, {**arrays, **known})
                bar.update(round(row["frames"] / layout.frame_rate))
    return sha256


def _encode_group(
    pairs: Path, rows: Sequence[dict[str, Any]], codec: PreTrainedModel, layout: CodecLayout
) -> Iterator[dict[str, np.ndarray]]:
    """Codes (T, K) of backing and solo, and the labels, of each pair."""
    names = CODES[1:] if is_alone(pairs, rows[0]) else CODES
    sounds: list[np.ndarray] = []
    labels = []
    for row in rows:
        sounds += _sounds(pairs, row, layout.sampling_rate, alone=len(names) == 1)
        labels.append(_labels(pair_folder(pairs, row)))
    longest = max(len(sound) for sound in sounds)
    audio = torch.zeros(len(sounds), 1, longest)
    for place, sound in enumerate(sounds):
        audio[place, 0, : len(sound)] = torch.from_numpy(sound)
    codes = encode(codec, audio.to(codec.device)).cpu().numpy()
    for place, (row, arrays) in enumerate(zip(rows, labels, strict=True)):
        first = len(names) * place
        frames = -(-len(sounds[first]) // layout.frame_samples)
        lengths = {name: len(array) for name, array in arrays.items()}
        if any(length != frames for length in lengths.values()):
            raise TokeniseError(
                f"{row['pair_id']}: the sound has {frames} frames but the labels {lengths}; "
                f"render the pair again"
            )
        for name, part in zip(names, codes[first : first + len(names)], strict=True):
            arrays[name] = np.ascontiguousarray(part[:, :frames].T).astype(np.int16)
        yield arrays


def _labels(folder: Path) -> dict[str, np.ndarray]:
    """Labels of a pair, with the masks of its articulations where they are known."""
    labels: dict[str, np.ndarray] = dict(read_labels(folder))
    masks = None if MASKS in labels else read_masks(folder, labels["score"])
    return labels if masks is None else {**labels, MASKS: masks}


def _sounds(pairs: Path, row: dict[str, Any], rate: int, *, alone: bool) -> list[np.ndarray]:
    """Backing, at the level that corpora have, and solo; the solo only where it is alone."""
    folder = pair_folder(pairs, row)
    solo = read_whole_sound(folder / SOLO, rate)
    if alone:
        return [solo]
    backing = read_whole_sound(folder / BACKING, rate)
    if len(backing) != len(solo):
        raise TokeniseError(
            f"{folder}: backing has {len(backing)} samples and solo {len(solo)}; "
            f"render the pair again"
        )
    gain = measure_backing(backing, rate, rate).gain(*CORPUS_LEVELS)
    return [np.float32(gain) * backing, solo]


def hear_pair(ear: SaxsoloEar, backing: np.ndarray, rate: int, frames: int) -> np.ndarray:
    """Posteriors of the frame labels (frames, 41) uint8, in 255ths, as a player hears them."""
    measure = measure_backing(backing, rate, rate)
    blocks = heard_blocks(backing, rate, EAR_RATE, measure)
    heard = label_posteriors(join_heard(list(hear_blocks(ear, blocks, measure.tuning))))
    rounded = (255 * heard.T[:frames]).round().to(torch.uint8).numpy()
    return np.pad(rounded, ((0, frames - len(rounded)), (0, 0)), mode="edge")


def _is_encoded(work: Path, row: dict[str, Any], sums: dict[str, str]) -> bool:
    try:
        with np.load(work / f"{row['pair_id']}.npz", allow_pickle=False) as arrays:
            same = all(str(arrays[name]) == value for name, value in sums.items())
            return same and len(arrays["score"]) == row["frames"]
    except (OSError, ValueError, KeyError):
        return False


def _has_masks(work: Path, row: dict[str, Any]) -> bool:
    with np.load(work / f"{row['pair_id']}.npz", allow_pickle=False) as arrays:
        return MASKS in arrays


def _add_masks(pairs: Path, work: Path, row: dict[str, Any]) -> None:
    """Masks beside codes of before there were any, where labels or notes tell them."""
    folder = pair_folder(pairs, row)
    if _has_masks(work, row) or not (folder / LABELS).is_file():
        return
    masks = _labels(folder).get(MASKS)
    if masks is None:
        return
    with np.load(work / f"{row['pair_id']}.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    _save(work, row, {**arrays, MASKS: masks})


def _save(work: Path, row: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    work.mkdir(parents=True, exist_ok=True)
    with replacing(work / f"{row['pair_id']}.npz") as (partial,), partial.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # names are free
