"""Sections and chords as markers for a DAW, (second, text), and the marks of a form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .beat_grid import BeatGrid
from .charts.form import played
from .chord_symbols import chord_name
from .placed_chart import PlacedChart


@dataclass(frozen=True)
class FormMark:
    """Where a part of the form begins.

    Attributes:
        beat: place in `PlacedChart.beats`.
        chorus: number of the chorus that begins here; 0 where none does.
        section: name of the section that begins here; empty where none does.
    """

    beat: int
    chorus: int
    section: str


def form_marks(placed: PlacedChart) -> list[FormMark]:
    """Choruses and sections, in order. A track that begins inside the form begins with chorus 1,
    which is marked where the form begins anew."""
    order = played(placed.chart)
    marks: list[FormMark] = []
    chorus, before = 0, -1
    for beat in np.flatnonzero(placed.inside).tolist():
        index = int(placed.index[beat])
        begins = before < 0 or index <= before
        chorus += begins
        before = index
        section = ""
        if placed.form.places[index] == 0 and placed.form.sections[index]:
            section = placed.chart.bars[order[int(placed.form.bars[index])]].section
        named = chorus if begins and index == 0 else 0
        if named or section:
            marks.append(FormMark(beat, named, section))
    return marks


def markers_of_chart(placed: PlacedChart) -> list[tuple[float, str]]:
    """Where a chorus or a section of the form begins, in brackets, and where its chord changes,
    with its full name."""
    markers: list[tuple[float, str]] = []
    marks = {mark.beat: mark for mark in form_marks(placed)}
    last = ""
    for beat in np.flatnonzero(placed.inside).tolist():
        second = max(0.0, float(placed.beats[beat]))
        mark = marks.get(beat)
        if mark is not None and mark.chorus:
            markers.append((second, f"[Chorus {mark.chorus}]"))
        if mark is not None and mark.section:
            markers.append((second, f"[{mark.section}]"))
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
