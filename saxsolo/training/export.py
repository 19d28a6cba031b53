"""Turns a finished run into a folder to share.

    saxsolo export runs/small/final checkpoints/saxsolo-small \\
        --codec ../saxcodec-44khz --set temperature=1.0 --set guidance_scale=2.0 \\
        --set pitch_temperature=0.85 --set onset_bias=0.2 --set plan_frames=150

One bf16 safetensors file, the code with the pipeline (files, as the Hub wants them; in checkpoints/
of this repository put links in their place, as the tests ask), how to sample (--set, into
generation_config.json), the processor with references to codec and ear in place of copies, and the
run's figures.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from modeling_saxsolo.codec_adapter_saxsolo import load_codec, load_whole
from modeling_saxsolo.ear_saxsolo import SaxsoloEar
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from saxsolo.atomic import replacing_folder
from saxsolo.errors import OutputError, SettingError
from saxsolo.weights.hub_folder import write_hub_folder

OURS = (
    "pitch_temperature",
    "rhythm_temperature",
    "onset_bias",
    "phrasing",
    "codec_temperature",
    "plan_frames",
)
DEFAULT_CONDITIONS = {"instrument": "tenor", "timbre": "mtg"}


def export_run(
    final: Path,
    out: Path,
    codec: str,
    sampling: dict[str, Any],
    ear: str = "../saxsolo-ear",
) -> Path:
    """Writes `out` beside its place, then puts it there.

    Args:
        final: folder that train.py exported.
        codec: path of the codec as seen from `out`.
        ear: path of the ear as seen from `out`; not read for a model that hears by its codes.
        sampling: fields of the generation config, and those of OURS, which the model's config
            keeps.

    Raises:
        OSError: `final` is no model folder, or codec or ear are not where their paths say.
        OutputError: `out` is or holds `final`.
        SettingError: for a field that the library's generation config lacks and would lose.
    """
    ours = {name: value for name, value in sampling.items() if name in OURS}
    sampling = {name: value for name, value in sampling.items() if name not in OURS}
    lost = [name for name in sampling if not hasattr(GenerationConfig(), name)]
    if lost:
        raise SettingError(f"{lost} are not fields of GenerationConfig: loading would lose them")
    if not (final / "config.json").is_file():
        raise FileNotFoundError(f"{final} holds no model: name the final/ folder of a run")
    if final.resolve().is_relative_to(out.resolve()):
        raise OutputError(f"{out} holds {final}, which would go with it; choose another folder")
    model = SaxsoloForConditionalGeneration.from_pretrained(final, dtype=torch.bfloat16)
    for name, value in sampling.items():
        setattr(model.generation_config, name, value)
    for name, value in ours.items():
        setattr(model.config, name, value)
    # by its text: OUT may not exist yet, and then OUT/.. does not either
    loaded = load_codec(os.path.normpath(out / codec))
    hears = model.config.hears != "codes"
    listener: Any = load_whole(SaxsoloEar, os.path.normpath(out / ear)) if hears else None
    with replacing_folder(out) as partial:
        write_hub_folder(
            partial,
            model,
            loaded,
            listener,
            codec_reference=codec,
            ear_reference=ear,
            default_conditions=DEFAULT_CONDITIONS,
        )
        shutil.copy(final / "figures.json", partial / "figures.json")
    return out
