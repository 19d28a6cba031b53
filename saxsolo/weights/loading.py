"""Loading: a model and a codec that fit each other, from a folder or from the Hub.

Weights are safetensors, read by the classes of this package: no code of a checkpoint runs.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from modeling_saxsolo.codec_adapter_saxsolo import CODECS, load_whole
from modeling_saxsolo.codec_adapter_saxsolo import load_codec as load_codec_model
from modeling_saxsolo.ear_saxsolo import SaxsoloEar
from modeling_saxsolo.errors_saxsolo import CodecError
from modeling_saxsolo.fast_decoding_saxsolo import supports
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from modeling_saxsolo.processing_saxsolo import SaxsoloProcessor
from saxsolo.assets import asset
from saxsolo.errors import CheckpointError

DEFAULT_MODEL = asset("checkpoints/saxsolo-small")
DEFAULT_CODEC = asset("checkpoints/saxcodec-44khz")
DEFAULT_EAR = asset("checkpoints/saxsolo-ear")
# Names of the package `encodec`. Its weights are pickles, which nothing here opens, and its import
# needs torchaudio; the same weights lie on the Hub as safetensors, and transformers computes them.
ENCODEC = {"encodec:24khz": "facebook/encodec_24khz"}

Place = str | os.PathLike[str]


@dataclass(frozen=True)
class Weights:
    """A loaded model and where it came from.

    Attributes:
        model: a transformers.PreTrainedModel, in evaluation mode, float32.
        name: folder or Hub id.
        sha256: of the safetensors file; of all of them in the order of their names where the
            weights are in several.
    """

    model: Any = field(repr=False)
    name: str
    sha256: str


@dataclass(frozen=True)
class Player:
    """A solo model, the codec it speaks through, the ear it hears by and the processor between
    them, on one device; `ear` is None for a model that hears by its codes."""

    solo: Weights
    codec: Weights
    processor: SaxsoloProcessor = field(repr=False)
    ear: Weights | None = None

    @property
    def sampling_rate(self) -> int:
        """Samples a second of what is played."""
        return self.processor.sampling_rate

    @cached_property
    def decoder(self) -> Any:
        """What plays the codebooks of all solos of this player in one batch (`FastDecoder`); None
        where the model cannot be played by it."""
        model = self.solo.model
        return model.fast_decoder() if supports(model) else None


def load_player(
    checkpoint: Place | None = None, codec: Place | None = None, device: str | None = None
) -> Player:
    """Loads a solo model and a codec and makes sure that they fit.

    Args:
        checkpoint: folder or Hub id; $SAXSOLO_CHECKPOINT, or the one in checkpoints/, when None.
        codec: folder or Hub id; $SAXSOLO_CODEC, the one that the checkpoint names, or the one in
            checkpoints/, when None.
        device: "cpu", "cuda", ...; a GPU where there is one when None.

    Raises:
        CheckpointError: when one is none, is damaged, or when they do not fit each other.
    """
    folder, name = _find(checkpoint or os.environ.get("SAXSOLO_CHECKPOINT") or DEFAULT_MODEL)
    solo = _load(folder, name, ["saxsolo"], "saxsolo checkpoint", device)
    settings = _processor_settings(folder)
    codec = codec or os.environ.get("SAXSOLO_CODEC") or _own(folder, settings, "codec")
    codec_weights = load_codec(codec, device)
    ear = None
    if solo.model.config.hears != "codes":
        ear = load_ear(_own(folder, settings, "ear"), device)
    try:
        processor = SaxsoloProcessor(
            codec_weights.model,
            solo.model.config,
            settings.get("default_conditions"),
            None if ear is None else ear.model,
        )
    except (CodecError, ValueError) as error:
        raise CheckpointError(
            f"{codec_weights.name} does not fit {name}: {_brief(error)}"
        ) from error
    return Player(solo, codec_weights, processor, ear)


def load_codec(codec: Place | None = None, device: str | None = None) -> Weights:
    """Loads a codec alone.

    Args:
        codec: folder, Hub id or `encodec:24khz`; $SAXSOLO_CODEC, or the one in checkpoints/, when
            None.
        device: as in `load_player`.

    Raises:
        CheckpointError: when it is none or is damaged.
    """
    wanted = codec or os.environ.get("SAXSOLO_CODEC") or DEFAULT_CODEC
    folder, name = _find(_without_package(wanted))
    return _load(folder, name, sorted(CODECS), "codec", device)


def _without_package(codec: Place) -> Place:
    """The Hub id of what the package `encodec` calls by a name of its own."""
    name = os.fspath(codec)
    if not name.startswith("encodec:"):
        return codec
    if name == "encodec:48khz":
        raise CheckpointError(
            "encodec:48khz codes two channels in overlapping seconds, each with a loudness beside "
            "its codes, and has no place for them here; take encodec:24khz or "
            "facebook/encodec_32khz"
        )
    if name not in ENCODEC:
        raise CheckpointError(f"{name} is not known; {', '.join(ENCODEC)} is")
    return ENCODEC[name]


def load_ear(ear: Place | None = None, device: str | None = None) -> Weights:
    """Loads an ear alone.

    Args:
        ear: folder or Hub id; the one in checkpoints/ when None.
        device: as in `load_player`.

    Raises:
        CheckpointError: when it is not an ear or is damaged.
    """
    folder, name = _find(ear or DEFAULT_EAR)
    return _load(folder, name, ["saxsolo_ear"], "ear", device)


def _processor_settings(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "processor_config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder}/processor_config.json is damaged; fetch it again"
        ) from error


def _own(folder: Path, settings: dict[str, Any], what: str) -> Place | None:
    """The codec or ear that a checkpoint names: a folder seen from its own, or a Hub id."""
    name = settings.get(what)
    if name is None or (folder / name).is_dir():
        return name and folder / name
    return name


def _find(place: Place) -> tuple[Path, str]:
    """The folder of a path or Hub id, and the name to call it by."""
    name = os.fspath(place)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder, name
    if folder.exists():
        raise CheckpointError(f"{name} is a file; name the folder of a checkpoint, or a Hub id")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name) or name.startswith("."):
        raise CheckpointError(f"{name}: no such folder, and not a Hub id (owner/name)")
    try:
        parts = ("", "codec/", "ear/")
        patterns = [part + kind for part in parts for kind in ("*.json", "*.safetensors")]
        return Path(snapshot_download(name, allow_patterns=patterns)), name
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            f"{name}: no such folder here, and the Hub did not give it ({type(error).__name__})"
        ) from error


def _load(folder: Path, name: str, types: list[str], word: str, device: str | None) -> Weights:
    try:
        model_type = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except FileNotFoundError as error:
        raise CheckpointError(f"{name} is not a {word}: it has no config.json") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{name} is not a {word}: {_config_fault(types)}") from error
    if model_type not in types:
        raise CheckpointError(f"{name} is not a {word}: {_config_fault(types)}")
    sha256 = weights_sha256(folder)
    if sha256 is None:
        raise CheckpointError(f"{name} is not a {word}: it holds no *.safetensors")
    try:
        if model_type in CODECS:
            model: Any = load_codec_model(str(folder))
        elif model_type == "saxsolo_ear":
            model = load_whole(SaxsoloEar, str(folder))
        else:
            model = load_whole(SaxsoloForConditionalGeneration, str(folder))
    except CodecError as error:
        raise CheckpointError(f"{word} {name}: {_brief(error)}") from error
    except Exception as error:
        # safetensors, transformers and torch each have errors of their own for damaged weights
        raise CheckpointError(f"{name} cannot be loaded as a {word}: {_brief(error)}") from error
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    # a model is loaded on the CPU; asked to stay there, torch would look for what its compiler made
    return Weights(model if device == "cpu" else model.to(device), name, sha256)


def _config_fault(types: list[str]) -> str:
    return f"its config.json names none of {types} as model_type"


def weights_sha256(folder: Path) -> str | None:
    """Of all *.safetensors of a folder in the order of their names; None where there is none."""
    files = sorted(folder.glob("*.safetensors"))
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest() if files else None


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
