"""The held-out cases: excerpts of rendered pairs, each a backing, its labels and a human solo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, SAMPLING_RATE, UNKNOWN
from saxsolo.audio.files import MIN_SECONDS, open_sound
from saxsolo.corpus.pairs_folder import NEEDED, read_labels, read_manifest
from saxsolo.corpus.scores.splits import title_key
from saxsolo.errors import SaxsoloError

# what a case needs to know of a pair
ROW_NAMES = (*NEEDED, "semitones", "seconds", "instrument", "title")
# the last of a rendered pair is the sound dying away
TAIL = 1.0
# a take may end this much before its case does
SHORT = 0.5


class EvaluationError(SaxsoloError, ValueError):
    """Material that cannot be evaluated."""


@dataclass(frozen=True)
class Case:
    """The first `seconds` of one rendered pair; arrays are read when they are asked for.

    Attributes:
        name: the pair's id, also the name of its take.
        folder: holds backing.flac, solo.flac, labels.npz.
        row: the pair's line of the manifest.
        seconds: length of the excerpt.
    """

    name: str
    folder: Path
    row: dict[str, Any]
    seconds: float

    @property
    def title(self) -> str:
        """The tune, spelled for comparison."""
        return title_key(str(self.row["title"]))

    @property
    def instrument(self) -> str:
        """Which saxophone plays."""
        return str(self.row["instrument"])

    @property
    def frames(self) -> int:
        """Label frames of the excerpt, 50 a second."""
        return round(self.seconds * FRAME_RATE)

    def backing(self) -> np.ndarray:
        """(seconds * 32000,) float32."""
        return read_sound(self.folder / "backing.flac", self.seconds)

    def human(self) -> np.ndarray:
        """The transcribed solo as it was rendered, (seconds * 32000,) float32."""
        return read_sound(self.folder / "solo.flac", self.seconds)

    def labels(self) -> np.ndarray:
        """Chord root, chord quality, beat phase, beat of the bar: (frames, 4) int16, -100 where
        unknown."""
        return read_labels(self.folder)["frame_labels"][: self.frames]


def choose_cases(
    pairs: Path, split: str = "test", limit: int = 16, seconds: float = 30.0
) -> list[Case]:
    """`limit` pairs (0 = all) of a split in their own key, evenly spaced, so through its
    performers.

    Raises:
        PairsError: for no such corpus.
        EvaluationError: for one without a pair of that split and length.
    """
    if not MIN_SECONDS <= seconds < math.inf:
        raise EvaluationError(f"{seconds:g} seconds is less than {MIN_SECONDS:g} or not a number")
    if limit < 0:
        raise EvaluationError(f"limit {limit} is negative; 0 takes all cases")
    rows = [r for r in read_manifest(pairs, needed=ROW_NAMES) if r["split"] == split]
    fit = [r for r in rows if r["semitones"] == 0 and r["seconds"] > seconds + TAIL]
    if not fit:
        raise EvaluationError(
            f"{pairs} has {len(rows)} pairs of split {split!r}, none of them in its own key and "
            f"longer than {seconds + TAIL:g} s"
        )
    fit = sorted(fit, key=lambda row: row["pair_id"])
    if 0 < limit < len(fit):
        fit = [fit[place] for place in np.linspace(0, len(fit) - 1, limit).round().astype(int)]
    return [Case(r["pair_id"], pairs / split / r["pair_id"], r, float(seconds)) for r in fit]


def read_sound(path: Path, seconds: float) -> np.ndarray:
    """The first `seconds` of a sound file, mono, (seconds * 32000,) float32.

    Raises:
        AudioError: for no file, no sound, NaN, or fewer samples than the header promises.
        EvaluationError: for a sound that is more than half a second shorter.
    """
    source = open_sound(path)
    if source.seconds < seconds - SHORT:
        raise EvaluationError(
            f"{path} lasts {source.seconds:.1f} s, its case {seconds:g} s; "
            "give longer sounds or fewer --seconds"
        )
    length = round(seconds * SAMPLING_RATE)
    blocks = source.blocks(length, SAMPLING_RATE, length, mono=True)
    return np.concatenate([block[:, 0] for block in blocks])


def find_takes(folder: Path, cases: Sequence[Case]) -> list[Path]:
    """The take of each case in a folder: NAME.wav (or .flac), or NAME/solo.wav as `saxsolo
    improvise` writes it.

    Raises:
        EvaluationError: for no such folder, or where a case has no take.
    """
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such folder of takes")
    takes, absent = [], []
    for case in cases:
        places = [f"{case.name}.wav", f"{case.name}.flac", f"{case.name}/solo.wav"]
        path = next((folder / p for p in places if (folder / p).is_file()), None)
        if path is None:
            absent.append(case.name)
        else:
            takes.append(path)
    if absent:
        raise EvaluationError(
            f"{folder} lacks the takes of {len(absent)} of {len(cases)} cases, "
            f"{absent[0]}.wav is the first"
        )
    return takes


def partners(cases: Sequence[Case]) -> list[int | None]:
    """For each case the next one of another tune; None where all are of one tune."""
    count = len(cases)
    order = [[(i + step) % count for step in range(1, count)] for i in range(count)]
    return [
        next((j for j in others if cases[j].title != cases[i].title), None)
        for i, others in enumerate(order)
    ]


def has_chords(labels: np.ndarray) -> bool:
    """Whether any frame's chord root is known; `labels` (T, 4)."""
    return bool(len(labels)) and bool((labels[:, 0] != UNKNOWN).any())
