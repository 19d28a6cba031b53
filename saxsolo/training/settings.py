"""The settings of a run, from a YAML file and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml


class SettingsError(ValueError):
    """A settings file that cannot be used."""


@dataclass(frozen=True)
class TrainSettings:
    """One run.

    Attributes:
        model: fields of SaxsoloConfig.
        max_steps: optimiser steps; max_minutes: training time, 0 = no limit. The learning rate
            falls along a cosine over whichever of the two ends first.
        batch_size: rows a step on each process; accumulation: in so many parts.
        score_fraction: share of the steps that train on scores alone, where both corpora are given.
        tempi: tempo factors of the scores in training.
        weight_average: decay of the averaged weights, which are judged and kept; 0 = none.
        evaluate_every, save_every: steps; patience: evaluations without a better held-out loss
            after which the run stops, 0 = never.
        heldout_clips: clips judged during the run, 0 = all; final_clips: at its end.
        dtype: "bfloat16" (autocast) or "float32".
        threads: of torch on a CPU, 0 = leave as they are.
    """

    model: dict[str, Any] = field(default_factory=dict)
    max_steps: int = 10000
    max_minutes: float = 0.0
    batch_size: int = 8
    accumulation: int = 1
    learning_rate: float = 1e-3
    final_learning_rate: float = 5e-5
    warmup_steps: int = 200
    weight_decay: float = 0.05
    max_grad_norm: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    backing_dropout: float = 0.12
    condition_dropout: float = 0.15
    label_inputs: float = 0.5
    score_fraction: float = 0.25
    tempi: tuple[float, ...] = (0.84, 0.92, 1.0, 1.08, 1.16)
    weight_average: float = 0.999
    log_every: int = 20
    evaluate_every: int = 500
    save_every: int = 500
    keep_checkpoints: int = 2
    patience: int = 0
    heldout_clips: int = 24
    final_clips: int = 0
    dtype: str = "bfloat16"
    seed: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        for name in ("max_steps", "batch_size", "accumulation", "log_every", "evaluate_every"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.batch_size % self.accumulation:
            raise SettingsError(
                f"batch_size {self.batch_size} is no multiple of accumulation {self.accumulation}; "
                f"each part needs the same number of rows"
            )
        if self.dtype not in ("bfloat16", "float32"):
            raise SettingsError(f"dtype {self.dtype!r} is neither bfloat16 nor float32")
        if not 0 <= self.score_fraction <= 1:
            raise SettingsError(f"score_fraction is {self.score_fraction}; it must lie in [0, 1]")


def read_settings(path: Path, overrides: dict[str, Any] | None = None) -> TrainSettings:
    """Settings of a YAML file, with `overrides` in place of its values. A key `model.x` overrides
    one field of the model. Raises `SettingsError` for unknown or ill-typed names."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"cannot read the settings {path}: {error}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds a {type(values).__name__}; expected names and values")
    values["model"] = dict(values.get("model") or {})
    for name, value in (overrides or {}).items():
        owner, _, inner = name.partition(".")
        if owner == "model" and inner:
            values["model"][inner] = value
        else:
            values[name] = value
    known = {entry.name: entry for entry in fields(TrainSettings)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SettingsError(f"{path}: unknown settings {unknown}; known are {sorted(known)}")
    settings = TrainSettings()
    for name, value in values.items():
        default = getattr(settings, name)
        try:
            if isinstance(default, tuple):
                value = tuple(float(part) for part in value)
            elif not isinstance(default, dict):
                value = type(default)(value)
        except (TypeError, ValueError) as error:
            raise SettingsError(
                f"{path}: {name} is {value!r}; expected a {type(default).__name__}"
            ) from error
        values[name] = value
    return replace(settings, **values)
