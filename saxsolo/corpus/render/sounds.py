"""The instruments: where their samples are, and how a list of timed events becomes audio.

Two players. `SoundfontPlayer` is fluidsynth through ctypes (pyfluidsynth holds the library and the
prototypes), one synthesiser a sound font, kept open: MuseScore_General takes seconds to load.
`play_sfz` is sfizz; a fresh synthesiser each time, because round robins carry over otherwise.
Both work at their own rate; soxr brings that to the rate that is asked for. Nothing random happens
inside them: regions of an SFZ file that are chosen by chance are never triggered.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.audio.rates import to_rate

from .plucked import PluckedBass

SFZ_RATE = 48000
SFZ_BLOCK = 128
SOUNDFONT_RATE = 44100
POLYPHONY = 96
WARM_UP_CHANNEL = 15
VOLUME_RELEASE_GENERATOR = 38  # releaseVolEnv, SoundFont 2.04, 8.1.3

SOUNDFONT_FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
SOUNDFONTS = {
    "fluidr3": ("FluidR3_GM.sf2", "Debian package fluid-soundfont-gm (MIT)"),
    "musescore": ("MuseScore_General.sf3", "Debian package musescore-general-soundfont (MIT)"),
    "timgm6mb": ("TimGM6mb.sf2", "Debian package timgm6mb-soundfont (GPL-2)"),
}
MTG_FOLDER = "mtg_solo_sax"
MTG_ADVICE = (
    "the SFZ set 'MTG Solo Saxophones' (CC-BY 4.0, Music Technology Group, Universitat Pompeu "
    "Fabra; SFZ by kinwie) from https://github.com/sfzinstruments/mtg-solo-saxophones, "
    f"unpacked as {MTG_FOLDER}/ below the samples folder"
)
MEATBASS_FOLDER = "meatbass_pizz"
MEATBASS_ADVICE = (
    "Karoryfer's Meatbass (CC0) from https://github.com/sfzinstruments/karoryfer.meatbass, its "
    f"Samples/pizz unpacked as {MEATBASS_FOLDER}/Samples/pizz below the samples folder"
)


class MissingSoundError(OSError):
    """An instrument's samples or a needed library are not on this machine."""


class MidiEvent(NamedTuple):
    """One thing that happens to a synthesiser: kind "on" | "off" | "cc" | "bend".

    `time` in seconds; `number` is the key or controller; `value` the velocity, controller value or
    the bend in cents (at most 200 either way; its `number` is unused).
    """

    time: float
    kind: str
    number: int
    value: float


_EVENT_ORDER = {"off": 0, "cc": 1, "bend": 2, "on": 3}


def in_order(events: Sequence[MidiEvent]) -> list[MidiEvent]:
    """Events by time; at equal times notes end before controllers move and notes start."""
    return sorted(events, key=lambda e: (e.time, _EVENT_ORDER[e.kind], e.number))


