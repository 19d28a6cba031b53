"""The box for a chart: what is pasted or dropped becomes text, what is wrong is said in a line."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("gradio")

from saxsolo.errors import SettingError
from saxsolo.music.charts.chart import ChartError
from saxsolo.music.charts.ireal import write_ireal
from saxsolo.music.charts.reading import WRITERS, chart_of_text
from saxsolo.page import band, chart_box
from saxsolo.page.band import LONGEST_BAND, band_of
from saxsolo.page.chart_text import dropped, pasted, plain
from saxsolo.page.controls import BAND, Controls, checked
from saxsolo.page.handlers import _checked_inputs

from ..music.charts_made import charts

BLUES = "F7 | Bb7 | F7 | Cm7 F7 | Bb7 | % | F7 | D7 | Gm7 | C7 | F7 D7 | Gm7 C7"


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(charts())
def test_the_box_holds_every_chart(chart):
    assert chart_of_text(plain(chart)) == chart


@pytest.mark.parametrize("format", [name for name in WRITERS if name != "lab"])
def test_a_file_of_each_format_becomes_text(format, tmp_path):
    chart = chart_of_text(BLUES)
    path = tmp_path / f"blues.{format}"
    path.write_text(WRITERS[format](chart))
    read, playlist = dropped(path)
    assert [bar.chords for bar in chart_of_text(read.text).bars] == [b.chords for b in chart.bars]
    assert "12 bars of 4/4" in read.facts and not playlist


def test_typed_text_stays_as_it_is_typed():
    assert pasted(BLUES).text == BLUES and pasted(BLUES).facts == "12 bars of 4/4"


def test_a_playlist_offers_its_tunes():
    one, two = (
        write_ireal(chart_of_text(f"Title: {title}\n{chords}"))
        for title, chords in (("One", "F7 | Bb7"), ("Two", "Dm7 | G7"))
    )
    page = f'<a href="{one}">One</a> <a href="{two}">Two</a>'
    box, playlist, tunes, _, _ = chart_box.read_box(page, "")
    assert "F7 | Bb7" in box and playlist == page
    assert tunes["choices"] == ["One", "Two"] and tunes["visible"]
    assert "Dm7 | G7" in chart_box.read_tune(page, "Two")[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("F7 | H7 | C7", ("Bar 2", "H7")),
        ("F7 | Bb7 | <script>x</script>", ("Bar 3", "&lt;script&gt;")),
        ("irealb://nothing", ("iReal",)),
        ('{"bars": ["F7", "X9"]}', ("Bar 2", "X9")),
    ],
)
def test_a_bad_chart_is_one_line_and_stays_to_be_mended(text, words):
    box, *_, notice, _ = chart_box.read_box(text, "")
    assert box == chart_box._unchanged()[0]
    assert 'role="alert"' in notice and notice.count("\n") == 0
    assert all(word in notice for word in words)


def test_a_bad_file_is_named(tmp_path):
    (tmp_path / "bad.mxl").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(ChartError, match=r"^bad\.mxl: "):
        dropped(tmp_path / "bad.mxl")
    with pytest.raises(ChartError, match="not received"):
        dropped(tmp_path / "gone.txt")


def test_what_was_heard_is_a_chart_only_once_it_is_edited():
    def chords_of(text: str, heard: str) -> str:
        controls = [*vars(Controls(chords=text)).values()]
        values = [*controls, None, None, heard, [], None, None, None, None]
        return _checked_inputs(values, "play").controls.chords

    assert chords_of(BLUES + "\n", BLUES) == ""
    assert chords_of(BLUES.replace("D7", "Db7"), BLUES) != "" and chords_of(BLUES, "") == BLUES
    # another track is chosen: its chords are not those of the last one
    assert chart_box.forgotten(BLUES, BLUES)[0] == ""
    assert chart_box.forgotten(BLUES + " | F7", BLUES)[0] != ""


@settings(max_examples=20)
@given(st.text(max_size=60))
def test_no_text_breaks_the_box(text):
    assert len(chart_box.read_box(text, "")) == 5


def test_without_chords_no_place_of_a_chart_is_set():
    played = checked(Controls(tempo=120, first_bar=1.0, metre="3/4")).settings(30)
    assert played.chords is played.tempo is played.first_bar is played.metre is None
    played = checked(Controls(chords="F7 | Bb7", tempo=120, metre="3/4")).settings(30)
    assert played.tempo == 120 and played.metre == "3/4"
    with pytest.raises(SettingError, match="tempo 1000 is not between"):
        checked(Controls(chords="F7", tempo=1000))


def test_a_space_says_that_it_renders_no_band(monkeypatch):
    monkeypatch.setattr(band, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match="renders no band"):
        band_of(Controls(source=BAND, chords=BLUES))


def test_a_band_is_bounded_before_it_is_rendered(monkeypatch):
    monkeypatch.setattr(band, "why_no_band", lambda: "")
    with pytest.raises(SettingError, match=f"more than {LONGEST_BAND / 60:.0f} minutes"):
        band_of(Controls(source=BAND, chords=BLUES, tempo=100, choruses=20))
    with pytest.raises(SettingError, match="needs a chart"):
        band_of(Controls(source=BAND))


@pytest.mark.slow
def test_takes_are_played_over_the_same_band():
    if band.why_no_band():
        pytest.skip(band.why_no_band())
    controls = Controls(source=BAND, chords="F7 | Bb7", tempo=200, choruses=1, feel="bossa")
    first = band_of(controls)
    assert band_of(Controls(**{**vars(controls), "seed": 5})) is first
    assert first.settings.tempo == 200 and first.settings.feel == "latin"
    assert first.placed is not None and first.placed.first_bar == first.settings.first_bar


def test_a_file_is_no_path_of_the_server():
    # what a visitor calls a file never reaches a message whole
    with pytest.raises(ChartError) as caught:
        dropped(Path("/etc/" + "x" * 300))
    assert "/etc" not in str(caught.value)
