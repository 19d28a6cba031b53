"""From posteriors to beats, bars and chords."""

import numpy as np
import pytest

from saxsolo.music.ear_decoding import FRAME_RATE, NO_CHORD, decode


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
    assert sure == pytest.approx(0.9, abs=0.03) and unsure == pytest.approx(0.4, abs=0.05)


def test_too_short_a_sound_has_no_beats():
    flat = {"chord": 85, "phase": 12, "place": 8, "beats": 2, "metre": 6}
    music = decode({name: np.full((10, size), 1 / size) for name, size in flat.items()})
    assert len(music.beats) == 0 and music.tempo is None and music.metre is None
    assert len(music.chords) == 1


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="'chord' must be"):
        decode({"chord": np.ones((5, 13))})
    beats, places, metres = steady(120, 4, 4)
    heard = posteriors(beats, places, metres, [0] * 16, 400)
    heard["metre"] = heard["metre"][:-1]
    with pytest.raises(ValueError, match="same number of frames"):
        decode(heard)
