"""Charts: each format in and out gives the same chords; forms; what is odd and what is wrong."""

import importlib.util
import io
import itertools
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from saxsolo.errors import SaxsoloError
from saxsolo.music.charts.chart import Chart, ChartBar, ChartError, beats_of, shared
from saxsolo.music.charts.chordpro import read_chordpro, write_chordpro
from saxsolo.music.charts.form import played, unrolled
from saxsolo.music.charts.ireal import read_ireal, titles_in, unscramble, write_ireal
from saxsolo.music.charts.json_chart import read_json, write_json
from saxsolo.music.charts.lab import chart_of_lab, harte, read_harte, read_lab, write_lab
from saxsolo.music.charts.midi import read_midi
from saxsolo.music.charts.musicxml import read_musicxml
from saxsolo.music.charts.reading import chart_of, chart_of_text, read_chart
from saxsolo.music.charts.spelling import ireal_symbol, lead_symbol, read_symbol
from saxsolo.music.charts.text import read_text, write_text
from saxsolo.music.chord_symbols import ChordError, parse_chord

_SPEC = importlib.util.spec_from_file_location(
    "charts_made", Path(__file__).with_name("charts_made.py")
)
assert _SPEC is not None and _SPEC.loader is not None
charts_made = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(charts_made)
charts = charts_made.charts
IREAL_METRES = ("4/4", "3/4", "5/4", "6/8", "7/8", "12/8", "2/2", "6/4")


def chords_of(chart: Chart) -> list[tuple[tuple[str, float], ...]]:
    """The chords of one chorus as it is played."""
    return [chart.bars[index].chords for index in played(chart)]


def tune(text: str) -> list[str]:
    """One chorus as it is played, a word a bar."""
    chart = read_text(text)
    return [
        " ".join(lead_symbol(symbol) for symbol, _ in chart.bars[index].chords)
        for index in played(chart)
    ]


@given(charts())
@settings(max_examples=60, deadline=None)
def test_text_and_json_bring_back_every_sign(chart: Chart):
    assert read_text(write_text(chart)) == chart
    assert read_json(write_json(chart)) == chart


@given(charts(metres=IREAL_METRES))
@settings(max_examples=60, deadline=None)
def test_an_ireal_link_brings_back_the_chords_as_they_are_played(chart: Chart):
    back = read_ireal(write_ireal(chart))
    assert chords_of(back) == chords_of(chart)
    assert (back.title, back.feel, back.metre) == (chart.title, chart.feel, chart.metre)
    assert back.tempo == chart.tempo and back.key == (chart.key or "C")


@given(charts())
@settings(max_examples=60, deadline=None)
def test_a_chordpro_grid_brings_back_the_chords_as_they_are_played(chart: Chart):
    back = read_chordpro(write_chordpro(chart))
    assert chords_of(back) == chords_of(chart)
    assert (back.title, back.key, back.tempo) == (chart.title, chart.key, chart.tempo)


@given(charts_made.symbols())
def test_harte_syntax_keeps_root_bass_and_quality(symbol: str):
    before, after = parse_chord(symbol), parse_chord(read_harte(harte(symbol)))
    assert (after.root, after.bass) == (before.root, before.bass)
    assert after.quality == before.quality


@given(charts(forms=False, metres=("4/4",)))
@settings(max_examples=40, deadline=None)
def test_a_lab_file_keeps_its_chords_and_their_order(chart: Chart):
    spans = read_lab(write_lab(chart, tempo=120))
    names = [symbol for bar in chart.bars for symbol, _ in bar.chords]
    wanted = [key for key, _ in itertools.groupby(harte(name) for name in names)]
    assert [harte(span.symbol) for span in spans] == wanted
    assert spans[-1].end == pytest.approx(len(chart.bars) * 2.0, abs=2e-3)


def test_a_lab_file_of_whole_bars_finds_its_bars():
    chart = read_text("Dm7 | G7 | Cmaj7 | % | Em7 A7 | Dm7 G7 | Cmaj7 | A7")
    back = chart_of_lab(read_lab(write_lab(chart, tempo=150, start=1.3)))
    assert back.tempo == pytest.approx(150, rel=0.01)
    assert chords_of(back) == chords_of(chart)


