"""How to play: one class for Python, the command line, playlists, share links and run.json.

No torch here: what is wrong with settings is known before anything is loaded.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypedDict

from saxsolo.audio.files import MAX_SECONDS, MIN_SECONDS
from saxsolo.config_model import ConfigModel, at_least, within
from saxsolo.errors import SettingError

LARGEST_SEED = 2**63 - 1
HIGHEST_TEMPERATURE = 10.0
HIGHEST_GUIDANCE = 20.0


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
        guidance: over 1 sticks closer to the backing; 1 is none.
        instrument: which saxophone.
        force: play over silence too.
        feel: swing, latin, ...; None leaves it to what is heard.

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
    force: bool = False
    feel: str | None = None

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
    force: bool
    feel: str | None
