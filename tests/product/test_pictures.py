"""The picture of a take, whatever the take."""

import numpy as np
import pytest

from saxsolo.music.beat_grid import plain_grid
from saxsolo.music.score import Note

pytest.importorskip("matplotlib", reason="needs matplotlib (pip install saxsolo[notes])")

from saxsolo.music.chord_symbols import chord_name
from saxsolo.notation.pictures import WIDEST, save_picture, take_picture

RATE = 32000
NOTES = [Note(0.1, 0.3, 60, 0.5), Note(0.5, 0.4, 67, 0.5)]


@pytest.mark.parametrize("seconds", [0.01, 1.0, 40.0])
@pytest.mark.parametrize("notes", [[], NOTES], ids=["no notes", "notes"])
def test_any_take_is_drawn(tmp_path, seconds, notes):
    sound = np.zeros(round(seconds * RATE), np.float32)
    grid = plain_grid(seconds) if seconds > 0.5 else None
    figure = take_picture(notes, sound, sound, RATE, grid, r"$a_ \frac{$ of dollars")
    path = save_picture(figure, tmp_path / "solo.png")
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["solo.png"]


def test_long_takes_stay_on_paper():
    sound = np.zeros(600 * RATE, np.float32)
    assert take_picture(NOTES, sound, sound, RATE).get_figwidth() == WIDEST


def test_chord_names():
    assert [chord_name(2, 1), chord_name(7, 2), chord_name(12, 7)] == ["Dm7", "G7", ""]
