"""A whole run of the solo model: data, model, training, evaluation, the final folder."""

import copy
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import PreTrainedModel

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from modeling_saxsolo.processing_saxsolo import SaxsoloProcessor
from saxsolo.weights.loading import load_ear

from .heldout import HeldoutResult, choose_clips
from .model_sizes import sized
from .settings import TrainSettings
from .solo_inputs import (
    FINAL,
    SoloInputs,
    check_codec,
    existing,
    initialise,
    load_rows,
    open_codec,
)
from .trainer import SoloTrainer

# Shards small enough for a slow or narrow line.
SHARD_SIZE = "15MB"


def train_solo(
    settings: TrainSettings,
    inputs: SoloInputs,
    out: Path,
    *,
    device: str | None = None,
    trackers: Sequence[str] | None = None,
) -> bool:
    """Trains, or goes on with the run in `out`, and writes out/final.

    Args:
        device, trackers: see `SoloTrainer`.

    Returns:
        False for a run that a signal broke off; called again it goes on.

    Raises:
        SettingsError, RunStateError, CodecError: inputs that are wrong or do not fit each other.
        TrainingError: the loss is not finite.
    """
    config = sized(SaxsoloConfig, settings.model)
    audio, scores = load_rows(inputs, settings, config)
    codec = open_codec(inputs.codec) if inputs.codec else None
    if codec is not None and audio:
        check_codec(codec, audio[0])
    torch.manual_seed(settings.seed)
    model = SaxsoloForConditionalGeneration(config)
    initialise(model, inputs.init_from, codec, settings.new_codes)
    heldout = [row for row in audio or scores if row["split"] == inputs.split]
    trainer = SoloTrainer(
        model,
        settings,
        out,
        audio=[row for row in audio if row["split"] == "train"],
        scores=[row for row in scores if row["split"] == "train"],
        heldout=heldout,
        device=device,
        trackers=trackers,
    )
    text = yaml.safe_dump(settings.model_dump(mode="json"))
    (out / "settings.yaml").write_text(text, "utf-8")
    if not trainer.train():
        print(f"broken off at step {trainer.state.step}; the same command goes on", file=sys.stderr)
        return False
    trainer.load_best()
    if trainer.accelerator.is_main_process:
        export(model, codec, out / FINAL)
        result = trainer.evaluate(choose_clips(heldout, settings.final_clips)) if heldout else None
        figures = _write_figures(trainer, result, inputs.split, bool(audio))
        write_json(out / FINAL / "figures.json", figures)
    return True


def evaluate_solo(
    settings: TrainSettings, inputs: SoloInputs, out: Path, *, device: str | None = None
) -> Path | None:
    """Evaluates out/final on a split; returns the path of out/heldout-SPLIT.json.

    Raises:
        RunStateError: no model in out/final. SettingsError: no rows.
    """
    config = sized(SaxsoloConfig, settings.model)
    audio, scores = load_rows(inputs, settings, config)
    heldout = [row for row in audio or scores if row["split"] == inputs.split]
    final = existing(out / FINAL)
    trainer = SoloTrainer(
        SaxsoloForConditionalGeneration.from_pretrained(final, dtype=torch.float32),
        settings.changed(weight_average=0.0),
        out,
        audio=[row for row in audio if row["split"] == "train"],
        scores=[row for row in scores if row["split"] == "train"],
        heldout=heldout,
        resume=False,
        device=device,
        trackers=(),
    )
    if not trainer.accelerator.is_main_process:
        return None
    result = trainer.evaluate(choose_clips(heldout, settings.final_clips)) if heldout else None
    _write_figures(trainer, result, inputs.split, bool(audio))
    return _heldout_file(out, inputs.split)


def export(
    model: SaxsoloForConditionalGeneration, codec: PreTrainedModel | None, folder: Path
) -> None:
    """A Hugging Face folder: bf16 weights in shards of at most 15 MB, the code, and with a codec
    also the processor, with the default ear where the model hears by one."""
    small: Any = copy.deepcopy(model)
    small = small.to("cpu", torch.bfloat16).eval()
    small.save_pretrained(folder, max_shard_size=SHARD_SIZE)
    if codec is not None:
        ear = None if model.config.hears == "codes" else load_ear(device="cpu").model
        SaxsoloProcessor(codec, model.config, ear=ear).save_pretrained(folder)


def write_json(path: Path, content: object) -> None:
    """JSON with one indent, in UTF-8."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _write_figures(
    trainer: SoloTrainer, result: HeldoutResult | None, split: str, has_audio: bool
) -> dict[str, object]:
    """Ends the log and writes the figures of every clip; returns those of all together."""
    state = trainer.state
    figures: dict[str, object] = {"split": split, "has_audio": has_audio}
    figures |= {"step": state.step, "minutes": state.seconds / 60}
    figures["parameters"] = trainer.model.num_parameters()
    if result is not None:
        figures |= result.figures()
        trainer.log.write("end", state.step, figures)
    trainer.log.close()
    clips = result.per_clip() if result is not None else []
    write_json(_heldout_file(trainer.run, split), {**figures, "per_clip": clips})
    return figures


def _heldout_file(run: Path, split: str) -> Path:
    return run / f"heldout-{split}.json"
