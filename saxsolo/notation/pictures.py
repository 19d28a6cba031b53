"""A picture of a take: notes over chords, spectrogram, both waveforms. Matplotlib draws it.

The pieces are also those of the report's pictures in evaluation/. pyplot is not used: its
state is global, and a server draws in several threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.atomic import replacing
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chord_symbols import SCALES, TONES, chord_name
from saxsolo.music.score import Note

from .fonts import with_fonts

# Okabe and Ito's colours, told apart by colour-blind eyes too
SOLO, BACKING = "#D55E00", "#0072B2"
CHORD_TONE, SCALE_TONE = "#D9D9D9", "#F2F2F2"
# inches of paper for a second of music, and for the whole
WIDTH, NARROWEST, WIDEST = 0.4, 11.0, 80.0
WINDOW = 2048
HIGHEST_HERTZ = 8000.0
FLOOR_DB = -80.0


def draw_chords(
    axis: Axes, labels: np.ndarray, low: int, high: int, seconds: float, named: bool
) -> None:
    """Chord and scale tones as rows behind the notes, chord names on top.

    Args:
        axis: time in seconds to the right, MIDI pitch upwards.
        labels: (T, 4) frame labels.
        low, high: pitches of the lowest and highest row.
        seconds: how much is drawn.
        named: whether chord names are written.
    """
    change = np.ones(len(labels), bool)
    change[1:] = (labels[1:, :2] != labels[:-1, :2]).any(axis=1)
    starts = np.flatnonzero(change)
    last = -np.inf
    # as many names as the paper has room for
    figure = axis.get_figure(root=True)
    assert figure is not None, "the axis is drawn into a figure"
    room = seconds / (2 * figure.get_figwidth())
    for start, end in zip(starts, [*starts[1:], len(labels)], strict=True):
        root, quality = int(labels[start, 0]), int(labels[start, 1])
        left, right = start / FRAME_RATE, min(end / FRAME_RATE, seconds)
        if left >= seconds or not (0 <= root < 12 and 0 <= quality < len(TONES)):
            continue
        for pitch in range(low, high + 1):
            step = (pitch - root) % 12
            if step in SCALES[quality]:
                colour = CHORD_TONE if step in TONES[quality] else SCALE_TONE
                box = Rectangle((left, pitch - 0.5), right - left, 1, color=colour, lw=0, zorder=0)
                axis.add_patch(box)
        axis.axvline(left, color="#888888", linewidth=0.9, zorder=1)
        # names that would run into each other are left out
        if named and left - last > room and left < seconds * 0.97:
            axis.text(
                left, high + 0.8, chord_name(root, quality), fontsize=9, va="bottom", zorder=4
            )
            last = left


def draw_notes(
    axis: Axes,
    onsets: Iterable[float],
    ends: Iterable[float],
    pitches: Iterable[int],
    low: int,
    high: int,
    colour: str,
) -> None:
    """Notes as boxes, and the pitch axis from `low` to `high` with a tick at each C."""
    spans = zip(onsets, ends, pitches, strict=True)
    boxes = [Rectangle((a, p - 0.4), max(b - a, 0.02), 0.8) for a, b, p in spans]
    axis.add_collection(PatchCollection(boxes, facecolor=colour, zorder=3))
    axis.set_ylim(low - 0.5, high + 0.5)
    octaves = [p for p in range(low, high + 1) if p % 12 == 0]
    axis.set_yticks(octaves, [f"C{p // 12 - 1}" for p in octaves])


def pitch_range(pitches: np.ndarray) -> tuple[int, int]:
    """Lowest and highest row of a roll; a tenor's middle where there are no notes."""
    return (int(pitches.min()) - 2, int(pitches.max()) + 2) if len(pitches) else (55, 75)


def draw_beats(axis: Axes, beats: Iterable[float]) -> None:
    """A thin line for every beat."""
    for beat in beats:
        axis.axvline(beat, color="#BBBBBB", linewidth=0.5, zorder=1)


