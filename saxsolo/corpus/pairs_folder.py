"""The folder of pairs on disk: backing and solo of one passage, with its labels.

    PAIRS/manifest.jsonl                             one row a finished pair
    PAIRS/<split>/<pair_id>/{backing.flac, solo.flac, labels.npz}

A pair is put in place whole, and its row follows: what has no row is not there. Rendering and the
build write it, tokenising, training and the evaluation read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES, SAMPLING_RATE
from saxsolo.atomic import remove_partial, replacing_folder, write_text
from saxsolo.errors import SaxsoloError

MANIFEST = "manifest.jsonl"
BACKING, SOLO, LABELS = "backing.flac", "solo.flac", "labels.npz"
#: what every row tells
NEEDED = ("pair_id", "split")

Row = dict[str, Any]
Sound = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int16]


class PairsError(SaxsoloError, ValueError):
    """A folder of pairs that is missing, damaged or does not hold what is asked of it."""


def pair_folder(pairs: Path, row: Row) -> Path:
    """Where the files of a row's pair lie."""
    return pairs / str(row["split"]) / str(row["pair_id"])


def is_complete(pairs: Path, row: Row) -> bool:
    """Whether the files of a row are all in place."""
    folder = pair_folder(pairs, row)
    return all((folder / name).is_file() for name in (BACKING, SOLO, LABELS))


def is_alone(pairs: Path, row: Row) -> bool:
    """Whether a row is a solo alone, as `saxsolo corpus solos` makes them, rather than a pair. The
    sounds of a pair whose codes are known may be gone: that is none."""
    folder = pair_folder(pairs, row)
    return (folder / SOLO).is_file() and not (folder / BACKING).is_file()


def read_manifest(pairs: Path, needed: Iterable[str] = NEEDED) -> list[Row]:
    """All rows. A torn last line (a kill while writing, or a writer at work) is not a row.

    Args:
        needed: names that every row must have.

    Raises:
        PairsError: where the manifest is missing or damaged.
    """
    path = Path(pairs) / MANIFEST
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError as error:
        raise PairsError(
            f"{pairs} holds no pairs ({MANIFEST} is missing); `saxsolo corpus render` makes them"
        ) from error
    except OSError as error:
        raise PairsError(f"cannot read {path}: {error.strerror}") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise PairsError(
                f"{path}:{number} is not valid JSON; delete that line and render again"
            ) from error
        absent = set(needed) - set(row) if isinstance(row, dict) else set(needed)
        if absent:
            raise PairsError(f"{path}:{number} lacks {', '.join(sorted(absent))}")
        rows.append(row)
    return rows


def append_row(manifest: TextIO, row: Row) -> None:
    """Adds a row to an open manifest, on disk before this returns."""
    manifest.write(_line(row))
    manifest.flush()
    os.fsync(manifest.fileno())


def write_manifest(pairs: Path, rows: Iterable[Row]) -> None:
    """Writes all rows in place of the earlier ones."""
    write_text(pairs / MANIFEST, "".join(map(_line, rows)))


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n"


def write_pair(folder: Path, backing: Sound, solo: Sound, score: Labels, labels: Labels) -> None:
    """Puts a pair in place whole, for an earlier one of that name.

    Args:
        backing, solo: (n,) at 32 kHz, within -1..1.
        score: (T,) score tokens.
        labels: (T, 4) frame labels.
    """
    # one process writes a pair: what lies beside it a killed one has left
    remove_partial(folder.parent, f"{folder.name}.*")
    with replacing_folder(folder) as partial:
        for name, sound in ((SOLO, solo), (BACKING, backing)):
            soundfile.write(partial / name, sound, SAMPLING_RATE, subtype="PCM_16")
        write_labels(partial, score, labels)


def write_labels(
    folder: Path, score: Labels, labels: Labels, articulation: Labels | None = None
) -> None:
    """Writes what `read_labels` reads: score tokens (T,), frame labels (T, 4) and, where it is
    known how the notes were played, masks of articulations (T,)."""
    arrays = {"score": score, "frame_labels": labels}
    if articulation is not None:
        arrays["articulation"] = articulation
    whole: dict[str, Any] = {name: array.astype(np.int16) for name, array in arrays.items()}
    np.savez_compressed(folder / LABELS, **whole)


def read_labels(folder: Path) -> dict[str, Labels]:
    """`score` (T,) and `frame_labels` (T, 4) of a pair, int16, and `articulation` (T,) where the
    pair says how its notes were played.

    Raises:
        PairsError: where they are missing or of another shape.
    """
    path = folder / LABELS
    try:
        with np.load(path, allow_pickle=False) as file:
            score, labels = file["score"], file["frame_labels"]
            known = {"articulation": file["articulation"]} if "articulation" in file else {}
    except (OSError, KeyError, ValueError) as error:
        raise PairsError(f"{path} is missing or damaged: {error}") from error
    if labels.ndim != 2 or labels.shape[1] != len(LABEL_SIZES):
        raise PairsError(
            f"{path} has frame_labels of shape {labels.shape}; expected (T, {len(LABEL_SIZES)})"
        )
    return {"score": score, "frame_labels": labels, **known}


def read_whole_sound(path: Path, sampling_rate: int) -> Sound:
    """A whole sound of a pair, (n,) float32, at this rate.

    Raises:
        PairsError: it cannot be read, or is not mono.
    """
    try:
        sound, rate = soundfile.read(path, dtype="float32")
    except (OSError, soundfile.SoundFileError) as error:
        raise PairsError(f"cannot read {path}: {error}") from error
    if sound.ndim != 1:
        raise PairsError(f"{path} has the shape {sound.shape}; a pair's sounds are mono")
    if rate != sampling_rate:
        sound = soxr.resample(sound, rate, sampling_rate, quality="HQ")
    samples: Sound = sound
    return samples
