"""Which windows are taken, and that every second left out has its reason."""

import numpy as np
import pytest
import soundfile

from saxsolo.corpus.config import SelectConfig
from saxsolo.corpus.recordings.select import frame_rms, select_windows, stem_correlation

RATE = 32000
QUICK = SelectConfig(frame_seconds=2.0, shortest_seconds=4.0, longest_seconds=20.0)


def write(folder, backing, solo):
    for name, sound in (("backing", backing), ("solo", solo)):
        soundfile.write(folder / f"{name}.flac", sound, RATE)


def test_music_in_both_stems_is_one_window_with_its_notes(sounds, tmp_path):
    write(tmp_path, sounds.backing(8, 1), sounds.solo(8, 1))
    windows, losses, levels = select_windows(tmp_path, QUICK)
    assert [(one["start"], one["end"]) for one in windows] == [(0.0, 8.0)] and not losses
    assert windows[0]["voiced"] > 0.8 and windows[0]["leakage"] < 0.2
    assert len(windows[0]["notes"]) > 10 and len(levels) == 7


def test_a_pause_of_the_solo_is_left_out(sounds, tmp_path):
    solo = sounds.solo(20, 1)
    solo[6 * RATE : 12 * RATE] = 0
    write(tmp_path, sounds.backing(20, 1), solo)
    windows, losses, _ = select_windows(tmp_path, QUICK)
    assert len(windows) == 2
    assert windows[0]["end"] < 8.1 and windows[1]["start"] > 9.9
    assert {reason for _, reason in losses} == {"solo below RMS 0.05"}
    kept = sum(one["end"] - one["start"] for one in windows)
    assert kept + sum(seconds for seconds, _ in losses) == pytest.approx(20.0, abs=0.5)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda s: (s.backing(8, 1), 0 * s.solo(8, 1)), "solo below RMS"),
        (lambda s: (0 * s.backing(8, 1), s.solo(8, 1)), "backing below RMS"),
        (lambda s: (s.backing(3, 1), s.solo(3, 1)), "shorter than 4 s"),
        (lambda s: (s.solo(8, 1), s.solo(8, 1)), "leakage"),
        (
            lambda s: (
                s.backing(8, 1),
                (0.1 * np.random.default_rng(0).standard_normal(8 * RATE)).astype(np.float32),
            ),
            "solo has a pitch in less",
        ),
    ],
)
def test_what_is_no_good_is_refused_with_its_reason(sounds, tmp_path, make, reason):
    write(tmp_path, *make(sounds))
    windows, losses, _ = select_windows(tmp_path, QUICK)
    assert not windows
    assert reason in losses[0][1] and losses[0][0] > 2.5


def test_long_music_is_cut_into_equal_windows(sounds, tmp_path):
    write(tmp_path, sounds.backing(13, 1), sounds.solo(13, 1))
    windows, losses, _ = select_windows(tmp_path, QUICK.changed(longest_seconds=5.0))
    assert len(windows) == 3 and not losses
    assert windows[0]["end"] == windows[1]["start"]
    assert all(one["end"] - one["start"] <= 5.0 for one in windows)


def test_frame_rms_is_the_definition():
    energies = np.random.default_rng(0).random((37, 2))
    got = frame_rms(energies, 5)
    wanted = [np.sqrt(energies[i : i + 5].mean(0)) for i in range(33)]
    np.testing.assert_allclose(got, wanted, rtol=1e-9)
    assert frame_rms(energies[:3], 5).shape == (1, 2)
    assert frame_rms(energies[:0], 5).shape == (0, 2)


@pytest.mark.parametrize("leak_db", [-6, -20, -60])
def test_correlation_rises_with_the_leak(sounds, leak_db):
    solo, backing = sounds.solo(6, 1), sounds.backing(6, 2)
    leak = 10 ** (leak_db / 20)
    wanted = leak * solo.std() / np.hypot(backing.std(), leak * solo.std())
    got = stem_correlation(backing + leak * solo, solo, RATE)
    assert got == pytest.approx(wanted, abs=0.06)
