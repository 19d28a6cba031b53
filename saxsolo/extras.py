"""What is not needed to play: libraries of the extra `notes`, asked for before the work begins."""

from importlib.util import find_spec

from .errors import SettingError


def need(purpose: str, *modules: str) -> None:
    """Makes sure that libraries of the extra `notes` are there, without importing them.

    Args:
        purpose: what wants them, "--midi" say.

    Raises:
        SettingError: with the name of the first that is missing.
    """
    for module in modules:
        if find_spec(module) is None:
            raise SettingError(
                f"{purpose} needs {module}, which is not installed; "
                "pip install 'saxsolo[notes]' brings it"
            )
