"""How sure a trained ear may be: what its logits are divided by, found on held-out items.

A network that has seen its lessons often is surer of itself than it is right. One number for each
output mends that and changes none of its answers (Guo et al. 2017, arXiv 1706.04599).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch.nn import functional as F

from modeling_saxsolo.ear_saxsolo import TEMPERED, SaxsoloEar
from saxsolo.atomic import write_text

from .ear_data import LABELS, UNKNOWN, Item, held_out_batches, load_items

#: what is tried
TEMPERATURES = tuple(round(0.8 + 0.1 * step, 1) for step in range(33))


def calibrate(folder: Path, held_out: Mapping[str, tuple[Path, str]]) -> dict[str, float]:
    """Writes the best temperatures for held-out items into an ear's config, and returns them.

    Args:
        folder: of the ear. held_out: as in `train_ear`; without any item nothing is written.
    """
    items = [item for cache, split in held_out.values() for item in load_items(cache, split)]
    if not items:
        return {}
    model = SaxsoloEar.from_pretrained(folder, dtype=torch.float32)
    model.train(False)
    found = best_temperatures(model, items)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"temperatures": found}
    write_text(path, json.dumps(config, indent=2, sort_keys=True) + "\n")
    return found


@torch.inference_mode()
def best_temperatures(model: SaxsoloEar, items: list[Item], tokens: int = 600) -> dict[str, float]:
    """For each of `TEMPERED` the temperature with the least mean loss over known frames."""
    totals = {name: torch.zeros(len(TEMPERATURES)) for name in TEMPERED}
    for batch in held_out_batches(items, tokens, len(items)):
        out = model(batch.harmony, batch.bass, batch.rhythm)
        for name, total in totals.items():
            labels = batch.labels[..., LABELS.index(name)]
            known = labels != UNKNOWN
            logits = out[name][known] * model.config.divisor(name)
            total += _losses(logits, labels[known])
    return {name: TEMPERATURES[int(total.argmin())] for name, total in totals.items()}


def _losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(F, C) and (F,) -> the sum of the loss in nats at each temperature."""
    return torch.stack(
        [F.cross_entropy(logits / heat, labels, reduction="sum") for heat in TEMPERATURES]
    )