@pytest.mark.parametrize("write", [lead_symbol, ireal_symbol])
def test_every_symbol_of_the_inner_spelling_is_read_back_as_the_same_chord(write):
    extensions = [
        "".join(chosen)
        for count in range(3)
        for chosen in itertools.combinations(("9", "9b", "9#", "11", "11#", "13", "13b"), count)
    ]
    for mark, seventh, extension in itertools.product(
        ("", "m7b5", "sus", "o", "-", "+"), ("", "j7", "7", "69", "6"), extensions
    ):
        symbol = "Bb" + mark + seventh + (extension if mark not in ("m7b5", "o") else "")
        try:
            chord = parse_chord(symbol)
        except ChordError:
            continue
        assert parse_chord(read_symbol(write(symbol))) == chord, (symbol, write(symbol))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("N.C.", "NC"), ("n.c.", "NC"), ("D7alt", "D7alt"), ("C6/9", "C69"), ("C6/9/G", "C69/G"),
        ("F#m7b5/E", "F#m7b5/E"), ("C^7", "Cj7"), ("CΔ", "Cj7"), ("Ch7", "Cm7b5"),
        ("Cø", "Cm7b5"), ("C-7", "C-7"), ("B♭7", "Bb7"), ("e♭maj7", "Ebj7"), ("bb7", "Bb7"),
        ("am7", "A-7"), ("C7(b9,#11)", "C79b11#"), ("C−7", "C-7"), ("C°7", "Co7"), ("C7+9", "C79#"),
        ("C7-5", "C711#"), ("C-7b5", "Cm7b5"), ("C-^7", "C-j7"), ("Cm(maj7)", "C-j7"),
        ("C2", "C9"), ("C5", "C"), ("C7susadd3", "Csus7"), ("Bbb", "A"), ("F##m", "G-"),
        ("C13b9", "C79b13"), ("Cmadd9", "C-9"), ("C-9", "C-79"), ("Cmaj9", "Cj79"),
    ],
)  # fmt: skip
def test_symbols_as_people_write_them(written: str, read: str):
    assert parse_chord(read_symbol(written)) == parse_chord(read)


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("Sol7", "Sol is G"), ("Ré-7", "Ré is D"), ("Lam", "La is A"), ("Sib7", "Sib is Bb"),
        ("H7", "H is B"), ("Hm", "H is B"), ("Fis7", "Fis is F#"), ("Es", "Es is Eb"),
        ("As7", "As is Ab"), ("Des7", "Des is Db"),
    ],
)  # fmt: skip
def test_french_and_german_names_are_refused_with_the_english_one(written: str, advice: str):
    with pytest.raises(ChartError, match=f"bar 2: .*{advice}"):
        read_text(f"C7 | {written} | C7")


@pytest.mark.parametrize(
    ("text", "bars"),
    [
        ("F7 | Bb7 | F7 | Cm7 F7", ["F7", "Bb7", "F7", "Cm7 F7"]),
        ("| C | % | | D |", ["C", "C", "C", "D"]),
        ("||: C | D :|| E", ["C", "D", "C", "D", "E"]),
        ("|: C :| x3\nD", ["C", "C", "C", "D"]),
        ("||: C | 1. D :|| 2. E | F", ["C", "D", "C", "E", "F"]),
        ("||: C | 1.2. D :|| 3. E", ["C", "D", "C", "D", "C", "E"]),
        ("C fine | D | E D.C. al Fine", ["C", "D", "E", "C"]),
        ("C | segno D | E to coda | F D.S. al Coda | coda G", list("CDEFDEG")),
        ("A: C | D\nB: E", ["C", "D", "E"]),
        ("[A1] c | d-7\n[A2] e", ["C", "Dm7", "E"]),
        ("Metre: 5/4\nN.C. | C / / G7 /", ["N.C.", "C G7"]),
        ("C | (3/4) D | E F", ["C", "D", "E F"]),
        ("||: C | 1. D D.C. :|| 2. E", ["C", "D", "C", "E"]),
    ],
)
def test_plain_text_and_its_form(text: str, bars: list[str]):
    assert tune(text) == bars
    chart = read_text(text)
    assert chords_of(unrolled(chart)) == chords_of(chart)


