"""The planner of an exported folder: its weights in a file, and the plan of a solo over a band."""

from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.folded_planner_saxsolo import FoldedPlanner, widened
from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet
from modeling_saxsolo.phrasing_saxsolo import Phrasing
from modeling_saxsolo.planning_saxsolo import NotePlan, PlanSettings
from modeling_saxsolo.vocabulary_saxsolo import FREE, INSTRUMENT_RANGES, REST

WEIGHTS = "planner.npz"


def load_planner(folder: Path, config: dict[str, Any]) -> FoldedPlanner:
    """The network of a folder with its configuration."""
    with np.load(folder / WEIGHTS) as kept:
        weights = {name: widened(kept[name]) for name in kept.files}
    return FoldedPlanner(weights, config["planner"]["heads"])


def plan_of(
    planner: FoldedPlanner,
    config: dict[str, Any],
    sheet: LeadSheet,
    playing: np.ndarray,
    instrument: str,
    temperature: float,
    seed: int,
) -> NotePlan:
    """Notes over a lead sheet.

    Args:
        config: of the folder.
        playing: (T,) bool, the frames in which the solo may play.
        instrument: whose range is kept.
        temperature: 0 takes the likeliest.
        seed: of the drawing.
    """
    model, sampling = config["model"], config["sampling"]
    lowest, highest = INSTRUMENT_RANGES.get(instrument, (None, None))
    settings = PlanSettings(
        do_sample=temperature > 0,
        temperature=temperature or 1.0,
        pitch_temperature=model["pitch_temperature"],
        rhythm_temperature=model["rhythm_temperature"],
        guidance=sampling["guidance_scale"],
        onset_bias=model.get("onset_bias", 0.0),
        lowest=lowest,
        highest=highest,
        phrasing=Phrasing.of(model.get("phrasing")),
    )
    asked = dict(
        zip(("lowest", "highest"), config["planner"]["ranges"].get(instrument, ()), strict=False)
    )
    given = np.where(playing, FREE, REST)
    return NotePlan(planner, sheet, given, 0, settings, asked, seed)
