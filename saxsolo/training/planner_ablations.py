"""Planners that see less, to measure what an input is worth: `without` in a planner's settings.

They learn and are judged in the same way; they do not play.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from modeling_saxsolo.line_saxsolo import END, line_features
from modeling_saxsolo.note_events_saxsolo import (
    QUALITY,
    ROOT,
    SECTION,
    SECTION_BARS,
    event_rows,
    wait,
)
from modeling_saxsolo.planner_features_saxsolo import AHEAD
from modeling_saxsolo.planner_saxsolo import SaxsoloPlanner
from modeling_saxsolo.vocabulary_saxsolo import NO_CHORD, NO_ROOT

from .errors import SettingsError
from .planner_data import Excerpts

#: what can be taken away -> what that is
ABLATIONS = {
    "ahead": "chords 1, 2 and 4 beats later",
    "degrees": "pitches as degrees: roots are seen and leant to as pitch classes",
    "form": "the bar of the section",
    "line": "what is counted of the line: phrase, density, register, echoes",
    "chords": "all chords",
}
# columns of `place_features`: place in beat, bar and section, metre and tempo come first
_DEGREES = slice(5, 5 + len(AHEAD))
_QUALITIES = slice(_DEGREES.stop, _DEGREES.stop + len(AHEAD))
_MOTIONS = slice(_QUALITIES.stop, _QUALITIES.stop + len(AHEAD) - 1)


class AblatedPlanner(SaxsoloPlanner):
    """Sees neither degrees nor chords ahead, as it is told.

    Args:
        sizes: as in `SaxsoloPlanner`.
        without: names of `ABLATIONS`; what `without_inputs` takes away is none of its business.

    Raises:
        SettingsError: for another name.
    """

    def __init__(self, sizes: Mapping[str, Any], without: Sequence[str]):
        super().__init__(sizes)
        unknown = sorted(set(without) - set(ABLATIONS))
        if unknown:
            raise SettingsError(f"without {unknown}: choose among {list(ABLATIONS)}")
        self.without = set(without)

    def place(self, sheet: torch.Tensor, tick: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
        at = super().place(sheet, tick, pitch)
        if "degrees" in self.without:
            at[..., _DEGREES] = super().roots(sheet, tick)
        if "ahead" in self.without:
            at[..., _DEGREES.start + 1 : _DEGREES.stop] = NO_ROOT
            at[..., _QUALITIES.start + 1 : _QUALITIES.stop] = NO_CHORD
            at[..., _MOTIONS] = NO_ROOT
        return at

    def roots(self, sheet: torch.Tensor, tick: torch.Tensor) -> torch.Tensor:
        roots = super().roots(sheet, tick)
        if "degrees" in self.without:
            roots = torch.where(roots == NO_ROOT, roots, 0)
        if "ahead" in self.without:
            roots[..., 1:] = NO_ROOT
        return roots


def without_inputs(batch: Excerpts, without: Sequence[str]) -> Excerpts:
    """Excerpts whose form, chords or counts are not known."""
    sheet, line = batch.sheet.clone(), batch.line.clone()
    if "form" in without:
        sheet[..., SECTION] = SECTION_BARS
    if "chords" in without:
        sheet[..., ROOT], sheet[..., QUALITY] = NO_ROOT, NO_CHORD
    if "line" in without:
        line[..., :END] = torch.from_numpy(line_features(event_rows([wait(0)]))[0, :END])
    return replace(batch, sheet=sheet, line=line)
