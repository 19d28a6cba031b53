"""Beats, bars and chords of a backing: the model's own hearing against a library.

    saxsolo measure beats --pairs PAIRS [--checkpoint DIR] [--split test] [--limit 16]

The backings are rendered, so their beats are known. librosa (a dynamic program over onset strength,
Ellis 2007) is compared where it is installed; it names no bars and no chords.
"""

from __future__ import annotations

import importlib.util
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


def beat_figures(truth: np.ndarray, tracked: np.ndarray) -> dict[str, float]:
    """How well beats (seconds) agree, 0..1, with mir_eval's usual tolerances.

    beat_f1: matched within 70 ms. beat_continuity: share of beats in the longest-standing right
    tempo and phase (CMLt of Hainsworth 2004). beat_continuity_any: the same where double, half and
    offbeats count as right (AMLt).
    """
    from mir_eval import beat

    if not len(tracked):
        return {"beat_f1": 0.0, "beat_continuity": 0.0, "beat_continuity_any": 0.0}
    steady = beat.continuity(truth, tracked)
    return {
        "beat_f1": float(beat.f_measure(truth, tracked)),
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
    tracked = np.zeros(0) if grid is None else grid.beats[grid.places == 0]
    if len(downbeats):
        f1 = float(beat.f_measure(downbeats, tracked)) if len(tracked) else 0.0
        figures["downbeat_f1"] = f1
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


def measure_hearing(
    pairs: Path,
    checkpoint: str | None = None,
    codec: str | None = None,
    *,
    split: str = "test",
    limit: int = 16,
    seconds: float = 30.0,
) -> tuple[dict[str, dict[str, float]], int]:
    """Means of `grid_figures` over backings, for a model and for librosa where it is installed.

    Measured on 16 test pairs of 30 s with the default's third weights (docs/LOG.md):

        model:   beat F1 0.997, continuity 0.993, downbeat F1 0.926, root 0.694, chord 0.639
        librosa: beat F1 0.858, continuity 0.612 (0.964 if double and half tempo count)

    Args:
        pairs: folder with manifest.jsonl.
        checkpoint, codec: as in `load_player`.
        limit: of the backings, 0 takes all; seconds: of each.

    Returns:
        Name of the listener -> figure -> mean, without figures that no backing has; and the number
        of backings.

    Raises:
        EvaluationError: no such pairs. CheckpointError: no such model.
    """
    from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
    from saxsolo.audio.files import open_sound
    from saxsolo.playing.hearing import backing_grid, hear_backing
    from saxsolo.weights.loading import load_player

    from .cases import choose_cases

    cases = choose_cases(pairs, split, limit, seconds)
    player = load_player(checkpoint, codec)
    rows: dict[str, list[dict[str, float]]] = {player.solo.name: []}
    if importlib.util.find_spec("librosa"):
        rows["librosa"] = []
    for case in tqdm(cases, desc="beats", disable=None):
        labels = case.labels()
        source = open_sound(case.folder / "backing.flac")
        grid = backing_grid(player, hear_backing(player, source, seconds))
        rows[player.solo.name].append(grid_figures(labels, grid))
        if "librosa" in rows:
            beats = librosa_beats(case.backing(), SAMPLING_RATE)
            rows["librosa"].append(beat_figures(reference(labels)[0], beats))
    means = {name: _means(measured) for name, measured in rows.items()}
    return means, len(cases)


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    known = {figure: [row[figure] for row in rows if figure in row] for figure in FIGURES}
    return {figure: float(np.mean(values)) for figure, values in known.items() if values}
