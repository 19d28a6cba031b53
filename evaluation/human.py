"""What humans score: the figures of transcribed solos of held-out performers, on their own chords
and beats.

    python -m evaluation.human --weimar FOLDER [--split test] [--seconds 30]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from dataset_scripts.score import Score, frame_labels, read_weimar, score_tokens
from dataset_scripts.score.labels import FRAME_RATE
from dataset_scripts.splits import assign_splits, title_key

from . import harmony, timing
from .notes import SoloNotes, notes_of_score


def excerpts(
    scores: list[Score], split: str = "test", seconds: float = 30.0
) -> tuple[list[str], list[SoloNotes], list[np.ndarray]]:
    """Titles, notes and frame labels of all whole excerpts of `seconds` of a split's solos."""
    splits = assign_splits(scores)
    length = round(seconds * FRAME_RATE)
    titles, solos, labels = [], [], []
    for score in scores:
        if splits[score.id] != split:
            continue
        frames = int(score.duration * FRAME_RATE)
        tokens, told = score_tokens(score, frames), frame_labels(score, frames)
        for start in range(0, frames - length + 1, length):
            titles.append(title_key(score.title))
            solos.append(notes_of_score(tokens[start : start + length]))
            labels.append(told[start : start + length])
    return titles, solos, labels


def listening(
    titles: list[str], solos: list[SoloNotes], labels: list[np.ndarray], figure: str
) -> float | None:
    """`harmony.matched_against_shuffled` of excerpts; others = excerpts of other tunes only."""
    module = harmony if figure in harmony.FIGURES else timing
    scores = harmony.fit_matrix(solos, labels, figure, module.fit)
    names = np.array(titles)
    same = (names[:, None] == names) & ~np.eye(len(names), dtype=bool)
    return harmony.matched_against_shuffled(np.where(same, np.nan, scores))


def main(argv: list[str] | None = None) -> None:
    """The command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weimar", type=Path, required=True, help="folder with notes.csv.gz")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args(argv)
    titles, solos, labels = excerpts(read_weimar(args.weimar), args.split, args.seconds)
    print(f"{len(solos)} excerpts of {args.seconds:g} s, {len(set(titles))} tunes")
    for module in (harmony, timing):
        for figure in module.FIGURES:
            values = [module.fit(*pair)[figure] for pair in zip(solos, labels, strict=True)]
            known = [value for value in values if value is not None]
            area = listening(titles, solos, labels, figure)
            low, middle, high = np.quantile(known, [0.1, 0.5, 0.9])
            print(
                f"{figure:24} mean {np.mean(known):7.3f}   median {middle:7.3f} "
                f"(80 %: {low:.3f} .. {high:.3f})   own against others {area:.3f}   n {len(known)}"
            )


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"human: {error}", file=sys.stderr)
        sys.exit(2)
