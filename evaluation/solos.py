"""Is it a saxophone solo, and does it follow this backing? Figures from the sound alone.

    python -m evaluation.solos --pairs PAIRS --out report.json [--limit 16] [--seconds 30]

For each of `--limit` held-out pairs: the default model improvises over the backing, the notes are
tracked in what it played, and held against the chords of its own backing and of every other. The
same is done with the human solo that was rendered over that backing: the ceiling.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from .harmony import chord_tone_share, matched_against_shuffled
from .notes import SoloNotes, track_notes

RANGES = {"soprano": (56, 92), "alto": (49, 84), "tenor": (44, 80), "baritone": (36, 72)}


def interval(values: np.ndarray, seed: int = 0, draws: int = 2000) -> list[float] | None:
    """Bootstrap 95 % interval of the mean of `values` (cases,), NaN left out; None if all are."""
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    picks = np.random.default_rng(seed).integers(0, len(values), (draws, len(values)))
    return [float(q) for q in np.quantile(values[picks].mean(axis=1), [0.025, 0.975])]


def summarise(solos: list[SoloNotes], labels: list[np.ndarray], instruments: list[str]) -> dict:
    """All figures of a set of solos, each with its mean and interval over the cases."""
    shares = np.array(
        [
            [np.nan if (s := chord_tone_share(n, lab)) is None else s for lab in labels]
            for n in solos
        ]
    )
    inside = [
        float(np.mean((n.pitches >= RANGES[i][0]) & (n.pitches <= RANGES[i][1])))
        if len(n.pitches)
        else np.nan
        for n, i in zip(solos, instruments, strict=True)
    ]
    columns = {
        "voiced_share": [n.voiced_share for n in solos],
        "notes_a_second": [len(n.pitches) / n.seconds for n in solos],
        "in_range": inside,
        "chord_tones": list(np.diag(shares)),
    }
    figures = {
        name: {
            "mean": None if np.isnan(v).all() else float(np.nanmean(v)),
            "interval": interval(np.array(v)),
            "cases": [None if np.isnan(x) else float(x) for x in v],
        }
        for name, v in columns.items()
    }
    figures["matched_against_shuffled"] = matched_against_shuffled(shares)
    return figures


def main(argv: list[str] | None = None) -> None:
    """The command line; see the module's text."""
    import saxsolo

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--checkpoint")
    parser.add_argument("--codec")
    parser.add_argument("--limit", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--takes", type=Path, help="folder to keep the takes in")
    args = parser.parse_args(argv)
    rows = [json.loads(line) for line in (args.pairs / "manifest.jsonl").read_text().splitlines()]
    rows = [r for r in rows if r["split"] == args.split and r["semitones"] == 0]
    rows = sorted((r for r in rows if r["seconds"] > args.seconds + 1), key=lambda r: r["pair_id"])
    picks = np.linspace(0, len(rows) - 1, min(args.limit, len(rows))).round().astype(int)
    player = saxsolo.load_player(args.checkpoint, args.codec)
    played, human, labels, instruments, factors = [], [], [], [], []
    for row in tqdm([rows[i] for i in picks], desc="solos", disable=None):
        folder = args.pairs / row["split"] / row["pair_id"]
        backing, rate = soundfile.read(folder / "backing.flac", dtype="float32")
        length = round(args.seconds * rate)
        solo, _ = soundfile.read(folder / "solo.flac", length, dtype="float32")
        take = saxsolo.improvise(
            (backing[:length], rate),
            seed=args.seed,
            instrument=row["instrument"],
            temperature=args.temperature,
            guidance=args.guidance,
            player=player,
        )
        if args.takes:
            take.save(args.takes / row["pair_id"])
        played.append(track_notes(take.solo, take.sampling_rate))
        human.append(track_notes(solo, rate))
        labels.append(np.load(folder / "labels.npz", allow_pickle=False)["frame_labels"])
        instruments.append(row["instrument"])
        factors.append(take.run["real_time_factor"])
    report = {
        "command": "python -m evaluation.solos",
        "cases": len(played),
        "seconds": args.seconds,
        "seed": args.seed,
        "temperature": args.temperature,
        "guidance": args.guidance,
        "model": summarise(played, labels, instruments),
        "human": summarise(human, labels, instruments),
        "real_time_factor": factors,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    half = args.out.with_suffix(".half")
    half.write_text(json.dumps(report, indent=2) + "\n")
    half.rename(args.out)
    for who in ("model", "human"):
        for name, figure in report[who].items():
            shown = figure["mean"] if isinstance(figure, dict) else figure
            print(f"{who:6} {name:26} {'none' if shown is None else format(shown, '.3f')}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"solos: {error}", file=sys.stderr)
        sys.exit(2)
