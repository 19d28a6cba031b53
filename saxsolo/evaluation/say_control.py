"""Do solos follow what they are asked for: density, space, range, strengths?

Over the beginning of each track notes are planned, without sound, for a sweep of each setting.
Harmony and time are judged by the chords and beats that the ear hears, which the planner is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from saxsolo.audio.files import open_sound
from saxsolo.music.frame_labels import tokens_to_notes
from saxsolo.music.score import Note
from saxsolo.playing.hearing import backing_grid
from saxsolo.playing.performance import Performance
from saxsolo.playing.settings import Settings
from saxsolo.weights.loading import Player

from . import harmony, timing
from .notes import SoloNotes

#: setting -> (the values it is swept over, the figures that should follow)
SWEEPS: dict[str, tuple[tuple[Any, ...], tuple[str, ...]]] = {
    "density": ((1.0, 2.0, 3.0, 4.5, 6.0, 8.0), ("notes a second",)),
    "space": ((0.1, 0.25, 0.4, 0.55, 0.7, 0.85), ("silent share",)),
    "lowest": ((46, 50, 54, 58, 62, 66), ("lowest note",)),
    "highest": ((58, 62, 66, 70, 74, 78), ("highest note",)),
    "harmony": ((0.0, 0.5, 1.0, 1.5, 2.0, 3.0), ("chord tones",)),
    "time": ((0.0, 0.5, 1.0, 1.5, 2.0, 3.0), ("on the beat", "eighths", "notes a second")),
}


# track, value of the setting, figures of the plan
_Row = tuple[int, float, dict[str, float]]


@dataclass(frozen=True)
class Followed:
    """How a figure follows a setting: means over tracks and seeds, and the rank correlation
    (Spearman) over the sweep of a track, whose seeds are averaged; the mean over the tracks."""

    setting: str
    figure: str
    means: dict[float, float]
    correlation: float


def measure_say(
    player: Player,
    tracks: Sequence[Path],
    seconds: float,
    seeds: int = 2,
    sweeps: Mapping[str, tuple[tuple[Any, ...], tuple[str, ...]]] = SWEEPS,
) -> list[Followed]:
    """Plans over the beginning of each track for every value of every sweep.

    Args:
        tracks: sounds. seconds: of each plan. seeds: plans of each track and value.
    """
    rows: dict[str, list[_Row]] = {name: [] for name in sweeps}
    for track, path in enumerate(tracks):
        source = open_sound(path)
        first = Performance(player, source, Settings(seconds=seconds))
        heard = first.listen()
        grid = backing_grid(player, heard)
        labels = None if grid is None else grid.labels(heard.frames).astype(int)
        for name, (values, _) in sweeps.items():
            for value in values:
                for seed in range(1, seeds + 1):
                    settings = Settings.parse({"seconds": seconds, "seed": seed, name: value})
                    tokens = Performance(player, source, settings).plan(heard)
                    found = figures(tokens_to_notes(tokens), labels, seconds)
                    rows[name].append((track, value, found))
    return [
        _followed(name, figure, rows[name])
        for name, (_, wanted) in sweeps.items()
        for figure in wanted
    ]


def figures(notes: Sequence[Note], labels: np.ndarray | None, seconds: float) -> dict[str, float]:
    """What a plan did, NaN where there is nothing to say.

    Args:
        notes: of the plan. labels: (T, 4) of the track. seconds: of the plan.
    """
    if not notes:
        return {}
    onsets = np.array([note.onset for note in notes])
    ends = onsets + np.array([note.duration for note in notes])
    pitches = np.array([note.pitch for note in notes])
    span = float(ends[-1] - onsets[0])
    sounding = float(np.sum(ends - onsets))
    found = {
        "notes a second": len(notes) / span,
        "silent share": 1 - sounding / span,
        "lowest note": float(pitches.min()),
        "highest note": float(pitches.max()),
    }
    if labels is not None:
        loudness = np.full(len(notes), np.nan)
        solo = SoloNotes(onsets, ends, pitches, loudness, seconds, sounding / seconds)
        time, chords = timing.fit(solo, labels), harmony.fit(solo, labels)
        found["chord tones"] = _number(chords["chord_tones"])
        found["on the beat"] = _number(time["on_beat"])
        found["eighths"] = _number(time["eighth_concentration"])
    return found


def _followed(name: str, figure: str, rows: list[_Row]) -> Followed:
    cells: dict[int, dict[float, list[float]]] = {}
    for track, value, found in rows:
        if np.isfinite(number := found.get(figure, np.nan)):
            cells.setdefault(track, {}).setdefault(float(value), []).append(number)
    values = sorted({value for sweep in cells.values() for value in sweep})
    means = {
        value: float(np.mean([x for sweep in cells.values() for x in sweep.get(value, [])]))
        for value in values
    }
    ranks = [
        float(spearmanr(list(sweep), [np.mean(found) for found in sweep.values()]).statistic)
        for sweep in cells.values()
        if len(sweep) > 1
    ]
    return Followed(name, figure, means, float(np.nanmean(ranks)) if ranks else np.nan)


def _number(value: float | None) -> float:
    return np.nan if value is None else value
