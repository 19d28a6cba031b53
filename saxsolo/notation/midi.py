"""A solo as a MIDI file: its notes, with their intonation as pitch bends, on the backing's beats.

mido writes the bytes. Times stay those of the sound: the tempo map follows the beats, so bar lines
fall where the band's do, and no note moves by more than half a tick (0.5 ms). The bars are those of
the lead sheet.
"""

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from saxsolo.atomic import replacing
from saxsolo.audio.pitch import HOP_SECONDS, SURE, PitchTrack
from saxsolo.errors import AudioError
from saxsolo.music.bars import Bars
from saxsolo.music.metre import signature
from saxsolo.music.score import Note

from .midi_articulations import articulation_events, articulations_of

TICKS = 960
PLAIN_TEMPO = 120.0
# General MIDI programs, counted from 0
PROGRAMS = {"soprano": 64, "alto": 65, "tenor": 66, "baritone": 67}
# how far the wheel bends either way, in semitones: what receivers assume when they are told nothing
BEND_RANGE = 2.0
# a smaller change is not sent, in semitones
BEND_STEP = 0.05
# a pitch further off is another note or the tracker's mistake
FARTHEST = 1.5
FEWEST_FRAMES = 3
# dB from the loudest note down to where velocity no longer falls, and the velocities there
QUIETEST_DB, SOFTEST, LOUDEST = -24.0, 40, 115


@dataclass(frozen=True)
class Bend:
    """From `time` (seconds) on the pitch is `semitones` above that of the sounding note."""

    time: float
    semitones: float


def bends_of(notes: Sequence[Note], track: PitchTrack) -> list[Bend]:
    """Where the sound leaves the written pitch: vibrato, scoops, falls, tuning.

    The pitch of each note's frames, octave errors folded, a median over three frames; nothing where
    the tracker is not sure or hears another note. Every note begins with its own bend.

    Args:
        notes: in order, not overlapping.
        track: of the same sound.
    """
    bends = []
    for note in notes:
        last = 0.0  # the wheel is back at rest at the end of each note
        first = int(np.ceil(note.onset / HOP_SECONDS))
        frames = np.arange(first, min(len(track.hertz), _frames_before(note.onset + note.duration)))
        sure = frames[track.confidence[frames] >= SURE]
        off = 69 + 12 * np.log2(np.maximum(track.hertz[sure], 1.0) / 440) - note.pitch
        off = (off + 6) % 12 - 6
        sure, off = sure[np.abs(off) <= FARTHEST], off[np.abs(off) <= FARTHEST]
        if len(sure) < FEWEST_FRAMES:
            continue
        padded = np.pad(off, 1, mode="edge")
        off = np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)
        for place, (frame, value) in enumerate(zip(sure, off, strict=True)):
            if abs(value - last) >= BEND_STEP or (place == 0 and value != last):
                last = float(value)
                bends.append(Bend(note.onset if place == 0 else float(frame * HOP_SECONDS), last))
    return bends


def with_loudness(notes: Sequence[Note], track: PitchTrack) -> list[Note]:
    """The notes, each as loud as its loudest frame: 1 for the solo's loudest, 0 from -24 dB down.

    Args:
        notes: in order.
        track: of the same sound.
    """
    peaks = []
    for note in notes:
        first = int(note.onset / HOP_SECONDS)
        level = track.level[first : max(first + 1, _frames_before(note.onset + note.duration))]
        peaks.append(float(level.max()) if len(level) else -np.inf)
    top = max(peaks, default=0.0)
    return [
        replace(n, loudness=float(np.clip(1 - (peak - top) / QUIETEST_DB, 0, 1)))
        for n, peak in zip(notes, peaks, strict=True)
    ]


def write_midi(
    path: str | os.PathLike[str],
    notes: Sequence[Note],
    *,
    bends: Sequence[Bend] = (),
    bars: Bars | None = None,
    instrument: str = "tenor",
    markers: Sequence[tuple[float, str]] = (),
) -> Path:
    """Writes a solo as a MIDI file of one track, all or nothing; needs mido.

    Args:
        path: the file; an earlier one is replaced.
        notes: at concert pitch; loudness 0..1 becomes velocity 40..115. How they are played is
            written as `midi_articulations` says.
        bends: as `bends_of` gives them; the wheel's range is set to two semitones. Outside notes
            the wheel rests.
        bars: the backing's, which tempo and time signatures follow; without them 120 beats a
            minute.
        instrument: which saxophone.
        markers: (second, text), such as sections and chords.

    Raises:
        OutputError: when it cannot be written.
    """
    import mido

    clock = _Clock(bars)
    # at one tick: tempo and signature, notes that end, the wheel, notes that begin
    events: list[tuple[int, int, Any]] = []
    for tick, tempo in clock.tempi:
        events.append((tick, 0, mido.MetaMessage("set_tempo", tempo=tempo)))
    events.append((0, 0, mido.MetaMessage("track_name", name=f"{instrument} saxophone")))
    events += [(tick, 0, message) for tick, message in _signatures(bars)]
    events.append((0, 0, mido.Message("program_change", program=PROGRAMS[instrument])))
    if bends:
        coarse = int(BEND_RANGE)
        for control, value in ((101, 0), (100, 0), (6, coarse), (38, 0), (101, 127), (100, 127)):
            events.append((0, 0, mido.Message("control_change", control=control, value=value)))
    for second, text in markers:
        # a MIDI text holds Latin letters alone
        plain = text.encode("latin-1", "replace").decode("latin-1")
        events.append((clock.tick(second), 0, mido.MetaMessage("marker", text=plain)))
    spans = []
    for note in notes:
        start = clock.tick(note.onset)
        end = max(start + 1, clock.tick(note.onset + note.duration))
        spans.append((start, end))
        velocity = round(SOFTEST + (LOUDEST - SOFTEST) * min(max(note.loudness, 0.0), 1.0))
        events.append((start, 3, mido.Message("note_on", note=note.pitch, velocity=velocity)))
        events.append((end, 1, mido.Message("note_off", note=note.pitch)))
    events += [(tick, 2, message) for tick, message in articulation_events(notes, spans)]
    for tick, wheel in _wheel(spans, [(clock.tick(b.time), _wheel_of(b)) for b in bends]):
        events.append((tick, 2, mido.Message("pitchwheel", pitch=wheel)))
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS)
    track = mido.MidiTrack()
    file.tracks.append(track)
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, clock.end - now)))
    path = Path(path)
    with replacing(path) as (partial,):
        file.save(str(partial))
    return path


