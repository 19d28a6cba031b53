"""CONFIG.yaml of `saxsolo corpus build`: what to take, and how each stage works.

    sources:
      - path: recordings/            # a folder, searched through, or one file
        licence: CC-BY-4.0
      - link: https://example.org/solo.flac   # a file, a page or a playlist
        licence: CC0-1.0
        performer: Art Example
    separate: {weights: adefossez/HTDemucs-6s}
    augment: {semitones: [-3, 0, 4], tempi: [1.0]}
    tokenise: {codec: checkpoints/saxcodec-44khz}

Every key and its default stands in the classes below. What is unknown or of another kind is
refused by name.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from saxsolo.config_model import ConfigModel, at_least, checked_range, read_yaml, within


class ConfigError(ValueError):
    """A CONFIG.yaml that cannot be read, or with an unknown key or a wrong value."""


class _Section(ConfigModel):
    """A part of CONFIG.yaml."""

    mistake: ClassVar[type[ValueError]] = ConfigError


class Description(_Section):
    """What is known of recordings; "" where it is not."""

    licence: str = ""
    attribution: str = ""
    performer: str = ""
    title: str = ""
    instrument: str = ""
    style: str = ""


class SourceConfig(Description):
    """One source: a `path` (folder or file) or a `link`, and what is known of its recordings.

    A file NAME.json beside a recording NAME.flac overrides these for that recording.
    """

    path: str = ""
    link: str = ""

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if bool(self.path) == bool(self.link):
            raise PydanticCustomError("conflict", "give either `path` or `link`, one of them")
        return self


class DownloadConfig(_Section):
    """Politeness and patience; seconds."""

    pause_seconds: Annotated[float, at_least(0)] = 5.0
    retries: Annotated[int, within(0, 50)] = 5
    timeout_seconds: Annotated[float, at_least(0)] = 30.0
    shortest_seconds: Annotated[float, at_least(0)] = 30.0
    longest_seconds: Annotated[float, at_least(0)] = 4 * 3600.0
    clipping: Annotated[float, within(0.0, 1.0)] = 1e-3  # largest share of samples at full scale
    duplicate: Annotated[float, within(0.0, 1.0)] = 0.75  # cosine of chroma of one recording


class SeparateConfig(_Section):
    """Which separator, and how much it is given at once."""

    separator: str = "htdemucs_6s"
    weights: str = "adefossez/HTDemucs-6s"  # a folder, or a Hub id; safetensors only
    device: str = "auto"
    segment_seconds: Annotated[float, within(1.0, 600.0)] = 60.0
    context_seconds: float = 4.0
    loudness: Annotated[float, within(-40.0, -10.0)] = -20.0  # LUFS, of the mix and of each stem
    largest_gain: Annotated[float, at_least(0)] = 12.0  # dB that a quiet stem may gain

    @model_validator(mode="after")
    def _check_context(self) -> Self:
        most = self.segment_seconds / 2
        span = f"must lie in 0..{most:g} (half of segment_seconds)"
        checked_range(
            self.context_seconds, 0 <= self.context_seconds <= most, span, "context_seconds"
        )
        return self


class SelectConfig(_Section):
    """Which windows are worth learning from."""

    frame_seconds: Annotated[float, within(0.01, 600.0)] = 10.0
    stride_seconds: float = 0.2
    threshold: Annotated[float, within(0.0, 1.0)] = 0.05  # RMS of full scale, in both stems
    shortest_seconds: float = 30.0
    longest_seconds: Annotated[float, at_least(1)] = 240.0
    leakage: Annotated[float, within(0.0, 1.0)] = 0.4  # largest correlation of the stems
    voiced: Annotated[float, within(0.0, 1.0)] = 0.25  # smallest share of time with a pitch

    @model_validator(mode="after")
    def _check_spans(self) -> Self:
        for name, value, low, other in (
            ("stride_seconds", self.stride_seconds, 0.01, "frame_seconds"),
            ("shortest_seconds", self.shortest_seconds, 1.0, "longest_seconds"),
        ):
            high = getattr(self, other)
            span = f"must lie in {low:g}..{high:g} ({other})"
            checked_range(value, low <= value <= high, span, name)
        return self


class AugmentConfig(_Section):
    """Versions of every window: all pairs of `semitones` and `tempi`; held-out splits have one."""

    semitones: Annotated[list[Annotated[int, within(-12, 12)]], Field(min_length=1)] = [0]
    tempi: Annotated[list[Annotated[float, within(0.5, 2.0)]], Field(min_length=1)] = [1.0]
    # level of each voice of strange residue, against the solo
    residue_db: Annotated[float, within(-80.0, 0.0)] = -20.0
    residue_voices: Annotated[int, within(0, 32)] = 8


class TokeniseConfig(_Section):
    """The codec and the ear: folders or Hub ids; null = the default ear."""

    codec: str = "checkpoints/saxcodec-44khz"
    ear: str | None = None
    device: str = "auto"


class CorpusConfig(_Section):
    """The whole file."""

    sources: Annotated[list[SourceConfig], Field(min_length=1)]
    seed: int = 0
    download: DownloadConfig = DownloadConfig()
    separate: SeparateConfig = SeparateConfig()
    select: SelectConfig = SelectConfig()
    augment: AugmentConfig = AugmentConfig()
    tokenise: TokeniseConfig = TokeniseConfig()


def read_config(path: Path) -> CorpusConfig:
    """Reads and checks CONFIG.yaml; paths in it are taken from the folder it lies in.

    Raises:
        ConfigError: no file, no YAML, an unknown key (the nearest known one is named), a value of
            another kind or out of its range.
    """
    values = read_yaml(path, ConfigError)
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds {type(values).__name__}; it must name `sources:` at least")
    config = CorpusConfig.parse(values, str(path))
    sources = [_placed(source, path.parent) for source in config.sources]
    codec = _place(config.tokenise.codec, path.parent)
    weights = _place(config.separate.weights, path.parent)
    return config.changed(
        sources=sources,
        separate=config.separate.changed(weights=weights),
        tokenise=config.tokenise.changed(codec=codec),
    )


def _placed(source: SourceConfig, folder: Path) -> SourceConfig:
    return source.changed(path=str(folder / source.path)) if source.path else source


def _place(name: str, folder: Path) -> str:
    """A folder beside the config, or the name as it is: from here, or of the Hub."""
    return str(folder / name) if (folder / name).is_dir() else name
