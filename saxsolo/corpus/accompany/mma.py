"""A second arranger, for validation alone: Musical MIDI Accompaniment (MMA, Bob van der Poel).

`mma` (GPL-2, Debian package `mma`) runs as a program of its own and turns a chart into a MIDI file.
Its bass, its drums and what piano, guitar or organ play of its chords are rendered with a sound
font or sampled instruments that training never hears, on tunes that training never plays.
"""

from __future__ import annotations

import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from saxsolo.corpus.render.bar_plan import Stroke
from saxsolo.music.chord_symbols import parse_chord

from .charts import BarChords, Chart

TICKS = 192  # of MMA's beat


class MmaError(OSError):
    """The program is missing or refuses a chart."""


# groove -> metre, MMA's beats in one of ours, tempo range in our beats a minute
GROOVES = {
    "Swing": ("4/4", 1, (110, 240)), "Swing1": ("4/4", 1, (110, 220)),
    "SwingWalk": ("4/4", 1, (120, 250)), "EasySwing": ("4/4", 1, (90, 170)),
    "FastSwing": ("4/4", 1, (180, 280)), "Bebop": ("4/4", 1, (140, 280)),
    "ModernJazz": ("4/4", 1, (90, 220)), "ModernJazz1": ("4/4", 1, (90, 220)),
    "JazzCombo": ("4/4", 1, (100, 220)), "JazzGuitarWalk": ("4/4", 1, (100, 200)),
    "MellowJazz": ("4/4", 1, (80, 150)), "NiteJazz": ("4/4", 1, (70, 140)),
    "SlowJazz": ("4/4", 1, (60, 100)), "Evansish": ("4/4", 1, (80, 170)),
    "BossaNova": ("4/4", 1, (100, 170)), "Samba": ("4/4", 1, (150, 230)),
    "JazzWaltz": ("3/4", 1, (100, 200)), "ModernJazzWaltz": ("3/4", 1, (90, 200)),
    "FastJazzWaltz": ("3/4", 1, (150, 240)), "Ballad": ("4/4", 1, (60, 90)),
    "PianoBallad": ("4/4", 1, (60, 90)), "BVFunk": ("4/4", 1, (80, 120)),
    "JazzRock": ("4/4", 1, (90, 150)), "Jazz54": ("5/4", 1, (110, 190)),
    "SlowBlues": ("4/4", 1, (55, 90)), "68Swing": ("6/8", 3, (60, 110)),
    "Mambo": ("4/4", 1, (140, 210)), "LatinWaltz": ("3/4", 1, (100, 180)),
}  # fmt: skip
_QUALITIES = {
    "": "", "6": "6", "69": "6(add9)", "j7": "M7", "j79": "M9", "j711#": "M7#11", "9": "(add9)",
    "j7911#": "M9#11", "j713": "M13", "-": "m", "-6": "m6", "-69": "m6(add9)", "-7": "m7",
    "-79": "m9", "-711": "m11", "-713": "m13", "-j7": "mM7", "-j79": "mM7(add9)", "m7b5": "m7b5",
    "o": "mb5", "o7": "dim7", "+": "aug", "+7": "aug7", "+j7": "M7#5", "+79": "9#5",
    "+79b": "aug7b9", "+79#": "aug7#9", "sus": "sus4", "sus7": "7sus", "sus79": "sus9",
    "sus79b": "7susb9", "sus713": "13sus", "7": "7", "79": "9", "79b": "7b9", "79#": "7#9",
    "711#": "7#11", "7911#": "9#11", "713": "13", "7913": "13", "713b": "7b13", "79b13": "13b9",
    "79b11#": "7b9#11", "71113": "13", "71311#": "13#11", "711#13": "13#11",
}  # fmt: skip
# General MIDI families of chord instruments that stay: pianos, vibraphone, organs, guitars
_CHORD_PROGRAMS = (*range(0, 8), 11, *range(16, 24), *range(24, 32))


@dataclass(frozen=True)
class Arrangement:
    """What MMA plays: strokes in seconds by player, and the programs of the pitched ones."""

    bass: list[Stroke]
    chords: list[Stroke]
    drums: list[Stroke]
    programs: dict[str, int]


