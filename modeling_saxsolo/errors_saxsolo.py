"""What can be wrong with what a person brings to the model. It imports nothing, as the vocabulary.

Each message is one line that names both values and the remedy.
"""


class SaxsoloError(Exception):
    """A mistake of the user's, not of the program's; the command line exits with 2."""


class AudioError(SaxsoloError, ValueError):
    """A sound that cannot be read or played over."""


class CodecError(SaxsoloError, ValueError):
    """A codec that is missing, unknown, or does not fit the model."""
