"""From posteriors to beats, bars and chords."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling_saxsolo.chord_search_saxsolo import (
    FRAME_RATE,
    NO_CHORD,
    ChordCosts,
    count_progressions,
    progression_gains,
)
from modeling_saxsolo.ear_decoding_saxsolo import DecodingCosts, decode
from modeling_saxsolo.viterbi_saxsolo import best_path_of_changes, state_chances


def posteriors(
    beats: np.ndarray,
    places: np.ndarray,
    metres: np.ndarray,
    chords: list[int],
    frames: int,
    sure: float = 0.8,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """What an ear would say that hears these beats with that certainty, and noise besides.

    `chords`: a class for each beat.
    """
    rng = np.random.default_rng(seed)
    middles = (np.arange(frames) + 0.5) / FRAME_RATE
    index = np.clip(np.searchsorted(beats, middles, side="right") - 1, 0, len(beats) - 1)
    lengths = np.append(np.diff(beats), beats[-1] - beats[-2])
    phase = np.clip(12 * (middles - beats[index]) / lengths[index], 0, 11.99).astype(int)

    def soft(classes: np.ndarray, size: int) -> np.ndarray:
        noise = rng.dirichlet(np.ones(size), frames) * (1 - sure)
        noise[np.arange(frames), classes] += sure
        return noise

    starts = np.isin(np.arange(frames), np.floor(beats * FRAME_RATE).astype(int))
    firsts = np.floor(beats[places == 0] * FRAME_RATE).astype(int)
    onset = np.full((frames, 2), 0.02)
    onset[starts, 0] = sure
    onset[np.isin(np.arange(frames), firsts), 1] = sure
    return {
        "chord": soft(np.array(chords)[index], 85),
        "phase": soft(phase, 12),
        "place": soft(places[index], 8),
        "beats": onset,
        "metre": soft(metres[index] - 2, 6),
    }


def steady(tempo: float, metre: int, bars: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = metre * bars
    return 0.5 + np.arange(count) * 60 / tempo, np.arange(count) % metre, np.full(count, metre)


@pytest.mark.parametrize("metre", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("tempo", [48, 97, 160, 295])
def test_beats_bars_and_chords_come_back(tempo, metre):
    beats, places, metres = steady(tempo, metre)
    chords = [7 * (bar % 12) + bar % 3 for bar in range(12) for _ in range(metre)]
    frames = int((beats[-1] + 60 / tempo) * FRAME_RATE)
    music = decode(posteriors(beats, places, metres, chords, frames))
    nearest = np.abs(music.beats[:, None] - beats).min(axis=0)
    assert np.median(nearest) < 0.02 and nearest[1:-2].max() < 0.07
    assert abs(len(music.beats) - len(beats)) <= 2
    assert music.metre == metre and music.tempo == pytest.approx(tempo, rel=0.03)
    found = [chord.root for chord in music.chords if chord.end - chord.start > 0.3]
    assert found == list(range(12))
    first_beats = music.beats[music.places == 1]
    true_firsts = beats[places == 0]
    assert np.abs(first_beats[:, None] - true_firsts).min(axis=1).max() < 0.07


def test_a_change_of_tempo_and_metre_is_followed():
    first, second = steady(100, 4, 8), steady(150, 3, 10)
    beats = np.concatenate([first[0], second[0] - 0.5 + first[0][-1] + 0.6])
    places = np.concatenate([first[1], second[1]])
    metres = np.concatenate([first[2], second[2]])
    frames = int((beats[-1] + 0.4) * FRAME_RATE)
    music = decode(posteriors(beats, places, metres, [NO_CHORD] * len(beats), frames))
    assert np.mean(np.abs(music.beats[:, None] - beats).min(axis=0) < 0.07) > 0.95
    assert music.metres[4] == 4 and music.metres[-4] == 3
    assert [chord.root for chord in music.chords] == [None]


def bars_of(places: np.ndarray) -> list[int]:
    """Beats between the bar lines."""
    return np.diff(np.flatnonzero(places == 1)).tolist()


def test_three_bars_that_sound_shifted_break_no_bar():
    beats, places, metres = steady(120, 4, 24)
    frames = int((beats[-1] + 0.5) * FRAME_RATE)
    places[40:52] = (places[40:52] + 2) % 4
    music = decode(posteriors(beats, places, metres, [0] * 96, frames))
    assert set(bars_of(music.places)) == {4} and set(music.metres.tolist()) == {4}


@pytest.mark.parametrize("missing", [1, 2, 3])
@pytest.mark.parametrize("tempo", [60, 120, 220])
def test_a_bar_that_is_short_indeed_is_found(missing, tempo):
    beats, places, metres = steady(tempo, 4, 24)
    places = np.delete(places, np.arange(48 - missing, 48))
    beats, metres = beats[: len(places)], metres[: len(places)]
    frames = int((beats[-1] + 60 / tempo) * FRAME_RATE)
    music = decode(posteriors(beats, places, metres, [0] * len(places), frames))
    found = bars_of(music.places)
    assert found.count(4) == len(found) - 1 and 4 - missing in found


def test_chords_lie_side_by_side_from_the_first_frame_to_the_last():
    beats, places, metres = steady(120, 4, 4)
    frames = 600
    music = decode(posteriors(beats, places, metres, [0] * 8 + [8] * 8, frames, sure=0.5))
    assert music.chords[0].start == 0 and music.chords[-1].end == frames / FRAME_RATE
    for before, after in zip(music.chords[:-1], music.chords[1:], strict=True):
        assert before.end == after.start and before.confidence <= 1.0


def test_how_sure_it_is_follows_the_posteriors():
    beats, places, metres = steady(120, 4, 6)
    sure, unsure = (
        decode(posteriors(beats, places, metres, [3] * 24, 640, sure=level)).chords[0].confidence
        for level in (0.9, 0.4)
    )
    # one chord throughout is surer than its frames, but no surer than all of them together
    assert 0.87 < sure <= 1.0 and 0.35 < unsure < 0.75


@pytest.mark.parametrize(("tempo", "named"), [(65, 3), (73, 4)])
def test_bars_of_two_are_divided_as_the_metre_says(tempo, named):
    beats, places, metres = steady(tempo, 2)
    frames = int((beats[-1] + 60 / tempo) * FRAME_RATE)
    heard = posteriors(beats, places, metres, [NO_CHORD] * len(beats), frames)
    heard["metre"] = posteriors(beats, places, 0 * metres + named, [0] * len(beats), frames)[
        "metre"
    ]
    music = decode(heard)
    assert music.metre == named and music.tempo == pytest.approx(tempo * named / 2, rel=0.03)
    bars = beats[places == 0]
    assert np.abs(music.beats[music.places == 1][:, None] - bars).min(axis=1).max() < 0.05
    # a division that lies between the beats of the output is no sure one
    assert music.beat_confidence.mean() < 0.8


def test_beats_that_could_all_begin_a_bar_are_bars_of_a_waltz():
    beats, places, metres = steady(72, 4)
    frames = int((beats[-1] + 60 / 72) * FRAME_RATE)
    heard = posteriors(beats, places, metres, [NO_CHORD] * len(beats), frames)
    waltz = posteriors(beats, 0 * places, 0 * metres + 3, [0] * len(beats), frames)
    music = decode(heard | {"metre": waltz["metre"]})
    assert music.metre == 4, "the bars of four are sure"
    heard["beats"][:, 1] = 0.3 * waltz["beats"][:, 1]
    music = decode(heard | {"metre": waltz["metre"]})
    assert music.metre == 3 and music.tempo == pytest.approx(216, rel=0.03)
    assert np.abs(music.beats[music.places == 1][:, None] - beats).min(axis=1).max() < 0.05


def strokes(beats: np.ndarray, parts: tuple[float, ...], frames: int) -> np.ndarray:
    """(frames, 2) rises of the sound, with strokes on these parts of each beat."""
    columns = np.zeros(2 * frames)
    for start, end in itertools.pairwise(beats):
        columns[[round(100 * (start + part * (end - start))) for part in parts]] = 1.0
    return columns.reshape(frames, 2)


@pytest.mark.parametrize(
    ("parts", "middle", "divided"),
    [((0, 1 / 2), 0.6, True), ((0, 1 / 2), 0.05, False), ((0, 2 / 3), 0.6, False)],
)
@pytest.mark.parametrize("before", [0, 1, 2])
def test_two_bars_that_are_heard_as_one_of_half_as_many_beats(parts, middle, divided, before):
    beats, places, metres = steady(62, 4)
    places = (places - before) % 4
    frames = int((beats[-1] + 60 / 62) * FRAME_RATE)
    heard = posteriors(beats, places, metres, [NO_CHORD] * len(beats), frames)
    middles = np.floor(beats[places == 2] * FRAME_RATE).astype(int)
    heard["beats"][middles, 1] = middle
    assert decode(heard).tempo == pytest.approx(62, rel=0.03), "nothing says how beats divide"
    music = decode(heard | {"rises": strokes(beats, parts, frames)})
    assert music.metre == 4
    assert music.tempo == pytest.approx(124 if divided else 62, rel=0.03)
    bars = beats[places % 2 == 0] if divided else beats[places == 0]
    assert np.abs(music.beats[music.places == 1][:, None] - bars).min(axis=1).max() < 0.05


def test_no_beats_faster_than_260_a_minute_are_made_by_dividing():
    beats, places, metres = steady(135, 4)
    frames = int((beats[-1] + 60 / 135) * FRAME_RATE)
    heard = posteriors(beats, places, metres, [NO_CHORD] * len(beats), frames)
    heard["beats"][np.floor(beats[places == 2] * FRAME_RATE).astype(int), 1] = 0.6
    music = decode(heard | {"rises": strokes(beats, (0, 1 / 2), frames)})
    assert music.tempo == pytest.approx(135, rel=0.03)


def test_too_short_a_sound_has_no_beats():
    flat = {"chord": 85, "phase": 12, "place": 8, "beats": 2, "metre": 6}
    music = decode({name: np.full((10, size), 1 / size) for name, size in flat.items()})
    assert len(music.beats) == 0 and music.tempo is None and music.metre is None
    assert len(music.chords) == 1


def test_where_nothing_beats_no_beats_are_invented():
    rng = np.random.default_rng(0)
    sizes = {"chord": 85, "phase": 12, "place": 8, "metre": 6}
    heard = {name: rng.dirichlet(np.full(size, 5.0), 900) for name, size in sizes.items()}
    heard["beats"] = rng.uniform(0.0, 0.2, (900, 2))
    heard["chord"][:, NO_CHORD] += 3
    heard["chord"] /= heard["chord"].sum(axis=1, keepdims=True)
    music = decode(heard)
    assert music.tempo is None and music.metre is None and len(music.beat_confidence) == 0
    assert [chord.root for chord in music.chords] == [None]


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="'chord' must be"):
        decode({"chord": np.ones((5, 13))})
    beats, places, metres = steady(120, 4, 4)
    heard = posteriors(beats, places, metres, [0] * 16, 400)
    heard["metre"] = heard["metre"][:-1]
    with pytest.raises(ValueError, match="same number of frames"):
        decode(heard)


def test_which_chord_follows_which_decides_between_two_that_sound_alike():
    beats, places, metres = steady(120, 4, 8)
    two, five, other = 7 * 2 + 1, 7 * 7 + 2, 7 * 5 + 0
    heard = posteriors(beats, places, metres, [two] * 4 * 8, 850)
    first = np.arange(850) / FRAME_RATE < 0.5 + 4 * 2.0
    chord = np.full((850, 85), 0.2 / 83)
    chord[first, two], chord[~first, five], chord[~first, other] = 0.8, 0.39, 0.41
    heard["chord"] = chord / chord.sum(axis=1, keepdims=True)
    counts = np.zeros((7, 12, 7))
    counts[1, 5, 2] = 100
    plain = decode(heard).chords
    taught = decode(heard, progressions=progression_gains(counts)).chords
    assert [(c.root, c.quality) for c in plain] == [(2, 1), (5, 0)]
    assert [(c.root, c.quality) for c in taught] == [(2, 1), (7, 2)]


def test_bars_that_come_round_again_help_each_other():
    """One of three choruses of eight bars is heard badly: the other two say what it is."""
    beats, places, metres = steady(120, 4, 24)
    form = [7 * root + quality for root, quality in
            ((0, 0), (9, 1), (2, 1), (7, 2), (4, 1), (9, 2), (2, 2), (7, 2))]  # fmt: skip
    chords = [chord for _ in range(3) for chord in form for _ in range(4)]
    heard = posteriors(beats, places, metres, chords, 2450)
    wrong = slice(round(50 * (0.5 + 11 * 2)), round(50 * (0.5 + 12 * 2)))
    heard["chord"][wrong] = 0.2 / 84
    heard["chord"][wrong, 7 * 11 + 3], heard["chord"][wrong, form[3]] = 0.5, 0.3

    def at(chords, second):
        return next((c.root, c.quality) for c in chords if c.start <= second < c.end)

    alone = decode(heard, DecodingCosts(chords=ChordCosts(repeats=0.0))).chords
    assert at(alone, 23.5) == (11, 3)
    assert at(decode(heard).chords, 23.5) == (7, 2)


def test_progressions_are_counted_in_every_key_alike():
    chords = np.array([2 * 7 + 1, 2 * 7 + 1, 7 * 7 + 2, 0, -100, 5 * 7, 84, 7 * 7 + 2, 0])
    counts = count_progressions(chords)
    assert counts.sum() == 3 and counts[1, 5, 2] == 1 and counts[2, 5, 0] == 2
    up = np.where(chords < 0, chords, np.where(chords == 84, 84, (chords + 21) % 84))
    np.testing.assert_array_equal(count_progressions(up), counts)
    gains = progression_gains(counts)
    chances = np.exp(gains) / 84
    np.testing.assert_allclose(chances.sum(axis=(1, 2)), 1.0, atol=0.01)


@given(st.integers(1, 6), st.integers(2, 4), st.integers(0, 10_000))
def test_chances_of_states_are_sums_over_all_chains(steps, states, seed):
    rng = np.random.default_rng(seed)
    scores, costs = rng.normal(size=(steps, states)), rng.uniform(0, 2, steps)
    gains = rng.normal(size=(states, states))
    total = np.zeros((steps, states))
    best, value = None, -np.inf
    for chain in itertools.product(range(states), repeat=steps):
        score = sum(scores[i, state] for i, state in enumerate(chain))
        for i in range(1, steps):
            if chain[i] != chain[i - 1]:
                score += gains[chain[i - 1], chain[i]] - costs[i]
        for i, state in enumerate(chain):
            total[i, state] += np.exp(score)
        if score > value:
            best, value = chain, score
    chances = state_chances(scores, costs, gains)
    np.testing.assert_allclose(chances, total / total.sum(axis=1, keepdims=True), atol=1e-9)
    np.testing.assert_array_equal(best_path_of_changes(scores, costs, gains), best)


def test_a_track_longer_than_what_is_held_at_once_comes_out_the_same(monkeypatch):
    beats, places, metres = steady(132, 4)
    chords = [7 * (beat // 4 % 12) for beat in range(len(beats))]
    heard = posteriors(beats, places, metres, chords, int(beats[-1] * FRAME_RATE) + 30)
    whole = decode(heard)
    monkeypatch.setattr("modeling_saxsolo.ear_decoding_saxsolo._ENDS_AT_ONCE", 37)
    monkeypatch.setattr("modeling_saxsolo.chord_search_saxsolo._FRAMES_AT_ONCE", 41)
    parts = decode(heard)
    assert np.array_equal(parts.beats, whole.beats)
    assert np.array_equal(parts.places, whole.places)
    assert parts.chords == whole.chords
