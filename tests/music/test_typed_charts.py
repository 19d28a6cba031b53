"""Charts as people type them: one table a kind of oddity, what is read or what is said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saxsolo.music.charts.chart import ChartError, shown
from saxsolo.music.charts.form import played
from saxsolo.music.charts.ireal import write_ireal
from saxsolo.music.charts.reading import chart_of_text
from saxsolo.music.charts.text import read_text, write_text

from .charts_made import charts


def read(text: str) -> list[str]:
    """The chords of each bar in the order of playing."""
    chart = read_text(text)
    return [shown(chart.bars[index]) for index in played(chart)]


@pytest.mark.parametrize(
    ("typed", "bars"),
    [
        # no chord
        ("N.C. | NC | n.c. | No Chord | tacet | NC. | (N.C.) | N/C", ["N.C."] * 8),
        # a quality apart from its root, in capitals, in brackets
        ("D7alt | D7(alt) | Dalt | D7 alt | D7ALT", ["D7alt"] * 5),
        ("Bb maj7 | Bb Δ7 | BbΔ | Bb^7 | BbMA7 | Bbj7", ["Bbmaj7"] * 6),
        ("C m7 | C-7 | Cmi7 | C min7 | cm7", ["Cm7"] * 5),
        ("C7 (b9) | C7b9 | C7-9 | C7(b9)", ["C7b9"] * 4),
        ("C6/9 | C69 | C6(9) | C6add9", ["C6/9"] * 4),
        ("F#m7b5/E | F#ø/E | F♯m7♭5/E | F#-7b5/E | F# m7b5/E", ["F#m7b5/E"] * 5),
        ("C7omit5 | C7no3 | C7", ["C7"] * 3),
        # accidentals and bar lines of other alphabets
        ("B♭7 │ E♭maj7 ¦ F♯m7 ｜ B𝄬7 𝄂", ["Bb7", "Ebmaj7", "F#m7", "Bb7"]),
        # beats of a bar
        ("C . . G7 | C / / G7 | C - - G7 | C // G7", ["C G7"] * 4),
        ("C,G7 | C, G7 | C G7", ["C G7"] * 3),
        ("C7(b9,#11) | C///", ["C7b9#11", "C"]),
        # bars that come again
        ("C | | F | % | - | x | simile | 𝄎", ["C", "C", *["F"] * 6]),
        # jumps and signs
        ("C | F fine | G7 da capo al fine", ["C", "F", "G7", "C", "F"]),
        ("C | § F | G7 dal segno", ["C", "F", "G7", "F", "G7"]),
        ("C | F to coda | G7 D.C. al Coda | coda Am", ["C", "F", "G7", "C", "F", "Am"]),
        # remarks
        ("# by ear\nC | F", ["C", "F"]),
    ],
)
def test_what_people_type_is_read(typed, bars):
    assert read(typed) == bars


def test_beats_go_on_where_dashes_say_so():
    (bar,) = read_text("C - - G7").bars
    assert [beats for _, beats in bar.chords] == [3, 1]
    (bar,) = read_text("5/4 Cm7 / / F7 /").bars
    assert [beats for _, beats in bar.chords] == [3, 2]


@pytest.mark.parametrize(
    ("typed", "metre"), [("C", "4/4"), ("common time", "4/4"), ("cut", "2/2"), ("5/4", "5/4")]
)
def test_metres_in_words(typed, metre):
    assert read_text(f"Time: {typed}\nF7 | C7").metre == metre


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("F7 | Si♭7", ("bar 2", "Sib is Bb in English")),
        ("La m | Mi7", ("bar 1", "La is A in English")),
        ("Rém7", ("bar 1", "Ré is D in English")),
        ("Dom7 | Fa", ("bar 1", "Do is C in English")),
        ("E | H7", ("bar 2", "H is B")),
        ("Es7 | As7", ("bar 1", "Es is Eb")),
        ("Fis7", ("bar 1", "Fis is F#")),
        ("1. C | 2. F", ("bar 2", "ending 2 is never played", ":||")),
        ("C | F // by ear", ("bar 2", "5 chords and slashes in 4 beats")),
        ("C | F7 sharp", ("bar 2", "'sharp'")),
    ],
)
def test_what_cannot_be_read_is_one_line_with_advice(typed, words):
    with pytest.raises(ChartError) as caught:
        read_text(typed)
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "bar"),
    [
        ("||: C | F | G7", 1),
        ("C | ||: F | ||: G7 | C :||", 2),
        ("C | F | ||: G7 ||", 3),
        ('{"bars": ["C", {"chords": [["F", 4]], "repeat_start": true}]}', 2),
        ("{start_of_grid}\n| C . . . |: F . . . |\n{end_of_grid}", 2),
    ],
)
def test_a_repeat_that_never_ends_is_refused_with_its_bar(typed, bar):
    with pytest.raises(ChartError, match=rf"^bar {bar}: the repeat .* never ends; .*:\|\|"):
        chart_of_text(typed)


def test_a_program_plays_a_repeat_that_never_ends_once_and_so_does_its_file():
    written = "||: C | F :|| ||: G7 | C ||"
    link = write_ireal(read_text(written))
    chart = chart_of_text(link)
    assert [shown(chart.bars[index]) for index in played(chart)] == ["C", "F", "C", "F", "G7", "C"]
    # as text, which is how settings keep it, it can be read again
    assert chart_of_text(write_text(chart)) == chart


@settings(max_examples=30, deadline=None)
@given(charts(), st.sampled_from(["|", "│", "｜"]))
def test_a_written_chart_is_the_same_with_any_bar_line(chart, line):
    assert read_text(write_text(chart).replace("|", line)) == chart
