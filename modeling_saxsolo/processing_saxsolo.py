"""Audio <-> the model's inputs and outputs: the processor, with the codec and the ear inside.

Its folder holds processor_config.json, the codec and the ear, each either as a copy in `codec/` and
`ear/` or by reference: the keys "codec" and "ear" are paths relative to the folder when they begin
with "." or are a sub-folder's name, else hub ids (with "codec_revision" and "ear_revision" beside
them). A model that hears by its codes has no ear.
"""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import BatchFeature, PreTrainedModel, ProcessorMixin
from transformers.dynamic_module_utils import custom_object_save
from transformers.utils import cached_file

from .backing_saxsolo import (
    BackingMeasure,
    BackingMeter,
    blocks_of,
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
    load_whole,
)
from .configuration_saxsolo import SaxsoloConfig
from .ear_decoding_saxsolo import HeardMusic
from .ear_decoding_saxsolo import decode as decode_heard
from .ear_saxsolo import SaxsoloEar, join_heard
from .ear_spectrum_saxsolo import SAMPLING_RATE as EAR_RATE
from .ear_stream_saxsolo import band_frames, hear_blocks, label_posteriors
from .errors_saxsolo import AudioError, CodecError
from .lead_sheet_saxsolo import SHEET_INPUTS, sheet_of_music
from .resample_saxsolo import resampled_length
from .vocabulary_saxsolo import FREE, REST

CONFIG_NAME = "processor_config.json"
CODEC_FOLDER, EAR_FOLDER = "codec", "ear"
HUB_KEYS = ("revision", "token", "cache_dir", "local_files_only", "force_download")
# seconds: what fades for longer is no last chord
LONGEST_FADE = 4.0
LAYOUT = ("num_codebooks", "codebook_size", "frame_rate", "sampling_rate")


