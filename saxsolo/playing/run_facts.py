"""What run.json says of a performance: settings, weights, what was heard, versions, times."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import torch

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE

from .where_to_play import stretches_of

if TYPE_CHECKING:
    from .performance import Performance

PACKAGES = ("saxsolo", "torch", "transformers", "safetensors", "numpy", "soundfile", "soxr")


def _version(package: str) -> str | None:
    """None for saxsolo itself where its folder stands beside what calls it, as in a Space."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def describe(performance: Performance, spent: float) -> dict[str, Any]:
    """What run.json says."""
    player, source, settings = performance.player, performance.source, performance.settings
    effective = performance.generation_config.to_diff_dict()
    effective.pop("transformers_version", None)
    return {
        "seed": settings.seed,
        # as `Settings.of_run` reads them; what the model made of them follows
        "settings": settings.model_dump(),
        "generation_config": effective,
        "backing": {
            "name": source.name,
            "seconds": source.seconds,
            "sampling_rate": source.sampling_rate,
            "channels": source.channels,
        },
        "notes": performance.notes,
        "checkpoint": {"name": player.solo.name, "sha256": player.solo.sha256},
        "codec": {"name": player.codec.name, "sha256": player.codec.sha256},
        "ear": player.ear and {"name": player.ear.name, "sha256": player.ear.sha256},
        "chart": performance.heard
        and performance.heard.placed
        and performance.heard.placed.describe(),
        "playing": None
        if performance.heard is None or performance.heard.playing is None
        else stretches_of(performance.heard.playing),
        "tuning_cents": performance.heard and performance.heard.measure.tuning,
        "revision": None
        if performance.revision is None
        else {
            "from_seconds": performance.revision.start / FRAME_RATE,
            "to_seconds": performance.revision.stop and performance.revision.stop / FRAME_RATE,
        },
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in PACKAGES},
        "device": str(player.solo.model.device),
        "threads": torch.get_num_threads(),
        "sampling_rate": player.sampling_rate,
        "audio_seconds": performance.seconds,
        "generation_seconds": spent,
        "real_time_factor": performance.seconds / spent,
    }
