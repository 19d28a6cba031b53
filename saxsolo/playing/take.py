"""A take: the solo that was played, the mix with its backing, and how it came about."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from saxsolo.atomic import locked, output_folder, refuse_overwriting, replacing
from saxsolo.audio.files import Source
from saxsolo.audio.writing import PEAK, Scratch, write_audio
from saxsolo.errors import SettingError
from saxsolo.music.bars import bars_of
from saxsolo.music.beat_grid import BeatGrid, plain_grid
from saxsolo.music.markers import markers_of_chart, markers_of_grid
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.music.score import Note

from .mixing import MixLevels, levels_of
from .take_files import SOLO, check_extras, earlier_files, take_files

BLOCK = 65_536
# the tracker hears a little of the past again with every block: larger ones cost less
TRACKED = 10 * BLOCK
# so many stems are rounded that 16 bits would show in their sum
STEM_BITS = 24


@dataclass
class Take:
    """What `improvise` gives.

    Attributes:
        sampling_rate: samples a second of solo and mix.
        codes: (N, T) int16, what the model wrote: the score stream first where it has one.
        notes: the notes of the score stream, and how each was asked to be played; empty for a model
            without one.
        run: seed, settings, weights, versions and times, as written to run.json.
        articulation: (T,) int16, a mask of `vocabulary_saxsolo.ARTICULATIONS` a frame, -1 where
            nobody said; None where the model was told nothing.
    """

    sampling_rate: int
    codes: np.ndarray
    notes: list[Note]
    run: dict[str, Any]
    _backing: Source
    _solo: Scratch
    _has_score: bool = True
    _placed: PlacedChart | None = None
    _stems: Mapping[str, Source] = field(default_factory=dict)
    articulation: np.ndarray | None = None
    _find_grid: Callable[[], BeatGrid | None] = field(default=lambda: None, repr=False)

    @cached_property
    def solo(self) -> np.ndarray:
        """(n,) float32, the saxophone alone, aligned with the backing's first sample."""
        return self._solo.read()

    @cached_property
    def mix(self) -> np.ndarray:
        """(n, channels) float32, solo and backing balanced, true peak at most -1 dBTP."""
        return np.concatenate(list(self._mixed_blocks()))

    @cached_property
    def grid(self) -> BeatGrid | None:
        """Beats, bars and chords that the model heard in the backing; None where it heard none."""
        return self._find_grid()

    @property
    def placed(self) -> PlacedChart | None:
        """The chart that was given, on the backing's clock; None where none was."""
        return self._placed

    @property
    def has_score(self) -> bool:
        """Whether the model wrote notes."""
        return self._has_score

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self._solo.length / self.sampling_rate

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        audio_format: str = "wav",
        midi: bool = False,
        musicxml: bool = False,
        plot: bool = False,
        solo_above: float = 0.0,
        bit_depth: int = 16,
        lufs: float | None = None,
        stems: bool = False,
    ) -> Path:
        """Writes solo.wav, mix.wav, run.json and what else is asked for: all of it, or nothing.

        Args:
            folder: made if it is missing; an earlier take in it makes room, with all the files
                that its run.json names.
            audio_format: wav, flac, ogg or mp3.
            midi: solo.mid as well, musicxml: solo.musicxml, plot: solo.png; they need the extra
                `notes`.
            solo_above: dB by which the solo is louder in the mix than balanced; below 0 quieter.
            bit_depth: of WAV and FLAC, 16 or 24.
            lufs: integrated loudness of the mix (ITU-R BS.1770-4), or what a true peak of -1 dBTP
                leaves of it; None keeps the backing's level.
            stems: the parts of the mix as well, stem_solo.wav and stem_backing.wav (of a rendered
                band each player), at one gain: they sum to the mix. 24 bits, WAV or FLAC.

        Returns:
            The folder.

        Raises:
            SettingError: for another format, a library that is missing, a model without notes.
            OutputError: when it cannot be written.
        """
        check_extras(audio_format, midi, musicxml, plot, bit_depth, lufs, stems)
        if (midi or musicxml or plot) and not self._has_score:
            raise SettingError(f"{self.run['checkpoint']['name']} writes no notes, only sound")
        writers = (
            (midi, self._write_midi),
            (musicxml, self._write_musicxml),
            (plot, self._write_picture),
        )
        parts = [SOLO, *self.stems] if stems else []
        names = take_files(audio_format, midi, musicxml, plot, stems=stems, parts=[*self.stems])
        with output_folder(folder) as place, locked(place):
            files = [place / name for name in names]
            stale = earlier_files(place, names)
            if self._backing.path is not None:
                refuse_overwriting([*files, *stale], [self._backing.path])
            with replacing(*files, stale=stale) as (solo, mix, run, *others):
                quieter = min(1.0, PEAK / max(self._solo.peak, PEAK))
                blocks = (quieter * block for block in self._solo.blocks(BLOCK))
                started = self._backing.started_at(self.sampling_rate)
                rate, how = self.sampling_rate, (audio_format, started)
                write_audio(solo, blocks, rate, 1, *how, bit_depth)
                levels = self.mix_levels(solo_above, lufs)
                mixed = self._mixed_blocks(levels)
                write_audio(mix, mixed, rate, self._backing.channels, *how, bit_depth)
                for part, path in zip(parts, others, strict=False):
                    sound, channels = self._stem_blocks(part, levels)
                    write_audio(path, sound, rate, channels, *how, STEM_BITS)
                others = others[len(parts) :]
                self._note_levels(levels)
                record = {**self.run, "files": names}
                run.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
                wanted = [write for there, write in writers if there]
                for path, write in zip(others, wanted, strict=True):
                    write(path)
        return place

    @property
    def stems(self) -> Mapping[str, Source]:
        """The parts of the backing that `save` writes with `stems`; their sum is the backing."""
        return self._stems or {"backing": self._backing}

    def _note_levels(self, levels: MixLevels) -> None:
        """Keeps the levels of the mix in `run`, with a note on what is odd about them."""
        self.run.update(levels.describe())
        notes = [*self.run.get("notes", ()), *levels.notes()]
        self.run["notes"] = [*dict.fromkeys(notes)]

    def _write_midi(self, path: Path) -> None:
        from saxsolo.audio.pitch import track_pitch_of_blocks
        from saxsolo.notation.midi import bends_of, with_loudness, write_midi

        track = track_pitch_of_blocks(self._solo.blocks(TRACKED), self.sampling_rate)
        write_midi(
            path,
            with_loudness(self.notes, track),
            bends=bends_of(self.notes, track),
            bars=bars_of(self._written_grid, self.seconds),
            instrument=self._instrument,
            markers=self._markers,
        )

    @property
    def _markers(self) -> list[tuple[float, str]]:
        """(second, text): sections and chords of the chart, else the chords that are heard."""
        if self._placed is not None:
            return markers_of_chart(self._placed)
        return [] if self.grid is None else markers_of_grid(self.grid)

    def _write_musicxml(self, path: Path) -> None:
        from saxsolo.notation.musicxml import write_musicxml
        from saxsolo.notation.quantise import quantise

        lead = quantise(self.notes, self._written_grid, self.seconds, self._placed)
        composer = f"saxsolo, seed {self.run['seed']}"
        title = f"Solo over {self._title}"
        write_musicxml(path, lead, instrument=self._instrument, title=title, composer=composer)

    @property
    def _written_grid(self) -> BeatGrid:
        """What MIDI and lead sheet are written over; bars of four where no beat was heard."""
        return self.grid or plain_grid(self.seconds)

    def _write_picture(self, path: Path) -> None:
        from saxsolo.notation.pictures import save_picture, take_picture

        # not the property, which would keep it for the life of the take
        solo = self._solo.read()
        backing = np.concatenate([band.mean(axis=1) for _, band in self._pairs()])
        title = f"{self._title}: {self._instrument}, seed {self.run['seed']}"
        save_picture(
            take_picture(self.notes, solo, backing, self.sampling_rate, self.grid, title),
            path,
        )

    @property
    def _instrument(self) -> str:
        return self.run["settings"]["instrument"]

    @property
    def _title(self) -> str:
        return Path(self._backing.name).stem.replace("_", " ")

    def _pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of the solo (n, 1) and of the backing (n, channels), side by side."""
        backing = self._backing.blocks(BLOCK, self.sampling_rate, self._solo.length, mono=False)
        for solo, band in zip(self._solo.blocks(BLOCK), backing, strict=True):
            yield solo[:, None], band

    def _mixed_blocks(self, levels: MixLevels | None = None) -> Iterator[np.ndarray]:
        levels = levels or self.mix_levels()
        for solo, band in self._pairs():
            yield (levels.whole * (levels.solo * solo + band)).astype(np.float32)

    def mix_levels(self, solo_above: float = 0.0, lufs: float | None = None) -> MixLevels:
        """Factors of the solo and of the whole mix.

        Args:
            solo_above, lufs: as in `save`.
        """
        return levels_of(self._pairs, self.sampling_rate, self._backing.channels, solo_above, lufs)

    def _stem_blocks(self, name: str, levels: MixLevels) -> tuple[Iterator[np.ndarray], int]:
        """Blocks of a stem at its level in the mix, and its channels."""
        if name == SOLO:
            gain = levels.whole * levels.solo
            return (np.float32(gain) * block for block in self._solo.blocks(BLOCK)), 1
        source = self.stems[name]
        blocks = source.blocks(BLOCK, self.sampling_rate, self._solo.length, mono=False)
        return (np.float32(levels.whole) * block for block in blocks), source.channels
