"""Codes that silence has and notes do not: what `generate` need not draw while a note is played."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from modeling_saxsolo.resting_saxsolo import long_rests
from modeling_saxsolo.vocabulary_saxsolo import HOLD, NUM_PITCHES, ONSET, REST
from saxsolo.atomic import write_text
from saxsolo.errors import CheckpointError

from .score_rows import Row
from .shards import load_tokens

#: of a code's frames, at most so many are those of a note
SHARE = 0.05


def silent_codes(rows: Iterable[Row], codebook_size: int, share: float = SHARE) -> list[int]:
    """Codes of the first codebook that are seen, and hardly ever while a note sounds.

    Args:
        rows: of a token corpus, with their score.
        codebook_size: of the codec.
        share: of a code's frames that may be those of a note.
    """
    frames = np.zeros((2, codebook_size), dtype=np.int64)
    for row in rows:
        score = np.asarray(row["score"])
        sounding = (score >= ONSET) & (score < HOLD + NUM_PITCHES)
        first = np.asarray(row["solo_codes"])[:, 0]
        for index, part in enumerate((first[~sounding], first[sounding])):
            frames[index] += np.bincount(part, minlength=codebook_size)
    total = frames.sum(axis=0)
    return np.flatnonzero((total > 0) & (frames[1] <= share * total)).tolist()


def rest_codes(rows: Iterable[Row]) -> list[int] | None:
    """The frame of codes that most frames of rests have that have lasted; None where none has more
    than half."""
    frames: Counter[tuple[int, ...]] = Counter()
    for row in rows:
        score = np.asarray(row["score"])
        # before its first note a clip may be in the room of one
        begun = np.logical_or.accumulate(score != REST)
        resting = long_rests(score, HOLD + NUM_PITCHES) & begun
        frames.update(map(tuple, np.asarray(row["solo_codes"])[resting].tolist()))
    if not frames:
        return None
    (codes, count), *_ = frames.most_common(1)
    return list(codes) if count > frames.total() / 2 else None


def tell_silent_codes(tokens: Path, checkpoint: Path) -> list[int]:
    """Writes silent codes and rest codes of a corpus's training split into the config of a solo
    model; there may be none. Returns the silent codes.

    Raises:
        CheckpointError: when `checkpoint` has no readable config.json with a codebook_size.
        TokensError: for a corpus that cannot be read, or of another codec.
    """
    path = checkpoint / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        size = int(config["codebook_size"])
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is no config of a solo model: {error}") from error
    rows = list(load_tokens(tokens, "train", codebook_size=size))
    codes = silent_codes(rows, size)
    config["rest_codes"] = rest_codes(rows)
    config["silent_codes"] = codes
    write_text(path, json.dumps(config, indent=2, sort_keys=True) + "\n")
    return codes
