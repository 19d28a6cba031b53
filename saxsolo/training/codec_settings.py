"""The settings of a run of the codec, from a YAML file and the command line."""

from pathlib import Path
from typing import Any, ClassVar

from saxsolo.config_model import ConfigModel, read_yaml

from .errors import SettingsError
from .settings import Count, NotNegative, Positive, Share


class CodecTraining(ConfigModel):
    """One run; configs/codec.yaml says what each value is good for.

    Attributes:
        model: fields of SaxcodecConfig.
        minutes: training time, over which the learning rate falls to zero.
        segment_frames: of each segment, 50 a second; batch_size: segments a step.
        solo_share: of the segments; the rest are backings.
        quantize_after: steps before the codebooks are started.
        predicted_f0_share: of the saxophone segments that the predicted pitch drives.
        average_decay: of the averaged weights, which are kept.
        backing_code_weight: of a backing's latent in the codebooks; a saxophone's counts 1.
        train_codes: False leaves encoder and codebooks as they are; tokens stay valid.
        f0_cents_weight: of the error of the pitch in units of 20 cents, beside its class.
        speed_semitones: half of the stretches of --audio are played up to so much faster or slower.
        equaliser_db: strength of the random equaliser on stretches of --audio.
        noise_share: of the stretches of --audio that get faint noise.
        adversarial_weight, feature_weight: how strongly the discriminators' verdict and what their
            layers see (codec_discriminators.py) pull at the sound, over the spectral loss
            (codec_balance.py); both 0 = no discriminators.
        discriminator_rate: their learning rate at its peak.
        discriminator_channels: of their first layers.
        half_precision: the codec in bfloat16 where the device computes it faster; discriminators
            always are.
        loader_workers: processes that draw the stretches; 0 = none beside the training.
        max_steps: end of the run before its time; None for none.

    Raises:
        SettingsError: an unknown name, one that is missing, a value of another kind or out of its
            range.
    """

    mistake: ClassVar[type[ValueError]] = SettingsError

    model: dict[str, Any]
    minutes: NotNegative
    batch_size: Positive
    segment_frames: Positive
    solo_share: Share
    learning_rate: NotNegative
    warmup_steps: Positive
    quantize_after: Count
    predicted_f0_share: Share
    f0_weight: NotNegative
    commitment_weight: NotNegative
    average_decay: Share
    backing_code_weight: NotNegative
    chord_weight: NotNegative
    train_codes: bool
    seed: Count
    threads: Positive
    f0_cents_weight: NotNegative = 0.0
    speed_semitones: NotNegative = 0.0
    equaliser_db: NotNegative = 0.0
    noise_share: Share = 0.0
    adversarial_weight: NotNegative = 0.0
    feature_weight: NotNegative = 0.0
    discriminator_rate: NotNegative = 2e-4
    discriminator_channels: Positive = 32
    half_precision: bool = True
    loader_workers: Count = 0
    max_steps: Positive | None = None

    @property
    def adversarial(self) -> bool:
        """Whether discriminators take part."""
        return bool(self.adversarial_weight or self.feature_weight)


def read_codec_settings(path: Path, overrides: dict[str, Any] | None = None) -> CodecTraining:
    """Settings of a YAML file, with `overrides` in place of its values.

    Raises:
        SettingsError: no such file, or as `CodecTraining`.
    """
    values = read_yaml(path, SettingsError)
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds a {type(values).__name__}; expected names and values")
    return CodecTraining.parse({**values, **(overrides or {})}, str(path))
