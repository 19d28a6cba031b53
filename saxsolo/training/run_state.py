"""Checkpoints that survive a kill: safetensors and JSON, a manifest of sha256 sums written last.

Nothing here pickles. A checkpoint is whole when every file has the sum its manifest names; resuming
takes the newest whole one.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from saxsolo.atomic import remove_partial, replacing_folder, write_json
from saxsolo.corpus.tokens.checks import sha256_of
from saxsolo.errors import SaxsoloError

MANIFEST = "manifest.json"
_PREFIX = "checkpoint-"
_DIGITS = 8


class RunStateError(SaxsoloError, OSError):
    """A checkpoint that is torn, foreign or does not fit the model."""


@dataclass
class TrainingState:
    """All a run needs beside the weights and the optimiser: random numbers follow from the step."""

    step: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    bad_evaluations: int = 0

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def save_checkpoint(
    run: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: dict[str, torch.Tensor] | None,
    state: TrainingState,
    settings: dict[str, Any],
    keep: int = 2,
) -> Path:
    """Writes `run/checkpoint-<step>` and removes all but the newest `keep` checkpoints."""
    folder = run / f"{_PREFIX}{state.step:0{_DIGITS}d}"
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    tensors = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for key, value in optimizer.state.get(parameter, {}).items():
                tensors[f"{names[id(parameter)]}::{key}"] = torch.as_tensor(value).contiguous()
    run.mkdir(parents=True, exist_ok=True)
    # one process saves: what is there a killed one has left
    remove_partial(run, f"{_PREFIX}*")
    with replacing_folder(folder) as partial:
        save_file(_contiguous(model.state_dict()), partial / "model.safetensors")
        save_file(tensors, partial / "optimizer.safetensors")
        if average is not None:
            save_file(_contiguous(average), partial / "average.safetensors")
        write_json(partial / "state.json", {"state": state.to_json(), "settings": settings})
        write_manifest(partial)
    for old in checkpoints(run)[:-keep]:
        shutil.rmtree(old)
    return folder


def checkpoints(run: Path) -> list[Path]:
    """Folders of the run's checkpoints, oldest first, whole or not."""
    folders = run.glob(f"{_PREFIX}[0-9]*") if run.is_dir() else []
    return sorted(path for path in folders if path.name.removeprefix(_PREFIX).isdigit())


def newest_whole(run: Path) -> Path | None:
    """The newest checkpoint whose manifest holds, None when there is none at all.

    Raises `RunStateError` when there are checkpoints and none of them is whole.
    """
    folders = checkpoints(run)
    for folder in reversed(folders):
        if not manifest_faults(folder):
            return folder
    if folders:
        raise RunStateError(
            f"none of the {len(folders)} checkpoints in {run} is whole "
            f"({folders[-1].name}: {manifest_faults(folders[-1])[0]}); delete them to start anew"
        )
    return None


def load_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[TrainingState, dict[str, torch.Tensor] | None]:
    """Puts weights and optimiser state back; returns the state and the averaged weights.

    Raises `RunStateError` when the weights are of another model.
    """
    load_weights(model, folder / "model.safetensors")
    tensors = load_file(folder / "optimizer.safetensors")
    parameters = dict(model.named_parameters())
    optimizer.state.clear()
    for key, value in tensors.items():
        name, _, part = key.partition("::")
        parameter = parameters[name]
        # Adam keeps its step count where it was made: on the CPU, or beside fused parameters.
        device = parameter.device if value.dim() or _fused(optimizer) else "cpu"
        optimizer.state[parameter][part] = value.to(device)
    average = None
    if (folder / "average.safetensors").exists():
        average = load_file(folder / "average.safetensors")
    text = (folder / "state.json").read_text(encoding="utf-8")
    return TrainingState(**json.loads(text)["state"]), average


def read_settings_of(folder: Path) -> dict[str, Any]:
    """The settings a checkpoint was made with."""
    state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    settings: dict[str, Any] = state["settings"]
    return settings


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads safetensors weights; every tensor of the model must be there in its shape."""
    try:
        tensors = load_file(path)
    except Exception as error:  # safetensors raises its own class, which derives from Exception
        raise RunStateError(f"cannot read the weights {path}: {error}") from error
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    stored = {name: tuple(value.shape) for name, value in tensors.items()}
    if wanted != stored:
        name = sorted(n for n in {*wanted, *stored} if wanted.get(n) != stored.get(n))[0]
        raise RunStateError(
            f"{path} does not fit the model: {name} is {stored.get(name)} there and "
            f"{wanted.get(name)} in the model; use the settings it was trained with"
        )
    model.load_state_dict(tensors)


def write_manifest(folder: Path) -> None:
    """Names every file of the folder with its sha256, the manifest itself excepted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    sums = {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
    write_json(folder / MANIFEST, {"sha256": sums})


def manifest_faults(folder: Path) -> list[str]:
    """What is wrong with a folder, by its manifest: an empty list when it is whole."""
    try:
        sums = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        return [
            f"{name} has another sha256 than the manifest names"
            for name, expected in sums.items()
            if sha256_of(folder / name) != expected
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"manifest cannot be checked: {error}"]


def _contiguous(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.detach().contiguous() for name, value in tensors.items()}


def _fused(optimizer: torch.optim.Optimizer) -> bool:
    return any(group.get("fused") for group in optimizer.param_groups)