class SoundfontPlayer:
    """A fluidsynth synthesiser with one sound font loaded, playing one channel at a time."""

    def __init__(self, path: Path, rate: int = SOUNDFONT_RATE) -> None:
        try:
            import fluidsynth
        except (ImportError, AttributeError) as error:
            raise MissingSoundError(
                f"fluidsynth cannot be used ({error}): install the system library (Debian: "
                "libfluidsynth3) and `pip install pyfluidsynth`"
            ) from error
        self._library = fluidsynth._fl
        self._write_float = self._library.fluid_synth_write_float
        self._write_float.restype = ctypes.c_int
        self._write_float.argtypes = [ctypes.c_void_p, ctypes.c_int] + [
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_int,
        ] * 2
        self._synth = fluidsynth.Synth(
            gain=0.6,
            samplerate=float(rate),
            **{"synth.reverb.active": 0, "synth.chorus.active": 0, "synth.polyphony": POLYPHONY},
        )
        self.path = path
        self._rate = rate
        self._font = self._synth.sfload(str(path))
        if self._font < 0:
            raise MissingSoundError(f"fluidsynth cannot read the sound font {path}")

    def has_preset(self, bank: int, program: int) -> bool:
        """Whether the font holds this preset (bank 128 = drum kits)."""
        return self._synth.sfpreset_name(self._font, bank, program) is not None

    def play(
        self,
        events: Sequence[MidiEvent],
        samples: int,
        *,
        program: int,
        bank: int = 0,
        release: float = 1.0,
        wanted: int = SAMPLING_RATE,
    ) -> np.ndarray:
        """Render events to float32 mono, (samples,) at `wanted` Hz; `release` scales how long keys
        ring.

        Raises MissingSoundError where the font lacks the preset.
        """
        synth = self._synth
        synth.system_reset()
        self._clear()
        if not self.has_preset(bank, program):
            raise MissingSoundError(f"{self.path.name} has no preset {program} in bank {bank}")
        channel = 9 if bank == 128 else 0
        synth.program_select(channel, self._font, bank, program)
        # the generator counts in timecents and is added to the preset's own
        self._library.fluid_synth_set_gen(
            ctypes.c_void_p(synth.synth),
            channel,
            VOLUME_RELEASE_GENERATOR,
            ctypes.c_float(1200 * np.log2(release)),
        )
        # fluidsynth works in blocks of 64: whole blocks only, or the rest of this call's last block
        # would begin the next call
        total = 64 * math.ceil(samples * self._rate / wanted / 64)
        left = np.zeros(total, dtype=np.float32)
        right = np.zeros(total, dtype=np.float32)
        position = 0
        for event in in_order(events):
            target = min(total, max(position, round(event.time * self._rate)))
            target -= target % 64
            self._render(left, right, position, target - position)
            position = target
            if event.kind == "on":
                synth.noteon(channel, event.number, int(event.value))
            elif event.kind == "off":
                synth.noteoff(channel, event.number)
            elif event.kind == "cc":
                synth.cc(channel, event.number, int(event.value))
            else:
                synth.pitch_bend(channel, round(event.value / 200 * 8191))
        self._render(left, right, position, total - position)
        return to_rate(0.5 * (left + right), self._rate, samples, wanted)

    def _clear(self) -> None:
        """Bring every voice into one state, whatever it played before.

        A reset only releases the keys of the call before, and a voice used again starts its first
        block with what its last note left. So all sound is cut, and every voice plays the same.
        """
        self._silence()
        self._synth.program_select(WARM_UP_CHANNEL, self._font, 0, 0)
        for key in range(128):
            if self._active_voices() >= POLYPHONY:
                break
            self._synth.noteon(WARM_UP_CHANNEL, 127 - key, 64)
        unheard = np.zeros(512, dtype=np.float32)
        self._render(unheard, unheard, 0, len(unheard))
        self._silence()

    def _active_voices(self) -> int:
        return self._library.fluid_synth_get_active_voice_count(ctypes.c_void_p(self._synth.synth))

    def _silence(self) -> None:
        for channel in range(16):
            self._library.fluid_synth_all_sounds_off(
                ctypes.c_void_p(self._synth.synth), ctypes.c_int(channel)
            )
        unheard = np.zeros(512, dtype=np.float32)
        for _ in range(100):
            self._render(unheard, unheard, 0, len(unheard))
            if self._active_voices() == 0:
                return
        raise AssertionError(f"{self.path.name} does not fall silent")

    def _render(self, left: np.ndarray, right: np.ndarray, start: int, count: int) -> None:
        if count > 0:
            self._write_float(
                self._synth.synth, count, left.ctypes.data, start, 1, right.ctypes.data, start, 1
            )


