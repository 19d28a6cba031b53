"""What the controls say, as settings of a solo and as the query of a share link, both ways."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlencode

from transformers import GenerationConfig

from saxsolo.assets import asset
from saxsolo.errors import SettingError
from saxsolo.playing.settings import Settings

from .limits import LONGEST_SOLO

EXAMPLES = asset("examples")
EXAMPLE, UPLOAD, RECORDING = "example", "upload", "recording"
SOURCES = (EXAMPLE, UPLOAD, RECORDING)
INSTRUMENTS = ("soprano", "alto", "tenor", "baritone")
ANY_FEEL = "as heard"
FEELS = (ANY_FEEL, "swing", "latin", "funk", "ballad", "twobeat", "waltz")
LARGEST_SEED = 2**31 - 1
# (lowest, highest) of what has a slider
RANGES = {
    "seed": (0, LARGEST_SEED),
    "temperature": (0.3, 1.5),
    "guidance": (1.0, 4.0),
    "seconds": (4, LONGEST_SOLO),
}


@dataclass(frozen=True)
class Controls:
    """Values of the controls; `fresh` says what they are when the page opens.

    Attributes:
        source: where the backing comes from, one of `SOURCES`.
        example: name of a file in examples/, without its suffix.
        seconds: of the solo at most; a shorter backing ends earlier.
        live: what is heard while it plays: "mix" or "solo".
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
        """The share link's query. An upload cannot be linked: its file is not kept."""
        return urlencode({field.name: getattr(self, field.name) for field in fields(self)})

    def settings(self, backing_seconds: float) -> Settings:
        """How to play over a backing of this length.

        Raises:
            SettingError: for a value out of its range.
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
    """Names of the backings in examples/."""
    return sorted(path.stem for path in EXAMPLES.glob("*.flac"))


def checked(controls: Controls) -> Controls:
    """The same, if every value is one that a control can have.

    Raises:
        SettingError: with the first that is none.
    """
    choices = {
        "source": SOURCES,
        "example": examples(),
        "instrument": INSTRUMENTS,
        "feel": FEELS,
        "live": ("mix", "solo"),
    }
    for name, known in choices.items():
        if getattr(controls, name) not in known:
            raise SettingError(f"{name} is none of {', '.join(known)}")
    for name, (low, high) in RANGES.items():
        value = getattr(controls, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not low <= value <= high:
            raise SettingError(f"{name} is not between {low:g} and {high:g}")
    if controls.seed != int(controls.seed):
        raise SettingError(f"seed {controls.seed:g} is not a whole number")
    # the sliders' ranges are narrower than those of a solo; everything else is checked there
    controls._settings()
    return controls


def fresh(config: GenerationConfig) -> Controls:
    """The controls when the page opens: the model's own temperature and guidance."""
    given = {"temperature": config.temperature, "guidance": config.guidance_scale}
    # some models name none
    return Controls(**{k: _inside(k, float(v)) for k, v in given.items() if v is not None})


def _inside(name: str, value: float) -> float:
    low, high = RANGES[name]
    return min(max(value, low), high)


def from_query(query: Mapping[str, str], controls: Controls) -> Controls:
    """Controls of a share link; what it does not say, or says wrongly, is as in `controls`."""
    for field in fields(Controls):
        if field.name not in query:
            continue
        try:
            value = type(field.default)(query[field.name])
            controls = checked(Controls(**{**vars(controls), field.name: value}))
        except (ValueError, OverflowError):
            continue
    return controls
