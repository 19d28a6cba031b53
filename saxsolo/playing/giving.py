"""Notes that a person gives, on the frames of a solo: a motif, or a whole line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modeling_saxsolo.vocabulary_saxsolo import (
    FRAME_RATE,
    HOLD,
    LOWEST_PITCH,
    ONSET,
    REST,
)
from saxsolo.errors import SettingError
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.given_notes import (
    NOTE_SUFFIXES,
    GivenNote,
    moved,
    notes_of_file,
    read_notes,
)
from saxsolo.music.placed_chart import PlacedChart

from .settings import Settings
from .where_to_play import counted_bars

FREE = -1
# frames after a note that the codec may use for its end
RELEASE = 12


def settings_with_notes(values: Mapping[str, Any]) -> Settings:
    """Settings, of which "motif" and "line" may name MIDI or MusicXML files.

    Raises:
        SettingError: as `Settings`, and for a file that cannot be read.
    """
    read = dict(values)
    for name in ("motif", "line"):
        given = values.get(name)
        if isinstance(given, Path) or (
            isinstance(given, str) and Path(given).suffix.lower() in NOTE_SUFFIXES
        ):
            read[name] = notes_of_file(given, timed=name == "line")
    return Settings.parse(read)


def with_given_notes(
    rests: torch.Tensor,
    silence: torch.Tensor,
    settings: Settings,
    placed: PlacedChart | None,
    grid: BeatGrid | None,
    name: str,
) -> torch.Tensor:
    """Rests (N, T) of a solo with the notes that the settings give in their places.

    Args:
        silence: (N,) what each stream holds in a rest. placed, grid, name: as in `playing_frames`.

    Raises:
        SettingError: no bars where the notes have bars, or none of them lies in the solo.
    """
    text = settings.line if settings.line is not None else settings.motif
    if text is None:
        return rests
    notes = moved(read_notes(text), 0 if settings.line is not None else settings.motif_at - 1)
    stretches = _in_seconds(notes, placed, grid, name)
    tokens = _tokens(stretches, rests.shape[-1])
    sounding = np.flatnonzero(tokens > REST)
    if not len(sounding):
        raise SettingError(
            f"none of the {len(notes)} notes given lies in the {rests.shape[-1] / FRAME_RATE:g} s "
            "that are played"
        )
    first, last = int(sounding[0]), int(sounding[-1]) + 1
    given = rests.clone()
    if settings.line is not None:
        given[:] = silence[:, None]
        near = np.convolve(tokens > REST, np.ones(RELEASE + 1))[: len(tokens)] > 0
        given[1:, torch.from_numpy(near)] = FREE
        given[0] = torch.from_numpy(tokens)
    else:
        given[1:, first:last] = FREE
        given[0, first:last] = torch.from_numpy(tokens[first:last])
    return given


def _in_seconds(
    notes: list[GivenNote], placed: PlacedChart | None, grid: BeatGrid | None, name: str
) -> list[tuple[float, float, int]]:
    """Start, end and pitch of each note."""
    if notes[0].bar is None:
        return [(note.at, note.at + note.length, note.pitch) for note in notes]
    bars = counted_bars(placed, grid)
    chart = placed is not None and placed.inside.any()
    beats = placed.beats if chart and placed is not None else None if grid is None else grid.beats
    if not bars or beats is None:
        raise SettingError(
            f"no bars are heard in {name} for the notes given; give a chart with --first-bar and "
            "--tempo (first_bar, tempo)"
        )
    first = {bar.number: int(np.abs(beats - bar.start).argmin()) for bar in bars}
    size = first.get(bars[0].number + 1, len(beats)) - first[bars[0].number]
    first.setdefault(bars[0].number - 1, first[bars[0].number] - size)
    placed_notes = []
    for note in notes:
        if note.bar in first:
            at = first[note.bar] + note.at
            start, end = _second(beats, at), _second(beats, at + note.length)
            placed_notes.append((start, end, note.pitch))
    return placed_notes


def _second(beats: np.ndarray, at: float) -> float:
    """Seconds of a place on the line of beats, at the tempo of the ends beyond them."""
    last = len(beats) - 1
    if at > last:
        return float(beats[-1] + (at - last) * (beats[-1] - beats[-2]))
    if at < 0:
        return float(beats[0] + at * (beats[1] - beats[0]))
    return float(np.interp(at, np.arange(len(beats)), beats))


def _tokens(stretches: list[tuple[float, float, int]], frames: int) -> np.ndarray:
    """(T,) int64 score stream of notes, each ended by the next."""
    tokens = np.full(frames, REST, dtype=np.int64)
    for start, end, pitch in stretches:
        first, last = (int(np.floor(s * FRAME_RATE + 0.5)) for s in (start, end))
        if 0 <= first < frames:
            tokens[first:] = REST
            tokens[first] = ONSET + pitch - LOWEST_PITCH
            tokens[first + 1 : max(first + 1, last)] = HOLD + pitch - LOWEST_PITCH
    return tokens
