"""How to play: one class for Python, the command line, playlists, share links and run.json.

No torch here: what is wrong with settings is known before anything is loaded.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypedDict

from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic_core import PydanticCustomError

from modeling_saxsolo.habits_saxsolo import Habits
from saxsolo.audio.files import MAX_SECONDS, MIN_SECONDS
from saxsolo.config_model import ConfigModel, at_least, within
from saxsolo.errors import SettingError
from saxsolo.music.charts.chart import ChartError, beats_of
from saxsolo.music.charts.reading import chart_of_text
from saxsolo.music.given_notes import notes_text, read_notes
from saxsolo.music.metre import FASTEST, SLOWEST
from saxsolo.music.pitch_names import pitch_name, pitch_of
from saxsolo.music.spans import read_spans, spans_text

LARGEST_SEED = 2**63 - 1
HIGHEST_TEMPERATURE = 10.0
HIGHEST_GUIDANCE = 20.0
LONGEST_CHART = 100_000
# notes a second
MOST_DENSITY = 20.0
MOST_BARS_TRADED = 64


def _readable_chart(text: str) -> str:
    return _checked(text, lambda: len(text) <= LONGEST_CHART and chart_of_text(text))


def _readable_metre(metre: str) -> str:
    return _checked(metre, lambda: beats_of(metre))


def _checked(text: str, read: Callable[[], object]) -> str:
    """The text, if it can be read: the error says the bar and the symbol."""
    try:
        if read() is False:
            raise ChartError(f"the chart has more than {LONGEST_CHART} letters")
    except ChartError as error:
        raise _conflict(str(error)) from None
    return text


def _readable_spans(text: str) -> str:
    return _as_text(text, lambda: spans_text(read_spans(text)))


def _spans_of_pairs(value: Any) -> Any:
    """Pairs of seconds as text; anything else as it is."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    try:
        return spans_text([(float(first), float(last)) for first, last in value])
    except (TypeError, ValueError):
        raise _conflict(f"{value!r} is no list of pairs of seconds") from None


def _pitch_of_name(value: Any) -> Any:
    """A name such as "Bb3" as its MIDI pitch; anything else as it is."""
    return _as_text(value, lambda: pitch_of(value)) if isinstance(value, str) else value


def _readable_notes(text: str) -> str:
    return str(_as_text(text, lambda: notes_text(read_notes(text))))


def _readable_habits(text: str) -> str:
    return str(_as_text(text, lambda: Habits.parse(text) and text))


