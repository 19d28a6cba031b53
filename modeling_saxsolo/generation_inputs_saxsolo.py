"""What `generate()` is given: refused where it does not fit, cut, repeated, without a backing."""

from typing import Any

import torch
from transformers import GenerationConfig

from .configuration_saxsolo import SaxsoloConfig


def no_codes(config: SaxsoloConfig, posteriors: torch.Tensor | None) -> torch.Tensor:
    """Codes (B, K, T) that say only how long the backing is, for a model that reads none."""
    if config.reads_codes or posteriors is None:
        raise ValueError("backing_codes are missing: give them as the processor makes them.")
    if posteriors.dim() != 3:
        raise ValueError(f"frame_label_posteriors are {tuple(posteriors.shape)}: give (B, 41, T).")
    shape = (posteriors.shape[0], config.num_codebooks, posteriors.shape[2])
    return posteriors.new_zeros(shape, dtype=torch.long)


def refuse_unsupported(settings: GenerationConfig) -> None:
    if (settings.num_beams or 1) > 1:
        raise ValueError(
            f"num_beams {settings.num_beams}: beam search is not made for parallel streams. "
            "Sample instead (do_sample=True, num_beams=1), with num_return_sequences for "
            "several solos to choose from."
        )
    if settings.return_dict_in_generate:
        raise ValueError("return_dict_in_generate=True: generate() returns codes alone.")


def check_inputs(
    config: SaxsoloConfig,
    inputs: dict[str, Any],
    prompt_codes: torch.Tensor | None,
    forced_codes: torch.Tensor | None,
) -> None:
    """Refuse shapes that do not fit, with both named."""
    codes = inputs["backing_codes"]
    if codes.dim() != 3 or codes.shape[1] != config.num_codebooks or not codes.shape[2]:
        raise ValueError(
            f"backing_codes are {tuple(codes.shape)}: give (B, {config.num_codebooks}, T) with "
            "at least one frame, as the processor makes them."
        )
    batch, _, frames = codes.shape
    wanted = {
        "attention_mask": (batch, frames),
        "condition_ids": (batch, len(config.conditions or {})),
        "frame_label_inputs": (batch, len(config.frame_labels or {}), frames),
        "frame_label_posteriors": (batch, sum((config.frame_labels or {}).values()), frames),
        "articulation": (batch, frames),
    }
    wanted["forced_codes"] = (batch, config.num_streams, frames)
    given = {**inputs, "forced_codes": forced_codes}
    for name, shape in wanted.items():
        if given[name] is not None and tuple(given[name].shape) != shape:
            raise ValueError(
                f"{name} is {tuple(given[name].shape)} but backing_codes "
                f"{tuple(codes.shape)} ask for {shape}."
            )
    if prompt_codes is not None:
        batch_streams = (batch, config.num_streams)
        if tuple(prompt_codes.shape[:2]) != batch_streams or prompt_codes.shape[2] > frames:
            raise ValueError(
                f"prompt_codes are {tuple(prompt_codes.shape)}: give (B, N, t) with (B, N) = "
                f"{batch_streams} and t <= {frames} backing frames."
            )


def check_sheet(sheet: dict[str, torch.Tensor | None], batch: int) -> None:
    """Refuse a lead sheet that is not whole, with both shapes named."""
    shapes = {name: None if value is None else tuple(value.shape) for name, value in sheet.items()}
    if all(shape is None for shape in shapes.values()):
        return
    beats = (shapes["beat_times"] or (0, 0))[-1]
    wanted = [(batch, beats), (batch, beats, 3), (batch, beats, 2)]
    if list(shapes.values()) != wanted:
        raise ValueError(
            f"the lead sheet is {shapes} but backing_codes of {batch} rows ask for "
            f"{dict(zip(shapes, wanted, strict=True))}."
        )


def repeated(inputs: dict[str, Any], copies: int) -> dict[str, Any]:
    """Each row so many times, one after the other."""
    return {
        name: None if value is None else value.repeat_interleave(copies, dim=0)
        for name, value in inputs.items()
    }


def first_frames(inputs: dict[str, Any], first: int, last: int) -> dict[str, Any]:
    """Frames first..last of every input that has a frame axis (it is the last one)."""
    return {
        name: value if value is None or name == "condition_ids" else value[..., first:last]
        for name, value in inputs.items()
    }


def with_null_rows(inputs: dict[str, Any]) -> dict[str, Any]:
    """Append to every row its null: no backing, no conditions, no labels; played alike."""
    codes = inputs["backing_codes"]
    mask = inputs["attention_mask"]
    mask = codes.new_ones(codes.shape[0], codes.shape[2]) if mask is None else mask
    nulls = {
        "backing_codes": codes,
        "attention_mask": torch.zeros_like(mask),
        "condition_ids": _filled(inputs["condition_ids"], -1),
        "frame_label_inputs": _filled(inputs["frame_label_inputs"], -100),
        "frame_label_posteriors": _filled(inputs["frame_label_posteriors"], 0),
        "articulation": inputs["articulation"],
    }
    inputs = {**inputs, "attention_mask": mask}
    return {
        name: None if value is None else torch.cat([value, nulls[name]])
        for name, value in inputs.items()
    }


def _filled(tensor: torch.Tensor | None, value: int) -> torch.Tensor | None:
    return None if tensor is None else torch.full_like(tensor, value)
