"""A model as a folder of the Hub: weights, settings, code, processor, and the codec or its name.

The code is written as plain files, whatever links lead there in a clone, so `from_pretrained(...,
trust_remote_code=True)` and `pipeline` load the folder where this package is not installed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

import modeling_saxsolo
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from modeling_saxsolo.pipeline_saxsolo import CUSTOM_PIPELINES
from modeling_saxsolo.processing_saxsolo import SaxsoloProcessor
from saxsolo.errors import CheckpointError

CODE = Path(str(modeling_saxsolo.__file__)).parent
CODEC = "codec"
_OPTIONAL = ("generation_config.json", "figures.json")


def write_hub_folder(
    folder: Path,
    model: SaxsoloForConditionalGeneration,
    codec: PreTrainedModel | None = None,
    *,
    codec_reference: str | None = None,
    default_conditions: dict[str, str] | None = None,
    max_shard_size: int | str = "5GB",
) -> None:
    """Writes a model in memory, in the type that its weights have.

    It is stored in bfloat16 for the most part and run in float32, which is what `dtype` says in
    config.json: most laptops' processors only emulate bfloat16.

    Args:
        folder: made where it is missing.
        codec: what the processor speaks through; without one there is no processor.
        codec_reference: folder (as seen from `folder`) or Hub id to name instead of a copy.
        default_conditions: name -> value where a call says nothing.
    """
    model.save_pretrained(folder, max_shard_size=max_shard_size)
    settings = read_settings(folder / "config.json")
    _write_settings(folder / "config.json", {**settings, "dtype": "float32"})
    if codec is not None:
        processor = SaxsoloProcessor(codec, model.config, default_conditions)
        processor.save_pretrained(folder, codec_reference=codec_reference)
    write_code(folder)


def copy_hub_folder(source: Path, folder: Path) -> None:
    """Copies a checkpoint with this package's code, so what is shared is what is tested.

    A codec that stands beside the checkpoint is copied into codec/: a path would lead nowhere on
    the Hub.

    Args:
        source: folder of a solo model that `from_pretrained` loads.

    Raises:
        CheckpointError: no checkpoint of a solo model, no codec, a file that cannot be read.
    """
    settings = read_settings(source / "config.json")
    if settings.get("model_type") != "saxsolo":
        raise CheckpointError(
            f"{source} holds a {settings.get('model_type')} model; name the folder of a solo model "
            "(its codec goes with it)"
        )
    if "auto_map" not in settings:
        raise CheckpointError(
            f"{source}/config.json has no auto_map; make the folder with `saxsolo export`"
        )
    processor = read_settings(source / "processor_config.json")
    reference = str(processor.get("codec"))
    codec = source / reference
    if not codec.is_dir() and ("/" not in reference or reference.startswith(".")):
        raise CheckpointError(f"{source} names the codec {reference}, which is not there")
    weights = [path.name for path in sorted(source.glob("*.safetensors*"))]
    _copy(source, folder, [*weights, *(n for n in _OPTIONAL if (source / n).is_file())])
    if codec.is_dir():
        names = [path.name for path in sorted(codec.glob("*.safetensors"))]
        _copy(codec, folder / CODEC, ["config.json", *names])
        processor["codec"] = CODEC
    _write_settings(folder / "config.json", settings)
    _write_settings(folder / "processor_config.json", processor)
    write_code(folder)


def write_code(folder: Path) -> None:
    """Writes the model's code beside its weights, and names its pipeline in config.json."""
    # a link to the same file could not be written over with itself
    for path in folder.glob("*.py"):
        path.unlink()
    _copy(CODE, folder, [path.name for path in sorted(CODE.glob("*_sax*.py"))])
    settings = read_settings(folder / "config.json")
    _write_settings(folder / "config.json", {**settings, "custom_pipelines": CUSTOM_PIPELINES})


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a JSON file of a checkpoint.

    Raises:
        CheckpointError: no such file, or one that holds no settings.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path.parent} is not a checkpoint: it has no {path.name}"
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no settings; fetch it again")
    return content


def _write_settings(path: Path, settings: dict[str, Any]) -> None:
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _copy(source: Path, folder: Path, names: list[str]) -> None:
    """Copies files, and what links lead to."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        try:
            shutil.copyfile(source / name, folder / name)
        except OSError as error:
            raise CheckpointError(f"{source / name} cannot be read: {error.strerror}") from error
