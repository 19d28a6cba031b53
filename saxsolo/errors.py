"""What can be wrong with what a person brings. Each message is one line that says the mend."""


class SaxsoloError(Exception):
    """A mistake of the person's, not of the program's; the command line exits with 2."""


class SettingError(SaxsoloError, ValueError):
    """A setting out of its range."""


class AudioError(SaxsoloError, ValueError):
    """A sound that cannot be read or played over."""


class CheckpointError(SaxsoloError, ValueError):
    """A model or codec that is none, or that do not fit each other."""


class OutputError(SaxsoloError, OSError):
    """A place that cannot be written."""


class PublishError(SaxsoloError, ValueError):
    """A folder that must not be published, or a Hub that does not take it."""
