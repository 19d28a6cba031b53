"""What a model is asked for: settings as the arguments of its `generate`."""

from __future__ import annotations

from typing import Any

import torch
from transformers import GenerationConfig

from modeling_saxsolo.articulating_saxsolo import checked_habits
from modeling_saxsolo.habits_saxsolo import Habits
from modeling_saxsolo.planning_saxsolo import pitch_places
from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES
from saxsolo.errors import SettingError
from saxsolo.weights.loading import Player

from .settings import Settings

NO_CONDITION = -1
#: settings that only a planner of notes understands
ASKED = ("density", "space", "lowest", "highest", "harmony", "time")


def tells_labels(player: Player) -> bool:
    """Whether a chart can be told: the model reads all frame labels."""
    return set(player.solo.model.config.frame_label_names or []) == set(LABEL_SIZES)


def condition_ids(player: Player, settings: Settings) -> torch.Tensor:
    """(1, C) with instrument, timbre and feel in their places and the others left open.

    Raises:
        SettingError: for an instrument, a timbre or a feel that the model does not know.
    """
    conditions = player.solo.model.config.conditions
    given = {**player.processor.default_conditions, "instrument": settings.instrument}
    for name in ("feel", "timbre"):
        if getattr(settings, name) is not None:
            given[name] = getattr(settings, name)
    for name in ("instrument", "feel", "timbre"):
        if name in given and given[name] not in conditions.get(name, [given[name]]):
            raise SettingError(
                f"{name} {given[name]!r} is none of those that {player.solo.name} plays: "
                f"{', '.join(conditions[name])}"
            )
    ids = [
        values.index(given[name]) if name in given else NO_CONDITION
        for name, values in conditions.items()
    ]
    return torch.tensor([ids], device=player.solo.model.device)


def generation_config(player: Player, settings: Settings) -> GenerationConfig:
    """The model's own, with what the settings say of sampling and guidance."""
    config = GenerationConfig.from_dict(player.solo.model.generation_config.to_dict())
    config.do_sample = True
    if settings.temperature is not None:
        config.temperature = settings.temperature
    if settings.top_k is not None:
        config.top_k = settings.top_k
    if settings.guidance is not None:
        config.guidance_scale = settings.guidance
    return config


def habits_of(player: Player, text: str | None) -> Habits | None:
    """How notes are asked to be played; None for a model that is told nothing.

    Raises:
        SettingError: for what cannot be read, and kinds that the model does not know.
    """
    try:
        return checked_habits(player.solo.model.config, text)
    except ValueError as error:
        raise SettingError(str(error).replace("this model", player.solo.name)) from None


def asked_of_planner(player: Player, settings: Settings) -> dict[str, Any]:
    """What the notes are asked for, by the names of `generate`; without what is left open.

    Raises:
        SettingError: for a model without a planner, and a range outside what it writes.
    """
    asked = {name: getattr(settings, name) for name in ASKED}
    asked = {name: value for name, value in asked.items() if value is not None}
    if asked and player.solo.model.config.plan != "events":
        raise SettingError(
            f"{player.solo.name} does not plan its notes, so it takes no {', '.join(asked)}"
        )
    try:
        pitch_places(settings.lowest, settings.highest)
    except ValueError as error:
        raise SettingError(str(error)) from None
    return asked