class SaxsoloProcessor(ProcessorMixin):
    """Makes the model's inputs from any audio, and audio from the model's codes.

    Args:
        codec: a codec of the model's layout.
        config: the model's config: layout, streams and conditions are taken from it.
        default_conditions: value names used where a call says nothing, e.g. {"timbre": "mtg"}.
        ear: what hears chords and beats, for a model with `hears` "spectrum" or "both".

    Raises:
        CodecError: when codec and config differ in layout.
        ValueError: when the model hears by an ear and none is given.
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
        ear: SaxsoloEar | None = None,
    ):
        # ProcessorMixin's own __init__ only sorts tokenizers and image processors.
        self.chat_template = None
        self.codec = codec
        self.hears, self.reads_codes = config.hears, config.reads_codes
        self.ear = None if config.hears == "codes" else ear
        if config.hears != "codes" and ear is None:
            raise ValueError(f"this model hears by an ear ({config.hears!r}): give ear=.")
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
        start: float | None = None,
        **conditions: str | list[str | None] | None,
    ) -> BatchFeature:
        """Listen to backings: their codes, and what the ear hears in them.

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
            start: second at which the solo may begin; None = with the band, where an ear hears it.
            conditions: by name (instrument="tenor", feel=...), one for all or a list of one a
                sound; None = not given; left out = the default, if there is one.

        Returns:
            attention_mask (B, T), condition_ids (B, C), int64; for a model that reads them
            backing_codes (B, K, T), int64; for a model with an ear frame_label_posteriors
            (B, 41, T), float32, and the lead sheet, see `lead_sheet`; forced_codes (B, N, T),
            int64, where the solo rests.

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
        rows = [
            self._row(sound, sampling_rate, known, seconds, force, start)
            for sound, known in zip(sounds, measures, strict=True)
        ]
        sheets = [{name: row.pop(name) for name in SHEET_INPUTS if name in row} for row in rows]
        lengths = torch.tensor([next(iter(row.values())).shape[-1] for row in rows])
        place = torch.arange(int(lengths.max()))
        inputs = {name: _padded([row[name] for row in rows], len(place)) for name in rows[0]}
        inputs |= _padded_sheets(sheets)
        inputs["attention_mask"] = (place < lengths[:, None]).long()
        inputs["condition_ids"] = condition_ids
        return BatchFeature(inputs)

    def _row(
        self,
        sound: Any,
        sampling_rate: int,
        measure: BackingMeasure | BackingMeter | None,
        seconds: float | None,
        force: bool,
        start: float | None,
    ) -> dict[str, torch.Tensor]:
        """What the model is given of one backing: codes (K, T), posteriors (41, T), or both, rests
        (N, T), and beat by beat the lead sheet."""
        if measure is None:
            if isinstance(sound, Iterator):
                raise AudioError("a sound that comes in blocks needs its measure: give both.")
            measure = self.measure(sound, sampling_rate, seconds)
        if isinstance(measure, BackingMeasure) and measure.silent and not force:
            raise AudioError(
                f"the backing is silent (peak {measure.peak:.1g}); force=True plays anyway."
            )
        kept = None
        if isinstance(sound, Iterator) and self.reads_codes and self.ear is not None:
            # both listen, and these blocks come once
            kept = list(sound)
        row = {}
        heard = None
        if self.reads_codes:
            blocks = sound if kept is None else iter(kept)
            codes = list(self.listen(blocks, sampling_rate, measure, seconds))
            row["backing_codes"] = torch.cat(codes, dim=-1)[0].cpu()
        if self.ear is not None:
            blocks = sound if kept is None else iter(kept)
            heard = join_heard(list(self.hear(blocks, sampling_rate, measure, seconds)))
            row["frame_label_posteriors"] = label_posteriors(heard)
            known = measure.measure if isinstance(measure, BackingMeter) else measure
            row |= self.lead_sheet(heard, self.music(heard, known))
        frames = next(iter(row.values())).shape[-1]
        ends = measure.fades_from if isinstance(measure, BackingMeasure) else None
        to_the_end = seconds is not None
        row["forced_codes"] = self.rests(frames, heard, start, to_the_end, ends)
        return row

    def measure(
        self, audio: Any, sampling_rate: int, seconds: float | None = None
    ) -> BackingMeasure:
        """What must be known of a whole backing before it is listened to.

        Args:
            audio: one sound, or an iterator of its blocks, as in `__call__`; or a function that
                gives them from the beginning, which is quicker.
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

    def hear(
        self,
        audio: Any,
        sampling_rate: int,
        measure: BackingMeasure | BackingMeter,
        seconds: float | None = None,
    ) -> Iterator[dict[str, torch.Tensor]]:
        """What the ear hears in one backing, by stretches.

        Args:
            audio, sampling_rate, seconds: as in `__call__`.
            measure: of this sound; its tuning is the one that the ear listens in.

        Yields:
            name -> (f, classes) probabilities, as `SaxsoloEar.hear` names them; together as many
            frames as the backing has codes.

        Raises:
            AudioError: for unusable samples.
            ValueError: for a model without an ear.
        """
        if self.ear is None:
            raise ValueError("this model hears by the backing's codes and has no ear.")
        live = isinstance(measure, BackingMeter)
        known = measure.measure if isinstance(measure, BackingMeter) else measure
        samples = 0

        def counted() -> Iterator[torch.Tensor]:
            nonlocal samples
            for block in blocks_of(audio):
                samples += len(block)
                yield block

        # A meter is pushed by whoever listens to the codes. The ear does not need its level; a
        # source that is not known as a whole is heard in the tuning of what was pushed before.
        level = None if live else known
        blocks = heard_blocks(counted(), sampling_rate, EAR_RATE, level, seconds)
        held: dict[str, torch.Tensor] | None = None
        done = 0
        for stretch in hear_blocks(self.ear, blocks, known.tuning):
            if held is not None:
                yield held
                done += len(held["chord"])
            held = stretch
        if held is not None:
            frames = self.frames_of(samples, sampling_rate, seconds)
            yield {name: _of_length(part, frames - done) for name, part in held.items()}

    def frames_of(self, samples: int, sampling_rate: int, seconds: float | None = None) -> int:
        """Frames that a backing of so many samples has, or one of `seconds`."""
        length = resampled_length(samples, sampling_rate, self.sampling_rate)
        if seconds is not None:
            length = round(seconds * self.sampling_rate)
        return -(-length // codec_layout(self.codec).frame_samples)

    def music(self, heard: Mapping[str, torch.Tensor], measure: BackingMeasure) -> HeardMusic:
        """Beats, bars and chords out of what the ear hears in one backing.

        Args:
            heard: name -> (F, classes) probabilities. measure: of the backing, for its tuning.

        Raises:
            ValueError: for a model without an ear.
        """
        if self.ear is None:
            raise ValueError("this model hears by the backing's codes and has no ear.")
        arrays = {name: values.numpy() for name, values in heard.items()}
        progressions = self.ear.progressions.cpu().numpy()
        return decode_heard(arrays, None, measure.cents, progressions)

    def lead_sheet(
        self, heard: Mapping[str, torch.Tensor], music: HeardMusic
    ) -> dict[str, torch.Tensor]:
        """The lead sheet of one backing, as `generate` is given it.

        Args:
            heard: as in `music`, for its length. music: what `music` made of it.

        Returns:
            beat_times (n,) float32, seconds; beat_places (n, 3), int64: beat of the bar from 0,
            beats in the bar (0 = no metre), bar of the section (-1 = not known); beat_chords
            (n, 2), int64: root (12 = none) and quality (7 = none). The beats cover the backing;
            where none is heard they are those of 120 a minute.
        """
        sheet = sheet_of_music(music, len(heard["chord"]) / self.frame_rate)
        return {name: torch.from_numpy(values) for name, values in sheet.inputs().items()}

    def rests(
        self,
        frames: int,
        heard: Mapping[str, torch.Tensor] | None,
        start: float | None = None,
        to_the_end: bool = False,
        fades_from: float | None = None,
    ) -> torch.Tensor:
        """Where the solo waits for the band and ends with it: `forced_codes` of `generate`.

        Args:
            frames: T, of the backing.
            heard: what the ear hears in it; None without an ear.
            start: second at which the solo may begin; None = with the band.
            to_the_end: play on after the band has ended.
            fades_from: second from which on the band's last chord fades; a fading end of more than
                `LONGEST_FADE` seconds is quiet music and is played over.

        Returns:
            (N, T) int64: rests and the codec's silence, -1 where the model chooses.
        """
        first, last = (0, frames) if heard is None else band_frames(heard["activity"])
        faded = frames if fades_from is None else round(fades_from * self.frame_rate)
        if heard is not None and last - faded <= LONGEST_FADE * self.frame_rate:
            last = min(last, max(faded, first + 1))
        if start is not None:
            first = min(frames, round(start * self.frame_rate))
        if to_the_end:
            last = frames
        place = torch.arange(frames)
        playing = (place >= first) & (place < last)
        return torch.where(playing, torch.full_like(place, FREE), self.silent_codes[:, None])

    @property
    def silent_codes(self) -> torch.Tensor:
        """(N,) what each stream holds where the solo rests."""
        silence = self.silence.cpu()
        if self.num_streams > self.num_codebooks:
            silence = torch.cat([silence.new_full((1,), REST), silence])
        return silence

    @cached_property
    def silence(self) -> torch.Tensor:
        """(K,) codes of silence, as the codec settles on them after a second of it."""
        seconds = torch.zeros(1, 1, self.sampling_rate, device=self.codec.device)
        return next(encode_blocks(self.codec, [seconds]))[0, :, -1]

    def decode(self, codes: torch.Tensor, cents: float = 0.0) -> np.ndarray:
        """Codes (N or K, T) of one solo -> samples (T * frame samples,) float32."""
        return self.batch_decode(torch.as_tensor(codes).unsqueeze(0), cents)[0]

    def batch_decode(self, codes: torch.Tensor, cents: float = 0.0) -> list[np.ndarray]:
        """Codes of solos -> their samples.

        Args:
            codes: (B, N, T) as `generate()` gives them, or (B, K, T) codebooks alone. Pad tokens
                at the end of a row are cut off.
            cents: how much sharper than A = 440 Hz they are played: `measure(backing).tuning`.

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
            audio = decode(self.codec, row, cents)[0, 0] if length else torch.zeros(0)
            sounds.append(audio.float().cpu().numpy())
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
        ear_reference: str | None = None,
        ear_revision: str | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Write processor_config.json, this code, the codec and the ear.

        Args:
            codec_reference, ear_reference: write this reference instead of a copy (see the
                module's docstring); codec_revision and ear_revision pin it on the hub.

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
            "ear": None if self.ear is None else ear_reference or EAR_FOLDER,
            "ear_revision": ear_revision,
            "hears": self.hears,
            "reads_codes": self.reads_codes,
            "conditions": self.conditions,
            "condition_names": list(self.conditions),
            "default_conditions": self.default_conditions,
            "num_streams": self.num_streams,
            **{name: getattr(self, name) for name in LAYOUT},
        }
        custom_object_save(self, folder, config=settings)
        if codec_reference is None:
            self.codec.save_pretrained(folder / CODEC_FOLDER)
        if self.ear is not None and ear_reference is None:
            self.ear.save_pretrained(folder / EAR_FOLDER)
        text = json.dumps(settings, indent=2) + "\n"
        (folder / CONFIG_NAME).write_text(text, encoding="utf-8")
        return [str(folder / CONFIG_NAME)]

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        codec: str | os.PathLike[str] | PreTrainedModel | None = None,
        ear: str | os.PathLike[str] | SaxsoloEar | None = None,
        **kwargs: Any,
    ) -> "SaxsoloProcessor":
        """Load from a folder or a hub id.

        Args:
            codec, ear: others instead of the folder's: a model, a folder or a hub id.
            kwargs: revision, token, cache_dir, local_files_only, force_download.

        Raises:
            OSError: when there is no processor_config.json, or no codec or ear where it points.
            CodecError: when the codec does not fit.
        """
        hub = {key: kwargs[key] for key in HUB_KEYS if kwargs.get(key) is not None}
        path = cached_file(pretrained_model_name_or_path, CONFIG_NAME, **hub)
        settings = json.loads(Path(str(path)).read_text(encoding="utf-8"))
        folder = str(pretrained_model_name_or_path)
        given_hub = {k: v for k, v in hub.items() if k != "revision"}
        if codec is None:
            place, where = _referenced(folder, settings, "codec", hub)
            codec = load_codec(place, **where)
        elif not isinstance(codec, PreTrainedModel):
            codec = load_codec(str(codec), **given_hub)
        hears = settings.get("hears", "codes")
        listener: Any = ear
        if ear is None and hears != "codes":
            place, where = _referenced(folder, settings, "ear", hub)
            listener = load_whole(SaxsoloEar, place, **where)
        elif isinstance(ear, (str, os.PathLike)):
            listener = load_whole(SaxsoloEar, str(ear), **given_hub)
        books = settings["num_codebooks"]
        config = SaxsoloConfig(
            conditions=settings["conditions"],
            condition_names=settings["condition_names"],
            score_vocab_size=3 if settings["num_streams"] > books else 0,
            hears=hears,
            listen="both" if settings.get("reads_codes", True) else "labels",
            **{name: settings[name] for name in LAYOUT},
        )
        return cls(codec, config, settings.get("default_conditions"), listener)


