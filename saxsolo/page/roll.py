"""Notes under chords, bars and beats, and both waveforms, as one SVG in the colours of the page.

page.js moves the playhead in it, and editor.js its notes. `saxsolo.notation.pictures` draws the PNG
of the same take.
"""

from collections.abc import Callable

import numpy as np

from saxsolo.listening.horns import CONCERT, HORNS
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chord_symbols import chord_name
from saxsolo.music.score import Note
from saxsolo.notation.pictures import pitch_range

from .limits import escaped
from .playing import bar_edges

# pixels per second; a short take fills the width of the page
PER_SECOND = 36
NARROWEST = 930
ROW = 6
# rows above and below, to which notes may be moved
ROOM = 2
CHORDS, WAVE, GAP = 34, 40, 8
LEFT = 26
NAMES_APART = 34
# semitones from a horn's chord symbols up to its notes: a tenor reads a ninth above what sounds,
# an alto a sixth
OCTAVES_UP = {CONCERT: 0, "bb": 12, "eb": 0}
# pixels from the left for a time in seconds
Position = Callable[[float], float]


def draw_roll(
    notes: list[Note], solo: np.ndarray, backing: np.ndarray, rate: int, grid: BeatGrid | None
) -> str:
    """SVG, at least 36 pixels per second.

    Args:
        notes: of the solo.
        solo, backing: (n,) float32, mono, of equal length.
        rate: sampling rate in Hz.
        grid: beats, bars and chords; without it only notes and waveforms are drawn.
    """
    seconds = len(solo) / rate
    scale = max(PER_SECOND, (NARROWEST - LEFT) / seconds)
    low, high = pitch_range(np.array([note.pitch for note in notes]))
    low, high = low - ROOM, high + ROOM
    roll = ROW * (high - low + 1)
    width, height = LEFT + scale * seconds, CHORDS + roll + 2 * (WAVE + GAP)

    def x(time: float) -> float:
        return round(LEFT + scale * time, 1)

    head = (
        f'<svg class="roll" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
        f'height="{height}" data-left="{LEFT}" data-scale="{scale:.4f}" data-top="{CHORDS}" '
        f'data-row="{ROW}" data-high="{high}" data-low="{low}" data-seconds="{seconds:.3f}" '
        f'role="img" '
        f'aria-label="{escaped(described(notes, seconds, grid))}">'
    )
    bars = [] if grid is None else _grid(grid, seconds, x, CHORDS, CHORDS + roll)
    playhead = (
        f'<line class="playhead" x1="{LEFT}" x2="{LEFT}" y1="{CHORDS - 4}" y2="{height}"/></svg>'
    )
    octaves = _octaves(low, high, width)
    waves = _waves(solo, backing, rate, x, CHORDS + roll + GAP)
    return "".join([head, *bars, *octaves, *_notes(notes, high, scale, x), *waves, playhead])


def _octaves(low: int, high: int, width: float) -> list[str]:
    """A line and a name at every C."""
    parts = []
    for pitch in range(low, high + 1):
        if pitch % 12 == 0:
            y = CHORDS + ROW * (high - pitch)
            parts.append(f'<line class="octave" x1="{LEFT}" x2="{width:.0f}" y1="{y}" y2="{y}"/>')
            for name, horn in HORNS.items():
                written = _pitch_name(pitch + horn.semitones + OCTAVES_UP[name])
                parts.append(f'<text class="small for-{name}" x="2" y="{y + 4}">{written}</text>')
    return parts


def _notes(notes: list[Note], high: int, scale: float, x: Position) -> list[str]:
    parts = []
    for note in notes:
        y = CHORDS + ROW * (high - note.pitch)
        wide = max(scale * note.duration - 0.5, 1.5)
        parts.append(
            f'<rect class="note" x="{x(note.onset)}" y="{y}" width="{wide:.1f}" '
            f'height="{ROW - 1}" rx="1.5" data-at="{note.onset:.4f}" '
            f'data-length="{note.duration:.4f}" data-pitch="{note.pitch}"/>'
        )
    return parts


