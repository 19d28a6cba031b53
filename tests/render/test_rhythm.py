"""The rhythm section's parts: on the beats, in the chords, within reach."""

import numpy as np
import pytest

from saxsolo.corpus.render.bar_plan import BarPlan, Stroke
from saxsolo.corpus.render.bass import HIGHEST, LOWEST, play_bass, walk
from saxsolo.corpus.render.comping import next_voicing, play_chords
from saxsolo.corpus.render.drums import KICK, PEDAL, play_drums
from saxsolo.corpus.render.rhythm import events_of
from saxsolo.music.chord_symbols import parse_chord

from .conftest import make_score

FEELS = ("swing", "latin", "funk", "ballad", "twobeat", "waltz")


def grid_of(seed: int = 0, **options: object) -> tuple[BarPlan, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return BarPlan(make_score(**options), rng), rng


def test_transcribed_bass_is_played_on_every_beat() -> None:
    grid, rng = grid_of(bass=41, bars=4)
    strokes = [stroke for stroke in play_bass(grid, "waltz", rng) if stroke.velocity > 60]
    assert [stroke.key for stroke in strokes] == [41] * 16
    assert np.allclose([stroke.time for stroke in strokes], grid.times, atol=0.04)


def test_bass_without_transcription_plays_roots_on_first_beats() -> None:
    for seed in range(5):
        grid, rng = grid_of(seed, bars=8, chords=("D-7", "G7", "Cj7", "Cj7"))
        line = walk(grid, rng)
        assert [line[bar[0]] % 12 for bar in grid.bars] == [2, 7, 0, 0] * 2
        assert all(LOWEST <= pitch <= HIGHEST for pitch in line)


def test_bass_and_chords_rest_where_there_is_no_chord() -> None:
    grid, rng = grid_of(chords=("NC",))
    assert play_bass(grid, "swing", rng) == []
    assert play_chords(grid, "swing", rng) == []


@pytest.mark.parametrize("symbol", ["C", "C-7", "G79b", "Fj7", "Am7b5", "Bo7", "Dsus7", "C+", "C-"])
def test_voicings_hold_the_guide_tones_and_stay_in_the_scale(symbol: str) -> None:
    chord = parse_chord(symbol)
    rng = np.random.default_rng(1)
    keys: tuple[int, ...] = ()
    for _ in range(5):
        keys = next_voicing(chord, keys, rng)
        assert 3 <= len(keys) <= 4 and len(set(keys)) == len(keys)
        assert {key % 12 for key in keys} <= chord.scale
        third = {(chord.root + step) % 12 for step in (3, 4, 5)} & chord.tones
        assert third & {key % 12 for key in keys}
        assert 48 <= min(keys) and max(keys) <= 76


def test_voicings_move_by_small_steps() -> None:
    rng = np.random.default_rng(0)
    keys: tuple[int, ...] = ()
    moves = []
    for symbol in ("D-7", "G7", "Cj7", "A7", "D-7", "G7", "C6", "F-7", "Bb7", "Ebj7") * 3:
        following = next_voicing(parse_chord(symbol), keys, rng)
        if keys:
            moves.append(abs(np.mean(following) - np.mean(keys)))
        keys = following
    assert np.mean(moves) < 2.5


@pytest.mark.parametrize("feel", FEELS)
def test_parts_are_playable_strokes(feel: str) -> None:
    beats = 3 if feel == "waltz" else 4
    grid, rng = grid_of(3, feel=feel, beats_per_bar=beats, bars=16)
    end = grid.times[-1] + 4 * grid.lengths[-1]
    parts = (
        play_bass(grid, feel, rng),
        play_chords(grid, feel, rng),
        play_drums(grid, feel, rng, brushes=False),
    )
    for strokes in parts:
        assert len(strokes) >= len(grid.bars) / 2
        for stroke in strokes:
            assert 0 <= stroke.time < end and stroke.duration > 0
            assert 0 < stroke.key < 128 and 1 <= stroke.velocity <= 127


def test_swing_closes_the_hi_hat_on_two_and_four() -> None:
    grid, rng = grid_of(bars=8)
    pedals = [s for s in play_drums(grid, "swing", rng, brushes=False) if s.key == PEDAL]
    nearest = [int(np.argmin(np.abs(grid.times - stroke.time))) % 4 for stroke in pedals]
    assert len(pedals) == 16 and set(nearest) == {1, 3}


def test_funk_kicks_on_one() -> None:
    grid, rng = grid_of(bars=8, feel="funk")
    kicks = [s.time for s in play_drums(grid, "funk", rng, brushes=False) if s.key == KICK]
    for bar in grid.bars:
        assert min(abs(grid.times[bar[0]] - kick) for kick in kicks) < 0.04


def test_offbeats_swing_less_the_faster_it_goes() -> None:
    slow, fast = make_score(bars=8).scale_tempo(0.8), make_score(bars=8).scale_tempo(2.4)
    shares = [
        np.mean([BarPlan(score, np.random.default_rng(seed)).swing for seed in range(20)])
        for score in (slow, fast)
    ]
    assert 0.6 < shares[0] < 0.72 and 0.5 <= shares[1] < 0.6
    assert BarPlan(make_score(feel="latin"), np.random.default_rng(0)).swing == 0.5


def test_bars_without_metre_are_taken_four_beats_at_a_time() -> None:
    grid, _ = grid_of(beats_per_bar=1, bars=9)
    assert [len(bar) for bar in grid.bars] == [4, 4, 1]


def test_a_key_struck_again_ends_its_first_stroke() -> None:
    events = events_of([Stroke(0.0, 1.0, 60, 80), Stroke(0.5, 1.0, 60, 80)])
    assert [(event.kind, round(event.time, 3)) for event in events] == [
        ("on", 0.0),
        ("off", 0.499),
        ("on", 0.5),
        ("off", 1.5),
    ]
