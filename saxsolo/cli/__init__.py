"""The command line: one sub-command a task. A person's mistake ends in one line and exit code 2.

torch is imported inside the commands, so that --help and mistakes answer at once.
"""

import io
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from .app import app
from .errors import is_mistake, words_of
from .without_torch import improvise_by_graphs, torch_is_missing

__all__ = ["app", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process.

    Args:
        arguments: after the program's name; those of the process when None.
    """
    _stop_cleanly()
    # names need not be UTF-8, and a terminal need not show every letter
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        empty = next((word for word in given if not word or re.fullmatch(r"--[\w-]+=", word)), None)
        if empty is not None:
            at = given.index(empty)
            name = empty.rstrip("=") or (given[at - 1] if at else "an argument")
            _fail(f"{name} is given an empty value; give one or leave it out", as_json)
        if given[:1] == ["improvise"] and "--help" not in given and torch_is_missing():
            improvise_by_graphs(given[1:])
            sys.exit(0)
        code = app(args=given, prog_name="saxsolo", standalone_mode=False)
        _check_output()
        sys.exit(code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        if hasattr(error, "format_message"):
            # what typer says of options and arguments
            if type(error).__name__ == "NoArgsIsHelpError":
                print(error.format_message())
                sys.exit(2)
            _fail(error.format_message(), as_json)
        if isinstance(error, OSError):
            _check_output(error)
        if not is_mistake(error):
            raise
        _fail(words_of(error), as_json)


def _stop_cleanly() -> None:
    """A terminated run cleans up as an interrupted one does."""
    try:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    except ValueError:
        # not the main thread: the program that calls this handles signals itself
        pass


def _fail(message: str, as_json: bool) -> NoReturn:
    """Ends with one line; on standard output as JSON too where that was asked for."""
    line = " ".join(message.split())
    try:
        if as_json:
            print(json.dumps({"error": line}), flush=True)
    except OSError as error:
        _check_output(error)
    print(f"saxsolo: {line}", file=sys.stderr)
    sys.exit(2)


def _check_output(error: OSError | None = None) -> None:
    """Ends where standard output cannot be written, quietly where whoever reads it has left.

    Args:
        error: what has happened, maybe to standard output.
    """
    try:
        sys.stdout.flush()
    except OSError as found:
        error = found
    else:
        # what could not be written is not kept: a full disk is known by its error alone
        if not isinstance(error, BrokenPipeError):
            return
    # or Python would try once more when it ends, and complain
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        sys.exit(141)
    print(f"saxsolo: standard output cannot be written: {error.strerror}", file=sys.stderr)
    sys.exit(2)
