"""The lead sheet: beats, bars and chords as the model's inputs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling_saxsolo.chord_search_saxsolo import HeardChord
from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from modeling_saxsolo.lead_sheet_saxsolo import (
    LeadSheet,
    plain_sheet,
    sheet_of_inputs,
    sheet_of_labels,
    sheet_of_music,
)
from modeling_saxsolo.vocabulary_saxsolo import NO_CHORD, NO_ROOT


def music(beats: np.ndarray, chords: list[HeardChord] | None = None) -> HeardMusic:
    places = np.arange(len(beats)) % 4 + 1
    metres = np.full(len(beats), 4)
    return HeardMusic(beats, places, metres, np.ones(len(beats)), chords or [])


@given(
    st.lists(st.floats(0.2, 1.4), min_size=2, max_size=40),
    st.lists(st.floats(-20, 80), min_size=1, max_size=20),
)
def test_beats_and_seconds_are_inverse(gaps: list[float], seconds: list[float]) -> None:
    beats = 1.0 + np.cumsum(gaps)
    none = np.zeros(len(beats), int)
    sheet = LeadSheet(beats, none, none, none, none, none)
    back = sheet.seconds_at(sheet.beat_at(np.array(seconds)))
    np.testing.assert_allclose(back, seconds, atol=1e-6)
    np.testing.assert_allclose(sheet.beat_at(beats), np.arange(len(beats)), atol=1e-9)


def test_the_beats_cover_the_backing_and_the_bars_go_on() -> None:
    sheet = sheet_of_music(music(np.arange(10, 30) * 0.5), 20.0)
    assert sheet.beats[0] <= 0 and sheet.beats[-1] >= 20
    np.testing.assert_allclose(np.diff(sheet.beats), 0.5)
    first = int(np.flatnonzero(np.isclose(sheet.beats, 5.0))[0])
    np.testing.assert_array_equal(sheet.places, (np.arange(len(sheet)) - first) % 4)


def test_a_hole_between_beats_is_filled() -> None:
    beats = np.concatenate([np.arange(8), np.arange(12, 20)]) * 0.5
    sheet = sheet_of_music(music(beats), 9.0)
    np.testing.assert_allclose(np.diff(sheet.beats), 0.5)


def test_without_beats_seconds_take_their_place() -> None:
    chords = [HeardChord(0.0, 4.0, 5, 1, 0.9), HeardChord(4.0, 8.0, None, NO_CHORD, 0.9)]
    sheet = sheet_of_music(music(np.zeros(0), chords), 8.0)
    np.testing.assert_allclose(np.diff(sheet.beats), 0.5)
    assert (sheet.metres == 0).all()
    assert (sheet.roots[sheet.beats < 3.9] == 5).all()
    assert (sheet.roots[sheet.beats > 4.1] == NO_ROOT).all()


def test_inputs_are_read_back_without_their_padding() -> None:
    sheet = sheet_of_music(music(np.arange(20) * 0.5, [HeardChord(0.0, 10.0, 3, 2, 0.9)]), 10.0)
    row = sheet.inputs()
    padded = {
        name: np.concatenate([values, np.full((7, *values.shape[1:]), -1, values.dtype)])
        for name, values in row.items()
    }
    back = sheet_of_inputs(padded)
    for name, values in back.inputs().items():
        np.testing.assert_array_equal(values, row[name])


def test_labels_become_a_lead_sheet() -> None:
    frames = np.arange(1000)
    phase = (frames % 25) * 12 // 25
    place = (frames // 25) % 3
    root = np.where(frames < 500, 2, 7)
    sheet = sheet_of_labels(np.stack([root, np.full(1000, 2), phase, place]))
    inside = (sheet.beats >= 0) & (sheet.beats < 20)
    np.testing.assert_allclose(sheet.beats[inside], np.arange(40) * 0.5)
    np.testing.assert_array_equal(sheet.places[inside], np.arange(40) % 3)
    assert (sheet.metres == 3).all()
    assert (sheet.roots[inside] == np.where(np.arange(40) < 20, 2, 7)).all()


def test_what_is_told_takes_the_place_of_what_was_heard() -> None:
    heard = plain_sheet(10.0)
    labels = np.full((4, 500), -100)
    labels[0, 250:], labels[1, 250:] = 9, 1
    told = heard.told(labels)
    np.testing.assert_array_equal(told.beats, heard.beats)
    assert (told.roots[told.beats < 5] == NO_ROOT).all()
    assert (told.roots[told.beats >= 5] == 9).all()


def test_a_lead_sheet_that_is_none_is_refused() -> None:
    row = plain_sheet(4.0).inputs()
    with pytest.raises(ValueError, match="2 or more"):
        sheet_of_inputs({name: values[:1] for name, values in row.items()})
    with pytest.raises(ValueError, match="rise"):
        sheet_of_inputs({**row, "beat_times": row["beat_times"][::-1]})


def test_the_less_time_counts_the_freer_a_sheet_floats_and_no_beat_is_lost() -> None:
    sheet = plain_sheet(120.0, 150.0)
    figures = []
    for time in (0.0, 0.25, 0.5, 0.75, 1.0):
        floating = sheet.floating(time)
        assert (np.diff(floating.beats) > 0).all() and len(floating) == len(sheet)
        assert np.abs(floating.beats - sheet.beats).max() <= 0.5 * 60 / 150 + 1e-9
        eighths = floating.seconds_at(np.arange(0, len(sheet) - 1, 0.5))
        phases = 2j * np.pi * sheet.beat_at(eighths)
        figures.append([abs(np.exp(times * part).mean()) for times, part in
                        ((1, phases[::2]), (2, phases))])  # fmt: skip
    beat, eighth = np.array(figures).T
    assert (np.diff(beat) > 0).all() and (np.diff(eighth) > 0).all()
    # free of the beat: every place as likely; and on it: the very same sheet
    assert beat[0] < 0.05 and eighth[0] < 0.05 and beat[-1] == pytest.approx(1)
    assert sheet.floating(1.0) is sheet and sheet.floating(2.0) is sheet
