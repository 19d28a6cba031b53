"""Options that several commands have, and what they have in common."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import yaml

from saxsolo.errors import SettingError

Value = TypeVar("Value")


class Device(StrEnum):
    """Where torch computes."""

    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Split(StrEnum):
    """Performers that are held out, and those that are not."""

    train = "train"
    validation = "validation"
    test = "test"


CheckpointOption = Annotated[
    str | None, typer.Option(help="Folder or Hub id.", show_default="the default")
]
CodecOption = Annotated[
    str | None, typer.Option(help="Folder or Hub id of the codec.", show_default="the default")
]
DeviceOption = Annotated[
    Device | None,
    typer.Option(help="Where to compute.", show_default="a CUDA GPU, else the processor"),
]
ArticulationOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        help="player, none, free, or shares of the notes: scoop=0.3,fall=0.1,vibrato=1.",
        show_default="player, where the model knows how",
    ),
]
PairsOption = Annotated[
    Path, typer.Option(help="Folder of pairs, with manifest.jsonl; see `saxsolo corpus render`.")
]
SplitOption = Annotated[Split, typer.Option(help="Split of the pairs.")]
LimitOption = Annotated[int, typer.Option(help="Pairs, evenly spaced; 0 takes all.")]
SecondsOption = Annotated[float, typer.Option(help="Seconds of each pair.")]
ThreadsOption = Annotated[
    int | None, typer.Option(help="Threads of torch.", show_default="torch's choice")
]


def new_group(help_text: str) -> typer.Typer:
    """A group of commands in the style of all others."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def listed(text: str, kind: Callable[[str], Value], option: str) -> tuple[Value, ...]:
    """The values of an option such as `--keys -3,0,4`.

    Raises:
        SettingError: an entry that `kind` does not take.
    """
    try:
        return tuple(kind(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise SettingError(
            f"{option} is {text!r}; give values with commas between, such as -3,0,4"
        ) from error


def assigned(texts: Sequence[str]) -> dict[str, Any]:
    """The values of an option such as `--set NAME=VALUE`, each VALUE read as YAML.

    Raises:
        SettingError: a text without "=", or a value that is not YAML.
    """
    from saxsolo.config_model import parse_yaml

    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingError(f"--set {text!r} has no value; write --set NAME=VALUE")
        try:
            values[name] = parse_yaml(value)
        except yaml.YAMLError as error:
            raise SettingError(f"--set {text!r} is not YAML: {error}") from error
    return values


def print_notes(notes: Iterable[str]) -> None:
    """Says on standard error what a person should know of a sound, each thing once."""
    for note in dict.fromkeys(notes):
        print(f"saxsolo: note: {note}", file=sys.stderr)


def use_threads(threads: int | None) -> None:
    """Lets torch compute on so many threads; its own choice where None is given."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def quiet_libraries(lean: bool = False) -> None:
    """Keeps what libraries say off the person's terminal; their errors still come.

    Args:
        lean: import torch and transformers without what playing never uses, see `lean_imports`.
    """
    warnings.filterwarnings("ignore")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    if lean:
        from saxsolo.lean_imports import lean_imports

        lean_imports()
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
