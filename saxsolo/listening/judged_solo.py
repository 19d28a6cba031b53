"""A solo and its backing from files to a judgement, and its picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.audio.files import open_sound
from saxsolo.errors import AudioError, SettingError
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chart_alignment import align
from saxsolo.music.charts.chart import Chart, ChartError
from saxsolo.music.charts.midi import read_midi_track
from saxsolo.music.placed_chart import PlacedChart, place_by_tempo
from saxsolo.music.score import Note
from saxsolo.weights.loading import Weights, load_ear

from .heard import grid_of
from .judging import Judgement, judge, masters
from .track import decoded, hear_track

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIDI_SUFFIXES = (".mid", ".midi", ".smf", ".kar")
# no saxophone sounds lower (a baritone's low A); what the tracker finds below is hum and hiss
LOWEST_PITCH = 36
# seconds: the tracker takes the beginning of a note for one an octave off that lasts no longer
SPLINTER, SPLINTER_GAP = 0.1, 0.02
# seconds by which a solo may outlast its backing without a word
RINGING = 2.0


@dataclass(frozen=True)
class JudgedSolo:
    """A solo, what it was played over, and what was found.

    Attributes:
        notes: in order. grid: beats and chords. placed: the chart, None where none was given.
        remarks: what was left out, a sentence each.
    """

    notes: list[Note]
    grid: BeatGrid
    placed: PlacedChart | None
    judgement: Judgement
    remarks: tuple[str, ...] = ()


def judge_solo(
    solo: Path,
    backing: Path,
    chart: Chart | None = None,
    *,
    first_bar: float | None = None,
    tempo: float | None = None,
    ear: Weights | None = None,
    shift: float = 0.0,
) -> JudgedSolo:
    """Judges a solo that was recorded over a backing; both begin at the same moment.

    Args:
        solo: a sound with the horn alone, or MIDI with one voice.
        backing: the sound that it was played over.
        chart: its changes; what the ear hears when None.
        first_bar, tempo: where the chart begins and how fast it goes, where that is known.
        ear: what `load_ear` gave.
        shift: seconds by which the solo is moved later against the backing; below 0 earlier.

    Raises:
        SaxsoloError: AudioError, ChartError or SettingError; one line each.
    """
    notes = [replace(note, onset=note.onset + shift) for note in solo_notes(solo)]
    if not notes:
        raise AudioError(f"no notes are heard in {solo.name}")
    placed = None
    if chart is not None and first_bar is not None and tempo is not None:
        end = notes[-1].onset + notes[-1].duration
        placed = place_by_tempo(chart, first_bar, tempo, max(end, open_sound(backing).seconds))
        grid: BeatGrid | None = placed.grid()
    else:
        model = (ear or load_ear(device="cpu")).model
        posteriors, cents = hear_track(open_sound(backing), model)
        music = decoded(model, posteriors, cents)
        if chart is not None:
            arrays = {name: values.numpy() for name, values in posteriors.items()}
            placed = align(chart, arrays, music, first_bar=first_bar, tempo=tempo)
        grid = placed.grid() if placed is not None else grid_of(music)
    if grid is None:
        raise SettingError(
            f"no beats are heard in {backing.name}; give the chart, its first bar and its tempo"
        )
    symbols = placed.symbols if placed is not None else ()
    remarks = _left_out(notes, grid, open_sound(backing).seconds)
    if placed is not None and placed.agreement is not None:
        remarks += (f"the ear hears the chart in {placed.agreement:.0%} of the time",)
    return JudgedSolo(notes, grid, placed, judge(notes, grid, symbols), remarks)


def _left_out(notes: list[Note], grid: BeatGrid, seconds: float) -> tuple[str, ...]:
    """What has no beat under it is not judged; where that is much, it is said."""
    last = float(2 * grid.beats[-1] - grid.beats[-2])
    after = sum(note.onset >= last for note in notes)
    before = sum(note.onset < grid.beats[0] - 0.03 for note in notes)
    end = notes[-1].onset + notes[-1].duration
    remarks = []
    if end > seconds + RINGING:
        remarks.append(f"the solo lasts {end:.1f} s, the backing only {seconds:.1f} s")
    if after:
        remarks.append(f"{after} notes after the last beat, at {last:.1f} s, are not described")
    if before:
        remarks.append(
            f"{before} notes before the first beat, at {grid.beats[0]:.1f} s, are not described"
        )
    return tuple(remarks)


def solo_notes(path: Path) -> list[Note]:
    """The notes of a solo: of a MIDI file as they stand, of a sound by the pitch tracker.

    Raises:
        AudioError: for a sound that cannot be read. ChartError: for a broken MIDI file.
        SettingError: where mido or swift-f0 is not installed.
    """
    if path.suffix.lower() in MIDI_SUFFIXES:
        try:
            track = read_midi_track(path.read_bytes())
        except OSError as error:
            raise AudioError(f"{path} cannot be read: {error.strerror}") from error
        except ChartError as error:
            raise ChartError(f"{path.name}: {error}") from None
        return _one_voice(
            [
                Note(float(track.at(a)), float(track.at(b) - track.at(a)), pitch, velocity / 127)
                for a, b, _, pitch, velocity, _ in track.notes
            ]
        )
    from saxsolo.audio.note_segmentation import track_solo

    source = open_sound(path)
    sound = np.concatenate(
        list(source.blocks(65_536, 16_000, source.length_at(16_000), mono=True))
    )[:, 0]
    return without_splinters(track_solo(sound, 16_000)[0])


def without_splinters(notes: list[Note]) -> list[Note]:
    """Tracked notes of a horn without what the tracker adds.

    It takes the beginning or the end of a note for a short one an octave or two off, and hiss for
    notes below every saxophone.
    """
    kept: list[Note] = []
    for note in notes:
        if note.pitch < LOWEST_PITCH:
            continue
        before = kept[-1] if kept else None
        if before is not None and _octaves_off(before, note):
            kept.pop()
            longer = before if before.duration > note.duration else note
            length = note.onset + note.duration - before.onset
            note = replace(longer, onset=before.onset, duration=length)
        kept.append(note)
    return kept


def _octaves_off(before: Note, note: Note) -> bool:
    """Whether one of two notes that touch is a splinter of the other."""
    touch = note.onset - before.onset - before.duration <= SPLINTER_GAP
    short = min(before.duration, note.duration) <= SPLINTER
    return touch and short and abs(note.pitch - before.pitch) in (12, 24)


def _one_voice(notes: list[Note]) -> list[Note]:
    """Of notes at one moment the highest, each ended by the next."""
    kept: list[Note] = []
    for note in sorted(notes, key=lambda n: (n.onset, -n.pitch)):
        if kept and note.onset - kept[-1].onset < 0.02:
            continue
        if kept and kept[-1].onset + kept[-1].duration > note.onset:
            last = kept.pop()
            kept.append(Note(last.onset, note.onset - last.onset, last.pitch, last.loudness))
        kept.append(note)
    return kept


def judged_picture(judged: JudgedSolo, title: str = "") -> Figure:
    """Notes over the changes, and below them chord tones and time, bar by bar; needs matplotlib."""
    from matplotlib.figure import Figure

    from saxsolo.notation.pictures import SOLO, draw_beats, draw_chords, draw_notes, pitch_range

    notes, grid = judged.notes, judged.grid
    seconds = max(notes[-1].onset + notes[-1].duration, float(grid.beats[-1]))
    width = min(max(11.0, 0.4 * seconds), 80.0)
    figure = Figure(figsize=(width, 8.0), dpi=110, layout="constrained")
    roll, tones, late = figure.subplots(3, 1, sharex=True, height_ratios=(4, 1.5, 1.5))
    low, high = pitch_range(np.array([note.pitch for note in notes]))
    draw_chords(roll, grid.labels(round(seconds * FRAME_RATE)), low, high, seconds, True)
    draw_beats(roll, grid.beats)
    onsets = [note.onset for note in notes]
    ends = [note.onset + note.duration for note in notes]
    draw_notes(roll, onsets, ends, [note.pitch for note in notes], low, high, SOLO)
    roll.set(xlim=(0, seconds), ylabel="notes")
    bars = [bar for bar in judged.judgement.bars if bar.notes]
    _bars_over_masters(tones, bars, "chord_tones", "chord tones")
    _bars_over_masters(late, bars, "late_ms", "ms behind the beat")
    late.axhline(0, color="#888888", linewidth=0.8)
    late.set_xlabel("seconds")
    figure.suptitle(f"{title}\ngrey: the middle 80 % of held-out masters".strip(), size=11)
    return figure


def _bars_over_masters(axis: Any, bars: list[Any], name: str, label: str) -> None:
    low, middle, high = masters()["figures"][name]
    axis.axhspan(low, high, color="#E6E6E6")
    axis.axhline(middle, color="#AAAAAA", linewidth=0.8)
    known = [bar for bar in bars if getattr(bar, name) is not None]
    axis.plot([bar.start for bar in known], [getattr(bar, name) for bar in known], "o-", ms=4)
    axis.set_ylabel(label)