def _as_text(value: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ValueError as error:
        raise _conflict(str(error)) from None


def _conflict(reason: str) -> PydanticCustomError:
    return PydanticCustomError("conflict", "{reason}", {"reason": reason})


Pitch = Annotated[int, BeforeValidator(_pitch_of_name), within(0, 127)]
Notes = Annotated[str, AfterValidator(_readable_notes)]
Spans = Annotated[str, BeforeValidator(_spans_of_pairs), AfterValidator(_readable_spans)]


class Settings(ConfigModel):
    """How to play; None leaves a choice to the checkpoint.

    Attributes:
        seed: the same seed gives the same solo on the same machine.
        seconds: length of the solo; the backing's when None. A shorter backing is followed by
            silence, over which the saxophone plays on alone.
        start: second at which the solo may begin; None waits for the band, after silence or a
            count-in.
        temperature: over 1 wilder, under 1 tamer.
        top_k: choose among the k likeliest only.
        guidance: over 1 sticks closer to the backing; 1 is none. With a planner it is what
            harmony is where that is not given.
        harmony: how far the pitches lean to the chords: 0 ignores them, 1 as trained, more is
            stricter.
        time: how far the onsets keep to the beat: 0 floats free of it, 1 as trained, more is
            stricter.
        density: notes a second. space: share of the time without a note, 0 to 1.
        lowest, highest: as they sound, names ("Bb3") or MIDI; the instrument's when None.
        solo: where it plays: "0:08-0:40, bars 9-24, choruses 2-3", or pairs of seconds; everywhere
            when None. See `music.spans`.
        motif: notes that are played where they stand and played on from, as text, see
            `music.given_notes`; motif_at: the bar in which their bar 1 lies.
        line: a whole line likewise; nothing is added.
        articulation: how the notes are played: "player" (scoops, falls, vibrato ... as often as a
            player has them), "none" (tongued and slurred alone), "free" (as the model likes, which
            is told nothing), or shares of the notes that can have each kind,
            "scoop=0.3,fall=0.1,vibrato=1"; None: "player" where the model knows how.
        trade: so many bars solo, so many bars rest, in turn; trade_start: who begins.
        instrument: which saxophone. timbre: whose sound it has, "mtg", "weresax", ...; None: the
            checkpoint's.
        force: play over silence too.
        feel: swing, latin, ...; None leaves it to what is heard.
        chords: the chart, as text ("F7 | Bb7 | F7 | Cm7 F7"), an iReal Pro link or JSON; the solo
            follows it rather than what is heard.
        first_bar: second at which the chart begins; None finds its place by ear.
        tempo: beats a minute of the chart, as a foot taps them; None goes by ear. With both no ear
            is needed.
        metre: of the chart, "3/4"; None leaves it to the chart.

    Raises:
        SettingError: an unknown name, a value of another kind or out of its range.
    """

    mistake: ClassVar[type[ValueError]] = SettingError

    seed: Annotated[int, within(0, LARGEST_SEED)] = 0
    seconds: Annotated[float, within(MIN_SECONDS, MAX_SECONDS)] | None = None
    start: Annotated[float, within(0, MAX_SECONDS)] | None = None
    temperature: Annotated[float, within(0, HIGHEST_TEMPERATURE, above=True)] | None = None
    top_k: Annotated[int, at_least(1)] | None = None
    guidance: Annotated[float, within(1, HIGHEST_GUIDANCE)] | None = None
    instrument: str = "tenor"
    timbre: str | None = None
    force: bool = False
    feel: str | None = None
    chords: Annotated[str, AfterValidator(_readable_chart)] | None = None
    first_bar: Annotated[float, within(0, MAX_SECONDS)] | None = None
    tempo: Annotated[float, within(SLOWEST, FASTEST)] | None = None
    metre: Annotated[str, AfterValidator(_readable_metre)] | None = None
    harmony: Annotated[float, within(0, HIGHEST_GUIDANCE)] | None = None
    time: Annotated[float, within(0, HIGHEST_GUIDANCE)] | None = None
    density: Annotated[float, within(0, MOST_DENSITY, above=True)] | None = None
    space: Annotated[float, within(0, 1)] | None = None
    lowest: Pitch | None = None
    highest: Pitch | None = None
    solo: Spans | None = None
    trade: Annotated[int, within(1, MOST_BARS_TRADED)] | None = None
    trade_start: Literal["solo", "band"] = "solo"
    motif: Notes | None = None
    motif_at: Annotated[int, at_least(1)] = 1
    line: Notes | None = None
    articulation: Annotated[str, AfterValidator(_readable_habits)] | None = None

    @model_validator(mode="after")
    def _one_way_to_give_notes(self) -> Self:
        if self.motif is not None and self.line is not None:
            raise _conflict("motif and line are both given; a line leaves nothing to play on")
        return self

    @model_validator(mode="after")
    def _range_in_order(self) -> Self:
        low, high = self.lowest, self.highest
        if low is not None and high is not None and low > high:
            raise _conflict(f"lowest {pitch_name(low)} lies above highest {pitch_name(high)}")
        return self

    @model_validator(mode="after")
    def _chart_for_its_place(self) -> Self:
        for name in ("first_bar", "tempo", "metre"):
            if getattr(self, name) is not None and self.chords is None:
                message = "{name} says where a chart is played; give its chords too"
                raise PydanticCustomError("conflict", message, {"name": name})
        return self

    @classmethod
    def of_run(cls, run: Mapping[str, Any]) -> "Settings":
        """The settings of a take, from what its run.json holds.

        Raises:
            SettingError: `run` holds no settings, or settings that are out of range.
        """
        if not isinstance(run.get("settings"), dict):
            raise SettingError("this is not the content of a run.json: it holds no settings")
        return cls.parse(run["settings"], "run.json")


class SettingsKeywords(TypedDict, total=False):
    """`Settings` as keyword arguments, for editors and type checkers."""

    seed: int
    seconds: float | None
    start: float | None
    temperature: float | None
    top_k: int | None
    guidance: float | None
    instrument: str
    timbre: str | None
    force: bool
    feel: str | None
    chords: str | None
    first_bar: float | None
    tempo: float | None
    metre: str | None
    harmony: float | None
    time: float | None
    density: float | None
    space: float | None
    lowest: int | str | None
    highest: int | str | None
    solo: str | Sequence[tuple[float, float]] | None
    trade: int | None
    trade_start: Literal["solo", "band"]
    motif: str | Path | None
    motif_at: int
    line: str | Path | None
    articulation: str | None
