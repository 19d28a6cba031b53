"""Spectrograms of sounds before and after the codec, side by side.

saxsolo measure spectrograms --pairs PAIRS --out FOLDER [--split test] [--count 20]

One row per solo of the split, an excerpt drawn with --seed: original left, decoded right. Look for
lines above the harmonics (buzz), attacks that begin before the original's (smear), harmonics that
stop early, and missing vibrato.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE

from .cases import Case, choose_cases
from .report import round_trip

ROWS = 5
CEILING = 12000.0  # hertz


def stretch_of(case: Case, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """`seconds` of the human's solo, (n,) float32: the loudest of three places, so not a rest."""
    solo, samples = case.human(), round(seconds * SAMPLING_RATE)
    starts = rng.integers(0, max(1, len(solo) - samples), 3)
    return max((solo[at : at + samples] for at in starts), key=lambda part: float((part**2).sum()))


def page(rows: list[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """A picture of (title, original (n,), decoded (n,))."""
    figure, axes = plt.subplots(len(rows), 2, figsize=(16, 3.2 * len(rows)), squeeze=False)
    for (title, *sounds), line in zip(rows, axes, strict=True):
        for axis, sound, word in zip(line, sounds, ("original", "decoded"), strict=True):
            axis.specgram(
                sound + 1e-7,
                NFFT=1024,
                noverlap=768,
                Fs=SAMPLING_RATE,
                cmap="magma",
                vmin=-130,
                vmax=-40,
            )
            axis.set(ylim=(0, CEILING), title=f"{title}, {word}")
    figure.tight_layout()
    return figure


def draw_spectrograms(
    pairs: Path,
    out: Path,
    codec: str | None = None,
    *,
    split: str = "test",
    count: int = 20,
    seconds: float = 4.0,
    seed: int = 0,
) -> list[Path]:
    """Draws `count` solos of a split before and after a codec, five on a page.

    Args:
        pairs: folder with manifest.jsonl.
        codec: folder or Hub id; the default when None.
        seconds: of each solo, at a place drawn with `seed`.

    Raises:
        EvaluationError: no such pairs.
    """
    from saxsolo.weights.loading import load_codec

    cases = choose_cases(pairs, split, count, 30.0)
    weights, rng, rows = load_codec(codec), np.random.default_rng(seed), []
    for case in cases:
        sound = stretch_of(case, seconds, rng)
        rows.append((case.name, sound, round_trip(sound, weights)))
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for first in range(0, len(rows), ROWS):
        paths.append(out / f"spectrograms-{first // ROWS + 1}.png")
        figure = page(rows[first : first + ROWS])
        figure.savefig(paths[-1], dpi=60)
        plt.close(figure)
    return paths
