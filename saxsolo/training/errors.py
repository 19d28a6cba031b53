"""What ends a training run."""


class TrainingError(RuntimeError):
    """Training cannot go on."""


class SettingsError(ValueError):
    """Settings of a run that cannot be used."""
