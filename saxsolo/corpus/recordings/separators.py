"""Separators: classes with one method, known by name.

A separator gets one segment of a recording and gives its two stems. How a long recording is cut
into segments, and put together again, is the business of separate.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import soundfile
import soxr

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.config import SeparateConfig
from saxsolo.corpus.stage_state import ItemError

BACKING_SOURCES = ("drums", "bass", "guitar", "piano")
SOLO_SOURCES = ("other", "vocals")


class SeparatorError(ValueError):
    """A separator that is unknown, whose weights are absent or are not what they should be."""


@dataclass(frozen=True)
class Segment:
    """A piece of a recording: `audio` (channels, n) float32 that begins at sample `start`."""

    audio: np.ndarray
    start: int
    recording: Path


class Separator(Protocol):
    """What a separator is: its rate, its channels and one method."""

    sampling_rate: int
    channels: int

    def separate(self, segment: Segment) -> np.ndarray:
        """The backing and the solo, (2, channels, n) float32."""
        ...


Kind = TypeVar("Kind", bound=Callable[..., "Separator"])
REGISTRY: dict[str, Callable[[SeparateConfig], Separator]] = {}


def register(name: str) -> Callable[[Kind], Kind]:
    """Makes a separator known: a decorator of a class that is built from a `SeparateConfig`."""

    def keep(kind: Kind) -> Kind:
        REGISTRY[name] = kind
        return kind

    return keep


def make_separator(config: SeparateConfig) -> Separator:
    """The separator that the config names. Raises `SeparatorError` for an unknown name."""
    if config.separator not in REGISTRY:
        raise SeparatorError(
            f"separator {config.separator!r} is unknown; take one of {', '.join(sorted(REGISTRY))}"
        )
    return REGISTRY[config.separator](config)


@register("htdemucs_6s")
class HTDemucsSeparator:
    """Hybrid Transformer Demucs (Rouard and others 2023, arXiv:2211.08553) with six sources:
    drums, bass, guitar and piano are the backing, other and vocals the solo.

    Weights come from safetensors alone. `demucs.pretrained.get_model` is not used: where the Hub
    does not answer it fetches a pickle from another host without a word.
    """

    def __init__(self, config: SeparateConfig):
        import torch

        self._model = _load_htdemucs(_weights_file(config.weights))
        device = config.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._device = device
        self.sampling_rate = int(self._model.samplerate)
        self.channels = int(self._model.audio_channels)
        names = list(self._model.sources)
        missing = [source for source in (*BACKING_SOURCES, *SOLO_SOURCES) if source not in names]
        if missing:
            raise SeparatorError(
                f"{config.weights} separates {', '.join(names)} but not {', '.join(missing)}; "
                f"take weights of htdemucs_6s"
            )
        self._parts = [
            [names.index(source) for source in part] for part in (BACKING_SOURCES, SOLO_SOURCES)
        ]

    def separate(self, segment: Segment) -> np.ndarray:
        """The backing and the solo, (2, channels, n) float32; the same input, the same output."""
        import torch
        from demucs.apply import apply_model

        mix = torch.from_numpy(np.ascontiguousarray(segment.audio))
        # as demucs.separate does: the model was trained on sounds of this scale
        reference = mix.mean(0)
        mean, scale = reference.mean(), reference.std() + 1e-8
        with torch.inference_mode():
            sources = apply_model(
                self._model, ((mix - mean) / scale)[None], shifts=0, device=self._device
            )[0]
        sources = sources.cpu() * scale
        return torch.stack([sources[part].sum(0) for part in self._parts]).numpy()


def _weights_file(weights: str) -> Path:
    """The one safetensors file of a folder or a Hub repository."""
    folder = Path(weights)
    if not folder.exists() and weights.count("/") == 1:
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(weights, allow_patterns=["*.safetensors"]))
        except Exception as error:
            raise SeparatorError(
                f"the weights {weights} cannot be fetched from the Hub "
                f"({type(error).__name__}: {error}); no other host is asked. Put their "
                f".safetensors file into a folder and name it as separate.weights"
            ) from error
    files = [folder] if folder.is_file() else sorted(folder.glob("*.safetensors"))
    if len(files) != 1 or files[0].suffix != ".safetensors":
        raise SeparatorError(
            f"{weights} holds {len(files)} .safetensors files; one is needed (pickles, .th and "
            f".pt, are never read)"
        )
    return files[0]


def _load_htdemucs(path: Path) -> Any:
    """The model of a file as the demucs project publishes it: class, arguments as JSON metadata.

    `demucs.hf.load_safetensors_model` would import whatever class the metadata name; here it can
    only be HTDemucs.
    """
    from demucs.htdemucs import HTDemucs
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (OSError, SafetensorError) as error:
        raise SeparatorError(f"{path} is not a safetensors file, or is damaged: {error}") from error
    if metadata.get("klass") != "demucs.htdemucs.HTDemucs" or "structure" in metadata:
        raise SeparatorError(
            f"{path} holds {metadata.get('klass', 'no named model')!r}; a plain "
            f"demucs.htdemucs.HTDemucs is needed"
        )
    try:
        arguments = _fractions(json.loads(metadata["args"]))
        keywords = _fractions(json.loads(metadata["kwargs"]))
        model = HTDemucs(*arguments, **keywords)
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SeparatorError(f"{path} does not fit HTDemucs: {error}") from error
    return model.eval()


def _fractions(value: Any) -> Any:
    """JSON to arguments: HTDemucs takes its segment as a fraction."""
    if isinstance(value, dict):
        if value.get("_type") == "fraction":
            return Fraction(value["numerator"], value["denominator"])
        return {key: _fractions(item) for key, item in value.items()}
    return [_fractions(item) for item in value] if isinstance(value, list) else value


@register("oracle")
class OracleSeparator:
    """Knows the stems: NAME.backing.flac and NAME.solo.flac beside NAME.flac. For rendered music,
    to tell what a separator costs, and for tests."""

    sampling_rate = SAMPLING_RATE
    channels = 1

    def __init__(self, config: SeparateConfig):
        pass

    def separate(self, segment: Segment) -> np.ndarray:
        """The true stems of the segment, (2, 1, n)."""
        length = segment.audio.shape[1]
        stems = [_stem(segment, name, length) for name in ("backing", "solo")]
        return np.stack(stems)[:, None].astype(np.float32)


def _stem(segment: Segment, name: str, length: int) -> np.ndarray:
    path = segment.recording.with_name(f"{segment.recording.stem}.{name}.flac")
    try:
        rate = soundfile.info(path).samplerate
        first = segment.start * rate // OracleSeparator.sampling_rate
        count = -(-length * rate // OracleSeparator.sampling_rate)
        sound, _ = soundfile.read(path, frames=count, start=first, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise ItemError(f"the oracle needs {path}: {error}") from error
    mono = sound.mean(1)
    if rate != OracleSeparator.sampling_rate:
        mono = soxr.resample(mono, rate, OracleSeparator.sampling_rate)
    return np.pad(mono[:length], (0, max(0, length - len(mono))))
