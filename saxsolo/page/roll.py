"""Notes under chords, bars and beats, and both waveforms, as one SVG in the colours of the page.

page.js moves the playhead in it, and editor.js its notes. `saxsolo.notation.pictures` draws the PNG
of the same take.
"""

from collections.abc import Callable

import numpy as np

from saxsolo.listening.horns import CONCERT, HORNS
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.charts.spelling import lead_symbol
from saxsolo.music.chord_symbols import chord_name, transpose_chord
from saxsolo.music.placed_chart import PlacedChart
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
    notes: list[Note],
    solo: np.ndarray,
    backing: np.ndarray,
    rate: int,
    grid: BeatGrid | None,
    placed: PlacedChart | None = None,
) -> str:
    """SVG, at least 36 pixels per second.

    Args:
        notes: of the solo.
        solo, backing: (n,) float32, mono, of equal length.
        rate: sampling rate in Hz.
        grid: beats, bars and chords; without it only notes and waveforms are drawn.
        placed: the chart that the grid is of, whose chords have their full names.
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
        f'aria-label="{escaped(described(notes, seconds, grid, placed))}">'
    )
    bars = [] if grid is None else _grid(grid, placed, seconds, x, CHORDS, CHORDS + roll)
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


def described(
    notes: list[Note], seconds: float, grid: BeatGrid | None, placed: PlacedChart | None = None
) -> str:
    """The picture in words, for a screen reader."""
    text = f"{len(notes)} notes in {seconds:.0f} seconds"
    if notes:
        low, high = (extreme(n.pitch for n in notes) for extreme in (min, max))
        text += f", from {_pitch_name(low)} to {_pitch_name(high)} (concert pitch)"
    if grid is None:
        return text + "; no beats detected in the backing."
    chords = ", ".join(name for _, name in chord_changes(grid, placed))
    text += f"; detected in the backing: {grid.tempo:.0f} beats per minute, "
    text += f"{grid.beats_per_bar} beats per bar, chords {chords}"
    return text + "."


def chord_changes(grid: BeatGrid, placed: PlacedChart | None = None) -> list[tuple[float, str]]:
    """Time in seconds and name of each new chord."""
    changes = [(time, _name(chord)) for time, chord in _changes(grid, placed)]
    return [(time, name) for time, name in changes if name]


def _changes(
    grid: BeatGrid, placed: PlacedChart | None
) -> list[tuple[float, tuple[int, int, str]]]:
    """Time in seconds of each new chord, its root, quality, and symbol where a chart has one."""
    symbols = [""] * len(grid.beats)
    if placed is not None and len(placed.index) == len(symbols):
        inside = zip(placed.index, placed.inside, strict=True)
        symbols = [placed.form.symbols[index] if there else "" for index, there in inside]
    changes: list[tuple[float, tuple[int, int, str]]] = []
    for beat, *chord in zip(grid.beats, grid.roots, grid.qualities, symbols, strict=True):
        named = int(chord[0]), int(chord[1]), str(chord[2])
        if not changes or changes[-1][1] != named:
            changes.append((float(beat), named))
    return changes


def _name(chord: tuple[int, int, str], up: int = 0) -> str:
    """As a lead sheet has it, so many semitones higher; empty for no chord."""
    root, quality, symbol = chord
    if root > 11:
        return ""
    if symbol:
        return lead_symbol(transpose_chord(symbol, up))
    return chord_name((root + up) % 12, quality)


def _written(chord: tuple[int, int, str], place: str) -> list[str]:
    """A chord for each horn, of which page.css shows one."""
    return [
        f'<text class="chord for-{name}" {place}>{escaped(_name(chord, horn.semitones))}</text>'
        for name, horn in HORNS.items()
    ]


def _grid(
    grid: BeatGrid,
    placed: PlacedChart | None,
    seconds: float,
    x: Position,
    top: int,
    bottom: int,
) -> list[str]:
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
    for time, chord in _changes(grid, placed):
        if time < seconds and _name(chord) and x(time) - last > NAMES_APART:
            parts += _written(chord, f'x="{x(time) + 2}" y="26"')
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
