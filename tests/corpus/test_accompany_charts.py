"""Chord charts: read, spelled, moved, kept apart."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from saxsolo.corpus.accompany.charts import (
    CHARTS_FILE,
    Chart,
    ChartError,
    chart_split,
    plain_title,
    read_charts,
    weimar_symbol,
)
from saxsolo.corpus.accompany.mma import mma_symbol, playable
from saxsolo.corpus.accompany.progressions import chance_chart, reharmonise, written_chart
from saxsolo.music.chord_symbols import ChordError, parse_chord

HEADER = "chord,duration,section,title,composer,key,date,id,time,compid\n"


def write_charts(folder: Path, rows: list[str]) -> Path:
    with gzip.open(folder / CHARTS_FILE, "wt", encoding="utf-8") as file:
        file.write(HEADER + "".join(f"{row}\n" for row in rows))
    return folder


def tune(title: str, number: int, chords: list[tuple[str, float]], metre: str = "4/4") -> list[str]:
    return [
        f"{chord},{beats},{'A' if index < len(chords) // 2 else 'B'},{title},X,C-maj,1950,"
        f"{title}_X,{metre},{number}"
        for index, (chord, beats) in enumerate(chords)
    ]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("Cmin7", "C-7"), ("Ebmaj7", "Ebj7"), ("F#m7b5", "F#m7b5"), ("G7", "G7"), ("G9", "G79"),
        ("G79b", "G79b"), ("G139b", "G79b13"), ("G9sus", "Gsus79"), ("G7+", "G+7"),
        ("G7b5", "G711#"), ("Cminmaj7", "C-j7"), ("C6/E", "C6/E"), ("Bb", "Bb"),
        ("Ao7", "Ao7"), ("D69", "D69"),
    ],
)  # fmt: skip
def test_chords_of_the_csv_are_spelled_as_in_scores(name: str, symbol: str) -> None:
    assert weimar_symbol(name) == symbol


@pytest.mark.parametrize("name", ["H7", "AminD7", "", "C7maj7", "C7susadd3"])
def test_a_chord_without_a_spelling_is_refused(name: str) -> None:
    with pytest.raises(ChordError, match="chart"):
        weimar_symbol(name)


def test_charts_are_cut_into_whole_bars(tmp_path: Path) -> None:
    chords = [("Cmaj7", 6.0), ("G7", 2.0)] + [("Dmin7", 2.0), ("G7", 2.0)] * 6
    rows = tune("One", 1, chords) + tune("Odd", 2, [("C7", 4.0)] * 8 + [("F7", 3.0)])
    rows += tune("Waltz", 3, [("C7", 3.0)] * 8, "3/4") + tune("Six", 4, [("C7", 6.0)] * 8, "6/4")
    charts = read_charts(write_charts(tmp_path, rows))
    assert [(chart.title, chart.size) for chart in charts] == [("One", 4), ("Waltz", 3)]
    assert charts[0].bars[:2] == ((("Cj7", 4.0),), (("Cj7", 2.0), ("G7", 2.0)))
    assert all(sum(beats for _, beats in bar) == 4 for bar in charts[0].bars)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChartError, match=CHARTS_FILE):
        read_charts(tmp_path)
    (tmp_path / CHARTS_FILE).write_bytes(b"no gzip at all")
    with pytest.raises(ChartError, match=CHARTS_FILE):
        read_charts(tmp_path)


@pytest.mark.parametrize("size", [2, 3, 5, 7])
def test_another_metre_keeps_the_chords_and_fills_the_bars(size: int) -> None:
    chart = Chart(
        "x", 4, ((("C7", 2.0), ("F7", 2.0)), (("Bbj7", 4.0),), (("G7", 3.0), ("C7", 1.0)))
    )
    refitted = chart.refit(size)
    assert all(sum(beats for _, beats in bar) == size for bar in refitted.bars)
    assert [bar[0][0] for bar in refitted.bars] == ["C7", "Bbj7", "G7"]
    halved = chart.halved()
    assert halved.size == 2
    assert [bar[0][0] for bar in halved.bars] == ["C7", "F7", "Bbj7", "Bbj7", "G7", "G7"]


def test_held_out_titles_are_never_for_training() -> None:
    held_out = ["The Song Is You", "Body and Soul"]
    assert chart_split("Song Is You, The", held_out) == "foreign"
    assert chart_split("Body And Soul (ballad)", held_out) == "foreign"
    assert plain_title("Night In Tunisia, A") == plain_title("A Night in Tunisia")
    splits = [chart_split(f"Tune {number}", ()) for number in range(2000)]
    assert 0.02 < splits.count("foreign") / 2000 < 0.1
    assert 0.02 < splits.count("validation") / 2000 < 0.1


def test_written_progressions_can_be_read_in_every_key() -> None:
    rng = np.random.default_rng(0)
    for number in range(60):
        chart = written_chart(rng) if number % 2 else chance_chart(rng)
        chart = reharmonise(chart.transpose(number % 12), rng)
        for bar in chart.bars:
            assert sum(beats for _, beats in bar) == pytest.approx(4)
            assert all(parse_chord(symbol).root is not None for symbol, _ in bar)


def test_mma_is_asked_only_for_what_it_can_spell() -> None:
    assert mma_symbol("Ebj7") == "EbM7"
    assert mma_symbol("F#m7b5/E") == "F#m7b5/E"
    assert mma_symbol("C7alt") is None
    assert playable(Chart("x", 4, ((("C7", 2.0), ("F-7", 2.0)),)))
    assert not playable(Chart("x", 4, ((("C7", 1.5), ("F-7", 2.5)),)))
    assert not playable(Chart("x", 4, ((("C7alt", 4.0),),)))
