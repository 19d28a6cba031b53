"""Audio <-> codes: the processor, with the codec inside.

Its folder holds processor_config.json and the codec, either as a copy in `codec/` or by reference:
the key "codec" is a path relative to the folder when it begins with "." or is a sub-folder's name,
else a hub id (with "codec_revision" beside it).
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BatchFeature, PreTrainedModel, ProcessorMixin
from transformers.dynamic_module_utils import custom_object_save
from transformers.utils import cached_file

from .backing_saxsolo import (
    BackingMeasure,
    BackingMeter,
    heard_blocks,
    in_blocks,
    measure_backing,
)
from .codec_adapter_saxsolo import (
    ENCODE_FRAMES,
    codec_layout,
    decode,
    encode_blocks,
    load_codec,
)
from .configuration_saxsolo import SaxsoloConfig
from .errors_saxsolo import AudioError, CodecError

CONFIG_NAME = "processor_config.json"
CODEC_FOLDER = "codec"
HUB_KEYS = ("revision", "token", "cache_dir", "local_files_only", "force_download")
LAYOUT = ("num_codebooks", "codebook_size", "frame_rate", "sampling_rate")


class SaxsoloProcessor(ProcessorMixin):
    """Makes the model's inputs from any audio, and audio from the model's codes.

    Args:
        codec: a codec of the model's layout.
        config: the model's config: layout, streams and conditions are taken from it.
        default_conditions: value names used where a call says nothing, e.g. {"timbre": "mtg"}.

    Raises:
        CodecError: when codec and config differ in layout.
    """

    codec: Any
    num_codebooks: int
    codebook_size: int
    frame_rate: float
    sampling_rate: int

    def __init__(
        self,
        codec: PreTrainedModel,
        config: SaxsoloConfig,
        default_conditions: dict[str, str] | None = None,
    ):
        # ProcessorMixin's own __init__ only sorts tokenizers and image processors.
        self.chat_template = None
        self.codec = codec
        self.conditions: dict[str, list[str]] = config.conditions or {}
        self.num_streams = config.num_streams
        self.default_conditions = default_conditions or {}
        self._condition_ids([dict(self.default_conditions)])
        for name in LAYOUT:
            setattr(self, name, getattr(config, name))
            heard = getattr(codec_layout(codec), name)
            if heard != getattr(config, name):
                raise CodecError(
                    f"the codec has {name} {heard} but the model {getattr(config, name)}: use the "
                    "codec that the model was trained with, or one of the same layout."
                )

    def __call__(
        self,
        audio: Any,
        sampling_rate: int | None = None,
        return_tensors: str | None = "pt",
        *,
        measure: BackingMeasure | BackingMeter | list[Any] | None = None,
        seconds: float | None = None,
        force: bool = False,
        **conditions: str | list[str | None] | None,
    ) -> BatchFeature:
        """Encode backings, brought to the level that the model listens at.

        Args:
            audio: one sound or a list of them; samples (n,), (channels, n) or (n, channels), numpy
                or torch, floats in [-1, 1] or integers, down-mixed to mono; or an iterator of
                blocks (n,) or (n, channels), with its measure: the codes are those of the whole.
            sampling_rate: samples a second of `audio`, any.
            return_tensors: "pt".
            measure: what `measure` gave for the sound; a list of those for a list; measured here
                when None. For a live source see `running_measure`.
            seconds: of this length exactly: a shorter sound is followed by silence.
            force: take a silent backing too.
            conditions: by name (instrument="tenor", feel=...), one for all or a list of one a
                sound; None = not given; left out = the default, if there is one.

        Returns:
            backing_codes (B, K, T), attention_mask (B, T), condition_ids (B, C), all int64.

        Raises:
            AudioError: for a missing sampling rate, unusable samples, or silence without `force`.
            ValueError: for an unknown condition or value.
        """
        if return_tensors not in ("pt", None):
            raise ValueError(f"return_tensors={return_tensors!r}: only 'pt' is made.")
        if sampling_rate is None:
            raise AudioError("sampling_rate is missing: give the samples a second of the audio.")
        sounds = list(audio) if _is_batch(audio) else [audio]
        given = self._per_sound(conditions, len(sounds))
        condition_ids = self._condition_ids(given)
        measures = measure if isinstance(measure, list) else [measure] * len(sounds)
        if len(measures) != len(sounds):
            raise ValueError(f"measure has {len(measures)} values for {len(sounds)} sounds.")
        codes = []
        for sound, known in zip(sounds, measures, strict=True):
            if known is None:
                if isinstance(sound, Iterator):
                    raise AudioError("a sound that comes in blocks needs its measure: give both.")
                known = self.measure(sound, sampling_rate, seconds)
            if isinstance(known, BackingMeasure) and known.silent and not force:
                raise AudioError(
                    f"the backing is silent (peak {known.peak:.1g}); force=True plays anyway."
                )
            parts = self.listen(sound, sampling_rate, known, seconds)
            codes.append(torch.cat(list(parts), dim=-1)[0])
        length = max(code.shape[-1] for code in codes)
        backing = torch.zeros(len(codes), self.num_codebooks, length, dtype=torch.long)
        mask = torch.zeros(len(codes), length, dtype=torch.long)
        for row, code in enumerate(codes):
            backing[row, :, : code.shape[-1]] = code
            mask[row, : code.shape[-1]] = 1
        return BatchFeature(
            {"backing_codes": backing, "attention_mask": mask, "condition_ids": condition_ids}
        )

    def measure(
        self, audio: Any, sampling_rate: int, seconds: float | None = None
    ) -> BackingMeasure:
        """What must be known of a whole backing before it is listened to.

        Args:
            audio: one sound, or an iterator of its blocks; as in `__call__`.
            sampling_rate: samples a second of `audio`. seconds: of the first of them only.

        Raises:
            AudioError: for unusable samples.
        """
        return measure_backing(audio, sampling_rate, self.sampling_rate, seconds)

    def running_measure(self) -> BackingMeter:
        """The measure of a live source, taken on the way: hand it on as `measure` with the blocks.

        Each block is heard at the level of all that has come until its end, so the codes are those
        of the whole once the loudness has settled. What was pushed before counts.
        """
        return BackingMeter(self.sampling_rate)

    def listen(
        self,
        audio: Any,
        sampling_rate: int,
        measure: BackingMeasure | BackingMeter | None,
        seconds: float | None = None,
    ) -> Iterator[torch.Tensor]:
        """The codes of one backing, by blocks.

        Args:
            audio, sampling_rate, seconds: as in `__call__`.
            measure: of this sound; None leaves its level as it is.

        Yields:
            (1, K, t) codes on the codec's device.

        Raises:
            AudioError: for unusable samples.
        """
        size = ENCODE_FRAMES * codec_layout(self.codec).frame_samples
        heard = heard_blocks(audio, sampling_rate, self.sampling_rate, measure, seconds)
        blocks = (block.view(1, 1, -1) for block in in_blocks(heard, size))
        yield from encode_blocks(self.codec, blocks)

    def decode(self, codes: torch.Tensor) -> np.ndarray:
        """Codes (N or K, T) of one solo -> samples (T * frame samples,) float32."""
        return self.batch_decode(torch.as_tensor(codes).unsqueeze(0))[0]

    def batch_decode(self, codes: torch.Tensor) -> list[np.ndarray]:
        """Codes of solos -> their samples.

        Args:
            codes: (B, N, T) as `generate()` gives them, or (B, K, T) codebooks alone. Pad tokens
                at the end of a row are cut off.

        Returns:
            B arrays (samples,) float32 at `sampling_rate`.

        Raises:
            ValueError: for another number of streams.
        """
        codes = torch.as_tensor(codes)
        if codes.dim() != 3 or codes.shape[1] not in (self.num_codebooks, self.num_streams):
            raise ValueError(
                f"codes are {tuple(codes.shape)}: give (B, {self.num_streams}, T), or the codec's "
                f"own (B, {self.num_codebooks}, T)."
            )
        sounds = []
        for row in codes[:, -self.num_codebooks :]:
            played = (row < self.codebook_size).all(dim=0).nonzero()
            length = int(played[-1]) + 1 if len(played) else 0
            row = row[None, :, :length].to(self.codec.device)
            sounds.append(decode(self.codec, row)[0, 0].float().cpu().numpy() if length else EMPTY)
        return sounds

    def _per_sound(self, conditions: dict[str, Any], count: int) -> list[dict[str, Any]]:
        unknown = sorted(set(conditions) - set(self.conditions))
        if unknown:
            raise ValueError(
                f"unknown conditions {unknown}: this model knows {', '.join(self.conditions)}."
            )
        rows = [dict(self.default_conditions) for _ in range(count)]
        for name, value in conditions.items():
            values = value if isinstance(value, (list, tuple)) else [value] * count
            if len(values) != count:
                raise ValueError(f"{name} has {len(values)} values for {count} sounds.")
            for row, value_of_sound in zip(rows, values, strict=True):
                row[name] = value_of_sound
        return rows

    def _condition_ids(self, rows: list[dict[str, Any]]) -> torch.Tensor:
        """Value names of B sounds -> (B, C) indices, -1 = not given."""
        ids = torch.full((len(rows), len(self.conditions)), -1, dtype=torch.long)
        for i, row in enumerate(rows):
            for j, (name, values) in enumerate(self.conditions.items()):
                value = row.get(name)
                if value is not None and value not in values:
                    raise ValueError(f"{name} {value!r} is unknown: choose one of {values}.")
                ids[i, j] = -1 if value is None else values.index(value)
        return ids

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        push_to_hub: bool = False,
        codec_reference: str | None = None,
        codec_revision: str | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Write processor_config.json, this code, and the codec.

        Args:
            codec_reference: write this reference instead of a copy of the codec (see the module's
                docstring); codec_revision pins it on the hub.

        Raises:
            ValueError: for push_to_hub: upload the written folder instead.
        """
        if push_to_hub:
            raise ValueError("push_to_hub: write the folder, then upload it with `hf upload`.")
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "processor_class": type(self).__name__,
            "codec": codec_reference or CODEC_FOLDER,
            "codec_revision": codec_revision,
            "conditions": self.conditions,
            "condition_names": list(self.conditions),
            "default_conditions": self.default_conditions,
            "num_streams": self.num_streams,
            **{name: getattr(self, name) for name in LAYOUT},
        }
        custom_object_save(self, folder, config=settings)
        if codec_reference is None:
            self.codec.save_pretrained(folder / CODEC_FOLDER)
        text = json.dumps(settings, indent=2) + "\n"
        (folder / CONFIG_NAME).write_text(text, encoding="utf-8")
        return [str(folder / CONFIG_NAME)]

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        codec: str | os.PathLike[str] | PreTrainedModel | None = None,
        **kwargs: Any,
    ) -> "SaxsoloProcessor":
        """Load from a folder or a hub id.

        Args:
            codec: another codec instead of the folder's: a model, a folder or a hub id.
            kwargs: revision, token, cache_dir, local_files_only, force_download.

        Raises:
            OSError: when there is no processor_config.json, or no codec where it points.
            CodecError: when the codec does not fit.
        """
        hub = {key: kwargs[key] for key in HUB_KEYS if kwargs.get(key) is not None}
        path = cached_file(pretrained_model_name_or_path, CONFIG_NAME, **hub)
        settings = json.loads(Path(str(path)).read_text(encoding="utf-8"))
        if codec is None:
            codec = _load_referenced(str(pretrained_model_name_or_path), settings, hub)
        elif not isinstance(codec, PreTrainedModel):
            codec = load_codec(str(codec), **{k: v for k, v in hub.items() if k != "revision"})
        books = settings["num_codebooks"]
        config = SaxsoloConfig(
            conditions=settings["conditions"],
            condition_names=settings["condition_names"],
            score_vocab_size=3 if settings["num_streams"] > books else 0,
            **{name: settings[name] for name in LAYOUT},
        )
        return cls(codec, config, settings.get("default_conditions"))


EMPTY = np.zeros(0, dtype=np.float32)


def _load_referenced(folder: str, settings: dict[str, Any], hub: dict[str, Any]) -> PreTrainedModel:
    """The codec that a processor_config.json names."""
    name = settings["codec"]
    if os.path.isdir(folder):
        path = Path(folder) / name
        if name.startswith(".") or path.is_dir():
            if not path.is_dir():
                raise OSError(f"{CONFIG_NAME} names the codec {name}, but {path} is not a folder.")
            return load_codec(str(path))
    elif name == CODEC_FOLDER:
        return load_codec(folder, subfolder=name, **hub)
    elif name.startswith("."):
        raise OSError(f"{folder} names the codec {name}: a path leads nowhere on the hub.")
    revision = settings.get("codec_revision")
    hub = {**hub, "revision": revision} if revision else hub
    return load_codec(name, **hub)


def _is_batch(audio: Any) -> bool:
    """Lists and tuples are batches, unless they are a list of plain numbers; so is (B, 1, n)."""
    if isinstance(audio, (list, tuple)):
        return len(audio) > 0 and not np.isscalar(audio[0])
    return getattr(audio, "ndim", 1) == 3


SaxsoloProcessor.register_for_auto_class("AutoProcessor")