def test_chords_share_a_bar():
    assert [b for _, b in shared(["C", "D"], 4)] == [2, 2]
    assert [b for _, b in shared(["C", "D", "E"], 4)] == [2, 1, 1]
    assert [b for _, b in shared(["C", "D"], 5)] == [3, 2]
    assert read_text("C / / G7").bars[0].chords == (("C", 3.0), ("G7", 1.0))
    assert read_text("C*1.5 G7*2.5").bars[0].chords == (("C", 1.5), ("G7", 2.5))


@pytest.mark.parametrize(
    ("metre", "beats"), [("4/4", 4), ("6/8", 2), ("12/8", 4), ("7/8", 7), ("2/2", 4), ("3/8", 3)]
)
def test_beats_are_what_a_foot_taps(metre: str, beats: int):
    assert beats_of(metre) == beats


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C | C7q | D", "bar 2: cannot read the chord 'C7q'"),
        ("C D E F G A B C D", "bar 1 has 9 chords in 4 beats"),
        ("", "no bars"),
        ("C | D D.S. al Coda", "segno that it does not have"),
        ("Metre: 4/3\nC", "'4/3' is no time signature"),
        ("C*9", "bar 1: its chords last 9 beats"),
        ("C % | D", "bar 1: % stands beside chords"),
        ("C | D x3", "stands behind no repeat"),
        ("C | (5/3) D", r"bar 2: '\(5/3\)' is no time signature"),
        ('{"bars": [{"chords": [["C7", 3]]}]}', "bar 1: its chords last 3 beats"),
        ('{"bars": ["C7", "Hm"]}', "bar 2: .*H is B"),
        ('{"bars": ["C7"], "swing": 1}', "unknown key 'swing'"),
        ("irealb://nothing", "no iReal Pro chart"),
        ("{title: A}\n[C]Some [G]words", "no grid"),
        ("<html><body>nothing</body></html>", "the page holds no iReal Pro chart"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, message: str):
    with pytest.raises(SaxsoloError, match=message) as caught:
        chart_of_text(text)
    assert "\n" not in str(caught.value)


def test_blocks_of_fifty_are_swapped_around_their_middle():
    plain = "[T44A BLZC DLZE FLZG, ALZA BLZC DLZE FLZG ALZA B |C "
    scrambled = "| B A BLZCZLF EZLD CZLB ZALA ,GZLF EZLD G ALZA44T[C "
    assert unscramble(scrambled) == plain.replace("LZ", " |")
    # a rest of one letter leaves the block before it as it is
    assert unscramble("x" + "-" * 49 + "y") == "x" + "-" * 49 + "y"


def test_a_playlist_page_holds_several_tunes():
    first, second = (
        Chart(read_text(text).bars, title, feel="Bossa")
        for title, text in (("One", "C | F"), ("Two, The", "Dm7 | G7"))
    )
    links = [write_ireal(chart).removeprefix("irealb://") for chart in (first, second)]
    page = (
        f'<html><body><a href="irealb://{"%3D%3D%3D".join(links)}%3D%3D%3DList">x</a></body></html>'
    )
    assert titles_in(page) == ["One", "Two, The"]
    assert chart_of_text(page).title == "One"
    assert chords_of(chart_of_text(page, title="two, the")) == chords_of(second)
    with pytest.raises(ChartError, match="no tune 'Three' is in the playlist of 2: One"):
        chart_of_text(page, title="Three")


