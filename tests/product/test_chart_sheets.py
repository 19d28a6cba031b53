"""Charts as MusicXML: of a solo in full, and as they are written; both are read back."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from saxsolo.music.charts.chart import Chart, ChartBar
from saxsolo.music.charts.form import played, unrolled
from saxsolo.music.charts.musicxml import _Reader, read_musicxml
from saxsolo.music.charts.reading import read_chart
from saxsolo.music.charts.spelling import lead_symbol
from saxsolo.music.charts.text import read_text
from saxsolo.music.chord_symbols import ChordError, parse_chord
from saxsolo.music.placed_chart import place_by_tempo
from saxsolo.notation.chart_sheet import chart_sheet
from saxsolo.notation.chart_spelling import spelled
from saxsolo.notation.harmony import chord_element
from saxsolo.notation.musicxml import write_musicxml
from saxsolo.notation.quantise import quantise

from ..music.charts_made import charts


def sounding(chart: Chart) -> list[list[tuple[object, float]]]:
    """Chords as they are played, bar by bar, however they are spelled."""
    bars = [chart.bars[index] for index in played(chart)]
    return [[(parse_chord(symbol), beats) for symbol, beats in bar.chords] for bar in bars]


def signs(bar: ChartBar) -> tuple[object, ...]:
    return tuple(value for name, value in vars(bar).items() if name not in ("chords", "segno"))


def test_each_symbol_is_read_back_from_its_chord_element():
    extensions = [
        "".join(chosen)
        for count in range(3)
        for chosen in itertools.combinations(("9", "9b", "9#", "11", "11#", "13", "13b"), count)
    ]
    shapes = [
        *itertools.product(("", "sus", "-", "+"), ("", "j7", "7", "69", "6"), extensions),
        *((mark, "", "") for mark in ("7alt", "m7b5", "o", "o7")),
    ]
    for shape, bass in itertools.product(shapes, ("", "/E")):
        symbol = "Bb" + "".join(shape) + bass
        try:
            chord = parse_chord(symbol)
        except ChordError:
            continue
        element = chord_element(symbol, fifths=-2)
        assert parse_chord(_Reader()._symbol(element)) == chord, symbol
        written = element.find("kind").get("text")
        assert "Bb" + written + bass == lead_symbol(symbol)


@settings(max_examples=40, deadline=None)
@given(charts())
def test_a_chart_is_written_with_its_signs_and_read_back(chart):
    assume(any(symbol != "NC" for bar in chart.bars for symbol, _ in bar.chords))
    for up in (0, 2, 9):
        back = read_musicxml(chart_sheet(chart, up))
        assert sounding(back) == sounding(chart)
        assert [signs(bar) for bar in back.bars] == [signs(bar) for bar in chart.bars]
        assert (back.title, back.feel) == (chart.title, chart.feel)
        assert back.tempo == (None if chart.tempo is None else pytest.approx(chart.tempo))


def test_endings_of_several_rounds_and_repeats_of_three():
    for text in (
        "||: C | 1.2. D :|| 3. E | F ||: G :|| x3",
        "||: C | 1. D | E :|| 2. F | G\nA: C",
        "C fine | D | E D.C. al Fine",
        "segno C | D to coda | E D.S. al Coda | coda F",
    ):
        chart = read_text(text)
        back = read_musicxml(chart_sheet(chart))
        assert sounding(back) == sounding(chart), text


@pytest.mark.parametrize("up", [0, 2, 9, 14, 21])
def test_a_chart_sheet_is_valid_musicxml(schema, tmp_path, up):
    text = (
        "Key: F#m\nTempo: 90\nFeel: Bossa\nMetre: 6/8\n[A] ||: F#m7 | B7b9/D# | (4/4) N.C. | "
        "1. E6/9 | A7alt :|| 2. C#7sus C#7#5 | segno D*1.5 E*2.5 to coda | F fine | "
        "G D.S. al Coda | coda [B] Am(maj7)"
    )
    path = tmp_path / "chart.musicxml"
    path.write_bytes(chart_sheet(read_text(text), up))
    schema.validate(str(path))


@settings(max_examples=6, deadline=None)
@given(charts(metres=("4/4", "3/4", "6/8", "7/8")))
def test_the_sheet_of_a_solo_holds_the_chart_in_full(schema, tmp_path_factory, chart):
    pytest.importorskip("music21", reason="needs pip install saxsolo[notes]")
    assume(any(symbol != "NC" for bar in chart.bars for symbol, _ in bar.chords))
    length = 0.5 * sum(chart.bars[index].beats for index in played(chart))
    bar = 0.5 * chart.bars[0].beats
    # a bar before the form, and two choruses of it
    placed = place_by_tempo(chart, bar, 120, bar + 2 * length)
    lead = quantise([], placed.grid(), bar + 2 * length, placed)
    path = tmp_path_factory.mktemp("sheet") / "solo.musicxml"
    schema.validate(str(write_musicxml(path, lead, instrument="alto")))
    back = read_musicxml(path.read_bytes())
    written = [*unrolled(chart).bars] * 2
    assert sounding(replace(back, bars=back.bars[1:])) == sounding(Chart(tuple(written)))
    named = [bar.section for bar in back.bars[1:] if bar.section]
    assert named == [bar.section for bar in written if bar.section]
    assert path.read_text(encoding="utf-8").count("Chorus 2") == 1


@settings(max_examples=40, deadline=None)
@given(charts(), st.integers(0, 11))
def test_other_names_are_the_same_chords(chart, up):
    moved = chart.transpose(up)
    named = spelled(moved)
    assert sounding(named) == sounding(moved)
    assert [signs(bar) for bar in named.bars] == [signs(bar) for bar in chart.bars]
    assert bool(named.key) == bool(chart.key)


def test_names_go_by_the_key():
    chart = spelled(read_text("Key: F\nF7/A | Bdim7 | Gm7b5/Db | C7").transpose(9))
    names = [lead_symbol(symbol) for bar in chart.bars for symbol, _ in bar.chords]
    assert (chart.key, names) == ("D", ["D7/F#", "G#dim7", "Em7b5/Bb", "A7"])
    assert spelled(read_text("Key: Em\nEm").transpose(9)).key == "C#m"


def test_the_command_line_writes_a_chart_in_other_formats(run, tmp_path):
    (tmp_path / "tune.txt").write_text("Key: F\n[A] ||: F7 | Bb7 :|| Gm7/C N.C.")
    written = tmp_path / "out"
    code, out, _ = run(
        "chart", tmp_path / "tune.txt", "--ireal", "--chordpro", "--json", "--musicxml",
        "--horn", "eb", "--out", written,
    )  # fmt: skip
    assert code == 0 and len(out.splitlines()) == 4
    concert = read_chart(tmp_path / "tune.txt")
    for path in map(Path, out.splitlines()):
        # the part of a horn comes back at concert pitch, a chart as it is written
        up = 0 if path.suffix == ".musicxml" else 9
        assert sounding(read_chart(path)) == sounding(concert.transpose(up)), path
    code, out, _ = run("chart", "F7 | Bb7 | C7")
    assert code == 0 and "F7 | Bb7 | C7 |" in out
    for wrong, words in (
        ("F7 | Hm7", "bar 2: cannot read the chord 'Hm7': H is B"),
        (str(tmp_path / "none.txt"), "cannot be read"),
    ):
        code, out, err = run("chart", wrong)
        assert code == 2 and out == "" and words in err and err.count("\n") == 1
    code, _, err = run("chart", tmp_path / "tune.txt", "--ireal", "--json")
    assert code == 2 and "give --out" in err
