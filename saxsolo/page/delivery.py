"""What the tools and HARP share: files that Gradio may send, and errors that a client can read."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from saxsolo.errors import SaxsoloError

from .files import make
from .soloist import Soloist


def delivered(soloist: Soloist, name: str, file: str) -> str:
    """Path of a copy of a take's file in the folder that Gradio serves files from.

    Args:
        soloist: whose take it is.
        name: of the take.
        file: as in `files.make`.

    Raises:
        SaxsoloError: when the take has expired or cannot be written in this format.
    """
    path, _ = make(soloist.store, name, file)
    copy = soloist.outbox / name / file
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, copy)
    return str(copy)


@contextmanager
def shown_errors() -> Iterator[None]:
    """Passes our own errors on to the client; Gradio keeps the words of all others to itself."""
    try:
        yield
    except SaxsoloError as error:
        raise gr.Error(str(error), print_exception=False) from error
