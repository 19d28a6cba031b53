"""Beats, bars and chords of a backing: the model's own hearing against a library.

    saxsolo measure beats --pairs PAIRS [--checkpoint DIR] [--split test] [--limit 16]

The backings are rendered, so their beats are known. librosa (a dynamic program over onset strength,
Ellis 2007) is compared where it is installed; it names no bars and no chords.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.music.beat_grid import BeatGrid

from .timing import beats_of_labels

FIGURES = ("beat_f1", "beat_continuity", "beat_continuity_any", "downbeat_f1", "root", "chord")


def reference(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Beats and downbeats of frame labels (T, 4), seconds."""
    beats = beats_of_labels(labels)
    frames = np.minimum(np.round(beats * FRAME_RATE).astype(int), len(labels) - 1)
    return beats, beats[labels[frames, 3] == 0]


def beat_figures(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """How well beats (seconds) agree, 0..1, with mir_eval's usual tolerances.

    beat_f1: matched within 70 ms. beat_continuity: share of beats in the longest-standing right
    tempo and phase (CMLt of Hainsworth 2004). beat_continuity_any: the same where double, half and
    offbeats count as right (AMLt).
    """
    from mir_eval import beat

    if not len(found):
        return {"beat_f1": 0.0, "beat_continuity": 0.0, "beat_continuity_any": 0.0}
    steady = beat.continuity(truth, found)
    return {
        "beat_f1": float(beat.f_measure(truth, found)),
        "beat_continuity": float(steady[1]),
        "beat_continuity_any": float(steady[3]),
    }


def grid_figures(labels: np.ndarray, grid: BeatGrid | None) -> dict[str, float]:
    """`beat_figures`, downbeat_f1 (within 70 ms), root and chord (shares of labelled frames whose
    root, or root and quality, are right); what is not known is left out.

    Args:
        labels: (T, 4) the truth.
        grid: None counts as nothing found.
    """
    from mir_eval import beat

    labels = labels.astype(int)
    beats, downbeats = reference(labels)
    figures = beat_figures(beats, np.zeros(0) if grid is None else grid.beats)
    found = np.zeros(0) if grid is None else grid.beats[grid.places == 0]
    if len(downbeats):
        figures["downbeat_f1"] = float(beat.f_measure(downbeats, found)) if len(found) else 0.0
    known = labels[:, 0] >= 0
    if known.any():
        heard = np.full_like(labels, -1) if grid is None else grid.labels(len(labels)).astype(int)
        same = labels[known] == heard[known]
        figures |= {"root": float(same[:, 0].mean()), "chord": float(same[:, :2].all(1).mean())}
    return figures


def librosa_beats(audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Beats in seconds by `librosa.beat.beat_track`."""
    import librosa

    low = librosa.resample(audio, orig_sr=sampling_rate, target_sr=22050)
    return librosa.beat.beat_track(y=low, sr=22050, units="time")[1]


def main(argv: list[str] | None = None) -> None:
    """The command line; see the module's text.

    Found on 16 test pairs of 30 s with the default's third weights (docs/LOG.md):

        model:   beat F1 0.997, continuity 0.993, downbeat F1 0.926, root 0.694, chord 0.639
        librosa: beat F1 0.858, continuity 0.612 (0.964 if double and half tempo count)
    """
    from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
    from saxsolo.audio.files import open_sound
    from saxsolo.music.beat_grid import find_grid
    from saxsolo.playing.hearing import hear
    from saxsolo.playing.performance import Performance, Settings
    from saxsolo.weights.loading import load_player

    from .cases import choose_cases

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=Path, required=True, help="folder with manifest.jsonl")
    parser.add_argument("--checkpoint", help="folder or Hub id; the default when left out")
    parser.add_argument("--codec", help="folder or Hub id; the checkpoint's when left out")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args(argv)
    cases = choose_cases(args.pairs, args.split, args.limit, args.seconds)
    player = load_player(args.checkpoint, args.codec)
    found: dict[str, list[dict[str, float]]] = {player.solo.name: []}
    if importlib.util.find_spec("librosa"):
        found["librosa"] = []
    for case in tqdm(cases, desc="beats", disable=None):
        labels = case.labels()
        source = open_sound(case.folder / "backing.flac")
        codes = Performance(player, source, Settings(seconds=args.seconds)).listen()
        grid = find_grid(hear(player.solo.model, codes))
        found[player.solo.name].append(grid_figures(labels, grid))
        if "librosa" in found:
            beats = librosa_beats(case.backing(), SAMPLING_RATE)
            found["librosa"].append(beat_figures(reference(labels)[0], beats))
    for name, rows in found.items():
        means = []
        for figure in FIGURES:
            values = [row[figure] for row in rows if figure in row]
            means.append(f"{figure} {np.mean(values):.3f}" if values else f"{figure} -")
        print(f"{name}: {', '.join(means)} ({len(cases)} backings of {args.seconds:g} s)")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"beats: {error}", file=sys.stderr)
        sys.exit(2)