def mma_symbol(symbol: str) -> str | None:
    """A chord symbol in MMA's spelling, or None where it has none."""
    symbol, slash, bass = symbol.partition("/")
    root = symbol[:2] if symbol[1:2] in ("b", "#") else symbol[:1]
    quality = _QUALITIES.get(symbol[len(root) :])
    return None if quality is None else root + quality + slash + bass


def playable(chart: Chart) -> bool:
    """Whether MMA can spell every chord, and every chord falls on a beat."""
    return all(
        beats == int(beats) and mma_symbol(symbol) is not None
        for bar in chart.bars
        for symbol, beats in bar
    )


def arrange(bars: Sequence[BarChords], groove: str, tempo: float, seed: int) -> Arrangement:
    """Run `mma` on bars of (symbol, beats). `tempo`: our beats a minute.

    Raises MmaError where the program is absent or refuses the chart.
    """
    _, ratio, _ = GROOVES[groove]
    lines = [f"RndSeed {seed % 100000}", f"Tempo {tempo * ratio:.4f}", f"Groove {groove}"]
    lines += [f"{number} {_line(bar, ratio)}" for number, bar in enumerate(bars, start=1)]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "chart.mma", Path(folder) / "chart.mid"
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            done = subprocess.run(
                ["mma", "-f", str(target), str(source)], capture_output=True, text=True, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MmaError(f"cannot run mma ({error}): install the Debian package mma") from error
        if done.returncode or not target.is_file():
            message = " ".join((done.stdout + done.stderr).split())[-300:]
            raise MmaError(f"mma refuses the chart for groove {groove}: {message}")
        return _read(mido.MidiFile(target), tempo * ratio)


def _line(bar: BarChords, ratio: int) -> str:
    words = []
    for symbol, beats in bar:
        words += [str(mma_symbol(symbol))] + ["/"] * (int(beats) * ratio - 1)
    return " ".join(words)


def _read(file: mido.MidiFile, tempo: float) -> Arrangement:
    """Strokes of bass, chords and drums; other tracks of the groove are left out."""
    second = 60.0 / tempo / file.ticks_per_beat
    players: dict[str, list[Stroke]] = {"bass": [], "chords": [], "drums": []}
    programs = {"bass": 32, "chords": 0}
    for track in file.tracks:
        name, program, channel = "", 0, None
        place = 0
        held: dict[int, tuple[int, int]] = {}
        strokes: list[Stroke] = []
        for message in track:
            place += message.time
            if message.type == "track_name":
                name = message.name.casefold()
            elif message.type == "program_change":
                program = message.program
            elif message.type in ("note_on", "note_off"):
                channel = message.channel
                key = message.note
                if key in held:
                    start, velocity = held.pop(key)
                    strokes.append(Stroke(start * second, (place - start) * second, key, velocity))
                if message.type == "note_on" and message.velocity:
                    held[key] = place, message.velocity
        if not strokes:
            continue
        if channel == 9:
            players["drums"] += strokes
        elif name.startswith(("bass", "walk")):
            players["bass"] += strokes
            programs["bass"] = program if 32 <= program <= 39 else 32
        elif name.startswith(("chord", "arpeggio", "plectrum")):
            if not players["chords"]:
                # harps, strings and synthesisers of a groove become a piano
                programs["chords"] = program if program in _CHORD_PROGRAMS else 0
            players["chords"] += strokes
    return Arrangement(
        sorted(players["bass"]), sorted(players["chords"]), sorted(players["drums"]), programs
    )


def bass_agreement(
    arrangement: Arrangement, bars: Sequence[BarChords], size: int, tempo: float
) -> float:
    """The share of bass notes that are tones (or the slash bass) of the chord in force.

    A check of the truth: high where chart and MIDI agree (passing notes count against it), about a
    third where they do not. `size`: beats a bar; `tempo`: beats a minute.
    """
    starts, chords = [], []
    place = 0.0
    for bar in bars:
        for symbol, beats in bar:
            starts.append(place * 60.0 / tempo)
            chords.append(parse_chord(symbol))
            place += beats
    hits = []
    for stroke in arrangement.bass:
        # what falls just before a chord belongs to it
        chord = chords[max(0, bisect_right(starts, stroke.time + 0.06) - 1)]
        hits.append(stroke.key % 12 in chord.tones or stroke.key % 12 == chord.bass)
    return float(np.mean(hits)) if hits else 0.0
