"""Render the corpus of audio pairs.

    python -m dataset_scripts.render --weimar-dir DIR --samples-dir DIR --out DIR
        [--keys -3,0,4] [--tempi 0.9,1.0] [--splits train,validation,test] [--limit N]
        [--seed S] [--workers N]

Without --weimar-dir the scores built into this project are rendered.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.corpus.scores.splits import SPLITS
from saxsolo.corpus.scores.weimar import read_weimar

from .pairs import render_corpus
from .sounds import Sounds


def _numbers(kind: type) -> object:
    return lambda text: tuple(kind(part) for part in text.split(","))


def main(argv: Sequence[str] | None = None) -> int:
    """Render pairs as the arguments say; 0 when all is done, 2 with one line for bad input."""
    parser = argparse.ArgumentParser(
        prog="dataset_scripts.render",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weimar-dir", type=Path, help="solos.csv, notes.csv.gz, beats.csv.gz")
    parser.add_argument("--samples-dir", type=Path, help="holds mtg_solo_sax/ and meatbass_pizz/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keys", type=_numbers(int), default=(0,), help="semitones, e.g. -3,0,4")
    parser.add_argument("--tempi", type=_numbers(float), default=(1.0,), help="e.g. 0.9,1.0")
    parser.add_argument("--splits", type=_numbers(str), default=SPLITS)
    parser.add_argument("--limit", type=int, help="only the first N pairs of the plan")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(argv)
    try:
        if options.weimar_dir is None:
            scores = builtin_scores()
        else:
            scores = read_weimar(options.weimar_dir)
        rows = render_corpus(
            scores,
            options.out,
            Sounds(options.samples_dir),
            keys=options.keys,
            tempi=options.tempi,
            splits=options.splits,
            limit=options.limit,
            seed=options.seed,
            workers=options.workers,
            progress=lambda line: print(line, flush=True),
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    hours = sum(row["seconds"] for row in rows) / 3600
    print(f"{len(rows)} pairs, {hours:.2f} hours in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