def test_signs_of_the_open_ireal_format():
    music = (
        "T44*A{C^7 A-7 |D-9 G7#5 |N1C6   | x  }            |N2C6   |n   ][*BF7   |pBb7 W/Ab |    |Z"
    )
    chart = read_ireal(f"irealbook://A Tune=Somebody Else=Bossa=C=n={music}")
    assert [" ".join(lead_symbol(s) for s, _ in bar) for bar in chords_of(chart)] == [
        "Cmaj7 Am7", "Dm9 G7#5", "C6", "C6", "Cmaj7 Am7", "Dm9 G7#5", "C6", "N.C.", "F7",
        "F7 Bb7 Bb7/Ab", "Bb7/Ab",
    ]  # fmt: skip


LEAD_SHEET = """<?xml version="1.0"?>
<score-partwise version="4.0"><work><work-title>Blue</work-title></work>
<part-list><score-part id="P1"><part-name>x</part-name></score-part></part-list>
<part id="P1">
<measure number="0" implicit="yes"><attributes><divisions>2</divisions><key><fifths>-3</fifths>
<mode>minor</mode></key><time><beats>4</beats><beat-type>4</beat-type></time></attributes>
<note><pitch><step>G</step><octave>4</octave></pitch><duration>2</duration></note></measure>
<measure number="1"><barline location="left"><repeat direction="forward"/></barline>
<direction><direction-type><rehearsal>A</rehearsal></direction-type><sound tempo="140"/></direction>
<harmony><root><root-step>C</root-step></root><kind>minor-seventh</kind></harmony>
<note><rest/><duration>8</duration></note></measure>
<measure number="2"><harmony><root><root-step>B</root-step><root-alter>-1</root-alter></root>
<kind>half-diminished</kind><bass><bass-step>E</bass-step></bass></harmony>
<note><rest/><duration>6</duration></note>
<harmony><root><root-step>E</root-step><root-alter>-1</root-alter></root><kind>dominant</kind>
<degree><degree-value>9</degree-value><degree-alter>-1</degree-alter><degree-type>add</degree-type>
</degree></harmony><note><rest/><duration>2</duration></note></measure>
<measure number="3"><barline location="left"><ending number="1" type="start"/></barline>
<note><rest/><duration>8</duration></note>
<barline location="right"><repeat direction="backward"/></barline></measure>
<measure number="4"><barline location="left"><ending number="2" type="start"/></barline>
<harmony><kind>none</kind></harmony><note><rest/><duration>8</duration></note></measure>
</part></score-partwise>"""


def test_a_musicxml_lead_sheet_with_a_pickup_repeats_and_endings():
    chart = read_musicxml(LEAD_SHEET.encode())
    assert (chart.title, chart.key, chart.tempo, chart.metre) == ("Blue", "Cm", 140, "4/4")
    assert chart.bars[0].section == "A"
    assert chords_of(chart) == [
        (("C-7", 4.0),),
        (("Bbm7b5/E", 3.0), ("Eb79b", 1.0)),
        (("Eb79b", 4.0),),
        (("C-7", 4.0),),
        (("Bbm7b5/E", 3.0), ("Eb79b", 1.0)),
        (("NC", 4.0),),
    ]


def test_a_compressed_file_and_a_transposed_part_are_read_alike():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "META-INF/container.xml",
            '<container><rootfiles><rootfile full-path="a.xml"/></rootfiles></container>',
        )
        archive.writestr("a.xml", LEAD_SHEET)
    chart = read_musicxml(LEAD_SHEET.encode())
    assert chart_of(packed.getvalue()) == chart
    horn = LEAD_SHEET.replace(
        "</attributes>", "<transpose><chromatic>-2</chromatic></transpose></attributes>"
    )
    assert chords_of(read_musicxml(horn.encode())) == chords_of(chart.transpose(-2))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04broken", "cannot be unpacked"),
        (b"<score-partwise><part id='P1'><measure/></part></score-partwise>", "no chord symbols"),
        (b"<score-timewise/>", "no MusicXML score in parts"),
        (b"<score-partwise>", "not MusicXML"),
        (LEAD_SHEET.replace("half-diminished", "Neapolitan").encode(), "bar 2: chord kind"),
        (b"MThd\0\0\0\6", "not MIDI"),
        (bytes(200), "none of plain text"),
    ],
)
def test_broken_files_are_said_in_one_line(data: bytes, message: str):
    with pytest.raises(SaxsoloError, match=message):
        chart_of(data)