def play_sfz(
    path: Path, events: Sequence[MidiEvent], samples: int, wanted: int = SAMPLING_RATE
) -> np.ndarray:
    """Render events with the SFZ instrument at `path` -> float32 mono (samples,) at `wanted` Hz."""
    try:
        import pysfizz
    except ImportError as error:
        raise MissingSoundError("the SFZ player is missing: pip install pysfizz") from error
    player = pysfizz.Synth(sample_rate=SFZ_RATE, block_size=SFZ_BLOCK)
    if not path.is_file() or not player.load_sfz_file(path):
        raise MissingSoundError(f"no SFZ instrument at {path}: get {MTG_ADVICE}")
    synth = player._synth
    synth.render_block()
    total = -(-samples * SFZ_RATE // wanted)
    blocks = []
    ordered = in_order(events)
    index = 0
    for start in range(0, total, SFZ_BLOCK):
        while index < len(ordered):
            event = ordered[index]
            delay = max(0, round(event.time * SFZ_RATE) - start)
            if delay >= SFZ_BLOCK:
                break
            if event.kind == "on":
                synth.note_on(delay, event.number, int(event.value))
            elif event.kind == "off":
                synth.note_off(delay, event.number, 0)
            elif event.kind == "cc":
                synth.cc(delay, event.number, int(event.value))
            else:
                synth.pitch_wheel(delay, round(event.value / 200 * 8191))
            index += 1
        # the array is the synthesiser's own buffer, overwritten by the next block
        blocks.append(synth.render_block()[0].copy())
    return to_rate(np.concatenate(blocks), SFZ_RATE, samples, wanted)


@dataclass
class Sounds:
    """The instruments of this machine.

    `samples_dir` holds mtg_solo_sax/ and meatbass_pizz/ (None: neither); sound fonts of
    `soundfont_names` are looked for in `soundfont_dirs` and played at `soundfont_rate` Hz. Players
    are opened on first use and kept by the process.
    """

    samples_dir: Path | None = None
    soundfont_dirs: tuple[str, ...] = SOUNDFONT_FOLDERS
    soundfont_names: tuple[str, ...] = tuple(SOUNDFONTS)
    soundfont_rate: int = SOUNDFONT_RATE
    _players: dict[str, SoundfontPlayer] = field(default_factory=dict, repr=False)
    _plucked: PluckedBass | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Synthesisers stay in their process: another one opens its own."""
        return {**self.__dict__, "_players": {}, "_plucked": None}

    def soundfont_path(self, name: str) -> Path | None:
        """The file of a font of SOUNDFONTS, or None where it is not installed."""
        for folder in self.soundfont_dirs:
            path = Path(folder) / SOUNDFONTS[name][0]
            if path.is_file():
                return path
        return None

    def available_soundfonts(self) -> list[str]:
        """Names of the installed fonts, in the order of `soundfont_names`."""
        return [name for name in self.soundfont_names if self.soundfont_path(name)]

    def soundfont(self, name: str) -> SoundfontPlayer:
        """The open player of a font. Raises MissingSoundError with the package to install."""
        if name not in self._players:
            path = self.soundfont_path(name)
            if path is None:
                file, source = SOUNDFONTS[name]
                raise MissingSoundError(
                    f"no sound font {file} in {', '.join(self.soundfont_dirs)}: install {source}"
                )
            self._players[name] = SoundfontPlayer(path, self.soundfont_rate)
        return self._players[name]

    def mtg_path(self, instrument: str) -> Path:
        """The SFZ file of a saxophone. Raises MissingSoundError with where to get it."""
        if self.samples_dir is None:
            raise MissingSoundError(f"no samples folder was given: get {MTG_ADVICE}")
        path = self.samples_dir / MTG_FOLDER / f"MTG {instrument.capitalize()} Sax.sfz"
        if not path.is_file():
            raise MissingSoundError(f"no SFZ instrument at {path}: get {MTG_ADVICE}")
        return path

    def has_mtg(self) -> bool:
        """Whether the MTG saxophones are in the samples folder."""
        return self.samples_dir is not None and (self.samples_dir / MTG_FOLDER).is_dir()

    def has_plucked_bass(self) -> bool:
        """Whether the sampled double bass is in the samples folder."""
        folder = MEATBASS_FOLDER
        return self.samples_dir is not None and (self.samples_dir / folder).is_dir()

    def plucked_bass(self) -> PluckedBass:
        """The sampled double bass. Raises MissingSoundError with where to get it."""
        if self._plucked is None:
            if self.samples_dir is None or not self.has_plucked_bass():
                raise MissingSoundError(f"no double bass samples: get {MEATBASS_ADVICE}")
            folder = self.samples_dir / MEATBASS_FOLDER / "Samples" / "pizz"
            try:
                self._plucked = PluckedBass(folder)
            except FileNotFoundError as error:
                raise MissingSoundError(f"{error}: get {MEATBASS_ADVICE}") from error
        return self._plucked

    def check(self) -> None:
        """Raise MissingSoundError unless a backing and at least one saxophone can be played."""
        if not self.available_soundfonts():
            wanted = "; ".join(SOUNDFONTS[name][1] for name in self.soundfont_names)
            raise MissingSoundError(
                f"no sound font in {', '.join(self.soundfont_dirs)}: install one of: {wanted}"
            )
        if self.samples_dir is not None:
            if not self.samples_dir.is_dir():
                raise MissingSoundError(
                    f"no samples folder {self.samples_dir}: it should hold {MTG_ADVICE}, "
                    f"and {MEATBASS_ADVICE}"
                )
            self.mtg_path("tenor")
