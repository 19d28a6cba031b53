"""Sounds before and after the codec as spectrograms, side by side, to be looked at.

saxsolo measure spectrograms --pairs PAIRS --out FOLDER [--split test] [--count 20]

One solo of the split a row, the seconds at a place drawn with --seed: original left, decoded right.
To look for: lines above the harmonics (buzz), attacks that begin before the original's (smear),
harmonics that stop early, vibrato that is gone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from modeling_saxsolo.codec_adapter_saxsolo import load_codec
from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE

from .cases import Case, choose_cases

ROWS = 5
CEILING = 12000.0  # hertz


def stretch_of(case: Case, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """`seconds` of the human's solo, (n,) float32: the loudest of three places, so not a rest."""
    solo, samples = case.human(), round(seconds * SAMPLING_RATE)
    starts = rng.integers(0, max(1, len(solo) - samples), 3)
    return max((solo[at : at + samples] for at in starts), key=lambda part: float((part**2).sum()))


def page(rows: list[tuple[str, np.ndarray, np.ndarray]]) -> plt.Figure:
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


def main(argv: list[str] | None = None) -> None:
    """The command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=Path, required=True, help="folder with manifest.jsonl")
    parser.add_argument("--codec", default="checkpoints/saxcodec-32khz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    cases = choose_cases(args.pairs, args.split, args.count, 30.0)
    codec, rng, rows = load_codec(args.codec), np.random.default_rng(args.seed), []
    for case in cases:
        sound = stretch_of(case, args.seconds, rng)
        with torch.no_grad():
            codes = codec.encode(torch.from_numpy(sound)[None, None])
            decoded = codec.decode(codes)[0, 0, : len(sound)].numpy()
        rows.append((case.name, sound, decoded))
    args.out.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(rows), ROWS):
        path = args.out / f"spectrograms-{first // ROWS + 1}.png"
        figure = page(rows[first : first + ROWS])
        figure.savefig(path, dpi=60)
        plt.close(figure)
        print(path)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"spectrograms: {error}", file=sys.stderr)
        sys.exit(2)
