"""Baselines play what they say, and the check of ranking says when a metric does not rank."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.vocabulary_saxsolo import INSTRUMENT_RANGES, SAMPLING_RATE
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.evaluation.baselines import (
    ChordTrack,
    TrainingSolo,
    into_range,
    random_walk,
    retrieve,
    sines,
)
from saxsolo.evaluation.case_metrics import METRICS, RANKING, check_ranking, figure, interval
from saxsolo.evaluation.harmony import SCALES
from saxsolo.music.frame_labels import frame_labels, transpose_labels
from saxsolo.music.score import Note

SCORES = {score.id: score for score in builtin_scores()}
FRAMES = 1000


def labels_of(name: str, tempo: float = 1.0, semitones: int = 0) -> np.ndarray:
    labels = frame_labels(SCORES[name].scale_tempo(tempo), FRAMES)
    return transpose_labels(labels, semitones)


def training() -> list[TrainingSolo]:
    return [
        TrainingSolo(name, ChordTrack.of(frame_labels(score, 3000)), list(score.notes))
        for name, score in SCORES.items()
        if score.notes
    ]


@pytest.mark.parametrize("semitones", [0, 3, -4])
@pytest.mark.parametrize("tempo", [1.0, 1.2])
@pytest.mark.parametrize("name", ["builtin_first_blues", "builtin_turning_study"])
def test_retrieval_finds_the_tune_in_any_key_and_tempo(name, tempo, semitones):
    notes, source = retrieve(labels_of(name, tempo, semitones), "tenor", training())
    assert source == name
    told = SCORES[name].scale_tempo(tempo).notes
    first = [note for note in told if note.onset >= notes[0].onset - 0.06][: len(notes)]
    assert len(notes) > 20
    found = np.array([note.onset for note in notes])
    assert np.abs(found - [note.onset for note in first]).max() < 0.06
    steps = {(a.pitch - b.pitch - semitones) % 12 for a, b in zip(notes, first, strict=True)}
    assert steps == {0}


def test_retrieval_has_nothing_where_nothing_fits():
    labels = labels_of("builtin_first_blues")
    assert retrieve(labels, "tenor", []) is None
    assert retrieve(np.full((FRAMES, 4), -100, np.int16), "tenor", training()) is None


def test_the_random_walk_stays_in_scale_range_and_time():
    labels = labels_of("builtin_turning_study")
    notes = random_walk(labels, "alto", swing=False, seed=3)
    assert len(notes) > 40
    assert notes == random_walk(labels, "alto", swing=False, seed=3)
    low, high = INSTRUMENT_RANGES["alto"]
    beats = ChordTrack.of(labels).times
    halves = np.sort(np.concatenate([beats, (beats[1:] + beats[:-1]) / 2]))
    for note in notes:
        frame = int(note.onset * 50 + 1.5)
        root, quality = labels[frame, :2]
        assert low <= note.pitch <= high
        assert (note.pitch - root) % 12 in SCALES[quality]
        assert np.abs(halves - note.onset).min() < 1e-6


@settings(deadline=None)
@given(
    pitches=st.lists(st.integers(20, 110), min_size=1, max_size=30),
    instrument=st.sampled_from(sorted(INSTRUMENT_RANGES)),
)
def test_into_range_keeps_pitch_classes(pitches, instrument):
    notes = [Note(float(i), 0.5, pitch, 0.6) for i, pitch in enumerate(pitches)]
    low, high = INSTRUMENT_RANGES[instrument]
    for before, after in zip(notes, into_range(notes, instrument), strict=True):
        assert low <= after.pitch <= high
        assert (after.pitch - before.pitch) % 12 == 0
        assert after.onset == before.onset


def test_notes_outside_the_sound_are_left_out():
    notes = [Note(0.5, 10.0, 60, 0.6), Note(5.0, 1.0, 62, 0.6)]
    audio = sines(notes, SAMPLING_RATE)
    assert (
        audio.shape == (SAMPLING_RATE,)
        and not audio[: SAMPLING_RATE // 2].any()
        and audio[SAMPLING_RATE // 2 :].any()
    )


def test_interval_holds_the_mean():
    low, high = interval([0.0, 1.0] * 50 + [np.nan])
    assert low < 0.5 < high and high - low < 0.3
    assert interval([]) is None


def test_a_figure_without_cases_says_why():
    assert figure([None, 0.5, None])["n"] == 1
    empty = figure([None, None], reason="silence")
    assert (empty["value"], empty["interval"], empty["reason"]) == (None, None, "silence")


def ranked(values: list[float | None]) -> dict:
    systems = {
        name: {metric: {"value": v} for metric in METRICS}
        for name, v in zip(RANKING, values, strict=True)
    }
    return check_ranking(systems)["chord_tones"]


@pytest.mark.parametrize(
    "values, holds",
    [
        ([0.6, 0.5, 0.4, None], True),
        ([0.6, 0.5, 0.4, 0.3], True),
        ([0.5, 0.6, 0.4, None], False),
        ([0.6, 0.5, 0.5, None], False),
        ([0.6, 0.5, 0.3, 0.4], False),
        ([None, 0.5, 0.3, 0.2], False),
    ],
)
def test_ranking(values, holds):
    found = ranked(values)
    assert found["holds"] is holds and bool(found["broken"]) is not holds


def test_time_does_not_rank_retrieval():
    systems = {
        name: {metric: {"value": v} for metric in METRICS}
        for name, v in zip(RANKING, [0.5, 0.6, 0.4, None], strict=True)
    }
    found = check_ranking(systems)
    assert found["on_beat"]["holds"] and not found["chord_tones"]["holds"]
    assert "retrieval" not in found["on_beat"]["players"]
