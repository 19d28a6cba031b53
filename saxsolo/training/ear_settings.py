"""Settings of the ear's training from a file, see configs/ear.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from modeling_saxsolo.ear_saxsolo import SaxsoloEarConfig
from saxsolo.config_model import read_yaml

from .ear import EarTraining
from .errors import SettingsError

_SIZES = ("note_channels", "channels", "scalars", "num_hidden_layers", "num_attention_heads",
          "expansion", "rhythm_channels", "ratio_channels", "dropout")  # fmt: skip


def read_ear_settings(
    path: Path, overrides: Mapping[str, Any]
) -> tuple[EarTraining, SaxsoloEarConfig]:
    """Fields of `EarTraining`, and under "model" the sizes of a new ear.

    Args:
        overrides: in place of the file's values, where they are not None.

    Raises:
        SettingsError: no such file, an unknown name, or a value of another kind.
    """
    values = read_yaml(path, SettingsError)
    sizes = values.pop("model", {}) if isinstance(values, dict) else {}
    _check(path, sizes, {name: type(getattr(SaxsoloEarConfig(), name)) for name in _SIZES})
    _check(path, values, {each.name: type(each.default) for each in fields(EarTraining)})
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return EarTraining(**values | given), SaxsoloEarConfig(**sizes)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from error


def _check(path: Path, values: Any, kinds: Mapping[str, type]) -> None:
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds a {type(values).__name__}; expected names and values")
    for name, value in values.items():
        if name not in kinds:
            raise SettingsError(f"{path}: no setting {name}; there are {', '.join(kinds)}")
        whole = kinds[name] is int
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not right or value < 0:
            raise SettingsError(
                f"{path}: {name}={value!r}; expected {kinds[name].__name__} of 0 or more"
            )
