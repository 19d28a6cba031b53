"""A backing as a musician reads it: beats in seconds, bars, and the chord on each beat.

It comes from what the ear hears, from frame labels, or from whoever knows the tune. Where no beat
is heard, seconds take the place of beats: two a second, in bars of four, without a metre's weight
on any of them. NumPy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .ear_decoding_saxsolo import HeardMusic
from .vocabulary_saxsolo import FRAME_RATE, IRREGULAR_BAR, NO_CHORD, NO_ROOT

#: beats a minute of the grid where none is heard
PLAIN_TEMPO = 120.0
#: a "beat" this many times longer than the median is a hole, and is filled with beats
LONGEST_BEAT = 1.75
#: names of the model's inputs that hold a lead sheet
SHEET_INPUTS = ("beat_times", "beat_places", "beat_chords")


@dataclass(frozen=True)
class LeadSheet:
    """Beats that cover a backing from its beginning to its end, and beyond if need be.

    Attributes:
        beats: (n,) seconds, rising, n >= 2.
        places: (n,) beat of the bar from 0. metres: (n,) beats in the bar, 0 = no metre.
        bars: (n,) bar of the section from 0, -1 = not known.
        roots: (n,) chord on each beat, 0 = C to 11, 12 = none.
        qualities: (n,) index into `QUALITY_NAMES`, 7 = none.
    """

    beats: np.ndarray
    places: np.ndarray
    metres: np.ndarray
    bars: np.ndarray
    roots: np.ndarray
    qualities: np.ndarray

    def __len__(self) -> int:
        return len(self.beats)

    def beat_at(self, seconds: np.ndarray | float) -> np.ndarray:
        """Places on the line of beats, 0 = the first; the tempo goes on beyond both ends."""
        beats, places = self._line
        return np.asarray(np.interp(seconds, beats, places))

    def seconds_at(self, place: np.ndarray | float) -> np.ndarray:
        """The inverse of `beat_at`."""
        beats, places = self._line
        return np.asarray(np.interp(place, places, beats))

    @cached_property
    def _line(self) -> tuple[np.ndarray, np.ndarray]:
        """Seconds of the beats, and of `_REACH` more on both sides at the tempo of the ends; and
        their places."""
        more = np.arange(1, _REACH + 1)
        first, last = self.beats[1] - self.beats[0], self.beats[-1] - self.beats[-2]
        before = self.beats[0] - more[::-1] * first
        beats = np.concatenate([before, self.beats, self.beats[-1] + more * last])
        return beats, np.arange(len(beats)) - _REACH

    def floating(self, time: float) -> LeadSheet:
        """The sheet of a player who does not keep to the beat: its beats drift to and fro, ahead of
        those of the band and behind them.

        The drift is a triangle wave over the beats, which spends the same time at every distance.
        At `time` 0 it reaches half a beat, so that every place within a beat is as likely as every
        other; its period is no multiple of a usual bar. What is played over this sheet keeps its
        own rhythm.

        Args:
            time: 0 = free of the beat, 1 and more = on it, the same sheet.
        """
        if time >= 1:
            return self
        places = np.arange(len(self))
        phase = (places / _DRIFT_BEATS + 0.25) % 1
        drift = 0.5 * (1 - time) ** 2 * (1 - 4 * np.abs(phase - 0.5))
        return replace(self, beats=self.seconds_at(places + drift))

    def inputs(self) -> dict[str, np.ndarray]:
        """As the model's inputs: beat_times (n,) float32 seconds, beat_places (n, 3) int64 (place,
        metre, bar of the section), beat_chords (n, 2) int64 (root, quality)."""
        places = np.stack([self.places, self.metres, self.bars], axis=-1)
        chords = np.stack([self.roots, self.qualities], axis=-1)
        values = (self.beats.astype(np.float32), places.astype(np.int64), chords.astype(np.int64))
        return dict(zip(SHEET_INPUTS, values, strict=True))

    def told(self, labels: np.ndarray) -> LeadSheet:
        """The same with what frame labels say in place of what was heard.

        Args:
            labels: (4, T): chord root, chord quality, beat phase, place in the bar; -100 = nothing
                told. Phases told anywhere replace all beats.
        """
        sheet = self
        if (labels[2] >= 0).any():
            sheet = sheet_of_labels(labels, sheet)
        frames = np.clip((sheet.beats * FRAME_RATE + 0.5).astype(int), 0, labels.shape[1] - 1)
        root, quality = labels[0, frames], labels[1, frames]
        known = (root >= 0) & (quality >= 0)
        return replace(
            sheet,
            roots=np.where(known, root, sheet.roots),
            qualities=np.where(known, quality, sheet.qualities),
        )


# beats from one slowest moment of a drift to the next
_DRIFT_BEATS = 13
# beats that are added before the first and after the last to go on beyond both ends
_REACH = 4096


def sheet_of_inputs(row: Mapping[str, np.ndarray]) -> LeadSheet:
    """The inverse of `LeadSheet.inputs` for one row, which may be padded: below 0 in the first
    column of beat_places there is no beat."""
    beats = np.asarray(row["beat_times"], dtype=np.float64)
    places, chords = np.asarray(row["beat_places"]), np.asarray(row["beat_chords"])
    kept = places[:, 0] >= 0
    if kept.sum() < 2:
        raise ValueError(f"a lead sheet of {int(kept.sum())} beats: give 2 or more.")
    sheet = LeadSheet(beats[kept], *places[kept].T, *chords[kept].T)
    if not (np.diff(sheet.beats) > 0).all():
        raise ValueError("beat_times must rise from beat to beat.")
    return sheet


def plain_sheet(seconds: float, tempo: float = PLAIN_TEMPO) -> LeadSheet:
    """Even beats from second 0 on, without metre and chords."""
    place = np.arange(max(4, int(np.ceil(seconds * tempo / 60)) + 1))
    none = np.zeros_like(place)
    return LeadSheet(place * 60 / tempo, place % 4, none, none - 1, none + NO_ROOT, none + NO_CHORD)


def sheet_of_music(music: HeardMusic, seconds: float) -> LeadSheet:
    """What the ear heard, with beats up to both ends of a backing of so many seconds."""
    if len(music.beats) < 3:
        plain = plain_sheet(seconds)
        return _with_chords(plain, music)
    sheet = LeadSheet(
        music.beats,
        music.places - 1,
        music.metres,
        np.full(len(music.beats), -1),
        np.full(len(music.beats), NO_ROOT),
        np.full(len(music.beats), NO_CHORD),
    )
    return _with_chords(covering(filled(sheet), seconds), music)


def sheet_of_labels(labels: np.ndarray, other: LeadSheet | None = None) -> LeadSheet:
    """Beats where the beat phase of frame labels (4, T) begins again, each right to 10 ms.

    Args:
        labels: as in `LeadSheet.told`.
        other: says how long a bar is where the labels do not; bars are as long as their places.
    """
    root, quality, phase, place = labels
    known = phase >= 0
    starts = known[1:] & known[:-1] & ((phase[1:] < phase[:-1]) | (place[1:] != place[:-1]))
    starts |= known[1:] & ~known[:-1] & (phase[1:] == 0)
    frames = np.flatnonzero(starts) + 1
    if known[0] and phase[0] == 0:
        frames = np.concatenate([[0], frames])
    seconds = labels.shape[1] / FRAME_RATE
    if len(frames) < 3:
        return other or plain_sheet(seconds)
    places = place[frames]
    metres = _metres(np.where((places >= 0) & (places < IRREGULAR_BAR), places, 0))
    named = (root[frames] >= 0) & (quality[frames] >= 0)
    sheet = LeadSheet(
        frames / FRAME_RATE,
        np.where((places >= 0) & (places < IRREGULAR_BAR), places, 0),
        np.where((places >= 0) & (places < IRREGULAR_BAR), metres, 0),
        np.full(len(frames), -1),
        np.where(named, root[frames], NO_ROOT),
        np.where(named, quality[frames], NO_CHORD),
    )
    return covering(filled(sheet), seconds)


def _metres(places: np.ndarray) -> np.ndarray:
    """(n,) places -> beats in the bar of each; the last bar is as long as most."""
    firsts = np.flatnonzero(places == 0)
    lengths = np.diff(firsts)
    usual = int(np.bincount(lengths).argmax()) if len(lengths) else int(places.max()) + 1
    metres = np.full(len(places), usual)
    for first, length in zip(firsts[:-1], lengths, strict=True):
        metres[first : first + length] = length
    return np.asarray(np.maximum(metres, places + 1))


def filled(sheet: LeadSheet) -> LeadSheet:
    """Holes between beats filled with beats of about the median length."""
    gaps = np.diff(sheet.beats)
    usual = float(np.median(gaps))
    counts = np.where(gaps > LONGEST_BEAT * usual, np.round(gaps / usual), 1).astype(int)
    if (counts == 1).all():
        return sheet
    index = np.repeat(np.arange(len(gaps)), counts)
    step = np.concatenate([np.arange(count) for count in counts])
    beats = sheet.beats[index] + gaps[index] * step / counts[index]
    index, step = np.append(index, len(gaps)), np.append(step, 0)
    metres = np.maximum(sheet.metres[index], 1)
    return LeadSheet(
        np.append(beats, sheet.beats[-1]),
        (sheet.places[index] + step) % metres,
        sheet.metres[index],
        np.where(step == 0, sheet.bars[index], -1),
        sheet.roots[index],
        sheet.qualities[index],
    )


def covering(sheet: LeadSheet, seconds: float) -> LeadSheet:
    """With more beats before the first and after the last, so that 0 to `seconds` lie inside."""
    first, last = np.median(np.diff(sheet.beats[:9])), np.median(np.diff(sheet.beats[-9:]))
    before = max(0, int(np.ceil(sheet.beats[0] / first)))
    after = max(0, int(np.ceil((seconds - sheet.beats[-1]) / last)))
    early, late = np.arange(-before, 0), np.arange(1, after + 1)
    start, end = max(1, int(sheet.metres[0])), max(1, int(sheet.metres[-1]))

    def edges(values: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [np.repeat(values[:1], before), values, np.repeat(values[-1:], after)]
        )

    return LeadSheet(
        np.concatenate(
            [sheet.beats[0] + early * first, sheet.beats, sheet.beats[-1] + late * last]
        ),
        np.concatenate(
            [(sheet.places[0] + early) % start, sheet.places, (sheet.places[-1] + late) % end]
        ),
        edges(sheet.metres),
        np.concatenate([np.full(before, -1), sheet.bars, np.full(after, -1)]),
        edges(sheet.roots),
        edges(sheet.qualities),
    )


def _with_chords(sheet: LeadSheet, music: HeardMusic) -> LeadSheet:
    """The chord that was heard on each beat."""
    if not music.chords:
        return sheet
    starts = np.array([chord.start for chord in music.chords])
    # a frame later, since beats are smoothed and chords are not
    index = np.searchsorted(starts, sheet.beats + 1 / FRAME_RATE, side="right") - 1
    roots = np.array([NO_ROOT if chord.root is None else chord.root for chord in music.chords])
    qualities = np.array([chord.quality for chord in music.chords])
    index = np.clip(index, 0, len(starts) - 1)
    return replace(sheet, roots=roots[index], qualities=qualities[index])
