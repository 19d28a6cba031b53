"""Playing a stretch of an earlier solo anew: what is kept, what is new, what is refused."""

import numpy as np
import pytest

from saxsolo import AudioError, Performance, SettingError, Settings, improvise
from saxsolo.audio.files import open_sound
from saxsolo.playing.revision import Revision

from .conftest import chords

SECONDS = 4.0
FRAMES = round(50 * SECONDS)


@pytest.fixture(scope="module")
def source():
    return open_sound((chords(SECONDS, 32000), 32000))


@pytest.fixture(scope="module")
def earlier(player, source):
    return improvise(source, seed=1, guidance=1, player=player)


def revised(player, source, revision: Revision, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Codes and sound."""
    performance = Performance(player, source, Settings(seed=seed, guidance=1), revision)
    sound = np.concatenate(list(performance))
    return np.concatenate(performance.frames, axis=-1), sound


# inside a block of the decoder, on its edge, over more than a window of the model
@pytest.mark.parametrize("start, stop", [(60, 90), (75, 125), (1, 2), (0, 50), (100, 199)])
def test_only_the_stretch_is_new(player, source, earlier, start, stop):
    codes, sound = revised(player, source, Revision(earlier.codes, start, stop))
    assert codes.shape == earlier.codes.shape and sound.shape == earlier.solo.shape
    np.testing.assert_array_equal(codes[:, :start], earlier.codes[:, :start])
    np.testing.assert_array_equal(codes[:, stop:], earlier.codes[:, stop:])
    if stop - start > 10:
        assert (codes[1:, start:stop] != earlier.codes[1:, start:stop]).mean() > 0.5


def test_notes_decided_ahead_end_with_the_stretch(player, source, earlier, monkeypatch):
    monkeypatch.setattr(player.solo.model.config, "plan_frames", 40)
    codes, _ = revised(player, source, Revision(earlier.codes, 60, 90))
    np.testing.assert_array_equal(codes[:, :60], earlier.codes[:, :60])
    np.testing.assert_array_equal(codes[:, 90:], earlier.codes[:, 90:])
    assert (codes[1:, 60:90] != earlier.codes[1:, 60:90]).mean() > 0.5


def test_what_comes_before_is_the_same_sound(player, source, earlier):
    start = 110
    _, sound = revised(player, source, Revision(earlier.codes, start))
    # whole blocks of the decoder are the same bits; it reads no more than one frame ahead
    kept = (start // 25) * 25 * 640 - 2 * 640
    np.testing.assert_array_equal(sound[:kept], earlier.solo[:kept])
    assert not np.array_equal(sound[kept + 32000 :], earlier.solo[kept + 32000 :])


def test_the_same_seed_revises_in_the_same_way(player, source, earlier):
    revision = Revision(earlier.codes, 70, 150)
    one, two = (revised(player, source, revision, seed=5)[1] for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_no_thread_goes_on_playing_what_nobody_hears(player, source, earlier):
    import threading

    revised(player, source, Revision(earlier.codes, 10, 20))
    assert not [thread for thread in threading.enumerate() if thread.name == "saxsolo"]


@pytest.mark.parametrize("start, stop", [(-1, 5), (5, 5), (9, 3), (0, FRAMES + 1), (FRAMES, None)])
def test_a_stretch_that_is_none(earlier, start, stop):
    with pytest.raises(SettingError, match="not a stretch"):
        Revision(earlier.codes, start, stop)


def test_an_earlier_solo_that_is_too_short(player, source, earlier):
    short = Revision(earlier.codes[:, :100], 10, 50)
    with pytest.raises(SettingError, match="lasts 2 s, less than the 4 s wanted"):
        Performance(player, source, Settings(), short)


def test_feel_is_heeded_and_an_unknown_one_refused(player, source, earlier):
    latin = improvise(source, seed=1, guidance=1, feel="latin", player=player)
    assert not np.array_equal(latin.codes, earlier.codes)
    assert latin.run["settings"]["feel"] == "latin"
    with pytest.raises(SettingError, match="feel 'polka' is none of those"):
        improvise(source, feel="polka", player=player)


def test_the_mix_can_be_asked_for_with_the_solo_in_front(earlier, tmp_path):
    import soundfile as sf

    plain, front = earlier.mix_levels(), earlier.mix_levels(6.0)
    assert front.solo / plain.solo == pytest.approx(10 ** (6 / 20))
    earlier.save(tmp_path, solo_above=-60.0)
    mix = sf.read(tmp_path / "mix.wav")[0]
    backing = chords(SECONDS, 32000)
    together = np.corrcoef(mix[:, 0], backing[:, 0])[0, 1]
    assert together > 0.99 and 0 < plain.whole <= 1


def test_a_silent_backing_is_still_refused(player, earlier):
    silence = (np.zeros(round(SECONDS * 32000), np.float32), 32000)
    with pytest.raises(AudioError, match="silent"):
        revised(player, open_sound(silence), Revision(earlier.codes, 10))
