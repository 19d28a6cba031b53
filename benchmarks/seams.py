"""Whether a long take has seams where the windows of the decoder meet.

A window reads half of the one before as its past and plays on from there. What is measured in the
second around each border is measured again around the same borders shifted by parts of the
distance between them: a seam would lie outside the range of those.
"""

from typing import Any

import numpy as np

from saxsolo.playing.take import Take
from saxsolo.playing.take_fit import fit_of

FRAME_RATE = 50
REACH = 0.5  # seconds on each side of a border
SHIFTS = 12
FIGURES = ("notes a second", "sounding", "loudness, dB", "jump in a note, dB", "chord tones")


def borders_of(model: Any, frames: int) -> np.ndarray:
    """Seconds at which the windows of `generate` meet in a solo of so many frames."""
    delays = model.config.stream_delays
    steps, step, borders = frames + max(delays), 0, []
    while step < steps:
        step = model._next_window(step, frames)[2]
        borders.append((step - max(delays) / 2) / FRAME_RATE)
    return np.array(borders[:-1])


def around(take: Take, borders: np.ndarray) -> list[float]:
    """The figures in the second around each of the borders."""
    near = [
        note for note in take.notes if np.abs(borders - note.onset).min(initial=np.inf) <= REACH
    ]
    level, held = _levels(take)
    places = np.arange(len(level)) / FRAME_RATE
    index = np.searchsorted(borders, places).clip(1, max(1, len(borders) - 1))
    distance = np.minimum(np.abs(borders[index - 1] - places), np.abs(borders[index] - places))
    inside, sounding = distance <= REACH, take.codes[0, : len(level)] > 0
    jumps = np.abs(np.diff(level, prepend=level[:1]))
    # what a border could break lies within a few frames of it
    close = held & (distance <= 0.1)
    fit = fit_of(near, take.grid)
    return [
        len(near) / max(1e-9, inside.sum() / FRAME_RATE),
        float(sounding[inside].mean()),
        float(level[inside & sounding].mean()),
        float(jumps[close].mean()),
        float("nan") if fit is None else fit["chord_tones"],
    ]


def _levels(take: Take) -> tuple[np.ndarray, np.ndarray]:
    """Level of each frame in dB, and where a note is held from the frame before."""
    size = take.sampling_rate / FRAME_RATE
    places = np.round(np.arange(take.codes.shape[1]) * size).astype(int)
    places = places[places < len(take.solo)]
    energy = np.add.reduceat(take.solo.astype(np.float64) ** 2, places)
    level = 10 * np.log10(energy / size + 1e-8)
    score = take.codes[0, : len(level)]
    sounding = score > 0
    same = (score == np.roll(score, 1)) & sounding
    return level, same


def table(take: Take, model: Any) -> str:
    """Markdown: each figure around the borders, and around the shifted ones."""
    borders = borders_of(model, take.codes.shape[1])
    distance = float(np.median(np.diff(borders)))
    found = around(take, borders)
    shifted = np.array(
        [around(take, borders + distance * k / (SHIFTS + 1)) for k in range(1, SHIFTS + 1)]
    )
    lines = [f"| of {len(borders)} borders | at them | elsewhere, from | mean | to |"]
    lines.append("|" + " --- |" * 5)
    for index, name in enumerate(FIGURES):
        others = shifted[:, index]
        row = [found[index], others.min(), others.mean(), others.max()]
        lines.append(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row) + " |")
    return "\n".join(lines)
