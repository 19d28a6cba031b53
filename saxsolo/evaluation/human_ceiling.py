"""What humans score: the figures of transcribed solos of held-out performers, on their own chords
and beats.

    saxsolo measure humans --weimar FOLDER [--split test] [--seconds 30]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.corpus.scores.splits import assign_splits, title_key
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.music.score import Score

from . import harmony, timing
from .notes import SoloNotes, notes_of_score
from .novelty import Novelty
from .shape import distances


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


def against_others(
    titles: list[str], solos: list[SoloNotes], labels: list[np.ndarray], figure: str
) -> tuple[float, float | None]:
    """A figure's mean over the backings of other tunes, and `harmony.matched_against_shuffled`."""
    module = harmony if figure in harmony.FIGURES else timing
    scores = harmony.fit_matrix(solos, labels, figure, module.fit)
    names = np.array(titles)
    same = names[:, None] == names
    others = float(np.nanmean(np.where(same, np.nan, scores)))
    scores[same & ~np.eye(len(names), dtype=bool)] = np.nan
    return others, harmony.matched_against_shuffled(scores)


def main(argv: list[str] | None = None) -> None:
    """The command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weimar", type=Path, required=True, help="folder with notes.csv.gz")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args(argv)
    scores = read_weimar(args.weimar)
    titles, solos, labels = excerpts(scores, args.split, args.seconds)
    print(f"{len(solos)} excerpts of {args.seconds:g} s, {len(set(titles))} tunes")
    for module in (harmony, timing):
        for figure in module.FIGURES:
            values = [module.fit(*pair)[figure] for pair in zip(solos, labels, strict=True)]
            known = [value for value in values if value is not None]
            others, area = against_others(titles, solos, labels, figure)
            low, middle, high = np.quantile(known, [0.1, 0.5, 0.9])
            print(
                f"{figure:22} mean {np.mean(known):6.3f}, median {middle:6.3f}, 80 % in {low:.3f}"
                f"..{high:.3f}; other tunes {others:6.3f}, own against others "
                f"{'none' if area is None else format(area, '.3f')}; n {len(known)}"
            )
    training = excerpts(scores, "train", args.seconds)[1]
    novelty = Novelty(training)
    found = [novelty.measure(notes) for notes in solos]
    copies = [one["longest_copy"] for one in found]
    seen = [one["seen_share"] for one in found if one["seen_share"] is not None]
    print(f"longest_copy           median {np.median(copies):g}, most {max(copies)}")
    print(f"seen_share             mean {np.mean(seen):.3f}")
    few = [solos[i] for i in np.linspace(0, len(solos) - 1, 16).round().astype(int)]
    for label, some in ((f"{len(solos)}", solos), ("16", few)):
        for name, value in distances(some, training).items():
            shown = "none" if value is None else format(value, ".3f")
            print(f"shape {name:20} {shown} bits between {label} and {len(training)} of training")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"human: {error}", file=sys.stderr)
        sys.exit(2)
