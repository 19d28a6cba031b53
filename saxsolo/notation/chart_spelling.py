"""Names of a chart's roots and basses by its key: F#m7 in D, D7/F#, and no Gb there."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

from saxsolo.music.charts.chart import Chart
from saxsolo.music.charts.spelling import NO_CHORD, chord_parts
from saxsolo.music.chord_symbols import parse_chord, pitch_class
from saxsolo.music.metre import QUARTER

from .quantise import Change, Lead
from .spelling import key_of, letter, note_name, root_name


def spelled(chart: Chart) -> Chart:
    """The same chords and key, named by the key that the chart names, else by the one that fits."""
    fifths = key_of_chart(chart)
    bars = tuple(
        replace(bar, chords=tuple((_named(symbol, fifths), beats) for symbol, beats in bar.chords))
        for bar in chart.bars
    )
    key = chart.key
    if key:
        minor = key.endswith("m")
        key = _name(fifths + 3 * minor) + ("m" if minor else "")
    return replace(chart, bars=bars, key=key)


def key_of_chart(chart: Chart, up: int = 0) -> int:
    """Sharps (above 0) or flats of its key signature, so many semitones higher."""
    changes, start = [], 0
    for bar in chart.bars:
        places = accumulate((beats for _, beats in bar.chords), initial=0.0)
        for (symbol, _), at in zip(bar.chords, places, strict=False):
            chord = parse_chord(symbol)
            root = 12 if chord.root is None else chord.root
            changes.append(Change(start + int(at), root, chord.quality, symbol))
        start += bar.beats
    bars = [bar.beats for bar in chart.bars]
    return key_of(Lead(bars, [], changes, [], 0.0, None, 0, QUARTER, key=chart.key), up)


def _named(symbol: str, fifths: int) -> str:
    if symbol in (NO_CHORD, ""):
        return symbol
    root, *_, bass = chord_parts(symbol)
    quality = parse_chord(symbol).quality
    place = root_name(pitch_class(root), fifths, quality)
    tail = symbol[len(root) : len(symbol) - len(bass)]
    low = f"/{_name(note_name(pitch_class(bass[1:]), fifths, place, quality))}" if bass else ""
    return _name(place) + tail + low


def _name(place: int) -> str:
    """A place on the line of fifths as charts have it: "Bb"."""
    step, alteration = letter(place)
    return step + ("#" * alteration if alteration > 0 else "b" * -alteration)
