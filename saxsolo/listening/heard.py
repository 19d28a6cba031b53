"""What is heard in a track, with the names a musician uses; `saxsolo.listen` gives it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from modeling_saxsolo.chord_search_saxsolo import HeardChord
from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from modeling_saxsolo.vocabulary_saxsolo import NO_CHORD, NO_ROOT
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chord_symbols import chord_name
from saxsolo.music.key import Key, estimate_key
from saxsolo.music.metre import BeatUnit, beat_unit, signature


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        start, end: seconds.
        beats: how many.
        chords: (beat of the bar from 0, chord), the first at beat 0; empty where none sounds.
    """

    start: float
    end: float
    beats: int
    chords: tuple[tuple[int, HeardChord], ...]


@dataclass(frozen=True)
class Listening:
    """What was heard in a track.

    Attributes:
        name: of the track.
        seconds: its length.
        music: beats, places in the bar, chords and tuning, each with a confidence.
    """

    name: str
    seconds: float
    music: HeardMusic

    @cached_property
    def key(self) -> Key | None:
        """The key that the chords speak for; None where none was heard."""
        chords = self.music.chords
        return estimate_key(
            (chord.root, chord.quality, chord.end - chord.start) for chord in chords
        )

    @property
    def tempo(self) -> float | None:
        """Beats a minute, the median; None where no beat was heard."""
        return self.music.tempo

    @cached_property
    def tempo_spread(self) -> float | None:
        """How steady the tempo is: half the range of the middle 80 % of beats, as a share of the
        median. 0.01 is a drum machine or a click, 0.05 a band that breathes."""
        if len(self.music.beats) < 3:
            return None
        lengths = np.diff(self.music.beats)
        low, high = np.quantile(lengths, [0.1, 0.9])
        return float((high - low) / 2 / np.median(lengths))

    @property
    def metre(self) -> str | None:
        """As a time signature, "4/4"; None where no beat was heard.

        The ear counts what a foot taps: dotted quarters in 6/8, two a bar, and in 12/8, four;
        eighths in 7/8.
        """
        beats = self.music.metre
        if beats is None:
            return None
        above, below = signature(beats, self.unit)
        return f"{above}/{below}"

    @property
    def unit(self) -> BeatUnit:
        """The note value of a beat."""
        return beat_unit(self.music.metre or 0, self.music.thirds)

    @property
    def metre_confidence(self) -> float | None:
        """How sure the time signature is, 0 to 1; None where no beat was heard.

        The chance of as many beats in a bar, times that of their division in two or three.
        """
        return metre_confidence(self.music)

    @cached_property
    def beat_confidence(self) -> float | None:
        """Mean confidence of the beats, 0 to 1."""
        sure = self.music.beat_confidence
        return float(np.mean(sure)) if len(sure) else None

    @cached_property
    def bars(self) -> list[Bar]:
        """Whole and broken bars from the first beat on, each with its chords."""
        beats, places = self.music.beats, self.music.places
        if len(beats) < 2:
            return []
        edges = [*np.flatnonzero((places == 1) | (np.arange(len(places)) == 0)), len(beats)]
        ends = np.append(beats, 2 * beats[-1] - beats[-2])
        bars = []
        for first, last in zip(edges, edges[1:], strict=False):
            inside = beats[first:last]
            bars.append(Bar(float(beats[first]), float(ends[last]), len(inside), self._in(inside)))
        return bars

    def _in(self, beats: np.ndarray) -> tuple[tuple[int, HeardChord], ...]:
        """The chords of a bar with these beats."""
        chords: list[tuple[int, HeardChord]] = []
        for number, beat in enumerate(beats):
            chord = self.chord_at(float(beat) + 0.02)
            if chord is not None and (not chords or chords[-1][1] != chord):
                chords.append((number, chord))
        return tuple(chords)

    def chord_at(self, second: float) -> HeardChord | None:
        """What sounds at a moment; None outside the track."""
        return chord_at(self.music, second)

    def transposed(self, semitones: int) -> Listening:
        """The same with chords and key that many semitones higher, as a horn reads them."""
        chords = [
            chord if chord.root is None else replace(chord, root=(chord.root + semitones) % 12)
            for chord in self.music.chords
        ]
        return replace(self, music=replace(self.music, chords=chords))

    def grid(self) -> BeatGrid | None:
        """The same as a beat grid, which MIDI, lead sheet and picture are drawn over."""
        return grid_of(self.music)


def chord_at(music: HeardMusic, second: float) -> HeardChord | None:
    """What sounds at a moment; None outside the track."""
    for chord in music.chords:
        if chord.start <= second < chord.end:
            return chord
    return None


def metre_confidence(music: HeardMusic) -> float | None:
    """How sure the time signature is, see `Listening.metre_confidence`."""
    if music.metre is None:
        return None
    return music.metre_confidence * max(music.thirds, 1 - music.thirds)


def grid_of(music: HeardMusic) -> BeatGrid | None:
    """Beats, bars and the chord on each beat; None with less than three beats."""
    if len(music.beats) < 3 or music.metre is None:
        return None
    roots, qualities = [], []
    for beat in music.beats:
        chord = chord_at(music, float(beat) + 0.02)
        known = chord is not None and chord.root is not None
        roots.append(chord.root if known and chord is not None else NO_ROOT)
        qualities.append(chord.quality if known and chord is not None else NO_CHORD)
    return BeatGrid(
        music.beats,
        music.places - 1,
        music.metre,
        np.array(roots),
        np.array(qualities),
        beat_unit(music.metre, music.thirds),
    )


def symbol(chord: HeardChord) -> str:
    """As a lead sheet has it: "Ebm7", "N.C." for no chord."""
    return "N.C." if chord.root is None else chord_name(chord.root, chord.quality)
