"""A chart in a track: it starts late, comes round, is in another key; what a wrong one does."""

import numpy as np
import pytest

from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic, decode
from modeling_saxsolo.vocabulary_saxsolo import UNKNOWN
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chart_alignment import align
from saxsolo.music.charts.chart import Chart
from saxsolo.music.charts.text import read_text
from saxsolo.music.placed_chart import OUTSIDE, PlacedChart, form_of, place_by_tempo

BLUES = "F7 | Bb7 | F7 | Cm7 F7 | Bb7 | % | F7 | D7 | Gm7 | C7 | F7 D7 | Gm7 C7"
OTHER = "Emaj7 | Abm7 | Dbm7 Gb7 | Bmaj7 | Bm7 | E7 | Amaj7 | Eb7 | Abmaj7 | Db7 | Gbmaj7 | B7"
BEAT = 25


def heard(
    charts: list[Chart], sure: float = 0.7, beat: int = BEAT, seed: int = 0
) -> tuple[dict[str, np.ndarray], HeardMusic]:
    """What an ear would hear of one chart after the other, a chord wrong in some bars."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[np.ndarray]] = {"chord": [], "place": [], "phase": [], "beats": []}
    for chart in charts:
        form = form_of(chart)
        for position, (root, quality) in enumerate(zip(form.roots, form.qualities, strict=True)):
            if position % 4 == 0:
                wrong = rng.random() < 0.15
                other = int(rng.integers(84))
            named = other if wrong else 84 if root == 12 else root * 7 + quality
            chord = np.full((beat, 85), (1 - sure) / 84)
            chord[:, named] = sure
            place = np.full((beat, 8), 0.05)
            place[:, form.places[position]] = 0.65
            phases = np.full((beat, 12), 0.02)
            phases[np.arange(beat), np.arange(beat) * 12 // beat] = 0.78
            onset = np.full((beat, 2), 0.02)
            onset[0] = 0.9, 0.9 if form.places[position] == 0 else 0.05
            rows["chord"].append(chord)
            rows["place"].append(place)
            rows["phase"].append(phases)
            rows["beats"].append(onset)
    parts = {name: np.concatenate(values) for name, values in rows.items()}
    metre = np.full((len(parts["chord"]), 6), 0.02)
    metre[:, int(form_of(charts[0]).sizes[0]) - 2] = 0.9
    parts["metre"] = metre
    return parts, decode(parts)


def bars_at(placed: PlacedChart) -> list[int]:
    """The bar of the chorus at each first beat of a bar inside."""
    form = placed.form
    return [int(form.bars[i]) for i in placed.index if i != OUTSIDE and form.places[i] == 0]


def test_choruses_come_round():
    chart = read_text(BLUES)
    placed = align(chart, *heard([chart, chart, chart]))
    assert placed is not None and placed.transposed == 0
    assert bars_at(placed) == [*range(12)] * 3 and placed.choruses == 3
    assert placed.first_bar == pytest.approx(0.0, abs=0.03)
    assert placed.agreement is not None and placed.agreement > 0.75


@pytest.mark.parametrize("intro", ["Gm7 | C7 | Am7 D7 | Gm7 C7", "N.C. | N.C. | N.C. | N.C."])
def test_an_introduction_and_an_ending_may_lie_outside(intro: str):
    chart = read_text(BLUES)
    outside = read_text(intro)
    placed = align(chart, *heard([outside, chart, chart, read_text("E7 | % | % | %")]))
    assert placed is not None
    firsts = np.flatnonzero(placed.index == 0)
    assert placed.beats[firsts[0]] == pytest.approx(16 * BEAT / 50, abs=0.05)
    assert placed.choruses == 2


def test_a_track_may_begin_in_the_middle_of_the_form():
    chart = read_text(BLUES)
    rest = Chart(chart.bars[5:])
    placed = align(chart, *heard([rest, chart]))
    assert placed is not None and bars_at(placed) == [*range(5, 12), *range(12)]


@pytest.mark.parametrize("semitones", [2, -3, 6])
def test_another_key_is_found_and_said(semitones: int):
    chart = read_text(BLUES)
    placed = align(chart, *heard([chart.transpose(semitones)] * 2))
    assert placed is not None and placed.transposed == semitones
    assert placed.chart == chart.transpose(semitones) and bars_at(placed) == [*range(12)] * 2


def test_a_wrong_chart_is_played_all_the_same_and_known_for_wrong():
    chart, wrong = read_text(BLUES), read_text(OTHER)
    placed = align(wrong, *heard([chart, chart]))
    assert placed is not None and placed.agreement is not None and placed.agreement < 0.4
    assert placed.inside.mean() > 0.9 and placed.transposed == 0
    told = placed.grid().roots[placed.inside]
    assert set(told.tolist()) <= set(form_of(wrong).roots.tolist())


def test_half_time_is_noticed():
    chart = read_text(BLUES)
    parts, music = heard([chart, chart])
    half = HeardMusic(music.beats[::2], np.tile([1, 2, 3, 4], 12), np.full(48, 4),
                      music.beat_confidence[::2], music.chords)  # fmt: skip
    placed = align(chart, parts, half)
    assert placed is not None and bars_at(placed) == [*range(12)] * 2
    # and a tempo that is given decides
    slow = align(chart, parts, half, tempo=60.0)
    assert slow is not None and np.median(np.diff(slow.beats)) == pytest.approx(1.0, abs=0.05)


def test_a_first_bar_that_is_given_holds():
    chart = read_text(BLUES)
    placed = align(chart, *heard([chart, chart]), first_bar=4.0)
    assert placed is not None and placed.first_bar == pytest.approx(4.0, abs=0.1)
    assert bars_at(placed)[0] == 0
    assert (placed.index[placed.beats < 3.9] == OUTSIDE).all()


def test_a_waltz_and_a_bar_of_seven():
    for text in ("Metre: 3/4\nDm7 | G7 | Cmaj7 | A7 | Fm7 | Bb7 | Ebmaj7 | C7",
                 "Metre: 7/8\nDm7 | G7 | Cmaj7 | A7 | Fm7 | Bb7 | Ebmaj7 | C7"):  # fmt: skip
        chart = read_text(text)
        placed = align(chart, *heard([chart, chart]))
        assert placed is not None and bars_at(placed) == [*range(8)] * 2


def test_no_beats_no_place():
    none = HeardMusic(np.zeros(0), np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    parts, _ = heard([read_text("C | F | C | G7")])
    assert align(read_text(BLUES), parts, none) is None


def test_a_tempo_and_a_first_bar_need_no_ear():
    chart = read_text("C7 | F7")
    placed = place_by_tempo(chart, first_bar=1.0, tempo=120, seconds=9.5)
    assert placed.first_bar == 1.0 and placed.agreement is None and placed.choruses == 2
    assert bars_at(placed) == [0, 1, 0, 1, 0]
    labels = placed.labels(475)
    assert (labels[:50] == UNKNOWN).all() and (labels[50:] != UNKNOWN).all()
    assert [int(labels[50 + 100 * bar, 0]) for bar in range(4)] == [0, 5, 0, 5]
    assert labels[50, 2:].tolist() == [0, 0] and labels[75, 3] == 1
    grid = placed.grid()
    assert isinstance(grid, BeatGrid) and grid.beats_per_bar == 4 and grid.places[2] == 0
    assert place_by_tempo(chart, 1.0, 120, 9.5, until=5.0).inside.sum() == 8


def test_bars_of_more_than_seven_beats_have_no_place_for_the_model():
    chart = read_text("Metre: 9/4\nC7")
    labels = place_by_tempo(chart, 0.0, 120, 9.0).labels(450)
    assert set(labels[:, 3].tolist()) == {7}
