"""How each note of a rendered solo was played, as a bit mask a frame: what a solo model is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.player_saxsolo import PlayedNote, mark
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, HOLD, LOWEST_PITCH, ONSET
from saxsolo.corpus.pairs_folder import PairsError
from saxsolo.music.frame_labels import fold_pitch

NOTES = "notes.json"


def as_played(rows: Iterable[Mapping[str, Any]]) -> list[PlayedNote]:
    """The notes of `PlayedNote.row`."""
    return [PlayedNote(**{"centre": 0.0, **row}) for row in rows]


def read_masks(folder: Path, score: np.ndarray) -> np.ndarray | None:
    """The masks of a rendered solo, (T,) int16, from its notes.json; None where there is none.

    Args:
        score: (T,) its score tokens.

    Raises:
        PairsError: the file is damaged.
    """
    path = folder / NOTES
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
        return articulation_masks(as_played(truth["notes"]), score)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PairsError(f"{path} is damaged: {error}; render the solo again") from error


def articulation_masks(notes: Sequence[PlayedNote], score: np.ndarray) -> np.ndarray:
    """A mask a frame, (T,) int16, 0 in rests; notes that the score tokens (T,) lack are left out.

    A note is looked for in the frame of its onset and in those beside it, where `score_tokens`
    moves the second of two and rounding may move any.
    """
    masks = np.zeros(len(score), dtype=np.int16)
    taken: set[int] = set()
    for note in notes:
        step = fold_pitch(note.pitch) - LOWEST_PITCH
        middle = round(note.onset * FRAME_RATE)
        for start in (middle, middle + 1, middle - 1):
            struck = 0 <= start < len(score) and score[start] == ONSET + step
            if struck and start not in taken:
                taken.add(start)
                others = np.flatnonzero(score[start + 1 :] != HOLD + step)
                end = start + 1 + int(others[0]) if len(others) else len(score)
                mark(masks[start:end], note)
                break
    return masks
