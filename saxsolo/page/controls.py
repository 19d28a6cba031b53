"""Values of the controls, converted to the settings of a solo and to and from a share link."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from transformers import GenerationConfig

from saxsolo.errors import SettingError
from saxsolo.music.metre import FASTEST, SLOWEST
from saxsolo.music.pitch_names import pitch_of
from saxsolo.playing.rendered_band import SOLO_FEELS
from saxsolo.playing.settings import MOST_BARS_TRADED, MOST_DENSITY, Settings

from .limits import LONGEST_BACKING, LONGEST_SOLO

# beside web/ in a Space, beside space/ here
EXAMPLES = next(
    folder / "examples"
    for folder in Path(__file__).resolve().parents[1:]
    if (folder / "examples").is_dir()
)
EXAMPLE, UPLOAD, RECORDING, BAND = "example", "upload", "recording", "band"
SOURCES = (EXAMPLE, UPLOAD, RECORDING, BAND)
INSTRUMENTS = ("soprano", "alto", "tenor", "baritone")
ANY_FEEL = "as heard"
# a band plays more feels than the soloist has names for
FEELS = (ANY_FEEL, "swing", "latin", "funk", "ballad", "twobeat", "waltz", *SOLO_FEELS)
USUAL_TIMBRE = ""
# as a player plays, where the model knows articulations
USUAL_HABITS = ""
# whose samples a model may have learnt from -> words for a visitor, and the one saxophone of it
TIMBRES: dict[str, tuple[str, str | None]] = {
    "mtg": ("MTG, any saxophone", None),
    "weresax": ("Weresax, alto", "alto"),
    "bear": ("Bear, baritone", "baritone"),
    "bear_subtone": ("Bear, baritone in subtone", "baritone"),
    "bear_growl": ("Bear, baritone that growls", "baritone"),
    "iowa": ("Iowa, soprano", "soprano"),
    "fluidr3": ("FluidR3, synthetic", None),
    "musescore": ("MuseScore, synthetic", None),
}
AS_WRITTEN = ""
METRES = (AS_WRITTEN, "4/4", "3/4", "2/4", "5/4", "6/8", "12/8", "7/8", "7/4", "2/2")
LARGEST_SEED = 2**31 - 1
# of harmony and time: beyond it the notes hardly change
MOST_STRENGTH = 4.0
MOST_BARS = 1000
# a solo takes about as long as it lasts, and others wait
MOST_TAKES = 5
# (lowest, highest) value of each number
RANGES = {
    "seed": (0, LARGEST_SEED),
    "temperature": (0.3, 1.5),
    "guidance": (1.0, 4.0),
    "seconds": (4, LONGEST_SOLO),
    "first_bar": (0, LONGEST_BACKING),
    "tempo": (SLOWEST, FASTEST),
    "choruses": (1, 20),
    "density": (0.2, MOST_DENSITY),
    "space": (0, 1),
    "trade": (0, MOST_BARS_TRADED),
    "harmony": (0, MOST_STRENGTH),
    "time": (0, MOST_STRENGTH),
    "motif_at": (1, MOST_BARS),
    "takes": (1, MOST_TAKES),
}
# of a chart or a motif in a link: longer addresses are refused on the way
LONGEST_LINKED = 6000


@dataclass(frozen=True)
class Controls:
    """Values of the controls; `fresh` gives those of a newly opened page.

    Attributes:
        source: where the backing comes from, one of `SOURCES`.
        example: name of a file in examples/, without its suffix.
        timbre: whose sound the horn has, as in `Settings`; empty: the model's usual one.
        articulation: how the notes are played, as in `Settings`; empty: as a player plays them.
        seconds: maximum length of the solo, which ends with the band.
        live: what is streamed while the solo is generated: "mix" or "solo".
        chords: the chart as text; empty plays what is heard.
        first_bar: second at which the chart begins. tempo: beats a minute. metre: of the chart, one
            of `METRES`. None, None and "" leave them open, and without chords none is read.
        choruses: how often a band plays the chart.
        density, space, lowest, highest, where, trade, harmony, time, motif, motif_at, line: as in
            `Settings`, where `where` is `solo`; None, "" and 0 leave them open.
        takes: how many are played at once, with seeds one after another.
    """

    source: str = EXAMPLE
    example: str = "blues_in_f"
    instrument: str = "tenor"
    timbre: str = USUAL_TIMBRE
    articulation: str = USUAL_HABITS
    feel: str = ANY_FEEL
    seed: int = 1
    temperature: float = 1.0
    guidance: float = 1.0
    seconds: float = 30
    live: str = "mix"
    chords: str = ""
    first_bar: float | None = None
    tempo: float | None = None
    metre: str = AS_WRITTEN
    choruses: int = 2
    density: float | None = None
    space: float | None = None
    lowest: str = ""
    highest: str = ""
    where: str = ""
    trade: int = 0
    harmony: float | None = None
    time: float | None = None
    motif: str = ""
    motif_at: int = 1
    line: str = ""
    takes: int = 1

    def query(self) -> str:
        """Query of the share link, without what is empty.

        It cannot link an upload, because that file is not kept, nor a very long chart, motif or
        line.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("chords", "motif", "line"):
            if len(values[name]) > LONGEST_LINKED:
                values[name] = ""
        return urlencode({name: v for name, v in values.items() if v not in ("", None)})

    def settings(self, backing_seconds: float) -> Settings:
        """Settings of a solo over a backing of this length, as the command line has them.

        A solo over the whole backing has no length of its own: it ends with the band, and is not
        played on to the last sample.

        Raises:
            SettingError: for a value outside its range.
        """
        settings = checked(self)._settings()
        wanted = min(float(self.seconds), LONGEST_SOLO)
        return settings.changed(seconds=None if wanted >= backing_seconds else wanted)

    def _settings(self) -> Settings:
        return Settings(
            seed=int(self.seed),
            seconds=float(self.seconds),
            temperature=float(self.temperature),
            guidance=float(self.guidance),
            instrument=self.instrument,
            timbre=self.timbre or None,
            articulation=self.articulation.strip() or None,
            feel=None if self.feel == ANY_FEEL else SOLO_FEELS.get(self.feel, self.feel),
            density=None if self.density is None else float(self.density),
            space=None if self.space is None else float(self.space),
            lowest=_pitch(self.lowest),
            highest=_pitch(self.highest),
            solo=self.where.strip() or None,
            trade=int(self.trade) or None,
            harmony=None if self.harmony is None else float(self.harmony),
            time=None if self.time is None else float(self.time),
            motif=self.motif.strip() or None,
            motif_at=int(self.motif_at),
            line=self.line.strip() or None,
            **self.chart_settings(),
        )

    def chart_settings(self) -> dict[str, Any]:
        """Those of the settings that tell of the chart; none without chords."""
        if not self.chords.strip():
            return {}
        return {
            "chords": self.chords,
            "first_bar": None if self.first_bar is None else float(self.first_bar),
            "tempo": None if self.tempo is None else float(self.tempo),
            "metre": self.metre or None,
        }


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
        "timbre": [USUAL_TIMBRE, *TIMBRES],
        "feel": FEELS,
        "live": ("mix", "solo"),
        "metre": METRES,
    }
    for name, known in choices.items():
        value = getattr(controls, name)
        if value not in known:
            raise SettingError(f"{name} {_short(value)} is not one of {', '.join(known)}")
    for name, (low, high) in RANGES.items():
        value = getattr(controls, name)
        if value is None and Controls.__dataclass_fields__[name].default is None:
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not low <= value <= high:
            words = name.replace("_", " ")
            raise SettingError(f"{words} {_short(value)} is not between {low:g} and {high:g}")
    for name in ("seed", "choruses", "trade", "motif_at", "takes"):
        if getattr(controls, name) != int(getattr(controls, name)):
            raise SettingError(f"{name} {getattr(controls, name):g} is not a whole number")
    for name in ("articulation", "chords", "lowest", "highest", "where", "motif", "line"):
        if not isinstance(getattr(controls, name), str):
            raise SettingError(f"{name} is no text")
    # the sliders' ranges are narrower than those of a solo; everything else is checked there
    controls._settings()
    return controls


def fresh(config: GenerationConfig) -> Controls:
    """Controls of a newly opened page, with the model's own temperature and guidance."""
    defaults = {"temperature": config.temperature, "guidance": config.guidance_scale}
    # a model may leave either open
    known: dict[str, Any] = {k: _clamped(k, float(v)) for k, v in defaults.items() if v is not None}
    return Controls(**known)


def _pitch(name: str) -> int | None:
    """MIDI pitch of a note name; None for an empty one."""
    if not name.strip():
        return None
    try:
        return pitch_of(name)
    except ValueError as error:
        raise SettingError(str(error)) from None


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
            # what may be left open is a number
            kind: Any = float if field.default is None else type(field.default)
            value = kind(query[field.name])
            controls = checked(Controls(**{**vars(controls), field.name: value}))
        except (ValueError, OverflowError):
            continue
    return controls
