"""Where the solo plays: elsewhere it rests, in the notes, in the sound and in every file."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import saxsolo
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo import SettingError, Settings
from saxsolo.audio.files import open_sound
from saxsolo.music.charts.text import read_text
from saxsolo.music.placed_chart import place_by_tempo
from saxsolo.playing.performance import Performance
from saxsolo.playing.where_to_play import counted_bars, playing_frames, stretches_of

BLUES = "F7 | Bb7 | F7 | Cm7 F7 | Bb7 | % | F7 | D7 | Gm7 | C7 | F7 D7 | Gm7 C7"
CHART = {"chords": "F7 | Bb7", "first_bar": 0.5, "tempo": 240}


def where(frames=1500, placed=None, grid=None, **settings):
    found = playing_frames(Settings(**settings), frames, placed, grid, "track")
    return None if found is None else stretches_of(found)


def blues(first_bar=2.0, seconds=60.0):
    return place_by_tempo(read_text(BLUES), first_bar, 120, seconds)


def test_bars_and_choruses_are_those_of_the_chart():
    placed = blues()
    assert where(placed=placed) is None
    assert where(placed=placed, solo="bars 1-2, 25-26", frames=3000) == [(2, 6), (50, 54)]
    assert where(placed=placed, solo="choruses 2", frames=3000) == [(26, 50)]
    assert where(placed=placed, solo="bars 13-24", frames=3000) == [(26, 50)]
    assert where(solo=[(1, 2.5), (4, 90)], frames=500) == [(1, 2.5), (4, 10)]


def test_a_track_that_begins_inside_the_form_keeps_the_numbers_of_its_bars():
    placed = blues(0.0)
    begun = replace(placed, beats=placed.beats[:-32], index=placed.index[32:], heard=None)
    bars = counted_bars(begun, None)
    assert (bars[0].number, bars[0].chorus, bars[4].number, bars[4].chorus) == (9, 1, 13, 2)
    assert all(a.end == b.start and a.number + 1 == b.number for a, b in pairwise(bars))


def test_trading_takes_turns():
    placed = blues()
    assert where(placed=placed, trade=4)[:2] == [(2, 10), (18, 26)]
    assert where(placed=placed, trade=4, trade_start="band")[:1] == [(10, 18)]
    together = where(placed=placed, trade=4, solo="0:04-0:20")
    assert together == [(4, 10), (18, 20)]


def test_bars_that_are_heard_count_from_the_first_whole_one():
    grid = place_by_tempo(read_text("Metre: 3/4\nF7"), 1.0, 120, 9.0).grid()
    assert where(grid=grid, solo="bars 1-1", frames=450) == [(1.0, 2.5)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solo": "bars 3"}, "no bars are heard in track"),
        ({"solo": "0:40-0:50"}, "lies outside the track: 30 s are played"),
        ({"solo": "x"}, "solo: 'x' is no stretch"),
        ({"solo": [(1, 2, 3)]}, "no list of pairs of seconds"),
        ({"trade": 0}, r"trade is 0; it must lie in 1\.\.64"),
        ({"trade_start": "drums"}, "trade_start is 'drums'"),
        ({"lowest": "F5", "highest": "Bb3"}, "lowest F5 lies above highest Bb3"),
        ({"lowest": "H3"}, "lowest: 'H3' is no pitch"),
        ({"density": 0}, "density is 0"),
        ({"space": 1.2}, "space is 1.2"),
        ({"harmony": -1}, "harmony is -1"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_line(settings, message):
    with pytest.raises(SettingError, match=message):
        where(**settings)


def test_a_stretch_beyond_the_chart_is_refused_with_what_is_there():
    with pytest.raises(SettingError, match="bars 99-99 lies outside the track: there are bars 1 "):
        where(placed=blues(), solo="bars 99")


def test_the_solo_rests_elsewhere(player, backing):
    take = saxsolo.improvise(backing, player=player, **CHART, solo="bars 2")
    silent = player.processor.silent_codes.numpy()[:, None]
    first, last = round(1.5 * FRAME_RATE), round(2.5 * FRAME_RATE)
    assert (take.codes[:, :first] == silent).all() and (take.codes[:, last:] == silent).all()
    run = json.loads(json.dumps(take.run))
    assert run["playing"] == [[1.5, 2.5]] and run["settings"]["solo"] == "bars 2-2"
    again = saxsolo.improvise(backing, player=player, **Settings.of_run(run).model_dump())
    assert np.array_equal(take.codes, again.codes)


def test_a_model_without_a_planner_says_so(player, backing):
    with pytest.raises(SettingError, match="does not plan its notes, so it takes no density"):
        saxsolo.improvise(backing, player=player, density=3)


@pytest.mark.slow
def test_the_default_plays_in_each_stretch_and_nowhere_else(default_player, blues_in_f, tmp_path):
    take = saxsolo.improvise(
        blues_in_f, player=default_player, trade=2, seconds=20, lowest="C4", highest="C5"
    )
    spans = take.run["playing"]
    assert len(spans) >= 2
    for start, end in spans:
        assert any(start <= note.onset < end for note in take.notes)
    for note in take.notes:
        assert 60 <= note.pitch <= 72
        assert any(s <= note.onset and note.onset + note.duration <= e + 1e-6 for s, e in spans)
    loud = np.abs(take.solo).max()
    rate = take.sampling_rate
    for (_, end), (start, _) in pairwise(spans):
        rest = take.solo[round((end + 0.5) * rate) : round((start - 0.1) * rate)]
        assert np.abs(rest).max() < 0.003 * loud


@pytest.fixture(scope="session")
def default_player():
    return saxsolo.load_player()


@pytest.fixture
def blues_in_f():
    return open_sound(Path(__file__).resolve().parents[2] / "examples" / "blues_in_f.flac")


def test_a_plan_has_the_stretches_that_are_played(default_player, blues_in_f):
    settings = Settings(solo="0:03-0:04", seconds=6.0, density=6.0, time=1.5, harmony=2.0)
    tokens = Performance(default_player, blues_in_f, settings).plan()
    sounding = np.flatnonzero(tokens > 0) / FRAME_RATE
    assert len(sounding) and sounding.min() >= 3 and sounding.max() < 4


def test_a_line_is_voiced_as_it_stands(player, backing):
    line = "@0.5 0.4 Bb3; @1 0.2 D4; @1.2 0.5 F4"
    take = saxsolo.improvise(backing, player=player, line=line)
    assert [(n.onset, n.duration, n.pitch) for n in take.notes] == [
        (0.5, pytest.approx(0.4), 58),
        (1.0, pytest.approx(0.2), 62),
        (1.2, pytest.approx(0.5), 65),
    ]


@pytest.mark.parametrize("name", ["player", "default_player"])
def test_a_motif_is_played_where_it_stands_and_played_on_from(name, backing, request):
    chosen = request.getfixturevalue(name)
    # bars of one second from half a second on
    settings = {"motif": "1 1 1 Bb3; 1 3.5 0.5 D4", "motif_at": 2, "seed": 3}
    tokens = (
        Performance(chosen, open_sound(backing), Settings(**CHART, **settings)).listen().rests[0]
    )
    onsets = np.flatnonzero((tokens > 0) & (tokens <= 60))
    assert onsets.tolist() == [75, 106]
    take = saxsolo.improvise(backing, player=chosen, **CHART, **settings)
    begun = {round(note.onset, 2): note for note in take.notes}
    assert (begun[1.5].pitch, begun[1.5].duration) == (58, pytest.approx(0.26, abs=0.02))
    assert begun[2.12].pitch == 62
    assert not any(1.5 < note.onset < 2.12 for note in take.notes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"line": "@90 1 Bb3"}, "none of the 1 notes given lies in the 3 s"),
        ({"line": "@1 1 Bb3", "motif": "1 1 1 C4"}, "motif and line are both given"),
        ({"motif": "nowhere.mid"}, "nowhere.mid cannot be read"),
        ({"motif": "Bb3"}, "motif: 'Bb3' is no note"),
    ],
)
def test_notes_that_cannot_be_given_are_refused(player, backing, settings, message):
    with pytest.raises(SettingError, match=message):
        saxsolo.improvise(backing, player=player, **settings)
