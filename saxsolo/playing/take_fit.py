"""How a take fits the chords under it, so that several takes can be put in order.

The value compares the solo with its own chords and with the same chords in the eleven other keys. A
note on a chord tone counts 1, on another tone of the chord's scale 1/2; the value is the mean over
the notes, less the mean of that over the other keys. 0 = it fits any key as well. More is
closer to the chords, which need not be better music.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chord_symbols import SCALES, TONES
from saxsolo.music.score import Note


def fit_of(notes: Sequence[Note], grid: BeatGrid | None) -> dict[str, float] | None:
    """Shares of chord and scale tones, and the value; None where no note sounds over a chord.

    Args:
        notes: of a solo. grid: the chords, those of a chart or those that are heard.
    """
    if grid is None or not notes:
        return None
    frames = np.array([int(note.onset * FRAME_RATE + 0.5) for note in notes])
    labels = grid.labels(int(frames.max()) + 1)[frames]
    roots, qualities = labels[:, 0].astype(int), labels[:, 1].astype(int)
    known = (roots >= 0) & (roots < 12) & (qualities >= 0) & (qualities < len(TONES))
    if not known.any():
        return None
    steps = (np.array([note.pitch for note in notes]) - roots)[known]
    worth = np.array([_WORTH[qualities[known], (steps - key) % 12] for key in range(12)])
    return {
        "value": round(float(worth[0].mean() - worth[1:].mean()), 4),
        "chord_tones": round(float((worth[0] == 1).mean()), 4),
        "scale_tones": round(float((worth[0] > 0).mean()), 4),
    }


def by_fit(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Takes, the best fit first; those without a value last.

    Args:
        runs: (name of the folder, what its run.json holds).
    """
    rows = [{"folder": name, "seed": run["seed"], "fit": run.get("fit")} for name, run in runs]
    return sorted(rows, key=lambda row: -row["fit"]["value"] if row["fit"] else 9.0)


def folders_of_takes(outs: Sequence[Path]) -> list[Path]:
    """Folders that hold more than one of these takes, each once."""
    parents = [out.parent for out in outs]
    return sorted({parent for parent in parents if parents.count(parent) > 1})


def _worth() -> np.ndarray:
    """(qualities, 12 semitones above the root)."""
    table = np.zeros((len(TONES), 12))
    for quality, (tones, scale) in enumerate(zip(TONES, SCALES, strict=True)):
        table[quality, list(scale)] = 0.5
        table[quality, list(tones)] = 1.0
    return table


_WORTH = _worth()
