"""From what `generate()` is given to the plans of its solos: over what, asked for what."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from .configuration_saxsolo import PLANS, SaxsoloConfig
from .lead_sheet_saxsolo import (
    SHEET_INPUTS,
    LeadSheet,
    plain_sheet,
    sheet_of_inputs,
    sheet_of_labels,
)
from .phrasing_saxsolo import Phrasing
from .planner_features_saxsolo import CONTROLS
from .planner_saxsolo import SaxsoloPlanner
from .planning_saxsolo import NotePlan, PlanSettings, pitch_places
from .vocabulary_saxsolo import FEELS, INSTRUMENT_RANGES, LABEL_SIZES


def planned_by(
    config: SaxsoloConfig, plan: str | None, plan_frames: int | None
) -> tuple[bool, int]:
    """Whether the planner decides the notes, and how many frames are planned if it does not.

    Raises:
        ValueError: for an unknown plan, and one that the model cannot make.
    """
    frames = config.plan_frames if plan_frames is None else plan_frames
    if plan is None:
        plan = "frames" if plan_frames is not None else config.plan
    if plan not in PLANS:
        raise ValueError(f"plan {plan!r} is unknown: choose one of {PLANS}.")
    if plan == "events":
        if config.planner is None:
            raise ValueError("plan 'events': this model has no planner; give 'frames'.")
        return True, 0
    if frames and not config.score_vocab_size:
        raise ValueError(f"plan_frames {frames}: there is no score stream to plan; give 0.")
    return False, frames


def plan_settings(
    settings: Any, config: SaxsoloConfig, asked: Mapping[str, Any] | None = None
) -> PlanSettings:
    """A generation config, a model's config and what a solo is asked for, as the planner's
    settings.

    Args:
        asked: harmony, time, lowest, highest; and pitch_temperature, rhythm_temperature and
            onset_bias in place of the config's, where they are not None.

    Raises:
        ValueError: for a strength below 0, and a range outside the score stream.
    """
    asked = {name: value for name, value in (asked or {}).items() if value is not None}
    for name in ("harmony", "time"):
        if not 0 <= asked.get(name, 1) < float("inf"):
            raise ValueError(f"{name} is {asked[name]}: give 0 or more; 1 is as learnt.")
    lowest, highest = asked.get("lowest"), asked.get("highest")
    pitch_places(lowest, highest)
    guidance = asked.get("harmony", settings.guidance_scale)
    return PlanSettings(
        do_sample=bool(settings.do_sample),
        temperature=1.0 if settings.temperature is None else settings.temperature,
        pitch_temperature=asked.get("pitch_temperature", config.pitch_temperature),
        rhythm_temperature=asked.get("rhythm_temperature", config.rhythm_temperature),
        top_k=settings.top_k,
        top_p=settings.top_p,
        guidance=1.0 if guidance is None else float(guidance),
        time=float(asked.get("time", 1.0)),
        onset_bias=asked.get("onset_bias", config.onset_bias),
        lowest=lowest,
        highest=highest,
        phrasing=Phrasing.of(config.phrasing),
    )


def make_plans(
    planner: SaxsoloPlanner,
    config: SaxsoloConfig,
    inputs: Mapping[str, Any],
    known: int,
    settings: PlanSettings,
    asked: Mapping[str, float | None],
    random: torch.Generator | None = None,
) -> list[NotePlan]:
    """One plan for each solo of a batch.

    Args:
        inputs: those of `generate`, B rows each, and "score" (B, S): the score stream, FREE where
            it is to be planned.
        known: frames that are played.
        asked: controls for all of them, see `control_classes`; None = not asked. What is none of
            the controls is in the settings.
        random: what the plans' seeds are drawn from; torch's global generator when None.

    Raises:
        ValueError: without a lead sheet and anything that it could be made of.
    """
    frames = inputs["backing_codes"].shape[-1]
    folded = planner.folded()
    plans = []
    for row, score in enumerate(inputs["score"]):
        given = score[:frames].cpu().numpy()
        controls = {**_named(config, inputs["condition_ids"], row), **_controls(asked)}
        sheet = lead_sheet(config, inputs, row)
        limits = within_instrument(settings, _words(config, inputs["condition_ids"], row))
        seed = int(torch.randint(2**62, (1,), generator=random))
        plans.append(NotePlan(folded, sheet, given, known, limits, controls, seed))
    return plans


def within_instrument(settings: PlanSettings, words: Mapping[str, str]) -> PlanSettings:
    """The settings with the range of the instrument that the conditions name, unless a range is
    asked for: no horn plays below its lowest key."""
    instrument = words.get("instrument")
    if settings.lowest is not None or settings.highest is not None:
        return settings
    if instrument not in INSTRUMENT_RANGES:
        return settings
    lowest, highest = INSTRUMENT_RANGES[instrument]
    return replace(settings, lowest=lowest, highest=highest)


class PlansAhead:
    """Plans whose next part is decided in a thread of its own while an earlier one is played: the
    compiled decoder leaves Python's lock to it. What they decide does not change by that. The
    thread ends with this object."""

    def __init__(self, plans: list[NotePlan]):
        self.plans = plans
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="saxsolo-plan")
        self._deciding: Future[None] | None = None

    def tokens(self, first: int, stop: int) -> np.ndarray:
        """(B, stop - first) of the score streams, see `NotePlan.tokens`."""
        if self._deciding is not None:
            self._deciding.result()
        self._deciding = None
        return np.stack([plan.tokens(first, stop) for plan in self.plans])

    def decide(self, first: int, stop: int) -> None:
        """Begin with what `tokens` will be asked for next."""
        self._deciding = self._thread.submit(self._decide, first, stop)

    def _decide(self, first: int, stop: int) -> None:
        for plan in self.plans:
            plan.tokens(first, stop)


def planned_tokens(plans: list[NotePlan], codes: torch.Tensor) -> torch.Tensor:
    """The whole score streams of some plans, (B, 1, T) on the device of the codes (B, K, T)."""
    rows = [plan.tokens(0, codes.shape[-1]) for plan in plans]
    return torch.from_numpy(np.stack(rows)).to(codes.device)[:, None]


def lead_sheet(config: SaxsoloConfig, inputs: Mapping[str, Any], row: int) -> LeadSheet:
    """The lead sheet of one row: the given one, else the likeliest label of each frame, with what
    is told from outside in its place."""
    told, posteriors = inputs["frame_label_inputs"], inputs["frame_label_posteriors"]
    if inputs["beat_times"] is not None:
        sheet = sheet_of_inputs({name: inputs[name][row].cpu().numpy() for name in SHEET_INPUTS})
    elif posteriors is not None:
        parts = posteriors[row].split(list(LABEL_SIZES.values()))
        sheet = sheet_of_labels(torch.stack([part.argmax(0) for part in parts]).cpu().numpy())
    elif told is not None:
        sheet = plain_sheet(told.shape[-1] / config.frame_rate)
    else:
        raise ValueError(
            "plan 'events' needs a lead sheet: give beat_times, beat_places and beat_chords as the "
            "processor makes them, or plan 'frames'."
        )
    return sheet if told is None else sheet.told(told[row].cpu().numpy())


def _words(config: SaxsoloConfig, ids: torch.Tensor | None, row: int) -> dict[str, str]:
    """The conditions of a row by name, those that are given."""
    named: dict[str, str] = {}
    for index, (name, values) in enumerate((config.conditions or {}).items()):
        chosen = -1 if ids is None else int(ids[row, index])
        if chosen >= 0:
            named[name] = values[chosen]
    return named


def _named(config: SaxsoloConfig, ids: torch.Tensor | None, row: int) -> dict[str, float | None]:
    """What the conditions of a row say to the planner: the feel, and the instrument's range."""
    named = _words(config, ids, row)
    ranges = (config.planner or {}).get("ranges", {})
    lowest, highest = ranges.get(named.get("instrument"), (None, None))
    feel = named.get("feel")
    return {
        "lowest": lowest,
        "highest": highest,
        "feel": FEELS.index(feel) if feel in FEELS else None,
    }


def _controls(asked: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: v for name, v in asked.items() if name in CONTROLS and v is not None}
