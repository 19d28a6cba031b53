"""Rendered or separated pairs -> the token corpus.

    python -m dataset_scripts.tokenise --pairs PAIRS --codec CODEC --out TOKENS

PAIRS holds manifest.jsonl and <split>/<pair_id>/{solo.flac, backing.flac, labels.npz}. Each pair is
encoded whole, then cut into clips, so that no clip starts with the codec's warm-up. The codes of a
pair wait in TOKENS.partial until all are there: a run that was broken off goes on, and more pairs
can be added later. TOKENS gets the Parquet shards and their data card (see jazz_sax_tokens.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from tqdm import tqdm
from transformers import EncodecModel, PreTrainedModel

from modeling_saxsolo.backing_saxsolo import measure_backing
from modeling_saxsolo.codec_adapter_saxsolo import CodecLayout, codec_layout, encode, load_codec

from .jazz_sax_tokens import LARGEST_CODE, TokenSource, refuse_foreign, write_corpus
from .token_checks import codes_sha256

CODES = ("backing_codes", "solo_codes")
SOUNDS = ("backing.flac", "solo.flac")
LABELS = ("score", "frame_labels")
# LUFS between which backings keep their level, as the renders have it. Listening brings all to one
# level in between; the spread here lets the model bear what a running measure gets wrong, and
# corpora keep their codes.
CORPUS_LEVELS = (-28.0, -15.0)


class TokeniseError(ValueError):
    """Pairs that cannot be tokenised: files missing, of another rate or length."""


def tokenise(
    pairs: Path,
    codec: PreTrainedModel,
    out: Path,
    *,
    limit: int | None = None,
    batch: int = 1,
) -> Path:
    """Encodes what is not encoded yet and writes the corpus to `out`.

    Args:
        pairs: folder with manifest.jsonl. limit: only its first so many pairs.
        codec: on the device that is to encode.
        batch: pairs encoded at once; more than one helps on a GPU, and needs a causal codec, since
            shorter ones are padded at their end.

    Raises:
        TokeniseError: for a pair whose files are missing or do not fit each other.
    """
    layout = codec_layout(codec)
    refuse_foreign(out)
    rows = read_pairs(pairs)[:limit]
    work = codes_folder(out)
    sha256 = encode_pairs(pairs, rows, codec, work, batch=batch)
    source = TokenSource(
        rows=rows,
        codes=work,
        num_codebooks=layout.num_codebooks,
        codebook_size=layout.codebook_size,
        frame_rate=float(layout.frame_rate),
        codec_sha256=sha256,
    )
    write_corpus(source, out)
    return out


def codes_folder(out: Path) -> Path:
    """Where the codes of pairs wait until the corpus `out` is written."""
    return out.with_name(f"{out.name}.partial") / "codes"


def encode_pairs(
    pairs: Path,
    rows: Sequence[dict],
    codec: PreTrainedModel,
    work: Path,
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
    waiting = [row for row in rows if not _is_encoded(work, row, sha256)]
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
            for row, arrays in zip(group, _encode_group(pairs, group, codec, layout), strict=True):
                _save(work, row, {**arrays, "codec_sha256": np.array(sha256)})
                bar.update(round(row["frames"] / layout.frame_rate))
    return sha256


def read_pairs(pairs: Path) -> list[dict]:
    """The manifest's rows; a torn last line (a kill while writing) is left out."""
    try:
        lines = (pairs / "manifest.jsonl").read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise TokeniseError(
            f"cannot read {pairs}/manifest.jsonl ({error.strerror}); render pairs first"
        ) from error
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise TokeniseError(f"{pairs}/manifest.jsonl:{number} is no JSON: {error}") from error
    if not rows:
        raise TokeniseError(f"{pairs}/manifest.jsonl has no rows; render pairs first")
    return rows


def _encode_group(
    pairs: Path, rows: Sequence[dict], codec: PreTrainedModel, layout: CodecLayout
) -> Iterator[dict[str, np.ndarray]]:
    """Codes (T, K) of backing and solo, and the labels, of each pair."""
    sounds, labels = [], []
    for row in rows:
        folder = pairs / row["split"] / row["pair_id"]
        both = [_read_sound(folder / name, layout.sampling_rate) for name in SOUNDS]
        if len(both[0]) != len(both[1]):
            raise TokeniseError(
                f"{folder}: backing has {len(both[0])} samples and solo {len(both[1])}; "
                f"render the pair again"
            )
        rate = layout.sampling_rate
        gain = measure_backing(both[0], rate, rate).gain(*CORPUS_LEVELS)
        sounds += [np.float32(gain) * both[0], both[1]]
        labels.append(_read_labels(folder / "labels.npz"))
    longest = max(len(sound) for sound in sounds)
    audio = torch.zeros(len(sounds), 1, longest)
    for place, sound in enumerate(sounds):
        audio[place, 0, : len(sound)] = torch.from_numpy(sound)
    codes = encode(codec, audio.to(codec.device)).cpu().numpy()
    for place, (row, arrays) in enumerate(zip(rows, labels, strict=True)):
        frames = -(-len(sounds[2 * place]) // layout.frame_samples)
        found = {name: len(array) for name, array in arrays.items()}
        if any(length != frames for length in found.values()):
            raise TokeniseError(
                f"{row['pair_id']}: the sound has {frames} frames but the labels {found}; "
                f"render the pair again"
            )
        for name, one in zip(CODES, codes[2 * place : 2 * place + 2], strict=True):
            arrays[name] = np.ascontiguousarray(one[:, :frames].T).astype(np.int16)
        yield arrays


def _read_sound(path: Path, sampling_rate: int) -> np.ndarray:
    try:
        sound, rate = soundfile.read(path, dtype="float32")
    except (OSError, soundfile.SoundFileError) as error:
        raise TokeniseError(f"cannot read {path}: {error}") from error
    if rate != sampling_rate or sound.ndim != 1:
        raise TokeniseError(
            f"{path} has {rate} Hz and shape {sound.shape}; the codec wants mono at "
            f"{sampling_rate} Hz"
        )
    return sound


def _read_labels(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in LABELS}
    except (OSError, ValueError, KeyError) as error:
        raise TokeniseError(f"cannot read the labels {path}: {error}") from error


def _is_encoded(work: Path, row: dict, sha256: str) -> bool:
    try:
        with np.load(work / f"{row['pair_id']}.npz", allow_pickle=False) as arrays:
            return str(arrays["codec_sha256"]) == sha256 and len(arrays["score"]) == row["frames"]
    except (OSError, ValueError, KeyError):
        return False


def _save(work: Path, row: dict, arrays: dict[str, np.ndarray]) -> None:
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"{row['pair_id']}.npz"
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays)
    part.rename(path)


def main(argv: list[str] | None = None) -> int:
    """The command line. Returns 0, or 2 after one clear line on bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--codec", required=True, help="folder or hub id")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="only so many pairs of the manifest")
    parser.add_argument("--batch", type=int, default=1, help="pairs encoded at once")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 = as they are")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args(argv)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    try:
        codec = load_codec(arguments.codec).to(arguments.device)
        tokenise(
            arguments.pairs,
            codec,
            arguments.out,
            limit=arguments.limit,
            batch=arguments.batch,
        )
    except (ValueError, OSError) as error:
        print(f"tokenise: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
