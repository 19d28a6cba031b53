"""The command line in this process, for the tests of all rooms."""

import pytest

from saxsolo import cli


def command(*arguments: object) -> int:
    """Exit code of `saxsolo ARGUMENTS`; what it prints is for capsys."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)
