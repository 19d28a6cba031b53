"""Turns a finished run into the folder that is shipped.

    saxsolo export runs/small/final checkpoints/saxsolo-small \\
        --codec ../saxcodec-32khz --set temperature=1.0 --set guidance_scale=2.0 \\
        --set pitch_temperature=0.85 --set onset_bias=0.2 --set plan_frames=150

One bf16 safetensors file, the code with the pipeline, how to sample (--set, into
generation_config.json), the processor with a reference to the codec in place of a copy, and the
run's figures.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from transformers import GenerationConfig

from modeling_saxsolo import pipeline_saxsolo
from modeling_saxsolo.codec_adapter_saxsolo import load_codec
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from modeling_saxsolo.processing_saxsolo import SaxsoloProcessor

OURS = ("pitch_temperature", "onset_bias", "plan_frames")
CONDITIONS = {"instrument": "tenor", "timbre": "mtg"}


def ship(final: Path, out: Path, codec: str, sampling: dict[str, float | int]) -> Path:
    """Writes `out` beside its place, then puts it there.

    Args:
        final: folder that train.py exported.
        codec: path of the codec as seen from `out`.
        sampling: fields of the generation config, and those of OURS, which the model's config
            keeps.

    Raises:
        OSError: `final` is no model folder, or the codec is not where `codec` says.
        ValueError: the library's generation config has no such field: it would be lost on loading.
    """
    ours = {name: value for name, value in sampling.items() if name in OURS}
    sampling = {name: value for name, value in sampling.items() if name not in OURS}
    lost = [name for name in sampling if not hasattr(GenerationConfig(), name)]
    if lost:
        raise ValueError(f"{lost} are no fields of GenerationConfig and would be lost on loading")
    if not (final / "config.json").is_file():
        raise FileNotFoundError(f"{final} holds no model: name the final/ folder of a run")
    model = SaxsoloForConditionalGeneration.from_pretrained(final, dtype=torch.bfloat16)
    for name, value in sampling.items():
        setattr(model.generation_config, name, value)
    for name, value in ours.items():
        setattr(model.config, name, value)
    # by its text: OUT may not exist yet, and then OUT/.. does not either
    loaded = load_codec(os.path.normpath(out / codec))
    processor = SaxsoloProcessor(loaded, model.config, CONDITIONS)
    half = out.with_name(f"{out.name}.partial")
    shutil.rmtree(half, ignore_errors=True)
    model.save_pretrained(half)
    # stored in bf16, run in float32: most laptops' processors only emulate bf16
    settings = json.loads((half / "config.json").read_text("utf-8"))
    settings["dtype"] = "float32"
    settings["custom_pipelines"] = pipeline_saxsolo.CUSTOM_PIPELINES
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (half / "config.json").write_text(text, "utf-8")
    shutil.copy(pipeline_saxsolo.__file__, half)
    processor.save_pretrained(half, codec_reference=codec)
    shutil.copy(final / "figures.json", half / "figures.json")
    shutil.rmtree(out, ignore_errors=True)
    half.rename(out)
    return out
