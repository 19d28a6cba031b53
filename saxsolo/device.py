"""The device that torch computes on, by the name that a person gives."""

import torch

from saxsolo.errors import SettingError

DEVICES = ("cpu", "cuda", "mps")


def checked_device(name: str | None) -> str | None:
    """The name, if this machine has such a device; None leaves the choice to the loading.

    Raises:
        SettingError: an unknown name, or a device that torch does not see.
    """
    if name is None:
        return None
    if name not in DEVICES:
        raise SettingError(f"device {name!r} is none of {', '.join(DEVICES)}")
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present[name]:
        there = ", ".join(device for device in DEVICES if present[device])
        raise SettingError(
            f"device {name} is not available to torch {torch.__version__} on this machine; "
            f"it sees {there}"
        )
    return str(name)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether half precision saves time there: a processor without the instructions emulates it."""
    return device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()


def chosen_device(name: str | None) -> torch.device:
    """The device of a name; without one a CUDA GPU where there is one, else the processor.

    Raises:
        SettingError: as `checked_device`.
    """
    default = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(checked_device(name) or default)
