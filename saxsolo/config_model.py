"""Settings that are checked: from Python, from the command line, from YAML and from JSON alike.

A `ConfigModel` names an unknown key with the nearest known one, and a value out of its range or of
another kind with what is expected. Nothing is converted but whole numbers to floats: "3" is not 3.
"""

import difflib
import numbers
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

# pydantic's names of the kinds that it expected
_EXPECTED = {"string": "str"}


class ConfigModel(BaseModel):
    """Base of the settings classes: frozen, strict, no unknown keys.

    Attributes:
        mistake: class of the errors, a ValueError.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    mistake: ClassVar[type[ValueError]] = ValueError

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise self.mistake(_message(error, "")) from None

    # so that validation does not call it for a model inside another: their paths would be lost
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def parse(cls, values: Any, where: str = "") -> Self:
        """Settings from plain values.

        Args:
            where: place that the message begins with, such as the name of a file.

        Raises:
            ValueError: of the class `mistake`, one line with the first that is wrong.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise cls.mistake(_message(error, where)) from None

    def changed(self, **changes: Any) -> Self:
        """The same settings but for some, checked again."""
        return self.parse({**dict(self), **changes})

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        known = list(cls.model_fields)
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)[0]
                raise PydanticCustomError(
                    "unknown_key",
                    "key {key} is unknown; the nearest known one is {near} (known: {known})",
                    {"key": repr(key), "near": repr(near), "known": ", ".join(known)},
                )
        return {key: _plain(value) for key, value in values.items()}


def with_overrides(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values with others in place of some; the name "a.b" is the value b within a, where a
    holds values or is missing."""
    changed = dict(values)
    for name, value in overrides.items():
        part, _, inner = name.partition(".")
        held = changed.get(part, {})
        if inner and isinstance(held, Mapping):
            changed[part] = {**held, inner: value}
        else:
            changed[name] = value
    return changed


def within(low: float, high: float, *, above: bool = False) -> AfterValidator:
    """A range for `Annotated[float, within(0, 1)]`; NaN lies in none.

    Args:
        above: `low` itself is not allowed.
    """
    span = f"must lie in {_number(low)}..{_number(high)}"
    span += f", above {_number(low)}" if above else ""

    def check(value: float) -> float:
        return checked_range(value, low < value <= high if above else low <= value <= high, span)

    return AfterValidator(check)


def at_least(low: float) -> AfterValidator:
    """A lower bound for `Annotated[int, at_least(1)]`."""
    return AfterValidator(
        lambda value: checked_range(value, value >= low, f"must be at least {_number(low)}")
    )


def checked_range(value: float, right: bool, span: str, name: str = "") -> float:
    """The value, if it is right.

    Raises:
        PydanticCustomError: with the value and the range, inside a validator.
    """
    if not right:
        template = "{name}is {value}; it {span}"
        name = f"{name} " if name else ""
        context = {"name": name, "value": _number(value), "span": span}
        raise PydanticCustomError("range", template, context)
    return value


def read_yaml(path: Path, mistake: type[ValueError]) -> Any:
    """What a YAML file holds.

    Raises:
        ValueError: of the class `mistake`: no such file, or not YAML.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise mistake(f"cannot read {path}: {error}") from error
    except yaml.YAMLError as error:
        raise mistake(f"{path} is not YAML: {error}") from error


def parse_yaml(text: str) -> Any:
    """What a YAML text says; 1e-3 is a number in it, as in YAML 1.2 and in Python.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)


class _Loader(yaml.SafeLoader):
    """YAML 1.1, in which PyYAML takes 1e-3 for a text, and the floats of YAML 1.2."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+"),
    list("-+0123456789"),
)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else format(value, "g")


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's; everything else as it is."""
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _message(error: ValidationError, where: str) -> str:
    """One line about the first that is wrong."""
    first = error.errors(include_url=False)[0]
    path = ""
    for part in first["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    place = f"{where}: " if where else ""
    kind = first["type"]
    if kind == "missing":
        owner, _, name = path.rpartition(".")
        return f"{place}{owner and owner + ': '}key {name!r} is missing"
    if kind == "range" and first["msg"].startswith("is "):
        return f"{place}{path} {first['msg']}"
    if kind in ("unknown_key", "range", "conflict"):
        return f"{place}{path and path + ': '}{first['msg']}"
    return f"{place}{path or 'what it holds'} is {first['input']!r}; {_expected(first)}"


def _expected(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "too_short":
        return "a list with one entry at least is needed"
    if kind == "literal_error":
        return f"expected {detail['ctx']['expected']}"
    kind = kind.partition("_")[0]
    if kind in ("list", "tuple"):
        return "a list with one entry at least is needed"
    if kind in ("model", "dict"):
        return "keys with values are needed"
    return f"expected {_EXPECTED.get(kind, kind)}"
