"""What is installed, what plays, and under which licences: `saxsolo info`."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from saxsolo.weights.loading import Place, Player, load_player

PACKAGES = ("saxsolo", "torch", "transformers", "safetensors", "numpy", "soundfile", "soxr")
EXTRAS = ("mido", "music21", "matplotlib", "swift-f0", "datasets")
CODEC_LICENCES = {
    "saxcodec": "Apache-2.0",
    "encodec": "CC-BY-NC-4.0 (weights of facebook/encodec_32khz; holds for what is played)",
}


def gather(checkpoint: Place | None = None, codec: Place | None = None) -> dict[str, Any]:
    """Loads model and codec and describes them and their surroundings, in plain values.

    Args:
        checkpoint, codec: as in `load_player`.

    Raises:
        CheckpointError: when they cannot be loaded.
    """
    player = load_player(checkpoint, codec)
    model, sound = player.solo.model, player.codec.model
    return {
        "installed": {"python": platform.python_version()} | {p: _version(p) for p in PACKAGES},
        "extras": {package: _version(package) for package in EXTRAS},
        "device": _device(player),
        "checkpoint": {
            "name": player.solo.name,
            "sha256": player.solo.sha256,
            "weights": sum(weight.numel() for weight in model.parameters()),
            "writes_notes": bool(model.config.score_vocab_size),
            "names": list(model.config.frame_label_names),
            "articulations": list(model.config.articulations or []),
            "conditions": {name: list(v) for name, v in model.config.conditions.items()},
        },
        "codec": {
            "name": player.codec.name,
            "sha256": player.codec.sha256,
            "weights": sum(weight.numel() for weight in sound.parameters()),
            "sampling_rate": player.sampling_rate,
        },
        "ear": player.ear
        and {
            "name": player.ear.name,
            "sha256": player.ear.sha256,
            "weights": sum(weight.numel() for weight in player.ear.model.parameters()),
        },
        "licences": {
            "code": "Apache-2.0",
            "codec": CODEC_LICENCES[sound.config.model_type],
            "made from": "see NOTICE",
        },
    }


def as_text(facts: dict[str, Any]) -> str:
    """What `gather` gives, for reading: one line a fact."""
    lines = []
    for name, value in facts.items():
        if not isinstance(value, dict):
            lines.append(f"{name}: {value}")
            continue
        lines.append(f"{name}:")
        for key, fact in value.items():
            if isinstance(fact, dict):
                fact = "; ".join(f"{k} {', '.join(v)}" for k, v in fact.items())
            elif isinstance(fact, list):
                fact = ", ".join(fact) or "nothing"
            elif isinstance(fact, bool):
                fact = "yes" if fact else "no"
            elif isinstance(fact, int):
                fact = f"{fact:,}"
            shown = "not installed" if fact is None else fact
            lines.append(f"  {key.replace('_', ' ')}: {shown}")
    return "\n".join(lines)


def _device(player: Player) -> str:
    device = player.solo.model.device
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({torch.get_num_threads()} threads)"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
