"""CONFIG.yaml of `saxsolo corpus build`: what to take, and how each stage works.

    sources:
      - path: recordings/            # a folder, searched through, or one file
        licence: CC-BY-4.0
      - link: https://example.org/solo.flac   # a file, a page or a playlist
        licence: CC0-1.0
        performer: Art Example
    separate: {weights: adefossez/HTDemucs-6s}
    augment: {semitones: [-3, 0, 4], tempi: [1.0]}
    tokenise: {codec: checkpoints/saxcodec-32khz}

Every key and its default stands in the classes below. What is unknown or of another kind is
refused by name.
"""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import get_args, get_origin, get_type_hints

import yaml


class ConfigError(ValueError):
    """A CONFIG.yaml that cannot be read, or with a key or value that is none."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is known of recordings; "" where it is not."""

    licence: str = ""
    attribution: str = ""
    performer: str = ""
    title: str = ""
    instrument: str = ""
    style: str = ""


@dataclass(frozen=True)
class SourceConfig(Description):
    """One source: a `path` (folder or file) or a `link`, and what is known of its recordings.

    A file NAME.json beside a recording NAME.flac overrides these for that recording.
    """

    path: str = ""
    link: str = ""


@dataclass(frozen=True)
class DownloadConfig:
    """Politeness and patience; seconds."""

    pause_seconds: float = 5.0
    retries: int = 5
    timeout_seconds: float = 30.0
    shortest_seconds: float = 30.0
    longest_seconds: float = 4 * 3600.0
    clipping: float = 1e-3  # largest share of samples at full scale
    duplicate: float = 0.75  # cosine of chroma from which two are one recording


@dataclass(frozen=True)
class SeparateConfig:
    """Which separator, and how much it is given at once."""

    separator: str = "htdemucs_6s"
    weights: str = "adefossez/HTDemucs-6s"  # a folder, or a Hub id; safetensors only
    device: str = "auto"
    segment_seconds: float = 60.0
    context_seconds: float = 4.0
    loudness: float = -20.0  # LUFS, of the mix before and of each stem after
    largest_gain: float = 12.0  # dB that a quiet stem may gain


@dataclass(frozen=True)
class SelectConfig:
    """Which windows are worth learning from."""

    frame_seconds: float = 10.0
    stride_seconds: float = 0.2
    threshold: float = 0.05  # RMS of full scale, in both stems
    shortest_seconds: float = 30.0
    longest_seconds: float = 240.0
    leakage: float = 0.4  # largest correlation of the stems
    voiced: float = 0.25  # smallest share of the solo's time with a pitch


@dataclass(frozen=True)
class AugmentConfig:
    """Versions of every window: all pairs of `semitones` and `tempi`; held-out splits have one."""

    semitones: list[int] = field(default_factory=lambda: [0])
    tempi: list[float] = field(default_factory=lambda: [1.0])
    residue_db: float = -20.0  # level of each voice of strange residue, against the solo
    residue_voices: int = 8


@dataclass(frozen=True)
class TokeniseConfig:
    """The codec: a folder or a Hub id."""

    codec: str = "checkpoints/saxcodec-32khz"
    device: str = "auto"


@dataclass(frozen=True)
class CorpusConfig:
    """The whole file."""

    sources: list[SourceConfig]
    seed: int = 0
    download: DownloadConfig = field(default_factory=DownloadConfig)
    separate: SeparateConfig = field(default_factory=SeparateConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    tokenise: TokeniseConfig = field(default_factory=TokeniseConfig)


def read_config(path: Path) -> CorpusConfig:
    """Reads and checks CONFIG.yaml; paths in it are taken from the folder it lies in.

    Raises:
        ConfigError: no file, no YAML, an unknown key (the nearest known one is named), a value of
            another kind or out of its range.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds {type(values).__name__}; it must name `sources:` at least")
    config = _build(CorpusConfig, values, str(path))
    _check(config, path)
    sources = [_placed(source, path.parent) for source in config.sources]
    codec = _place(config.tokenise.codec, path.parent)
    weights = _place(config.separate.weights, path.parent)
    return dataclasses.replace(
        config,
        sources=sources,
        separate=dataclasses.replace(config.separate, weights=weights),
        tokenise=dataclasses.replace(config.tokenise, codec=codec),
    )


def _build(kind: type, values: dict, where: str):
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1, cutoff=0.0)[0]
            raise ConfigError(
                f"{where}: key {key!r} is unknown; the nearest known one is {near!r} "
                f"(known: {', '.join(hints)})"
            )
    missing = [
        one.name
        for one in dataclasses.fields(kind)
        if one.default is one.default_factory is dataclasses.MISSING and one.name not in values
    ]
    if missing:
        raise ConfigError(f"{where}: key {missing[0]!r} is missing")
    return kind(**{key: _value(hints[key], one, f"{where}: {key}") for key, one in values.items()})


def _value(kind: type | UnionType, value: object, where: str):
    if get_origin(kind) is list:
        if not isinstance(value, list) or not value:
            raise ConfigError(f"{where} is {value!r}; a list with one entry at least is needed")
        return [_value(get_args(kind)[0], one, f"{where}[{i}]") for i, one in enumerate(value)]
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} is {value!r}; keys with values are needed")
        return _build(kind, value, where)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise ConfigError(f"{where} is {value!r}; expected {kind.__name__}")
    return value


def _check(config: CorpusConfig, path: Path) -> None:
    for number, source in enumerate(config.sources):
        if bool(source.path) == bool(source.link):
            raise ConfigError(f"{path}: sources[{number}] needs either `path` or `link`, one")
    select, separate, augment = config.select, config.separate, config.augment
    limits = (
        ("select.stride_seconds", select.stride_seconds, 0.01, select.frame_seconds),
        ("select.threshold", select.threshold, 0.0, 1.0),
        ("select.shortest_seconds", select.shortest_seconds, 1.0, select.longest_seconds),
        ("select.leakage", select.leakage, 0.0, 1.0),
        ("select.voiced", select.voiced, 0.0, 1.0),
        ("separate.segment_seconds", separate.segment_seconds, 1.0, 600.0),
        ("separate.context_seconds", separate.context_seconds, 0.0, separate.segment_seconds / 2),
        ("separate.loudness", separate.loudness, -40.0, -10.0),
        ("download.retries", config.download.retries, 0, 50),
        ("download.duplicate", config.download.duplicate, 0.0, 1.0),
        ("augment.residue_voices", augment.residue_voices, 0, 32),
        ("augment.residue_db", augment.residue_db, -80.0, 0.0),
        *(("augment.semitones", one, -12, 12) for one in augment.semitones),
        *(("augment.tempi", one, 0.5, 2.0) for one in augment.tempi),
    )
    for name, value, low, high in limits:
        if not low <= value <= high:
            raise ConfigError(f"{path}: {name} is {value:g}; it must lie in {low:g}..{high:g}")


def _placed(source: SourceConfig, folder: Path) -> SourceConfig:
    return dataclasses.replace(source, path=str(folder / source.path)) if source.path else source


def _place(name: str, folder: Path) -> str:
    """A folder beside the config, or the name as it is: from here, or of the Hub."""
    return str(folder / name) if (folder / name).is_dir() else name
