"""What can be wrong with what a person brings. Each message is one line that says the remedy.

`AudioError` and `CodecError` are the model's own: whoever finds the fault, one `except` catches it.
"""

from modeling_saxsolo.errors_saxsolo import AudioError as AudioError
from modeling_saxsolo.errors_saxsolo import CodecError as CodecError
from modeling_saxsolo.errors_saxsolo import SaxsoloError as SaxsoloError


class SettingError(SaxsoloError, ValueError):
    """A setting out of its range."""


class CheckpointError(SaxsoloError, ValueError):
    """A model or codec that cannot be loaded, or that do not fit each other."""


class OutputError(SaxsoloError, OSError):
    """A place that cannot be written."""


class PublishError(SaxsoloError, ValueError):
    """A folder that must not be published, or a Hub that does not take it."""
