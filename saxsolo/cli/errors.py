"""Which errors a person can mend: they end in one line on standard error and exit code 2."""

from collections.abc import Iterator
from contextlib import contextmanager

from saxsolo.errors import SaxsoloError
from saxsolo.extras import missing_extra

PACKAGES = ("saxsolo", "modeling_saxsolo")


def is_mistake(error: Exception) -> bool:
    """Whether an error says what is wrong with what a person gave.

    Those are the classes that this project defines, and files that cannot be read or written. A
    plain ValueError is a defect of the program and keeps its traceback.
    """
    ours = type(error).__module__.partition(".")[0] in PACKAGES
    kinds = (SaxsoloError, ValueError, RuntimeError)
    return isinstance(error, OSError) or (ours and isinstance(error, kinds))


def words_of(error: Exception) -> str:
    """What an error says, without the number that Python puts before the words of an OSError."""
    ours = type(error).__module__.partition(".")[0] in PACKAGES
    bare = isinstance(error, OSError) and error.filename is None
    return ((ours or bare) and getattr(error, "strerror", None)) or str(error)


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Decorates a command whose libraries come with an extra: where one is missing, says so.

    Raises:
        SaxsoloError: with the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if not library or library in PACKAGES:
            raise
        raise SaxsoloError(missing_extra(library, extra)) from error
