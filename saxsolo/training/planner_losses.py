"""What the planner chose in given events, and what that costs: the losses it learns by."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from modeling_saxsolo.note_events_saxsolo import NO_END_KNOWN, NO_OFFSET, NO_PITCH
from modeling_saxsolo.planner_saxsolo import SaxsoloPlanner, last_pitch, rest_before

Choices = dict[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]


def planner_choices(
    planner: SaxsoloPlanner,
    events: torch.Tensor,
    sheet: torch.Tensor,
    controls: torch.Tensor,
    mask: torch.Tensor,
    line: torch.Tensor,
    seen: torch.Tensor | None = None,
) -> Choices:
    """Name of each choice -> logits (B, E - 1, classes), classes that were chosen (B, E - 1) and
    where there was a choice (B, E - 1), over the events after the first.

    Args:
        events, sheet, controls: as in `forward`.
        mask: (B, E), which events are real.
        line: (B, E, 11), see `line_features`, of the events as the planner sees them.
        seen: (B, E, 6) events as the planner sees them, if they are not the true ones.
    """
    hidden, _ = planner(events if seen is None else seen, sheet, controls, line)
    hidden, line = hidden[:, :-1], line[:, :-1]
    tick, pitch = events[..., 0], events[..., 2]
    last = last_pitch(pitch, pitch[:, :1])[:, :-1]
    target, real = events[:, 1:], mask[:, 1:]
    sounding = real & (target[..., 2] != NO_PITCH)
    roots = planner.roots(sheet, target[..., 0])
    at, rest = planner.place(sheet, target[..., 0], last), rest_before(line, target[..., 0])
    landed = planner.land(hidden, target[..., 1], at, rest)
    ending = target[..., 5]
    told = sounding & (ending != NO_END_KNOWN)
    ended = planner.end(landed, ending.clamp(max=NO_END_KNOWN - 1))
    struck = planner.strike(ended, target[..., 2], last, roots)
    return {
        "step": (planner.step_logits(hidden, tick[:, :-1], sheet, line), target[..., 1], real),
        "pitch": (planner.pitch_logits(ended, last, roots, line), target[..., 2], sounding),
        "ending": (planner.ending(landed), ending, told),
        "length": (planner.length(struck), target[..., 3], sounding),
        "offset": (
            planner.offset(struck),
            target[..., 4],
            sounding & (target[..., 4] != NO_OFFSET),
        ),
    }


def planner_losses(
    planner: SaxsoloPlanner,
    events: torch.Tensor,
    sheet: torch.Tensor,
    controls: torch.Tensor,
    mask: torch.Tensor,
    line: torch.Tensor,
    seen: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """Mean cross-entropy of each choice over the events after the first, nats.

    Args:
        planner, events, sheet, controls, mask, line, seen: as in `planner_choices`.
    """
    losses = {}
    choices = planner_choices(planner, events, sheet, controls, mask, line, seen)
    for name, (logits, wanted, counted) in choices.items():
        total = F.cross_entropy(logits[counted], wanted[counted], reduction="sum")
        losses[name] = total / counted.sum().clamp(min=1)
    return losses
