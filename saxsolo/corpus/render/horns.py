"""The sampled saxophones that a codec learns from, and those it is tested on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .saxophone import ATTACK_LAG, FONT_PROGRAM, FONT_RANGE, SHORT, SLURRED, TONGUED
from .sounds import MTG_ADVICE, MTG_FOLDER, MissingSoundError, Sounds

BAND_FOLDER = "band"
BAND_ADVICE = f"the sampled saxophones (SFZ) unpacked as {BAND_FOLDER}/ below the samples folder"
MTG = ("CC-BY-4.0", "Music Technology Group, Universitat Pompeu Fabra; SFZ by kinwie")
KARORYFER = ("CC0-1.0", "Karoryfer Samples")
IOWA = ("public domain", "University of Iowa, Musical Instrument Samples")
DEBIAN_FONT = ("MIT", "Debian packages fluid-soundfont-gm and musescore-general-soundfont")


@dataclass(frozen=True)
class Horn:
    """A saxophone that can be played.

    Attributes:
        name: of the horn; for a sound font its name in `sounds.SOUNDFONTS`.
        instrument: soprano, alto, tenor or baritone.
        file: the SFZ below the samples folder, None for a sound font.
        low, high: keys that sound, MIDI numbers.
        lags: seconds from the key to 30 % of the note's height, by kind of attack.
        licence, attribution: of the samples.
        weight: how often it is drawn among the horns of training.
    """

    name: str
    instrument: str
    file: str | None
    low: int
    high: int
    lags: dict[int, float]
    licence: str
    attribution: str
    weight: float = 1.0

    @property
    def timbre(self) -> str:
        """Whose sound it is, one of `vocabulary_saxsolo.TIMBRES`."""
        return self.name.removesuffix(f"_{self.instrument}")

    @property
    def program(self) -> int:
        """The General MIDI program of a sound font's saxophone."""
        return FONT_PROGRAM[self.instrument]

    def path(self, samples_dir: Path) -> Path:
        """The SFZ file. Raises MissingSoundError where it is not there."""
        assert self.file is not None, f"{self.name} is a sound font"
        path = samples_dir / self.file
        if not path.is_file():
            advice = MTG_ADVICE if self.file.startswith(MTG_FOLDER) else BAND_ADVICE
            raise MissingSoundError(f"no SFZ instrument at {path}: get {advice}")
        return path


def _lags(tongued: float, short: float, slurred: float) -> dict[int, float]:
    return {TONGUED: tongued, SHORT: short, SLURRED: slurred}


def _mtg(instrument: str, low: int, high: int, weight: float = 1.0) -> Horn:
    file = f"{MTG_FOLDER}/MTG {instrument.capitalize()} Sax.sfz"
    lags = ATTACK_LAG["mtg"][instrument]
    return Horn(f"mtg_{instrument}", instrument, file, low, high, lags, *MTG, weight)


def _font(name: str, instrument: str) -> Horn:
    low, high = FONT_RANGE[instrument]
    return Horn(name, instrument, None, low, high, ATTACK_LAG["font"][instrument], *DEBIAN_FONT)


_BEAR = f"{BAND_FOLDER}/sax_baritone_bear/sax_baritone_bear"
TRAINING_HORNS = (
    _mtg("soprano", 56, 88),
    _mtg("alto", 49, 81),
    _mtg("tenor", 44, 76, 2.5),
    _mtg("baritone", 36, 69),
    Horn("weresax_alto", "alto", f"{BAND_FOLDER}/sax_alto_weresax/sax_alto_weresax.sfz", 47, 82,
         _lags(0.005, 0.005, 0.007), *KARORYFER, 1.5),
    Horn("bear_baritone", "baritone", f"{_BEAR}.sfz", 36, 70,
         _lags(0.007, 0.007, 0.009), *KARORYFER),
    Horn("bear_subtone", "baritone", f"{_BEAR}_subtone.sfz", 37, 54,
         _lags(0.039, 0.017, 0.009), *KARORYFER, 0.3),
    Horn("bear_growl", "baritone", f"{_BEAR}_growl.sfz", 42, 61,
         _lags(0.008, 0.003, 0.004), *KARORYFER, 0.2),
    Horn("iowa_soprano", "soprano", f"{BAND_FOLDER}/sax_soprano_iowa/sax_soprano_iowa.sfz", 54, 89,
         _lags(0.006, 0.005, 0.007), *IOWA),
)  # fmt: skip
UNSEEN_HORN = Horn(
    "iowa_alto", "alto", f"{BAND_FOLDER}/sax_alto_iowa/sax_alto_iowa.sfz", 47, 82,
    _lags(0.007, 0.006, 0.008), *IOWA,
)  # fmt: skip
UNSEEN_FONTS = (_font("fluidr3", "tenor"), _font("musescore", "tenor"))


def check_horns(horns: tuple[Horn, ...], sounds: Sounds) -> None:
    """Raise MissingSoundError where one of the horns is not on this machine."""
    for horn in horns:
        if horn.file is None:
            sounds.soundfont(horn.name)
        elif sounds.samples_dir is None:
            raise MissingSoundError(f"no samples folder was given: get {MTG_ADVICE}")
        else:
            horn.path(sounds.samples_dir)