def _wheel_of(bend: Bend) -> int:
    return min(round(8192 * min(max(bend.semitones / BEND_RANGE, -1.0), 1.0)), 8191)


def _wheel(
    spans: Sequence[tuple[int, int]], bends: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """(tick, wheel) wherever it moves: within notes as told, at rest at the end of each.

    Args:
        spans: first tick of each note, and the tick at which it ends, in order.
        bends: (tick, wheel), in order.
    """
    told = dict(bends)
    ticks = sorted(told)
    positions: dict[int, int] = {}
    for start, end in spans:
        inside = ticks[bisect_left(ticks, start) : bisect_left(ticks, end)]
        positions |= {start: 0} | {tick: told[tick] for tick in inside} | {end: 0}
    moves, last = [], 0
    for tick in sorted(positions):
        if positions[tick] != last:
            last = positions[tick]
            moves.append((tick, last))
    return moves


def _signatures(bars: Bars | None) -> Iterator[tuple[int, Any]]:
    """(tick, time signature) wherever it changes; clicks come on the beats."""
    import mido

    if bars is None:
        yield 0, mido.MetaMessage("time_signature", numerator=4, denominator=4)
        return
    last = 0
    for start, beats in zip(bars.starts, bars.lengths, strict=True):
        if beats != last:
            above, below = signature(beats, bars.unit)
            click = int(24 * bars.unit.quarters)
            yield (
                round(TICKS * bars.unit.quarters * start),
                mido.MetaMessage(
                    "time_signature", numerator=above, denominator=below, clocks_per_click=click
                ),
            )
            last = beats


def read_midi(path: str | os.PathLike[str]) -> list[Note]:
    """The notes of a MIDI file in the order of their onsets, all tracks and channels together.

    Raises:
        AudioError: for no MIDI file.
    """
    import mido

    try:
        file = mido.MidiFile(str(path))
        now, notes = 0.0, []
        told: tuple[float, tuple[str, ...]] = (-1.0, ())
        sounding: dict[tuple[int, int], Any] = {}
        for message in file:
            now += message.time
            if message.type == "text":
                told = now, articulations_of(message.text)
            if message.type not in ("note_on", "note_off"):
                continue
            key = (message.channel, message.note)
            if key in sounding:
                onset, velocity, played = sounding.pop(key)
                loudness = min(max((velocity - SOFTEST) / (LOUDEST - SOFTEST), 0.0), 1.0)
                notes.append(Note(onset, now - onset, message.note, loudness, articulations=played))
            if message.type == "note_on" and message.velocity:
                sounding[key] = (now, message.velocity, told[1] if told[0] == now else ())
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        reason = str(error) or "it breaks off"
        raise AudioError(f"{path} is not a MIDI file: {reason}") from error
    return sorted(notes, key=lambda note: (note.onset, note.pitch))


class _Clock:
    """Seconds to ticks; after the last beat the tempo goes on."""

    def __init__(self, bars: Bars | None):
        times = np.array([0.0, 60 / PLAIN_TEMPO]) if bars is None else bars.beats
        quarters = 1.0 if bars is None else float(bars.unit.quarters)
        self._ticks = np.round(TICKS * quarters * np.arange(len(times))).astype(int)
        self.end = 0 if bars is None else int(self._ticks[-1])
        tempi = np.maximum(np.round(1e6 * np.diff(times) / quarters).astype(int), 1)
        # three bytes hold a tempo: no quarter lasts longer than 16.8 s
        tempi = np.minimum(tempi, 2**24 - 1)
        self.tempi = [
            (int(self._ticks[place]), int(tempo))
            for place, tempo in enumerate(tempi)
            if place == 0 or tempo != tempi[place - 1]
        ]
        # what a reader will make of the rounded tempi
        self._beats = np.concatenate([[0.0], np.cumsum(tempi * quarters / 1e6)])

    def tick(self, seconds: float) -> int:
        """The tick nearest to a time in seconds."""
        beyond = seconds - self._beats[-1]
        if beyond > 0:
            rate = (self._ticks[-1] - self._ticks[-2]) / (self._beats[-1] - self._beats[-2])
            return round(float(self._ticks[-1] + rate * beyond))
        return round(float(np.interp(seconds, self._beats, self._ticks)))


def _frames_before(seconds: float) -> int:
    return int(np.ceil(seconds / HOP_SECONDS))
