"""Bars come from one place: MIDI, MusicXML and the band agree on every bar line."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saxsolo.music.bars import bars_of
from saxsolo.music.beat_grid import BeatGrid, plain_grid
from saxsolo.music.metre import DOTTED_QUARTER, EIGHTH, QUARTER, signature
from saxsolo.music.score import Note
from saxsolo.notation.midi import write_midi
from saxsolo.notation.musicxml import SWUNG, write_musicxml
from saxsolo.notation.quantise import quantise

mido = pytest.importorskip("mido", reason="needs mido (pip install saxsolo[notes])")
pytest.importorskip("music21", reason="needs music21 (pip install saxsolo[notes])")


@st.composite
def grids(draw) -> BeatGrid:
    """Bars of one metre, some of which break off or are longer, with a pick-up, at a tempo that
    drifts and jumps, from before second 0 or after it."""
    metre = draw(st.sampled_from([2, 3, 4, 5, 7]))
    odd = st.integers(1, metre + 1)
    lengths = draw(st.lists(st.one_of(st.just(metre), st.just(metre), odd), min_size=2, max_size=9))
    places = np.concatenate([np.arange(n) for n in lengths])[draw(st.integers(0, metre - 1)) :]
    places = np.concatenate([places, np.arange(3)])  # three beats at least
    tempi = draw(st.lists(st.floats(45, 280), min_size=1, max_size=4))
    steps = np.repeat(60 / np.array(tempi), -(-len(places) // len(tempi)))[: len(places)]
    steps = steps * (1 + 0.03 * np.sin(np.arange(len(places))))
    beats = draw(st.floats(-0.4, 3.0)) + np.cumsum(steps) - steps[0]
    chords = draw(st.integers(0, 11)) + places % 2, np.full(len(places), 2)
    unit = draw(st.sampled_from([QUARTER, DOTTED_QUARTER] if metre < 5 else [QUARTER, EIGHTH]))
    return BeatGrid(beats, places, metre, chords[0] % 12, chords[1], unit)


def midi_bars(path) -> list[tuple[float, tuple[int, int]]]:
    """Seconds and time signature of every bar of a MIDI file."""
    file = mido.MidiFile(path)
    tick, seconds, tempo = 0, 0.0, 500_000
    now, bars, next_bar = (4, 4), [], 0
    for message in file.tracks[0]:
        end = tick + message.time
        while next_bar < end or (next_bar == end and message.type == "end_of_track"):
            at = seconds + mido.tick2second(next_bar - tick, file.ticks_per_beat, tempo)
            bars.append((at, now))
            next_bar += file.ticks_per_beat * 4 * now[0] // now[1]
        seconds += mido.tick2second(message.time, file.ticks_per_beat, tempo)
        tick = end
        if message.type == "set_tempo":
            tempo = message.tempo
        if message.type == "time_signature":
            assert tick == next_bar, "a time signature in the middle of a bar"
            now = message.numerator, message.denominator
    return bars


def sheet_bars(path) -> list[tuple[Fraction, tuple[int, int], float]]:
    """Quarters, time signature and quarters a minute of every bar of a MusicXML file."""
    bars, now, tempo = [], (0, 0), 0.0
    for measure in ET.parse(path).getroot().iter("measure"):
        if measure.find("attributes/divisions") is not None:
            divisions = int(measure.findtext("attributes/divisions"))
        if (time := measure.find("attributes/time")) is not None:
            now = int(time.findtext("beats")), int(time.findtext("beat-type"))
        for sound in measure.iter("sound"):
            tempo = float(sound.get("tempo", tempo))
        length = sum(int(note.findtext("duration")) for note in measure.iter("note"))
        bars.append((Fraction(length, divisions), now, tempo))
    return bars


@settings(deadline=None, max_examples=40)
@given(grids(), st.floats(0, 30), st.integers(0, 1000))
def test_midi_sheet_and_band_share_every_bar_line(tmp_path_factory, grid, more, seed):
    folder = tmp_path_factory.mktemp("bars")
    seconds = max(1.0, float(grid.beats[-1]) - 1 + more / 10)
    onsets = np.sort(np.random.default_rng(seed).uniform(0, seconds - 0.2, 6))
    ends = np.append(onsets[1:], seconds)
    notes = [Note(a, min(0.4, b - a), 60, 0.5) for a, b in zip(onsets, ends, strict=True) if b > a]
    bars = bars_of(grid, seconds)
    midi = midi_bars(write_midi(folder / "a.mid", notes, bars=bars))[:-1]
    lead = quantise(notes, grid, seconds)
    sheet = sheet_bars(write_musicxml(folder / "a.musicxml", lead))
    # the same bars; a pick-up stands under the signature of the bar after it
    assert [Fraction(4 * a, b) for _, (a, b) in midi] == [length for length, _, _ in sheet]
    skip = 1 if bars.pickup else 0
    assert [s for _, s in midi][skip:] == [s for _, s, _ in sheet][skip:]
    assert [s for _, s in midi] == [signature(n, grid.unit) for n in bars.lengths]
    # at the same times, those of the band
    lines = np.array([at for at, _ in midi])
    assert np.abs(lines - bars.beats[bars.starts]).max() < 0.001
    downbeats = grid.beats[(grid.places == 0) & (grid.beats > 0)]
    first = bars.beats[1] if bars.before <= 0 else 0.0  # a beat that begins at second 0 instead
    downbeats = downbeats[(downbeats >= first - 1e-9) & (downbeats < bars.beats[-1] - 1e-9)]
    off = np.abs(downbeats[:, None] - lines).min(axis=1) if len(downbeats) else np.zeros(1)
    assert off.max() < 0.001
    quarters = np.array([t for _, _, t in sheet]) / float(grid.unit.quarters)
    assert np.allclose(quarters, bars.tempi, rtol=0.025)


@settings(deadline=None, max_examples=15)
@given(grids(), st.sampled_from([None, "soprano", "alto", "tenor", "baritone"]), st.booleans())
def test_every_sheet_is_valid_musicxml(tmp_path_factory, schema, grid, horn, swings):
    seconds = float(grid.beats[-1]) + 1
    step = 0.61 if swings else 0.5
    lengths = np.diff(grid.beats, append=seconds)
    starts = [b + part * n for b, n in zip(grid.beats, lengths, strict=True) for part in (0, step)]
    starts = [start for start in starts if start >= 0]
    notes = [Note(s, 0.1, 55 + i % 30, 0.5) for i, s in enumerate(starts)]
    chords = grid.roots.copy()
    chords[: len(chords) // 2] = 12
    grid = replace(grid, roots=chords)
    lead = quantise(notes, grid, seconds)
    path = tmp_path_factory.mktemp("valid") / "a.musicxml"
    schema.validate(str(write_musicxml(path, lead, instrument=horn)))
    text = path.read_text(encoding="utf-8")
    assert "N.C." in text and "<kind>none" not in text
    assert ("<swing>" in text) == (lead.swing is not None and lead.swing >= SWUNG)


def test_a_downbeat_just_behind_second_0_begins_bar_1():
    place = np.arange(16)
    chords = np.full(16, 12), np.full(16, 7)
    bars = bars_of(BeatGrid(0.08 + 0.5 * place, place % 4, 4, *chords), 8.0)
    assert not bars.pickup and bars.lengths == [4] * 4
    assert bars.beats[:3].tolist() == pytest.approx([0, 0.58, 1.08])


def test_a_pickup_is_bar_0(tmp_path):
    place = np.arange(17)
    chords = np.full(17, 2), np.full(17, 1)
    grid = BeatGrid(0.5 * place, (place + 3) % 4, 4, *chords)
    lead = quantise([Note(0.0, 0.4, 60, 0.5)], grid, 8.5)
    assert lead.pickup and lead.bars == [1, 4, 4, 4, 4]
    root = ET.parse(write_musicxml(tmp_path / "a.musicxml", lead)).getroot()
    measures = [(m.get("number"), m.get("implicit")) for m in root.iter("measure")]
    assert measures[:3] == [("0", "yes"), ("1", "no"), ("2", "no")]


def test_without_a_beat_bars_of_four_reach_the_end():
    bars = bars_of(plain_grid(7.3), 7.3)
    assert bars.lengths == [4] * 4 and bars.beats[-1] == 8 and bars.before == 0
