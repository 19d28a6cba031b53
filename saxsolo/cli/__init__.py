"""The command line: one sub-command a task. A person's mistake ends in one line and exit code 2.

torch is imported inside the commands, so that --help and mistakes answer at once.
"""

import signal
import sys
from collections.abc import Sequence

import typer

from .app import app
from .errors import is_mistake, words_of

__all__ = ["app", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process.

    Args:
        arguments: after the program's name; those of the process when None.
    """
    _stop_cleanly()
    try:
        sys.exit(app(args=arguments, prog_name="saxsolo", standalone_mode=False))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        if hasattr(error, "format_message"):
            # what typer says of options and arguments
            if type(error).__name__ == "NoArgsIsHelpError":
                print(error.format_message())
                sys.exit(2)
            _fail(error.format_message())
        if not is_mistake(error):
            raise
        _fail(words_of(error))


def _stop_cleanly() -> None:
    """A terminated run cleans up as an interrupted one does."""
    try:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    except ValueError:
        # not the main thread: the program that calls this handles signals itself
        pass


def _fail(message: str) -> None:
    print(f"saxsolo: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)
