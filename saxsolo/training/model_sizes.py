"""The `model:` section of a training config, as the model's own configuration.

transformers keeps keyword arguments that a configuration does not know: a misspelt size would
train the default one without a word.
"""

import difflib
import inspect
from typing import Any, TypeVar

from transformers import PreTrainedConfig

from .errors import SettingsError

Config = TypeVar("Config", bound=PreTrainedConfig)


def sized(kind: type[Config], values: dict[str, Any]) -> Config:
    """The configuration with these fields.

    Raises:
        SettingsError: a field that it does not have (the nearest known one is named), or values
            that contradict each other.
    """
    known = [name for name in inspect.signature(kind.__init__).parameters if name != "self"]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)[0]
            raise SettingsError(f"model.{name} is unknown; the nearest known one is {near!r}")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"model: {error}") from error
