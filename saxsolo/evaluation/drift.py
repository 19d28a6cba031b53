"""Does a long solo hold? Its fit to the chords in the first and in the last stretch of minutes.

saxsolo measure drift --pairs PAIRS [--seconds 180] [--limit 8] [--checkpoint FOLDER]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.progress_bar import Progress

from . import harmony, timing
from .case_metrics import figure
from .cases import EvaluationError, choose_cases
from .notes import SoloNotes, track_notes

PARTS = ("first", "last")


def stretch(notes: SoloNotes, start: float, seconds: float) -> SoloNotes:
    """The notes that begin within `seconds` from `start`, on a clock that begins there. Their
    voiced share is unknown (NaN)."""
    inside = (notes.onsets >= start) & (notes.onsets < start + seconds)
    return SoloNotes(
        notes.onsets[inside] - start,
        np.minimum(notes.ends[inside] - start, seconds),
        notes.pitches[inside],
        notes.loudness[inside],
        seconds,
        float("nan"),
    )


def ends(
    notes: SoloNotes, labels: np.ndarray, seconds: float
) -> dict[str, dict[str, float | None]]:
    """Figures of the first and the last `seconds` of a solo over its backing.

    Args:
        labels: (T, 4) frame labels of the whole.

    Returns:
        part -> chord_tones, scale_tones, beat_concentration, notes_a_second.

    Raises:
        EvaluationError: for a solo too short to have two such ends.
    """
    if notes.seconds < 2 * seconds:
        raise EvaluationError(
            f"a solo of {notes.seconds:g} s has no first and last {seconds:g} s; "
            "give more --seconds or a shorter --stretch"
        )
    found = {}
    for part, start in zip(PARTS, (0.0, notes.seconds - seconds), strict=True):
        frame = round(start * harmony.FRAME_RATE)
        told = labels[frame : frame + round(seconds * harmony.FRAME_RATE)]
        some = stretch(notes, start, seconds)
        fit = harmony.fit(some, told) | timing.fit(some, told)
        found[part] = {
            "chord_tones": fit["chord_tones"],
            "scale_tones": fit["scale_tones"],
            "beat_concentration": fit["beat_concentration"],
            "notes_a_second": len(some) / seconds,
        }
    return found


def summary(solos: Sequence[dict[str, dict[str, float | None]]]) -> dict[str, dict]:
    """What `ends` found of many solos: for each figure both means with their intervals, and the
    ratio of the means, last over first, None without one."""
    made = {}
    for name in solos[0]["first"]:
        parts = {part: figure([solo[part][name] for solo in solos]) for part in PARTS}
        first, last = (parts[part]["value"] for part in PARTS)
        made[name] = parts | {"ratio": last / first if first and last is not None else None}
    return made


def main(argv: list[str] | None = None) -> None:
    """The command line; see the module's text."""
    import saxsolo
    from saxsolo.playing.performance import load_player

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=Path, required=True, help="folder with manifest.jsonl")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--stretch", type=float, default=30.0, help="seconds at both ends")
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", default=None)
    args = parser.parse_args(argv)
    cases = choose_cases(args.pairs, args.split, args.limit, args.seconds)
    player = load_player(args.checkpoint)
    played = {"saxsolo": [], "human": []}
    with Progress("improvising") as progress:
        for place, case in enumerate(cases):
            sound = (case.backing(), SAMPLING_RATE)
            take = saxsolo.improvise(
                sound, seed=args.seed, instrument=case.instrument, player=player
            )
            for name, solo in (("saxsolo", take.solo), ("human", case.human())):
                notes = track_notes(solo, SAMPLING_RATE)
                played[name].append(ends(notes, case.labels(), args.stretch))
            progress(place + 1, len(cases))
    report = {"cases": [case.name for case in cases], "seconds": args.seconds}
    print(json.dumps(report | {name: summary(solos) for name, solos in played.items()}, indent=1))


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"drift: {error}", file=sys.stderr)
        sys.exit(2)
