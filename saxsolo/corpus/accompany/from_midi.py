"""A MIDI file played by a sound font, each channel on its own, at the file's own times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.render.bar_plan import Stroke
from saxsolo.corpus.render.rhythm import events_of
from saxsolo.corpus.render.sounds import Sounds
from saxsolo.music.charts.chart import Chart, ChartError
from saxsolo.music.charts.midi import DRUMS, MidiTrack, beat_ticks, read_midi, read_midi_track
from saxsolo.music.placed_chart import OUTSIDE, PlacedChart, form_of

from .from_chart import TAIL, Band

LONGEST = 3600.0
LOUDEST = 0.7


def band_of_midi(data: bytes, sounds: Sounds | None = None) -> tuple[Band, PlacedChart | None]:
    """Renders a MIDI file.

    Returns:
        The band, a stem a channel and program; and the chords of the file on its own beats, None
        where none are named or sound.

    Raises:
        ChartError: for what is no MIDI file, holds no notes or lasts over an hour.
        MissingSoundError: no sound font, with the packages that have one.
    """
    track = read_midi_track(data)
    if not track.notes:
        raise ChartError("the MIDI file holds no notes")
    length = float(track.at(max(note[1] for note in track.notes)))
    if length > LONGEST:
        raise ChartError(f"the MIDI file lasts {length / 60:.0f} minutes, more than 60")
    sounds = sounds or Sounds()
    sounds.check()
    font = sounds.soundfont(sounds.available_soundfonts()[0])
    samples = int((length + TAIL) * SAMPLING_RATE)
    stems: dict[str, np.ndarray] = {}
    for channel, program in sorted({(note[2], note[5]) for note in track.notes}):
        strokes = _strokes(track, channel, program)
        bank, wanted = (128, 0) if channel == DRUMS else (0, program)
        if not font.has_preset(bank, wanted):
            wanted = 0
        stem = font.play(events_of(strokes), samples, program=wanted, bank=bank)
        name = "drums" if channel == DRUMS else f"channel-{channel + 1}"
        stems[name] = stems.get(name, np.zeros(samples, np.float32)) + stem
    peak = max(float(np.abs(np.sum(list(stems.values()), axis=0)).max()), 1e-9)
    gain = np.float32(LOUDEST / peak)
    wide = {name: np.repeat((gain * stem)[:, None], 2, axis=1) for name, stem in stems.items()}
    band = Band(wide, SAMPLING_RATE, float(track.at(track.bars[0][0])), track.tempo)
    return band, _placed(track, data)


def _strokes(track: MidiTrack, channel: int, program: int) -> Sequence[Stroke]:
    return [
        Stroke(float(track.at(start)), float(track.at(end) - track.at(start)), pitch, velocity)
        for start, end, at, pitch, velocity, plays in track.notes
        if (at, plays) == (channel, program)
    ]


def _placed(track: MidiTrack, data: bytes) -> PlacedChart | None:
    try:
        chart = read_midi(data)
    except ChartError:
        return None
    return placed_on_midi(track, chart, once=True)


def placed_on_midi(track: MidiTrack, chart: Chart, once: bool = False) -> PlacedChart:
    """A chart on the beats of a MIDI file, from its first bar on.

    Args:
        once: the form is the whole file; else chorus after chorus.
    """
    form = form_of(chart)
    beats = np.asarray(track.at(beat_ticks(track)[:-1]), float)
    index = np.arange(len(beats))
    size = len(form.symbols)
    index = np.where(index < size, index, OUTSIDE) if once else index % size
    return PlacedChart(chart, form, beats, index)
