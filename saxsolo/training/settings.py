"""The settings of a run of the solo model, from a YAML file and the command line."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from saxsolo.config_model import ConfigModel, at_least, read_yaml, within

from .errors import SettingsError

Count = Annotated[int, at_least(0)]
Positive = Annotated[int, at_least(1)]
Share = Annotated[float, within(0, 1)]
NotNegative = Annotated[float, at_least(0)]


class TrainSettings(ConfigModel):
    """One run.

    Attributes:
        model: fields of SaxsoloConfig.
        max_steps: optimiser steps; max_minutes: training time, 0 = no limit. The learning rate
            falls along a cosine over whichever of the two ends first.
        batch_size: rows a step on each process; accumulation: in so many parts.
        backing_dropout, condition_dropout, articulation_dropout: shares of the rows in which the
            model does not hear the backing, is not told a condition, or how the notes are played.
        label_inputs: share of the rows with a backing that are told chords and beats.
        score_fraction: share of the steps that train on scores alone, where both corpora are given.
        tempi: tempo factors of the scores in training.
        new_codes: the model to begin with learnt another codec's codes; what reads and names them
            starts as new.
        weight_average: decay of the averaged weights, which are evaluated and kept; 0 = none.
        evaluate_every, save_every: steps; patience: evaluations without a better held-out loss
            after which the run stops, 0 = never.
        heldout_clips: clips evaluated during the run, 0 = all; final_clips: at its end.
        dtype: "bfloat16" (autocast), "float32", or "auto": the former where the device computes
            it, not where it emulates it, which takes many times as long.
        threads: of torch on a CPU, 0 = leave as they are.
        loader_workers: processes that draw the next batches, as a GPU needs; 0 = none beside this.

    Raises:
        SettingsError: an unknown name, a value of another kind or out of its range.
    """

    mistake: ClassVar[type[ValueError]] = SettingsError

    model: dict[str, Any] = Field(default_factory=dict)
    max_steps: Positive = 10000
    max_minutes: NotNegative = 0.0
    batch_size: Positive = 8
    accumulation: Positive = 1
    learning_rate: NotNegative = 1e-3
    final_learning_rate: NotNegative = 5e-5
    warmup_steps: Count = 200
    weight_decay: NotNegative = 0.05
    max_grad_norm: NotNegative = 1.0
    betas: Annotated[tuple[Share, Share], Field(strict=False)] = (0.9, 0.98)
    backing_dropout: Share = 0.12
    condition_dropout: Share = 0.15
    label_inputs: Share = 0.5
    articulation_dropout: Share = 0.2
    score_fraction: Share = 0.25
    tempi: Annotated[tuple[Annotated[float, within(0.25, 4)], ...], Field(strict=False)] = (
        0.84,
        0.92,
        1.0,
        1.08,
        1.16,
    )
    new_codes: bool = False
    weight_average: Share = 0.999
    log_every: Positive = 20
    evaluate_every: Positive = 500
    save_every: Positive = 500
    keep_checkpoints: Positive = 2
    patience: Count = 0
    heldout_clips: Count = 24
    final_clips: Count = 0
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    seed: Count = 0
    threads: Count = 0
    loader_workers: Count = 0

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        if self.batch_size % self.accumulation:
            raise PydanticCustomError(
                "conflict",
                "batch_size {size} is not a multiple of accumulation {parts}; each part needs the "
                "same number of rows",
                {"size": self.batch_size, "parts": self.accumulation},
            )
        return self


def read_settings(path: Path, overrides: dict[str, Any] | None = None) -> TrainSettings:
    """Settings of a YAML file, with `overrides` in place of its values.

    Args:
        overrides: name -> value; a name `model.x` overrides one field of the model.

    Raises:
        SettingsError: no such file, an unknown name (the nearest known one is named), a value of
            another kind or out of its range.
    """
    values = read_yaml(path, SettingsError) or {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds a {type(values).__name__}; expected names and values")
    if isinstance(values.get("model"), dict):
        values["model"] = dict(values["model"])
    for name, value in (overrides or {}).items():
        owner, _, inner = name.partition(".")
        if owner == "model" and inner:
            values.setdefault("model", {})[inner] = value
        else:
            values[name] = value
    return TrainSettings.parse(values, str(path))