def _padded(rows: list[torch.Tensor], length: int) -> torch.Tensor:
    """Rows (C, t) -> (B, C, length), zeros after each one's end."""
    return torch.stack([F.pad(row, (0, length - row.shape[-1])) for row in rows])


def _padded_sheets(rows: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Lead sheets of n beats each -> (B, most beats, ...); -1 after each one's end."""
    count = max(len(row.get("beat_times", ())) for row in rows)
    padded = {}
    for name in rows[0]:
        shape = (len(rows), count, *rows[0][name].shape[1:])
        values = padded[name] = torch.full(shape, -1, dtype=rows[0][name].dtype)
        for row, value in zip(rows, values, strict=True):
            value[: len(row[name])] = row[name]
    return padded


def _of_length(values: torch.Tensor, length: int) -> torch.Tensor:
    """(f, classes) -> (length, classes): cut, or the last frame held."""
    missing = max(0, length - len(values))
    return torch.cat([values[:length], values[-1:].expand(missing, -1)])


def _referenced(
    folder: str, settings: dict[str, Any], what: str, hub: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Where the codec or the ear is that a processor_config.json names: a folder or hub id, and
    the arguments of `from_pretrained` that lead there."""
    name = settings[what]
    if os.path.isdir(folder):
        path = Path(folder) / name
        if name.startswith(".") or path.is_dir():
            if not path.is_dir():
                raise OSError(f"{CONFIG_NAME} names the {what} {name}, but {path} is not a folder.")
            return str(path), {}
    elif name == what:
        return folder, {"subfolder": name, **hub}
    elif name.startswith("."):
        raise OSError(f"{folder} names the {what} {name}: a path leads nowhere on the hub.")
    revision = settings.get(f"{what}_revision")
    return name, {**hub, "revision": revision} if revision else hub


def _is_batch(audio: Any) -> bool:
    """Lists and tuples are batches, unless they are a list of plain numbers; so is (B, 1, n)."""
    if isinstance(audio, (list, tuple)):
        return len(audio) > 0 and not np.isscalar(audio[0])
    return getattr(audio, "ndim", 1) == 3


SaxsoloProcessor.register_for_auto_class("AutoProcessor")