def take_picture(
    notes: Sequence[Note],
    solo: np.ndarray,
    backing: np.ndarray,
    sampling_rate: int,
    grid: BeatGrid | None = None,
    title: str = "",
) -> Figure:
    """One page: piano roll over chords and beats, spectrogram of the solo, waveforms of both.

    Args:
        notes: of the solo.
        solo, backing: (n,) float32, mono, of one length.
        sampling_rate: samples a second.
        grid: beats and chords; without it the roll has none.
        title: on top.
    """
    seconds = len(solo) / sampling_rate
    width = min(max(NARROWEST, WIDTH * seconds), WIDEST)
    figure = Figure(figsize=(width, 9.5), dpi=110, layout="constrained")
    roll, spectrum, *waves = figure.subplots(4, 1, sharex=True, height_ratios=(4, 3, 1.2, 1.2))
    low, high = pitch_range(np.array([note.pitch for note in notes]))
    if grid is not None:
        draw_chords(roll, grid.labels(round(seconds * FRAME_RATE)), low, high, seconds, True)
        draw_beats(roll, grid.beats[grid.beats < seconds])
    onsets = np.array([note.onset for note in notes])
    ends = onsets + np.array([note.duration for note in notes])
    draw_notes(roll, onsets, ends, [note.pitch for note in notes], low, high, SOLO)
    roll.set(xlim=(0, seconds), ylabel="notes")
    if not len(notes):
        roll.text(seconds / 2, (low + high) / 2, "no notes", ha="center", va="center")
    draw_spectrogram(spectrum, solo, sampling_rate)
    sounds = (("solo", solo, SOLO), ("backing", backing, BACKING))
    for axis, (name, sound, colour) in zip(waves, sounds, strict=True):
        _waveform(axis, sound, sampling_rate, width, colour)
        axis.set(ylabel=name, ylim=(-1, 1), yticks=[])
    waves[-1].set_xlabel("seconds")
    for axis in (roll, spectrum, *waves):
        axis.spines[["top", "right"]].set_visible(False)
    text = "dark rows: chord tones; light rows: the rest of the scale" if grid else ""
    title, families = with_fonts(title)
    # a dollar sign would begin a formula
    title = title.replace("$", r"\$")
    words = "\n".join(part for part in (title, text) if part)
    figure.suptitle(words, size=11, fontfamily=families)
    return figure


def save_picture(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Writes a figure as PNG, all or nothing.

    Raises:
        OutputError: when it cannot be written.
    """
    path = Path(path)
    with replacing(path) as (partial,):
        figure.savefig(partial, format="png", bbox_inches="tight")
    return path


def draw_spectrogram(axis: Axes, audio: np.ndarray, rate: int) -> None:
    """Level in dB below the loudest, up to 8 kHz; no more columns than can be seen."""
    hop = max(WINDOW // 4, len(audio) // 8000)
    padded = np.pad(audio, (WINDOW // 2, WINDOW // 2 + hop))
    count = max(1, len(audio) // hop)
    rows = int(np.ceil(HIGHEST_HERTZ * WINDOW / rate)) + 1
    window = np.hanning(WINDOW)
    columns = [
        np.abs(np.fft.rfft(padded[i * hop : i * hop + WINDOW] * window))[:rows]
        for i in range(count)
    ]
    level = np.stack(columns, axis=1)
    level = 20 * np.log10(np.maximum(level / max(level.max(), 1e-9), 10 ** (FLOOR_DB / 20)))
    extent = (-hop / 2 / rate, (count - 0.5) * hop / rate, 0, rows * rate / WINDOW / 1000)
    axis.imshow(level, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=FLOOR_DB)
    axis.set(ylabel="solo, kHz", ylim=(0, HIGHEST_HERTZ / 1000))


def _waveform(axis: Axes, audio: np.ndarray, rate: int, width: float, colour: str) -> None:
    """Lowest and highest sample of each pixel's stretch."""
    columns = int(min(len(audio), 110 * width))
    edges = np.linspace(0, len(audio), columns + 1).astype(int)[:-1]
    low, high = np.minimum.reduceat(audio, edges), np.maximum.reduceat(audio, edges)
    axis.fill_between(edges / rate, low, high, color=colour, linewidth=0.3)
