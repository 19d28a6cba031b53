"""A take: the solo that was played, the mix with its backing, and how it came about."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import log10
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.loudness_saxsolo import LoudnessMeter
from saxsolo.atomic import locked, output_folder, refuse_overwriting, replacing
from saxsolo.audio.files import Source
from saxsolo.audio.writing import PEAK, Scratch, write_audio
from saxsolo.errors import SettingError
from saxsolo.music.bars import bars_of
from saxsolo.music.beat_grid import BeatGrid, plain_grid
from saxsolo.music.markers import markers_of_chart, markers_of_grid
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.music.score import Note

from .take_files import check_extras, earlier_files, take_files

BLOCK = 65_536
# the tracker hears a little of the past again with every block: larger ones cost less
TRACKED = 10 * BLOCK
# the soloist stands a little in front of the band
SOLO_ABOVE_BACKING = 1.0
# beyond this, in either direction, it is no balance that is wrong but a sound
MAX_GAIN = 1e4
# LUFS: a mix with a quieter backing is raised until the backing is so loud
QUIET_BACKING = -40.0


@dataclass
class Take:
    """What `improvise` gives.

    Attributes:
        sampling_rate: samples a second of solo and mix.
        codes: (N, T) int16, what the model wrote: the score stream first where it has one.
        notes: the notes of the score stream; empty for a model without one.
        run: seed, settings, weights, versions and times, as written to run.json.
    """

    sampling_rate: int
    codes: np.ndarray
    notes: list[Note]
    run: dict[str, Any]
    _backing: Source
    _solo: Scratch
    _has_score: bool = True
    _placed: PlacedChart | None = None
    _find_grid: Callable[[], BeatGrid | None] = field(default=lambda: None, repr=False)

    @cached_property
    def solo(self) -> np.ndarray:
        """(n,) float32, the saxophone alone, aligned with the backing's first sample."""
        return self._solo.read()

    @cached_property
    def mix(self) -> np.ndarray:
        """(n, channels) float32, solo and backing balanced by loudness, peak below -1 dBFS."""
        return np.concatenate(list(self._mixed_blocks()))

    @cached_property
    def grid(self) -> BeatGrid | None:
        """Beats, bars and chords that the model heard in the backing; None where it heard none."""
        return self._find_grid()

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

        Returns:
            The folder.

        Raises:
            SettingError: for another format, a library that is missing, a model without notes.
            OutputError: when it cannot be written.
        """
        check_extras(audio_format, midi, musicxml, plot, bit_depth)
        if (midi or musicxml or plot) and not self._has_score:
            raise SettingError(f"{self.run['checkpoint']['name']} writes no notes, only sound")
        writers = (
            (midi, self._write_midi),
            (musicxml, self._write_musicxml),
            (plot, self._write_picture),
        )
        names = take_files(audio_format, midi, musicxml, plot)
        with output_folder(folder) as place, locked(place):
            files = [place / name for name in names]
            stale = earlier_files(place, names)
            if self._backing.path is not None:
                refuse_overwriting([*files, *stale], [self._backing.path])
            with replacing(*files, stale=stale) as (solo, mix, run, *others):
                quieter = min(1.0, PEAK / max(self._solo.peak, PEAK))
                blocks = (quieter * block for block in self._solo.blocks(BLOCK))
                started = self._backing.started_at(self.sampling_rate)
                rate, how = self.sampling_rate, (audio_format, started, bit_depth)
                write_audio(solo, blocks, rate, 1, *how)
                channels = self._backing.channels
                levels = self.mix_levels(solo_above)
                mixed = self._mixed_blocks(levels)
                write_audio(mix, mixed, rate, channels, *how)
                self._note_levels(*levels)
                record = {**self.run, "files": names}
                run.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
                wanted = [write for there, write in writers if there]
                for path, write in zip(others, wanted, strict=True):
                    write(path)
        return place

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

        lead = quantise(self.notes, self._written_grid, self.seconds)
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

    def _mixed_blocks(self, levels: tuple[float, float] | None = None) -> Iterator[np.ndarray]:
        gain, quieter = levels or self.mix_levels()
        for solo, band in self._pairs():
            yield (quieter * (gain * solo + band)).astype(np.float32)

    def _note_levels(self, gain: float, whole: float) -> None:
        """Keeps the levels of the mix in `run`, with a note where the backing was raised."""
        levels = {"solo": gain * whole, "backing": whole}
        self.run["mix_decibels"] = {name: round(20 * log10(v), 2) for name, v in levels.items()}
        if whole > 1.01:
            note = f"the backing is quiet: it was raised by {20 * log10(whole):.0f} dB in the mix"
            self.run["notes"] = [*dict.fromkeys([*self.run.get("notes", ()), note])]

    def mix_levels(self, solo_above: float = 0.0) -> tuple[float, float]:
        """Factor of the solo in the mix, and of the whole mix.

        The whole is lowered so that its peak stays below -1 dBFS, and raised where the backing is
        quieter than `QUIET_BACKING`.

        Args:
            solo_above: as in `save`.
        """
        band_meter = LoudnessMeter(self.sampling_rate, self._backing.channels)
        solo_meter = LoudnessMeter(self.sampling_rate, self._backing.channels)
        for solo, band in self._pairs():
            band_meter.push(band)
            solo_meter.push(np.repeat(solo, self._backing.channels, axis=1))
        gain = balance(solo_meter.loudness, band_meter.loudness) * 10 ** (solo_above / 20)
        raised = raise_of(band_meter.loudness)
        peak = max((float(np.abs(gain * s + b).max()) for s, b in self._pairs()), default=0.0)
        return gain, raised * PEAK / max(raised * peak, PEAK)


def balance(solo: float | None, backing: float | None) -> float:
    """Factor for the solo that puts it `SOLO_ABOVE_BACKING` over the backing, whatever its level.

    Args:
        solo, backing: LUFS, None for silence, which leaves the solo as it is.
    """
    if solo is None or backing is None:
        return 1.0
    gain = 10 ** ((backing + SOLO_ABOVE_BACKING - solo) / 20)
    return min(max(gain, 1 / MAX_GAIN), MAX_GAIN)


def raise_of(backing: float | None) -> float:
    """Factor, at least 1, that brings a quiet backing to `QUIET_BACKING`.

    Args:
        backing: LUFS, None for silence.
    """
    return 1.0 if backing is None else max(1.0, 10 ** ((QUIET_BACKING - backing) / 20))
