"""Several takes: each is the single run with its seed, sorted by how it fits its chords."""

import json

import numpy as np
import pytest

import saxsolo
from saxsolo import SettingError
from saxsolo.music.charts.text import read_text
from saxsolo.music.placed_chart import place_by_tempo
from saxsolo.music.score import Note
from saxsolo.playing.take_fit import fit_of

CHART = {"chords": "F7 | Bb7", "first_bar": 0.5, "tempo": 240}


def test_takes_are_single_runs_sorted_by_their_fit(player, backing):
    takes = saxsolo.improvise_takes(backing, 3, player=player, seed=5, **CHART)
    values = [take.run["fit"]["value"] for take in takes]
    assert values == sorted(values, reverse=True)
    assert {take.run["seed"] for take in takes} == {5, 6, 7}
    alone = saxsolo.improvise(backing, player=player, seed=takes[0].run["seed"], **CHART)
    assert np.array_equal(alone.codes, takes[0].codes)
    with pytest.raises(SettingError, match="0 takes"):
        saxsolo.improvise_takes(backing, 0, player=player)


def test_the_command_writes_the_order(checkpoint, backing, tmp_path, run):
    out = tmp_path / "takes"
    options = ["--chords", CHART["chords"], "--first-bar", "0.5", "--tempo", "240"]
    arguments = ["--out", out, "--takes", 2, "--checkpoint", checkpoint, *options]
    code, shown, errors = run("improvise", backing, *arguments)
    assert code == 0, errors
    rows = json.loads((out / "takes.json").read_text())
    assert {row["folder"] for row in rows} == {"take-1", "take-2"}
    assert rows[0]["fit"]["value"] >= rows[1]["fit"]["value"]
    assert f"take-{rows[0]['seed'] + 1}, seed {rows[0]['seed']}: fit" in shown
    record = json.loads((out / rows[0]["folder"] / "run.json").read_text())
    assert record["fit"] == rows[0]["fit"]


def test_chord_tones_fit_best_and_another_key_fits_less():
    grid = place_by_tempo(read_text("F7 | % | % | %"), 0.0, 120, 8.0).grid()

    def value(pitches):
        notes = [Note(0.5 * place, 0.4, pitch, 1.0) for place, pitch in enumerate(pitches)]
        return fit_of(notes, grid)["value"]

    chord, scale, outside = [53, 57, 60, 63], [55, 58, 62, 53], [54, 56, 59, 64]
    assert value(chord) > value(scale) > 0 > value(outside)
    assert fit_of([], grid) is None and fit_of([Note(0, 1, 60, 1.0)], None) is None
