"""Beats, bars and chords from what an encoder might hear."""

import numpy as np
import pytest

from saxsolo.errors import SettingError
from saxsolo.music.beat_grid import find_grid
from saxsolo.playing.hearing import hear_codes

from .conftest import save_checkpoint


def heard(labels: np.ndarray, sure: float = 0.8) -> dict[str, np.ndarray]:
    """Probabilities that say `labels` (T, 4) with `sure`."""
    sizes = {"chord_root": 13, "chord_quality": 8, "beat_phase": 12, "bar_beat": 8}
    parts = {}
    for column, (name, size) in enumerate(sizes.items()):
        parts[name] = np.full((len(labels), size), (1 - sure) / (size - 1), np.float32)
        parts[name][np.arange(len(labels)), labels[:, column]] = sure
    return parts


def song(tempo: float, metre: int, seconds: float = 30.0, start: float = 0.7) -> np.ndarray:
    """Frame labels: chords change every bar, four of them in turn."""
    time = (np.arange(round(50 * seconds)) + 0.5) / 50
    beat = (time - start) * tempo / 60
    index = np.floor(beat).astype(int)
    bar = index // metre
    roots = np.array([2, 7, 0, 9])[bar % 4]
    qualities = np.array([1, 2, 0, 3])[bar % 4]
    phases = np.floor(12 * (beat - index)).astype(int)
    return np.stack([roots, qualities, phases, index % metre], axis=1)


@pytest.mark.parametrize("tempo, metre", [(60, 4), (93, 3), (132, 4), (171, 5), (240, 4), (310, 4)])
def test_the_song_is_found(tempo, metre):
    labels = song(tempo, metre)
    grid = find_grid(heard(labels))
    assert grid.tempo == pytest.approx(tempo, rel=0.02)
    assert grid.beats_per_bar == metre
    truth = 0.7 + 60 / tempo * np.arange(-4, 400)
    gaps = np.abs(grid.beats[:, None] - truth).min(axis=1)
    assert gaps.max() < 0.03
    again = grid.labels(len(labels))
    known = again[:, 0] >= 0
    assert known.mean() > 0.9
    # only frames beside a change may differ
    assert (again[known] == labels[known])[:, :2].mean() > 0.95
    assert (again[known] == labels[known])[:, 3].mean() > 0.9


def test_a_tempo_that_drifts_is_followed():
    time = (np.arange(1500) + 0.5) / 50
    beat = 2 * time + 0.01 * time**2
    index = np.floor(beat).astype(int)
    phases = np.floor(12 * (beat - index)).astype(int)
    still = np.zeros_like(index)
    grid = find_grid(heard(np.stack([still, still, phases, index % 4], axis=1)))
    assert len(grid.beats) == pytest.approx(beat[-1], abs=2)
    where = np.interp(grid.beats, time, beat)
    assert np.abs(where - where.round()).max() < 0.1


def test_noise_gives_some_grid_and_no_error():
    rng = np.random.default_rng(0)
    parts = {
        name: rng.dirichlet(np.ones(size), 500)
        for name, size in (("chord_root", 13), ("chord_quality", 8), ("beat_phase", 12))
    }
    grid = find_grid({**parts, "bar_beat": rng.dirichlet(np.ones(8), 500)})
    assert (np.diff(grid.beats) > 0).all() and len(grid.beats) == len(grid.places)


@pytest.mark.parametrize("frames", [1, 8, 20])
def test_too_little_for_a_beat(frames):
    assert find_grid(heard(song(120, 4)[:frames])) is None


def test_long_backings_are_heard_window_by_window(player):
    import torch

    codes = torch.randint(0, 2048, (1, 4, 700), generator=torch.Generator().manual_seed(0))
    model = player.solo.model
    parts = hear_codes(model, codes)
    assert {name: part.shape for name, part in parts.items()} == {
        "chord_root": (700, 13),
        "chord_quality": (700, 8),
        "beat_phase": (700, 12),
        "bar_beat": (700, 8),
    }
    assert all(np.allclose(part.sum(1), 1, atol=1e-4) for part in parts.values())
    short = hear_codes(model, codes[..., :50])
    with torch.inference_mode():
        whole = model.encoder(codes[..., :50]).frame_label_logits[0, :, :13].softmax(-1)
    assert np.allclose(short["chord_root"], whole)


def test_a_model_that_names_no_beats(tmp_path):
    import torch

    from saxsolo import load_player

    folder = save_checkpoint(tmp_path / "none", frame_labels={"chord_root": 13})
    with pytest.raises(SettingError, match="beat"):
        hear_codes(load_player(folder).solo.model, torch.zeros(1, 4, 100, dtype=torch.long))
