"""What held-out masters do, by the measures of `saxsolo judge`: a file of the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import NO_CHORD, NO_ROOT
from saxsolo.atomic import replacing
from saxsolo.corpus.scores.splits import assign_splits
from saxsolo.corpus.scores.weimar import ATTRIBUTION, LICENCE, SOURCE, read_weimar
from saxsolo.listening.judging import FIGURES, judge
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chord_symbols import parse_chord
from saxsolo.music.score import Score

QUANTILES = (0.1, 0.5, 0.9)


def grid_of_score(score: Score) -> BeatGrid:
    """The annotated beats, bars and chords of a transcribed solo."""
    chords = [parse_chord(beat.chord) for beat in score.beats]
    sizes = [beat.beats_per_bar for beat in score.beats]
    return BeatGrid(
        np.array([beat.onset for beat in score.beats]),
        np.array([beat.beat - 1 for beat in score.beats]),
        int(np.bincount(sizes).argmax()),
        np.array([NO_ROOT if chord.root is None else chord.root for chord in chords]),
        np.array([NO_CHORD if chord.root is None else chord.quality for chord in chords]),
    )


def measure_masters(weimar: Path) -> dict[str, Any]:
    """Figures of the solos of held-out performers: 10 %, median and 90 % over solos."""
    scores = read_weimar(weimar)
    splits = assign_splits(scores)
    rows = [
        judge(score.notes, grid_of_score(score)).figures
        for score in scores
        if splits[score.id] == "test" and len(score.beats) > 8
    ]
    figures = {}
    for name in FIGURES:
        values = [value for row in rows if (value := row[name]) is not None]
        if values:
            figures[name] = [round(float(v), 3) for v in np.quantile(values, QUANTILES)]
    return {
        "source": SOURCE,
        "licence": LICENCE,
        "attribution": ATTRIBUTION,
        "solos": len(rows),
        "figures": figures,
    }


def write_masters(weimar: Path, path: Path) -> Path:
    """Writes the figures as JSON.

    Raises:
        OutputError: when it cannot be written.
    """
    text = json.dumps(measure_masters(weimar), indent=1) + "\n"
    with replacing(path) as (partial,):
        partial.write_text(text, encoding="utf-8")
    return path
