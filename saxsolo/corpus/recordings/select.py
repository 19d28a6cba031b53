"""Two stems -> the windows worth learning from, and the reason why the rest is not.

Where both stems sound (RMS energy of sliding frames) windows are cut; each is then asked whether
the stems leak into each other and whether the solo is one voice with a pitch.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from saxsolo.audio.note_segmentation import track_solo
from saxsolo.corpus.config import SelectConfig

from .separate import STEMS

_BLOCK_SECONDS = 10


@dataclass(frozen=True)
class Window:
    """A stretch of a recording, in seconds, with what was measured in it.

    Attributes:
        rms: of backing and solo. leakage: correlation of the stems, 0..1. voiced: share of time.
        notes: [[onset, duration, pitch, loudness], ...] of the solo, from the window's start.
    """

    start: float
    end: float
    rms: list[Any]
    leakage: float
    voiced: float
    notes: list[Any]


def select_windows(
    folder: Path, config: SelectConfig
) -> tuple[list[dict[str, Any]], list[list[Any]], list[Any]]:
    """Windows of folder/backing.flac and folder/solo.flac.

    Returns windows (see `Window`) as dicts, losses as [seconds, reason], and the RMS of backing and
    solo in every frame, (frames, 2) rounded, for the report.
    """
    energies, rate, step = _step_energies(folder, config.stride_seconds)
    levels = frame_rms(energies, max(1, round(config.frame_seconds / config.stride_seconds)))
    spans, losses = loud_spans(levels, len(energies), config)
    windows = []
    for start, end in spans:
        window, reason = _judge(folder, start * step, end * step, rate, config)
        if window is None:
            losses.append([(end - start) * step / rate, reason])
        else:
            windows.append(asdict(window))
    kept = np.round(levels[:: max(1, round(1 / config.stride_seconds))], 4).tolist()
    return windows, losses, kept


def frame_rms(energies: np.ndarray, steps: int) -> np.ndarray:
    """(frames, 2) RMS of frames `steps` long, one a step, of the mean squares (n, 2) of steps."""
    steps = min(steps, len(energies))
    if not steps:
        return np.zeros((0, 2))
    sums = np.concatenate([np.zeros((1, 2)), np.cumsum(energies, axis=0)])
    return np.sqrt(np.maximum(sums[steps:] - sums[:-steps], 0.0) / steps)


def loud_spans(
    levels: np.ndarray, steps: int, config: SelectConfig
) -> tuple[list[tuple[int, int]], list[list[Any]]]:
    """Spans of steps that lie in frames where both stems are loud enough, cut to length.

    Returns (start, end) in steps, and losses [seconds, reason] that sum up to what is left out.
    """
    loud = np.asarray(levels >= config.threshold)
    long = steps - len(levels) + 1  # steps in a frame
    covered = _cover(np.all(loud, axis=1), long, steps)
    losses = []
    solo_there = _cover(loud[:, 1], long, steps)
    for name, quiet in (("solo", ~covered & ~solo_there), ("backing", ~covered & solo_there)):
        if quiet.any():
            seconds = float(quiet.sum() * config.stride_seconds)
            losses.append([seconds, f"{name} below RMS {config.threshold:g}"])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], covered.view(np.int8), [0]])))
    spans: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        seconds = (end - start) * config.stride_seconds
        if seconds < config.shortest_seconds:
            losses.append([seconds, f"shorter than {config.shortest_seconds:g} s"])
            continue
        count = math.ceil(seconds / config.longest_seconds)
        cuts = np.linspace(start, end, count + 1).round().astype(int).tolist()
        spans += zip(cuts[:-1], cuts[1:], strict=True)
    return spans, losses


def stem_correlation(backing: np.ndarray, solo: np.ndarray, rate: int) -> float:
    """How much the stems sound alike: median over seconds of |correlation| of the samples, 0..1."""
    whole = len(backing) // rate * rate
    a, b = (sound[:whole].reshape(-1, rate).astype(np.float64) for sound in (backing, solo))
    norms = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    heard = norms > 1e-6 * rate
    if not heard.any():
        return 0.0
    return float(np.median(np.abs((a * b).sum(1)[heard]) / norms[heard]))


def _cover(frames: np.ndarray, long: int, steps: int) -> np.ndarray:
    """(steps,) whether a step lies in any of the frames that are True."""
    counts = np.zeros(steps + 1, int)
    starts = np.flatnonzero(frames)
    np.add.at(counts, starts, 1)
    np.add.at(counts, starts + long, -1)
    return np.cumsum(counts)[:steps] > 0


def _step_energies(folder: Path, stride: float) -> tuple[np.ndarray, int, int]:
    """(n, 2) mean squares of backing and solo in steps; the rate; samples in a step."""
    columns = []
    for name in STEMS:
        with soundfile.SoundFile(folder / f"{name}.flac") as file:
            rate = file.samplerate
            step = max(1, round(stride * rate))
            size = step * max(1, round(_BLOCK_SECONDS / stride))
            means = [
                np.square(block[: len(block) // step * step].reshape(-1, step)).mean(1)
                for block in file.blocks(size, dtype="float32")
            ]
        columns.append(np.concatenate(means) if means else np.zeros(0))
    return np.stack(columns, axis=1).astype(np.float64), rate, step


def _judge(
    folder: Path, start: int, end: int, rate: int, config: SelectConfig
) -> tuple[Window | None, str]:
    """The window, or why it is none."""
    backing, solo = (
        soundfile.read(folder / f"{name}.flac", start=start, stop=end, dtype="float32")[0]
        for name in STEMS
    )
    leakage = stem_correlation(backing, solo, rate)
    if leakage > config.leakage:
        return None, f"leakage: the stems correlate more than {config.leakage:g}"
    notes, voiced = track_solo(solo, rate)
    if voiced < config.voiced:
        return None, f"solo has a pitch in less than {config.voiced:g} of its time"
    levels = [float(np.sqrt(np.square(sound).mean())) for sound in (backing, solo)]
    listed = [
        [round(n.onset, 4), round(n.duration, 4), n.pitch, round(n.loudness, 3)] for n in notes
    ]
    return Window(start / rate, end / rate, levels, leakage, voiced, listed), ""
