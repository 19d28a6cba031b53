"""The model as a pipeline: a backing in, the sound of a solo out.

from transformers import pipeline

play = pipeline("audio-to-audio", model=FOLDER, trust_remote_code=True)
solo = play("backing.wav", seed=1, instrument="alto")
"""

import copy
import os
from typing import Any

from transformers import GenerationConfig, Pipeline

from .errors_saxsolo import AudioError
from .read_saxsolo import read_sound
from .resample_saxsolo import as_columns, resampled_length

# what config.json says of it; the library knows no task of this name
CUSTOM_PIPELINES = {
    "audio-to-audio": {"impl": "pipeline_saxsolo.SaxsoloPipeline", "pt": ["AutoModel"]}
}
OWN_SETTINGS = (
    "pitch_temperature",
    "rhythm_temperature",
    "onset_bias",
    "plan",
    "plan_frames",
    "density",
    "space",
    "lowest",
    "highest",
    "habits",
    "codec_temperature",
    "codec_top_k",
)
# these give no codes of one solo, which is what is decoded
NO_SETTINGS = ("num_return_sequences", "return_dict_in_generate")


class SaxsoloPipeline(Pipeline):
    """Plays a solo over each backing. See `__call__`."""

    processor: Any
    model: Any

    _load_processor: Any = True
    _load_tokenizer: Any = False
    _load_image_processor: Any = False
    _load_video_processor: Any = False
    _load_feature_extractor: Any = False
    _pipeline_calls_generate = True

    def __init__(self, model: Any, *args: Any, **kwargs: Any) -> None:
        # `pipeline()` puts classes in place of their names there, and a config with classes in it
        # cannot be saved
        model.config.custom_pipelines = copy.deepcopy(CUSTOM_PIPELINES)
        super().__init__(model, *args, **kwargs)
        self.processor.codec.to(self.device)

    def __call__(  # type: ignore[override]
        self, inputs: Any, **settings: Any
    ) -> Any:
        """Play over one backing, or over each of a list.

        Args:
            inputs: the path of a sound; samples (n,), (channels, n) or (n, channels), then with
                sampling_rate=...; {"array": samples, "sampling_rate": 44100}; or a list of those.
            settings: seed (the same one plays the same solo; the process's random state stays as
                it was; a list of seeds for a list of sounds), seconds (play this long exactly: a
                shorter backing is followed by silence), start (the second at which the solo may
                begin; else it waits for the band), force (play over silence, and over what is
                there of a file that breaks off), the model's conditions
                (instrument="alto", ...), and what `generate` takes (temperature, guidance_scale,
                codec_temperature, ...).

        Returns:
            {"audio": (n,) float32, "sampling_rate": samples a second, "codes": (N, T) int64} with
            as many seconds as the backing has, or `seconds`; a list of those for a list.

        Raises:
            AudioError: for what is not audio, or silent.
            ValueError: for an unknown setting or value.
        """
        if isinstance(inputs, list) and not inputs:
            return []
        seed = settings.get("seed")
        if isinstance(inputs, list) and isinstance(seed, (list, tuple)):
            if len(seed) != len(inputs):
                raise ValueError(f"seed has {len(seed)} values for {len(inputs)} sounds.")
            each = zip(inputs, seed, strict=True)
            return [self(sound, **{**settings, "seed": own}) for sound, own in each]
        return super().__call__(inputs, **settings)

    def save_pretrained(self, save_directory: str | os.PathLike[str], **kwargs: Any) -> None:
        """Write all that plays: model, processor, codec, code.

        Args:
            kwargs: as in the library, but for push_to_hub: upload the written folder instead.
        """
        super().save_pretrained(save_directory, **kwargs)
        # the library saves tokenizers and the like, and leaves out processors
        self.processor.save_pretrained(save_directory)

    def _sanitize_parameters(
        self,
        sampling_rate: int | None = None,
        seconds: float | None = None,
        force: bool | None = None,
        start: float | None = None,
        seed: int | None = None,
        **settings: Any,
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        conditions = {k: settings.pop(k) for k in list(settings) if k in self.processor.conditions}
        known = {*vars(GenerationConfig()), *OWN_SETTINGS, "generation_config"}
        unknown = sorted(name for name in settings if name not in known or name in NO_SETTINGS)
        if unknown:
            raise ValueError(
                f"unknown settings {unknown}: seed, seconds, start, force, sampling_rate, "
                f"{', '.join(self.processor.conditions)} and those of generate() are taken."
            )
        if seconds is not None and not seconds > 0:
            raise ValueError(f"seconds is {seconds}: give more than 0.")
        heard = {"sampling_rate": sampling_rate, "seconds": seconds, "force": force}
        heard["start"] = start
        heard = {name: value for name, value in heard.items() if value is not None}
        played = {} if seed is None else {"seed": seed}
        return {**heard, **conditions}, {**played, **settings}, {}

    def preprocess(  # type: ignore[override]
        self,
        sound: Any,
        sampling_rate: int | None = None,
        seconds: float | None = None,
        force: bool = False,
        start: float | None = None,
        **conditions: Any,
    ) -> dict[str, Any]:
        """One sound -> the inputs of `generate`, and how many samples are to be played."""
        if isinstance(sound, (str, os.PathLike)):
            sound, sampling_rate = read_sound(sound, partial=force)
        elif isinstance(sound, dict):
            if "array" not in sound or "sampling_rate" not in sound:
                raise AudioError(f"a dict of {sorted(sound)}: give array and sampling_rate.")
            sound, sampling_rate = sound["array"], sound["sampling_rate"]
        sound = as_columns(sound)
        measure = None
        if sampling_rate is not None:
            measure = self.processor.measure(sound, sampling_rate, seconds)
        inputs = self.processor(
            sound,
            sampling_rate=sampling_rate,
            measure=measure,
            seconds=seconds,
            force=force,
            start=start,
            **conditions,
        )
        rate = self.processor.sampling_rate
        if seconds is None:
            # without a rate the processor has refused by now
            samples = resampled_length(len(sound), sampling_rate or rate, rate)
        else:
            samples = round(seconds * rate)
        cents = 0.0 if measure is None else measure.tuning
        return {"samples": samples, "cents": cents, "inputs": dict(inputs)}

    def _forward(  # type: ignore[override]
        self, model_inputs: dict[str, Any], seed: int | None = None, **settings: Any
    ) -> dict[str, Any]:
        settings = self._prepare_generate_kwargs(settings)
        codes = self.model.generate(**model_inputs["inputs"], **settings, seed=seed)
        return {
            "samples": model_inputs["samples"],
            "cents": model_inputs["cents"],
            "codes": codes,
        }

    def postprocess(  # type: ignore[override]
        self, model_outputs: dict[str, Any]
    ) -> dict[str, Any]:
        codes = model_outputs["codes"][0]
        audio = self.processor.decode(codes, model_outputs["cents"])[: model_outputs["samples"]]
        rate = self.processor.sampling_rate
        return {"audio": audio, "sampling_rate": rate, "codes": codes.numpy()}
