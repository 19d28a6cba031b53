"""`saxsolo benchmark NAME`: the scripts in benchmarks/, which lie in a checkout and not in a wheel.

A script is a module with a typed function `main`. It is imported when its command is called, so
that the list of benchmarks waits for none of them and each measures a process of its own.
"""

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from saxsolo.assets import PACKAGE
from saxsolo.errors import SaxsoloError

FOLDER = PACKAGE.parent / "benchmarks"


class Benchmarks(TyperGroup):
    """One command for each script, by the name of its file.

    typer's own classes of contexts and commands moved between its versions; they are not named.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the scripts, real_time.py as real-time."""
        return sorted(path.stem.replace("_", "-") for path in _scripts())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What the list of benchmarks says of a script."""
        path = _path(cmd_name)
        return TyperCommand(cmd_name, help=_docstring(path)) if path.is_file() else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command of a script, with its options."""
        if not FOLDER.is_dir():
            raise SaxsoloError(
                "benchmarks are not part of an installed package; clone the repository and install "
                'it with pip install -e ".[dev]"'
            )
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _load(command), rest


benchmark = typer.Typer(
    cls=Benchmarks,
    help="Measure speed, memory and endurance, from a checkout.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@benchmark.callback()
def _group() -> None:
    """Measure speed, memory and endurance, from a checkout."""


def _scripts() -> list[Path]:
    return [path for path in FOLDER.glob("*.py") if "\ndef main(" in path.read_text("utf-8")]


def _path(name: str) -> Path:
    return FOLDER / f"{name.replace('-', '_')}.py"


def _docstring(path: Path) -> str:
    """Of the module, without its example of a command line."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return "\n\n".join(part for part in text.split("\n\n") if not part.startswith("    "))


def _load(listed: Any) -> Any:
    """Imports the script of a command of the list."""
    name, root = str(listed.name), str(FOLDER.parent)
    if root not in sys.path:
        sys.path.insert(0, root)
    try:
        script = importlib.import_module(f"benchmarks.{_path(name).stem}")
    except ModuleNotFoundError as error:
        raise SaxsoloError(f"{error.name} is not installed; pip install {error.name}") from error
    single = typer.Typer(rich_markup_mode=None, add_completion=False)
    single.command(name=name, help=listed.help)(script.main)
    return typer.main.get_command(single)
