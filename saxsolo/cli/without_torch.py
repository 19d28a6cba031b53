"""`saxsolo improvise` without torch: an exported folder plays, with the options it knows."""

import argparse
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from saxsolo.atomic import output_folder
from saxsolo.errors import SettingError

FOLDER = "SAXSOLO_RUNTIME_MODEL"
KNOWN = "--out, --seed, --instrument, --temperature and those of a chart"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(f"{message}; without torch improvise knows {KNOWN} alone")


def torch_is_missing() -> bool:
    """Whether torch cannot be imported."""
    return find_spec("torch") is None


def improvise_by_graphs(arguments: Sequence[str]) -> None:
    """Plays one backing from the folder that $SAXSOLO_RUNTIME_MODEL names, into OUT/solo.wav.

    Args:
        arguments: after `improvise`.

    Raises:
        SettingError: for an option that only torch's way knows, or no folder.
        ValueError: for a folder that was not exported.
    """
    parser = _Parser(prog="saxsolo improvise", allow_abbrev=False)
    parser.add_argument("backing", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    from saxsolo.runtime.options import add_playing_options

    add_playing_options(parser)
    given = parser.parse_args(list(arguments))
    folder = os.environ.get(FOLDER)
    if folder is None:
        raise SettingError(
            f"torch is not installed; install it, or let ${FOLDER} name a folder of "
            "`saxsolo export --format onnx`"
        )
    from saxsolo.runtime.command import play_backing

    with output_folder(given.out) as place:
        given.out, given.threads = place / "solo.wav", 1
        play_backing(given, Path(folder))
