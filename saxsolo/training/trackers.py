"""Where figures go beside log.jsonl: accelerate's own trackers."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs

from saxsolo.device import checked_device

from .errors import SettingsError

NONE = "none"
TRACKERS = ("tensorboard", "trackio", "wandb", "mlflow")
PROJECT = "saxsolo"


def checked_trackers(names: Sequence[str] | None) -> list[str]:
    """The trackers that are asked for; without a word tensorboard, where it is installed.

    Args:
        names: some of `TRACKERS`, or "none".

    Raises:
        SettingsError: an unknown one, or one whose library is missing.
    """
    if names is None:
        return ["tensorboard"] if find_spec("tensorboard") else []
    wanted = [name for name in names if name != NONE]
    for name in wanted:
        if name not in TRACKERS:
            raise SettingsError(f"tracker {name!r} is none of {', '.join((*TRACKERS, NONE))}")
        if find_spec(name) is None:
            raise SettingsError(f"--tracker {name}: pip install {name} installs what it needs")
    return wanted


def make_accelerator(
    run: Path, device: str | None, trackers: Sequence[str] | None, settings: dict[str, Any]
) -> Accelerator:
    """The accelerator of a run, with its trackers started on the first process.

    Args:
        run: folder of the run, for trackers that write files.
        device: "cpu", "cuda", "mps", or None for accelerate's choice.
        settings: what trackers show of the run.

    Raises:
        SettingsError: see `checked_trackers`. SettingError: the device is not available.
    """
    names = checked_trackers(trackers)
    place = checked_device(device)
    accelerator = Accelerator(
        cpu=place == "cpu",
        mixed_precision="no",
        log_with=names or None,
        project_dir=str(run),
        # A step on scores alone leaves the encoder and the codebooks' heads without gradients.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    if place is not None and accelerator.device.type != place:
        raise SettingsError(
            f"--device {place}: accelerate chose {accelerator.device.type}; start a new process, "
            "without an ACCELERATE_ variable that says otherwise"
        )
    if names:
        accelerator.init_trackers(PROJECT, config=_plain(settings))
    return accelerator


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Values that every tracker takes: numbers and texts."""
    return {
        name: value if isinstance(value, (bool, int, float, str)) else str(value)
        for name, value in settings.items()
    }
