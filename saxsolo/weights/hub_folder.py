"""A model as a folder of the Hub: weights, settings, code, processor, codec and ear or their names.

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
from modeling_saxsolo.ear_saxsolo import SaxsoloEar
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from modeling_saxsolo.pipeline_saxsolo import CUSTOM_PIPELINES
from modeling_saxsolo.processing_saxsolo import SaxsoloProcessor
from saxsolo.errors import CheckpointError

CODE = Path(str(modeling_saxsolo.__file__)).parent
CODEC, EAR = "codec", "ear"
_OPTIONAL = ("generation_config.json", "figures.json")


def write_hub_folder(
    folder: Path,
    model: SaxsoloForConditionalGeneration,
    codec: PreTrainedModel | None = None,
    ear: SaxsoloEar | None = None,
    *,
    codec_reference: str | None = None,
    ear_reference: str | None = None,
    default_conditions: dict[str, str] | None = None,
    max_shard_size: int | str = "5GB",
) -> None:
    """Writes a model in memory, in the type that its weights have.

    It is stored in bfloat16 for the most part and run in float32, which is what `dtype` says in
    config.json: most laptops' processors only emulate bfloat16.

    Args:
        folder: made where it is missing.
        codec: what the processor speaks through; without one there is no processor.
        ear: what the processor hears by; needed unless the model hears by its codes.
        codec_reference, ear_reference: folder (as seen from `folder`) or Hub id to name instead of
            a copy.
        default_conditions: name -> value where a call says nothing.
    """
    model.save_pretrained(folder, max_shard_size=max_shard_size)
    settings = read_settings(folder / "config.json")
    _write_settings(folder / "config.json", {**settings, "dtype": "float32"})
    if codec is not None:
        processor = SaxsoloProcessor(codec, model.config, default_conditions, ear)
        processor.save_pretrained(
            folder, codec_reference=codec_reference, ear_reference=ear_reference
        )
    write_code(folder)


def copy_hub_folder(source: Path, folder: Path) -> None:
    """Copies a checkpoint with this package's code, so what is shared is what is tested.

    A codec and an ear that stand beside the checkpoint are copied into codec/ and ear/: a path
    would lead nowhere on the Hub.

    Args:
        source: folder of a solo model that `from_pretrained` loads.

    Raises:
        CheckpointError: no checkpoint of a solo model, no codec or ear, a file that cannot be read.
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
    parts = [CODEC] if processor.get("hears", "codes") == "codes" else [CODEC, EAR]
    places = {part: _part_of(source, processor, part) for part in parts}
    weights = [path.name for path in sorted(source.glob("*.safetensors*"))]
    _copy(source, folder, [*weights, *(n for n in _OPTIONAL if (source / n).is_file())])
    for part, place in places.items():
        if place is not None:
            names = [path.name for path in sorted(place.glob("*.safetensors"))]
            _copy(place, folder / part, ["config.json", *names])
            processor[part] = part
    _write_settings(folder / "config.json", settings)
    _write_settings(folder / "processor_config.json", processor)
    write_code(folder)


def _part_of(source: Path, processor: dict[str, Any], part: str) -> Path | None:
    """The folder of a checkpoint's codec or ear; None where it is named by a Hub id."""
    reference = str(processor.get(part))
    if (source / reference).is_dir():
        return source / reference
    if "/" not in reference or reference.startswith("."):
        raise CheckpointError(f"{source} names the {part} {reference}, which is not there")
    return None


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
