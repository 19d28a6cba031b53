"""What makes a row of the token corpus right, and the file that describes the corpus."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch

from modeling_saxsolo.vocabulary_saxsolo import (
    ARTICULATIONS,
    LABEL_SIZES,
    SCORE_VOCAB_SIZE,
    UNKNOWN,
    UNKNOWN_ARTICULATION,
)
from saxsolo.errors import SaxsoloError

from .score_rows import CLIP_FRAMES, Row

# classes of all frame labels, whose posteriors an ear gives
HEARD_SIZE = sum(LABEL_SIZES.values())
# licences of rows that nobody has stated
UNSTATED = ("not stated", "")
_SHARD = re.compile(r"data/(?P<split>[a-z]+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.parquet")
# the first parts of names of what only decodes, in our codec and in EnCodec
_DECODERS = ("decoder.", "from_latent.", "out_norm.", "f0_head.", "filter_head.", "angle_head.")


class TokensError(SaxsoloError, ValueError):
    """A token corpus that is missing, damaged or of another layout."""


@dataclass(frozen=True)
class LayoutFile:
    """tokens.json: the codec's layout, rows a split, and the sha256 of each shard; of the ear's
    weights too where one has listened, whether there are backings or solos alone, and whether rows
    say how their notes are played."""

    num_codebooks: int
    codebook_size: int
    frame_rate: float
    codec_sha256: str
    rows: dict[str, int]
    sha256: dict[str, str]
    ear_sha256: str | None = None
    backing: bool = True
    articulation: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        """The columns that hold codes."""
        return ("backing_codes", "solo_codes") if self.backing else ("solo_codes",)

    def shards(self, split: str, folder: Path) -> list[str]:
        """The split's shards in order. Raises `TokensError` when one is not there."""
        if split not in self.rows:
            raise TokensError(f"{folder} has no split {split!r}; it has {sorted(self.rows)}")
        matches = {name: match for name in self.sha256 if (match := _SHARD.fullmatch(name))}
        names = sorted(name for name, match in matches.items() if match["split"] == split)
        counts = {int(matches[name]["count"]) for name in names}
        missing = [name for name in names if not (folder / name).is_file()]
        if missing or counts != {len(names)}:
            raise TokensError(
                f"{folder}: split {split} has {len(names) - len(missing)} of "
                f"{max(counts, default=0)} shards, {missing or 'some'} missing; fetch or build the "
                f"corpus again"
            )
        return names


def read_layout(folder: Path) -> LayoutFile:
    """Reads tokens.json. Raises `TokensError` when it is absent or not what it should be."""
    path = folder / "tokens.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        # what a corpus does not name is older: no ear, always backings, no articulations
        values = {"ear_sha256": None, "backing": True, "articulation": False, **values}
        return LayoutFile(**{entry.name: values[entry.name] for entry in fields(LayoutFile)})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TokensError(
            f"{folder} holds no token corpus: {path.name} cannot be read ({error}); make one with "
            f"saxsolo corpus tokenise"
        ) from error


def check_shards(folder: Path) -> list[str]:
    """Names of all shards, each with the sha256 that tokens.json names. Raises `TokensError`."""
    layout = read_layout(folder)
    names = [name for split in layout.rows for name in layout.shards(split, folder)]
    for name in names:
        if sha256_of(folder / name) != layout.sha256[name]:
            raise TokensError(f"{folder / name} is damaged; build the corpus again")
    return names


def unstated_rows(folder: Path, names: list[str]) -> int:
    """How many rows have no stated licence; all of a shard that has no such column."""
    import pyarrow.parquet as pq

    count = 0
    for name in names:
        shard = pq.ParquetFile(folder / name)
        if "licence" in shard.schema_arrow.names:
            licences = shard.read(columns=["licence"])["licence"].to_pylist()
            count += sum(licence in UNSTATED for licence in licences)
        else:
            count += shard.metadata.num_rows
    return count


def check_row(row: Row, layout: LayoutFile, split: str, path: Path) -> None:
    """Raises `TokensError` unless shapes, types and ranges of the row fit the layout."""
    frames = len(row["score"])
    wanted: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(layout.codes, (frames, layout.num_codebooks)),
        "score": (frames,),
        "frame_labels": (frames, len(LABEL_SIZES)),
        **({"articulation": (frames,)} if layout.articulation else {}),
    }
    where = f"{path}, row {row['id']}"
    if not 0 < frames <= CLIP_FRAMES:
        raise TokensError(f"{where}: {frames} frames, expected 1..{CLIP_FRAMES}")
    for name, shape in wanted.items():
        if row[name].shape != shape or row[name].dtype != np.int16:
            raise TokensError(
                f"{where}: {name} is {row[name].shape} {row[name].dtype}, expected {shape} int16"
            )
    if layout.ear_sha256 is not None:
        heard = row["heard"]
        if heard.shape != (frames, HEARD_SIZE) or heard.dtype != np.uint8:
            raise TokensError(
                f"{where}: heard is {heard.shape} {heard.dtype}, expected {(frames, HEARD_SIZE)} "
                "uint8"
            )
    for name in layout.codes:
        _check_range(row[name], layout.codebook_size, name, where)
    _check_range(row["score"], SCORE_VOCAB_SIZE, "score", where)
    if layout.articulation:
        masks = row["articulation"]
        known = masks[masks != UNKNOWN_ARTICULATION]
        _check_range(known, 1 << len(ARTICULATIONS), "articulation", where)
    for column, (name, size) in enumerate(LABEL_SIZES.items()):
        labels = row["frame_labels"][:, column]
        _check_range(labels[labels != UNKNOWN], size, name, where)
    if row["split"] != split:
        raise TokensError(f"{where}: is of split {row['split']!r}, in a shard of {split!r}")
    if row["codec_sha256"] != layout.codec_sha256:
        raise TokensError(
            f"{where}: was made with codec {row['codec_sha256'][:12]}, the corpus with "
            f"{layout.codec_sha256[:12]}"
        )


def _check_range(values: np.ndarray, size: int, name: str, where: str) -> None:
    if values.size and (values.min() < 0 or values.max() >= size):
        raise TokensError(
            f"{where}: {name} spans {values.min()}..{values.max()}, expected 0..{size - 1}"
        )


def codes_sha256(codec: torch.nn.Module) -> str:
    """A sha256 over names, shapes and bytes of the weights that decide a codec's codes, as float32.

    The decoder is left out: a better one makes better sound of the same codes. It does not depend
    on how the weights are cut into files.
    """
    weights = codec.state_dict().items()
    return _digest({n: tensor for n, tensor in weights if not n.startswith(_DECODERS)})


def ear_sha256(ear: torch.nn.Module) -> str:
    """A sha256 over names, shapes and bytes of an ear's weights, as float32."""
    return _digest(dict(ear.state_dict()))


def _digest(weights: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        # zero is zero: averaging weights may lose its sign
        digest.update((tensor.detach().cpu().float() + 0.0).numpy().tobytes())
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
