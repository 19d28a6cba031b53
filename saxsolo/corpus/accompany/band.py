"""Who plays, on which sampled instrument or sound font, how loud, where on the stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from saxsolo.corpus.render.bar_plan import Stroke
from saxsolo.corpus.render.rhythm import events_of
from saxsolo.corpus.render.sounds import MissingSoundError, Sounds

from .plan import Note, Plan
from .sampled import SAMPLINGS, SampledInstrument

TRAINING_FONTS = ("fluidr3", "musescore")
# sampled instruments a model may learn from; the others are kept for the second arranger
SAMPLED = {
    "bass": ("bass_smolken",),
    "piano": ("piano_splendid",),
    "guitar": ("guitar_shiny",),
    "vibraphone": ("vibes",),
    "organ": ("organ",),
    "brushes": ("drums_swirly",),
    "soloist": ("sax_alto_weresax", "sax_alto_iowa", "sax_soprano_iowa", "sax_baritone_bear"),
}
PROGRAMS = {
    "bass": (32, 32, 32, 32, 32, 35, 33),
    "electric_bass": (33, 33, 34, 35, 36, 38, 39),
    "piano": (0, 0, 0, 1, 1, 2, 3),
    "electric_piano": (4, 4, 4, 5, 5, 7),
    "guitar": (26, 26, 26, 24, 25, 27, 28),
    "organ": (16, 17, 18, 16, 17, 19, 21),
    "vibraphone": (11, 11, 11, 12),
    "pad": (48, 49, 50, 52, 61, 89, 91),
    "soloist": (56, 57, 59, 60, 64, 65, 66, 67, 68, 71, 73, 40, 52, 53, 22, 80),
}
KITS = {"sticks": (0, 32, 32, 8, 16), "brushes": (40, 40, 40, 32), "machine": (24, 25, 16, 0)}
RANGES = {"sax_alto_weresax": (49, 80), "sax_alto_iowa": (49, 80), "sax_soprano_iowa": (56, 87),
          "sax_baritone_bear": (38, 67)}  # fmt: skip
# how often the harmony is played by what
HARMONY = {"piano": 0.46, "electric_piano": 0.15, "guitar": 0.18, "organ": 0.09,
           "vibraphone": 0.06, "pad": 0.06}  # fmt: skip


@dataclass(frozen=True)
class Instrument:
    """`sound`: a font of Sounds, a folder of sampled instruments, or "meatbass"."""

    family: str
    sound: str
    program: int = 0
    bank: int = 0


@dataclass
class Studio:
    """The instruments of this machine.

    `sounds` has the sound fonts and the plucked bass; `band_dir` holds the folders of sampled
    instruments (None: none are used). `cache_dir` keeps their notes between runs.
    """

    sounds: Sounds
    band_dir: Path | None = None
    fonts: tuple[str, ...] = TRAINING_FONTS
    cache_dir: Path | None = None
    _presets: dict[tuple[str, int, int], bool] = field(default_factory=dict, repr=False)
    _sampled: dict[str, SampledInstrument] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Instruments stay in their process: another one opens its own."""
        return {**self.__dict__, "_presets": {}, "_sampled": {}}

    def has(self, folder: str) -> bool:
        """Whether a sampled instrument is there."""
        return self.band_dir is not None and (self.band_dir / folder / f"{folder}.sfz").is_file()

    def has_preset(self, font: str, program: int, bank: int) -> bool:
        """Whether a font has a preset, asked once."""
        key = (font, program, bank)
        if key not in self._presets:
            self._presets[key] = self.sounds.soundfont(font).has_preset(bank, program)
        return self._presets[key]

    def check(self) -> None:
        """Raises MissingSoundError where a band cannot be played."""
        missing = [name for name in self.fonts if self.sounds.soundfont_path(name) is None]
        if len(missing) == len(self.fonts):
            raise MissingSoundError(f"no sound font of {', '.join(self.fonts)} is installed")
        if self.band_dir is not None and not self.band_dir.is_dir():
            raise MissingSoundError(f"no folder of sampled instruments at {self.band_dir}")

    def choose(self, family: str, rng: np.random.Generator) -> Instrument:
        """An instrument of a family: bass, electric_bass, piano, ... sticks, brushes, machine."""
        sampled = [name for name in SAMPLED.get(family, ()) if self.has(name)]
        if family == "bass" and self.sounds.has_plucked_bass():
            sampled.append("meatbass")
        if sampled and rng.random() < (0.42 if family != "soloist" else 0.3):
            return Instrument(family, str(rng.choice(sampled)))
        fonts = [font for font in self.fonts if self.sounds.soundfont_path(font) is not None]
        font = str(rng.choice(fonts))
        bank = 128 if family in KITS else 0
        menu = KITS.get(family) or PROGRAMS[family]
        program = int(rng.choice(menu))
        if not self.has_preset(font, program, bank):
            program = menu[0]
        if not self.has_preset(font, program, bank):
            program = 0
        return Instrument(family, font, program, bank)

    def play(self, instrument: Instrument, strokes: Sequence[Stroke], samples: int) -> np.ndarray:
        """Strokes in seconds -> float32 mono (samples,) at 32 kHz."""
        if not strokes:
            return np.zeros(samples, dtype=np.float32)
        if instrument.sound == "meatbass":
            notes = [(s.time, s.duration, s.key, s.velocity) for s in strokes]
            return self.sounds.plucked_bass().play(notes, samples)
        if instrument.sound in self.fonts:
            font = self.sounds.soundfont(instrument.sound)
            events = events_of(strokes)
            return font.play(events, samples, program=instrument.program, bank=instrument.bank)
        return self._sampled_instrument(instrument.sound).play(strokes, samples)

    def _sampled_instrument(self, folder: str) -> SampledInstrument:
        assert self.band_dir is not None
        if folder not in self._sampled:
            path = self.band_dir / folder / f"{folder}.sfz"
            self._sampled[folder] = SampledInstrument(path, SAMPLINGS[folder], self.cache_dir)
        return self._sampled[folder]


def strokes_of(
    plan: Plan, notes: Sequence[Note], rng: np.random.Generator, *, late: float, loose: float
) -> list[Stroke]:
    """Notes in beats -> strokes in seconds, `late` seconds behind the beat, `loose` apart."""
    out = []
    jitter = rng.normal(late, loose, len(notes))
    for note, shift in zip(notes, jitter, strict=True):
        start = max(0.0, plan.seconds(note.beat) + float(shift))
        end = max(start + 0.04, plan.seconds(note.beat + note.length))
        velocity = int(np.clip(note.velocity + rng.normal(0, 3), 6, 127))
        out.append(Stroke(start, end - start, int(note.key), velocity))
    return out


def choose_harmony(feel: str, rng: np.random.Generator) -> list[str]:
    """The families of one or two players of chords."""
    chances = dict(HARMONY)
    if feel in ("funk", "pop"):
        chances["electric_piano"] += 0.2
        chances["organ"] += 0.1
        chances["pad"] += 0.06
    if feel in ("bossa", "samba"):
        chances["guitar"] += 0.25
    names = list(chances)
    weights = np.array([chances[name] for name in names])
    count = 2 if rng.random() < 0.22 else 1
    drawn = rng.choice(names, count, replace=False, p=weights / weights.sum())
    return [str(name) for name in drawn]
