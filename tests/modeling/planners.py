"""Planners, lead sheets and plans for the tests."""

import numpy as np
import torch

from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet, plain_sheet
from modeling_saxsolo.planner_saxsolo import SaxsoloPlanner
from modeling_saxsolo.planning_saxsolo import NotePlan, PlanSettings
from modeling_saxsolo.vocabulary_saxsolo import FREE

SIZES = {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "dropout": 0.0}
FRAMES = 600


def reacting_planner() -> SaxsoloPlanner:
    """Random weights that react to all that is given."""
    torch.manual_seed(3)
    planner = SaxsoloPlanner(SIZES)
    planner.reset()
    with torch.no_grad():
        for name, parameter in planner.named_parameters():
            if "norm" not in name and parameter.dim() > 1:
                parameter.mul_(6)
        # and notes frequent
        planner.step.bias[12:] -= 3
    return planner.eval()


def sheet(seed: int = 0, seconds: float = 12.0) -> LeadSheet:
    rng = np.random.default_rng(seed)
    plain = plain_sheet(seconds, 130.0)
    roots, qualities = rng.integers(0, 12, len(plain)), rng.integers(0, 7, len(plain))
    places, metres = np.arange(len(plain)) % 4, np.full(len(plain), 4)
    return LeadSheet(plain.beats, places, metres, plain.bars, roots, qualities)


def played(planner, given=None, known=0, seed=1, lead=None, controls=None, **how) -> np.ndarray:
    given = np.full(FRAMES, FREE) if given is None else given
    lead = lead or sheet()
    plan = NotePlan(planner.folded(), lead, given, known, PlanSettings(**how), controls, seed)
    return plan.tokens(0, len(given))
