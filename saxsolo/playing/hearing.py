"""What the model hears in a backing: probabilities of chord and beat, and the beat grid."""

from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES
from saxsolo.errors import SettingError
from saxsolo.music.beat_grid import BeatGrid, find_grid


def backing_grid(model: PreTrainedModel, codes: torch.Tensor) -> BeatGrid | None:
    """`find_grid` of what a model hears; None too for a model that names no beats.

    Args:
        model: a solo model.
        codes: (1, K, T) of the backing, on the model's device.
    """
    try:
        return find_grid(hear(model, codes))
    except SettingError:
        return None


@torch.inference_mode()
def hear(model: PreTrainedModel, codes: torch.Tensor) -> dict[str, np.ndarray]:
    """What the encoder hears in a backing of any length, window by window.

    Args:
        model: a solo model that was trained with all four frame labels.
        codes: (1, K, T) of the backing, on the model's device.

    Returns:
        Label name -> (T, classes) float32 probabilities.

    Raises:
        SettingError: for a model without those labels.
    """
    solo: Any = model
    sizes = dict(zip(solo.config.frame_label_names, solo.encoder.label_sizes, strict=True))
    if set(sizes) != set(LABEL_SIZES):
        raise SettingError(
            f"this checkpoint names {', '.join(sizes) or 'no labels'} of a backing; beats and "
            f"chords need one that names {', '.join(LABEL_SIZES)}"
        )
    window, frames = solo.config.window_frames, codes.shape[-1]
    logits = torch.zeros(frames, sum(sizes.values()))
    for start in range(0, max(1, frames - window // 2), window // 2):
        part = solo.encoder(codes[..., start : start + window]).frame_label_logits[0].cpu()
        # the edges of a window are heard best by its neighbours
        first = 0 if start == 0 else window // 4
        logits[start + first : start + len(part)] = part[first:]
    parts = logits.split(list(sizes.values()), dim=-1)
    return {name: part.softmax(-1).numpy() for name, part in zip(sizes, parts, strict=True)}