def _waves(solo: np.ndarray, backing: np.ndarray, rate: int, x: Position, top: int) -> list[str]:
    """Both waveforms with their names, the solo above the band."""
    parts = []
    middle = top + WAVE / 2
    for name, sound in (("solo", solo), ("band", backing)):
        parts.append(f'<text class="small" x="0" y="{middle + 3}">{name}</text>')
        parts.append(f'<path class="wave {name}" d="{_wave(sound, rate, x, middle)}"/>')
        middle += WAVE + GAP
    return parts


def described(notes: list[Note], seconds: float, grid: BeatGrid | None) -> str:
    """The picture in words, for a screen reader."""
    text = f"{len(notes)} notes in {seconds:.0f} seconds"
    if notes:
        low, high = (extreme(n.pitch for n in notes) for extreme in (min, max))
        text += f", from {_pitch_name(low)} to {_pitch_name(high)} (concert pitch)"
    if grid is None:
        return text + "; no beats detected in the backing."
    chords = ", ".join(name for _, name in chord_changes(grid))
    text += f"; detected in the backing: {grid.tempo:.0f} beats per minute, "
    text += f"{grid.beats_per_bar} beats per bar, chords {chords}"
    return text + "."


def chord_changes(grid: BeatGrid) -> list[tuple[float, str]]:
    """Time in seconds and name of each new chord."""
    changes = [(time, chord_name(root, quality)) for time, root, quality in _changes(grid)]
    return [(time, name) for time, name in changes if name]


def _changes(grid: BeatGrid) -> list[tuple[float, int, int]]:
    """Time in seconds, root and quality of each new chord."""
    changes: list[tuple[float, int, int]] = []
    for beat, root, quality in zip(grid.beats, grid.roots, grid.qualities, strict=True):
        chord = (int(root), int(quality))
        if not changes or changes[-1][1:] != chord:
            changes.append((float(beat), *chord))
    return changes


def _written(root: int, quality: int, place: str) -> list[str]:
    """A chord for each horn, of which page.css shows one."""
    return [
        f'<text class="chord for-{name}" {place}>'
        f"{escaped(chord_name((root + horn.semitones) % 12, quality))}</text>"
        for name, horn in HORNS.items()
    ]


def _grid(grid: BeatGrid, seconds: float, x: Position, top: int, bottom: int) -> list[str]:
    parts = []
    for beat, place in zip(grid.beats, grid.places, strict=True):
        if 0 <= beat < seconds:
            kind = "bar" if place == 0 else "beat"
            parts.append(
                f'<line class="{kind}" x1="{x(beat)}" x2="{x(beat)}" y1="{top}" y2="{bottom}"/>'
            )
    for number, start in enumerate(bar_edges(grid, seconds)[:-1], 1):
        parts.append(f'<text class="small" x="{x(start) + 2}" y="10">{number}</text>')
    last = -np.inf
    for time, root, quality in _changes(grid):
        if time < seconds and chord_name(root, quality) and x(time) - last > NAMES_APART:
            parts += _written(root, quality, f'x="{x(time) + 2}" y="26"')
            last = x(time)
    return parts


def _wave(sound: np.ndarray, rate: int, x: Position, middle: float) -> str:
    """Lowest and highest sample of every 1.5 pixels, as one closed path."""
    columns = max(2, min(len(sound), round((x(len(sound) / rate) - LEFT) / 1.5)))
    edges = np.linspace(0, len(sound), columns + 1).astype(int)[:-1]
    loudest = max(float(np.abs(sound).max()), 1e-3)
    half = WAVE / 2 / loudest
    high = middle - half * np.maximum.reduceat(sound, edges)
    low = middle - half * np.minimum.reduceat(sound, edges)
    upper = [f"{x(edge / rate)} {y:.1f}" for edge, y in zip(edges, high, strict=True)]
    lower = [f"{x(edge / rate)} {y:.1f}" for edge, y in zip(edges, low, strict=True)]
    return "M" + "L".join(upper + lower[::-1]) + "Z"


def _pitch_name(pitch: int) -> str:
    return f"{chord_name(pitch % 12, 7)}{pitch // 12 - 1}"
