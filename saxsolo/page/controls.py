"""Values of the controls, converted to the settings of a solo and to and from a share link."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from transformers import GenerationConfig

from saxsolo.errors import SettingError
from saxsolo.playing.settings import Settings

from .limits import LONGEST_SOLO

# beside web/ in a Space, beside space/ here
EXAMPLES = next(
    folder / "examples"
    for folder in Path(__file__).resolve().parents[1:]
    if (folder / "examples").is_dir()
)
EXAMPLE, UPLOAD, RECORDING = "example", "upload", "recording"
SOURCES = (EXAMPLE, UPLOAD, RECORDING)
INSTRUMENTS = ("soprano", "alto", "tenor", "baritone")
ANY_FEEL = "as heard"
FEELS = (ANY_FEEL, "swing", "latin", "funk", "ballad", "twobeat", "waltz")
LARGEST_SEED = 2**31 - 1
# (lowest, highest) value of each number
RANGES = {
    "seed": (0, LARGEST_SEED),
    "temperature": (0.3, 1.5),
    "guidance": (1.0, 4.0),
    "seconds": (4, LONGEST_SOLO),
}


@dataclass(frozen=True)
class Controls:
    """Values of the controls; `fresh` gives those of a newly opened page.

    Attributes:
        source: where the backing comes from, one of `SOURCES`.
        example: name of a file in examples/, without its suffix.
        seconds: maximum length of the solo, which ends when the backing ends.
        live: what is streamed while the solo is generated: "mix" or "solo".
    """

    source: str = EXAMPLE
    example: str = "blues_in_f"
    instrument: str = "tenor"
    feel: str = ANY_FEEL
    seed: int = 1
    temperature: float = 1.0
    guidance: float = 1.0
    seconds: float = 30
    live: str = "mix"

    def query(self) -> str:
        """Query of the share link. It cannot link an upload, because that file is not kept."""
        return urlencode({field.name: getattr(self, field.name) for field in fields(self)})

    def settings(self, backing_seconds: float) -> Settings:
        """Settings of a solo over a backing of this length.

        Raises:
            SettingError: for a value outside its range.
        """
        settings = checked(self)._settings()
        return settings.changed(seconds=min(float(self.seconds), backing_seconds))

    def _settings(self) -> Settings:
        return Settings(
            seed=int(self.seed),
            seconds=float(self.seconds),
            temperature=float(self.temperature),
            guidance=float(self.guidance),
            instrument=self.instrument,
            feel=None if self.feel == ANY_FEEL else self.feel,
        )


def examples() -> list[str]:
    """Names of the backings in examples/, without suffix."""
    return sorted(path.stem for path in EXAMPLES.glob("*.flac"))


def checked(controls: Controls) -> Controls:
    """Returns the controls unchanged if a control can have each of their values.

    Raises:
        SettingError: naming the first value that it cannot have.
    """
    choices = {
        "source": SOURCES,
        "example": examples(),
        "instrument": INSTRUMENTS,
        "feel": FEELS,
        "live": ("mix", "solo"),
    }
    for name, known in choices.items():
        value = getattr(controls, name)
        if value not in known:
            raise SettingError(f"{name} {_short(value)} is not one of {', '.join(known)}")
    for name, (low, high) in RANGES.items():
        value = getattr(controls, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not low <= value <= high:
            raise SettingError(f"{name} {_short(value)} is not between {low:g} and {high:g}")
    if controls.seed != int(controls.seed):
        raise SettingError(f"seed {controls.seed:g} is not a whole number")
    # the sliders' ranges are narrower than those of a solo; everything else is checked there
    controls._settings()
    return controls


def fresh(config: GenerationConfig) -> Controls:
    """Controls of a newly opened page, with the model's own temperature and guidance."""
    defaults = {"temperature": config.temperature, "guidance": config.guidance_scale}
    # a model may leave either open
    known: dict[str, Any] = {k: _clamped(k, float(v)) for k, v in defaults.items() if v is not None}
    return Controls(**known)


def _short(value: object) -> str:
    """A value for a message, cut off where a stranger sent a long one."""
    return repr(value)[:40]


def _clamped(name: str, value: float) -> float:
    low, high = RANGES[name]
    return min(max(value, low), high)


def from_query(query: Mapping[str, str], controls: Controls) -> Controls:
    """Controls of a share link; a missing or invalid value stays as in `controls`."""
    for field in fields(Controls):
        if field.name not in query:
            continue
        try:
            kind: Any = type(field.default)
            value = kind(query[field.name])
            controls = checked(Controls(**{**vars(controls), field.name: value}))
        except (ValueError, OverflowError):
            continue
    return controls
