"""The score: a solo's notes, and the beats and chords of its rhythm section; times in seconds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace

from modeling_saxsolo.vocabulary_saxsolo import FEELS, INSTRUMENTS, TEMPO_CLASSES, TEMPO_LIMITS

from .chord_symbols import transpose_chord

DEFAULT_TEMPO = 120.0


class ScoreError(ValueError):
    """A score that cannot be used: data missing, out of order or out of range."""


@dataclass(frozen=True)
class Note:
    """One note of the solo: `pitch` is a MIDI number, `loudness` lies in [0, 1]; `written` is the
    onset as the metre has it, a swung eighth even, in seconds, None where nobody says;
    `articulations` says how it is played, names of `vocabulary_saxsolo.ARTICULATIONS`."""

    onset: float
    duration: float
    pitch: int
    loudness: float
    written: float | None = None
    articulations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beat:
    """One beat: `beat` counts from 1, `chord` is a Weimar symbol, `bass` a MIDI pitch or None,
    `section_bar` the bar of its section of the form from 0, -1 where the form is not known."""

    onset: float
    bar: int
    beat: int
    beats_per_bar: int
    chord: str
    bass: int | None
    section_bar: int = -1


@dataclass(frozen=True)
class Score:
    """A solo over its rhythm section. Notes and beats are sorted by onset; `notes` may be empty."""

    id: str
    performer: str
    title: str
    instrument: str
    style: str
    feel: str
    notes: tuple[Note, ...]
    beats: tuple[Beat, ...]
    source: str
    licence: str
    attribution: str

    def __post_init__(self) -> None:
        if self.instrument not in INSTRUMENTS:
            raise ScoreError(
                f"{self.id}: instrument {self.instrument!r} is not one of {INSTRUMENTS}"
            )
        if self.feel not in FEELS:
            raise ScoreError(f"{self.id}: feel {self.feel!r} is not one of {FEELS}")
        timed: dict[str, tuple[Note | Beat, ...]] = {"notes": self.notes, "beats": self.beats}
        for name, events in timed.items():
            for before, after in zip(events, events[1:], strict=False):
                if after.onset < before.onset:
                    raise ScoreError(
                        f"{self.id}: {name} are not sorted: {after.onset:.3f} s follows "
                        f"{before.onset:.3f} s; sort them by onset"
                    )

    @property
    def duration(self) -> float:
        """Seconds from 0 to one second after the last note or beat has ended or begun."""
        ends = [note.onset + note.duration for note in self.notes[-8:]]
        ends += [beat.onset for beat in self.beats[-1:]]
        return max(ends, default=0.0) + 1.0

    @property
    def tempo(self) -> float:
        """Median tempo in beats (quarter notes) a minute; 120 with fewer than two beats."""
        gaps = [b.onset - a.onset for a, b in zip(self.beats, self.beats[1:], strict=False)]
        median = statistics.median(gaps) if gaps else 0.0
        return 60.0 / median if median > 0 else DEFAULT_TEMPO

    def transpose(self, semitones: int) -> Score:
        """The same score `semitones` higher: notes, bass and chord names."""
        if semitones == 0:
            return self
        notes = tuple(replace(note, pitch=note.pitch + semitones) for note in self.notes)
        beats = tuple(
            replace(
                beat,
                chord=transpose_chord(beat.chord, semitones),
                bass=None if beat.bass is None else beat.bass + semitones,
            )
            for beat in self.beats
        )
        return replace(self, notes=notes, beats=beats)

    def scale_tempo(self, factor: float) -> Score:
        """The same score at `factor` times the tempo (1.1 = faster). Raises `ScoreError` for
        factors that are not positive."""
        if not factor > 0:
            raise ScoreError(f"tempo factor {factor} is not positive")
        notes = tuple(
            replace(
                note,
                onset=note.onset / factor,
                duration=note.duration / factor,
                written=None if note.written is None else note.written / factor,
            )
            for note in self.notes
        )
        beats = tuple(replace(beat, onset=beat.onset / factor) for beat in self.beats)
        return replace(self, notes=notes, beats=beats)

    def excerpt(self, start: float, end: float) -> Score:
        """What begins in [start, end) seconds, with `start` at 0 and notes cut at `end`."""
        notes = tuple(
            replace(
                note,
                onset=note.onset - start,
                duration=min(note.duration, end - note.onset),
                written=None if note.written is None else note.written - start,
            )
            for note in self.notes
            if start <= note.onset < end
        )
        beats = tuple(
            replace(beat, onset=beat.onset - start)
            for beat in self.beats
            if start <= beat.onset < end
        )
        return replace(self, notes=notes, beats=beats)


def tempo_class(tempo: float) -> str:
    """The name of a tempo in quarter notes a minute: slow < 90, medium < 140, medium-up < 190,
    up < 240, very-up."""
    return TEMPO_CLASSES[sum(tempo >= limit for limit in TEMPO_LIMITS)]
