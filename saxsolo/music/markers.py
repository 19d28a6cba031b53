"""Sections and chords as markers for a DAW: (second, text)."""

from __future__ import annotations

import numpy as np

from .beat_grid import BeatGrid
from .charts.form import played
from .chord_symbols import chord_name
from .placed_chart import PlacedChart


def markers_of_chart(placed: PlacedChart) -> list[tuple[float, str]]:
    """Where a section of the form begins, and where its chord changes, with its full name."""
    markers: list[tuple[float, str]] = []
    order = played(placed.chart)
    last = ""
    for beat in np.flatnonzero(placed.inside).tolist():
        index = int(placed.index[beat])
        second = max(0.0, float(placed.beats[beat]))
        section = placed.chart.bars[order[int(placed.form.bars[index])]].section
        if section and placed.form.places[index] == 0 and placed.form.sections[index]:
            markers.append((second, f"[{section}]"))
        symbol = placed.symbols[beat]
        if symbol and symbol != last:
            markers.append((second, symbol))
        last = symbol
    return markers


def markers_of_grid(grid: BeatGrid) -> list[tuple[float, str]]:
    """Where the chord that is heard changes."""
    markers, last = [], None
    for second, root, quality in zip(grid.beats, grid.roots, grid.qualities, strict=True):
        name = "N.C." if root > 11 else chord_name(int(root), int(quality))
        if name != last:
            markers.append((max(0.0, float(second)), name))
        last = name
    return markers
