"""Fifty odd files and a hundred damaged ones; `saxsolo benchmark odd-files` reads thousands."""

import random
import shutil

import pytest

from benchmarks.odd_files import (
    MOST_MEGABYTES,
    make_odd_files,
    megabytes,
    mutated,
    outcome,
    read_mutations,
)


@pytest.fixture(autouse=True)
def _ffmpeg():
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg to make the files with (apt install ffmpeg)")


def test_odd_files_are_played_and_cut_ones_too_on_request(tmp_path):
    refused = []
    for odd in make_odd_files(tmp_path, 56):
        line = outcome(odd.path)
        if odd.whole and line != "played":
            refused.append((odd.path.name, line))
        if not odd.whole:
            # what is left may be too short, or hold no header
            outcome(odd.path, partial=True)
    assert not refused


def test_damaged_files_are_played_or_refused_in_one_line(tmp_path):
    told = read_mutations(tmp_path, 100)
    assert sum(told.values()) == 100


@pytest.mark.slow
def test_five_hundred_damaged_files_take_little_memory(tmp_path):
    before = megabytes()
    told = read_mutations(tmp_path, 500, seed=1)
    assert sum(told.values()) == 500 and megabytes() - before < MOST_MEGABYTES


def test_damage_is_repeatable():
    data = bytes(range(256)) * 8
    assert mutated(data, random.Random(3)) == mutated(data, random.Random(3)) != data