def test_a_file_of_any_format_comes_through_one_door(tmp_path: Path):
    chart = Chart(read_text("Dm7 | G7 | C6/9 | C7 F7").bars, "Tune", "C", 120.0, "Bossa")
    files = {"a.txt": write_text, "b.html": write_ireal, "c.cho": write_chordpro, "d": write_json}
    for name, write in files.items():
        (tmp_path / name).write_text(write(chart), encoding="utf-8")
        assert chords_of(read_chart(tmp_path / name)) == chords_of(chart)
    (tmp_path / "Some Tune.txt").write_text("C | G7")
    assert read_chart(tmp_path / "Some Tune.txt").title == "Some Tune"
    (tmp_path / "bad.txt").write_text("C | Sol7")
    with pytest.raises(ChartError, match="bad.txt: bar 2: .*Sol is G"):
        read_chart(tmp_path / "bad.txt")
    with pytest.raises(ChartError, match="cannot be read"):
        read_chart(tmp_path / "none.txt")
    with pytest.raises(ChartError, match="a.txt holds one chart and no tune 'Other'"):
        read_chart(tmp_path / "a.txt", "Other")
    (tmp_path / "german.lab").write_text("0 2 Es:7\n2 4 C:maj\n")
    with pytest.raises(ChartError, match="line 1: .*Es is Eb in English"):
        read_chart(tmp_path / "german.lab")


def midi_file(names: bool) -> bytes:
    """Two bars of Dm7, G7, C and C in blocks of notes, with or without their names."""
    import mido

    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(150)))
    track.append(mido.MetaMessage("time_signature", numerator=3, denominator=4))
    chords = (("Dm7", (38, 62, 65, 69, 72)), ("G7", (43, 59, 62, 65)), ("C", (36, 60, 64, 67)),
              ("C", (36, 60, 64, 67)))  # fmt: skip
    for name, keys in chords:
        if names:
            track.append(mido.MetaMessage("marker", text=name))
        for key in keys:
            track.append(mido.Message("note_on", note=key, velocity=80))
        for place, key in enumerate(keys):
            track.append(mido.Message("note_off", note=key, time=0 if place else 3 * 480))
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


@pytest.mark.parametrize("names", [True, False])
def test_the_chords_of_a_midi_file_are_named_or_sound(names: bool):
    pytest.importorskip("mido")
    chart = read_midi(midi_file(names))
    assert chart.metre == "3/4" and chart.tempo == pytest.approx(150)
    found = [parse_chord(bar.chords[0][0]) for bar in chart.bars]
    assert [chord.root for chord in found] == [2, 7, 0, 0]
    assert [chord.quality for chord in found[:2]] == [1, 2]


def test_a_chart_is_moved_and_refitted():
    chart = Chart(read_text("Cm7 | F7 Bb7").bars, key="Cm")
    assert chart.transpose(2).key == "Dm" and chords_of(chart.transpose(12)) == chords_of(chart)
    waltz = chart.in_metre("3/4")
    assert waltz.bars[0].chords == (("C-7", 3.0),)
    assert waltz.bars[1].chords == (("F7", 1.5), ("Bb7", 1.5))
    with pytest.raises(ChartError, match="no bars"):
        Chart(())
    with pytest.raises(ChartError, match="more than"):
        Chart((ChartBar((("C", 4.0),)),) * 1001)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C | Do7", "bar 2: cannot read the chord 'Do7': Do is C in English"),
        ("Do", "Do is C in English"),
        ("Key: Q\nF7", "Key: 'Q' is no key"),
        ("% | F7", "bar 1: % repeats the bar before it"),
    ],
)
def test_what_only_looks_like_a_chart_is_refused(text, message):
    with pytest.raises(ChartError, match=message):
        read_text(text)
