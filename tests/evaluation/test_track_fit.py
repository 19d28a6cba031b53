"""Solos against tracks with known chords."""

import numpy as np
import pytest
import soundfile

from modeling_saxsolo.vocabulary_saxsolo import QUALITY_NAMES
from saxsolo.evaluation.ear_listeners import Hearing
from saxsolo.evaluation.ear_metrics import ChordTrack, harte
from saxsolo.evaluation.ear_report import Track, read_sounds
from saxsolo.evaluation.notes import notes_of_score
from saxsolo.evaluation.track_fit import (
    fit_of_solos,
    judged_from_outside,
    root_and_quality,
    solo_figures,
    track_labels,
)


@pytest.mark.parametrize("root", range(12))
@pytest.mark.parametrize("quality", range(7))
def test_chords_come_back_from_harte(root, quality):
    assert root_and_quality(harte(root, quality)) == (root, quality), QUALITY_NAMES[quality]


@pytest.mark.parametrize(
    "label, wanted",
    [("N", (12, 7)), ("C", (0, 0)), ("F#:min", (6, 1)), ("Bb:9", (10, 2)), ("D:dim", (2, 4)),
     ("E:maj6(9)", (4, 0)), ("G:minmaj7/b3", (7, 1)), ("A:sus4", (9, 5))],
)  # fmt: skip
def test_labels_of_others_are_read(label, wanted):
    assert root_and_quality(label) == wanted


def test_labels_follow_chords_and_beats(tmp_path):
    chords = ChordTrack(np.array([[0.0, 1.0], [1.0, 3.0]]), ["N", "D:min7"])
    beats, places = np.arange(0.5, 3.0, 0.5), np.array([1, 2, 3, 4, 1])
    labels = track_labels(Track("x", tmp_path, chords, beats, places), 3.0)
    assert labels.shape == (150, 4)
    assert (labels[:50, 0] == 12).all() and (labels[50:, :2] == (2, 1)).all()
    assert (labels[:25, 2] == -100).all() and labels[25, 2] == 0 and labels[49, 2] == 11
    assert list(labels[30:130:25, 3]) == [0, 1, 2, 3]


def test_a_judge_hears_the_seconds_that_are_played(tmp_path):
    tone = np.sin(np.arange(40_000) * 0.1).astype(np.float32)
    soundfile.write(tmp_path / "any band.flac", np.stack([tone, 0.5 * tone], axis=1), 16_000)
    heard = []

    def judge(audio, rate):
        heard.append((audio.shape, rate))
        return Hearing(ChordTrack(np.array([[0.0, 2.0]]), ["F:7"]), np.arange(0.0, 2.0, 0.5))

    (track,) = read_sounds(tmp_path)
    labels = track_labels(judged_from_outside(track, judge, 2.0), 2.0)
    assert heard == [((2, 32_000), 16_000)]
    assert (labels[:, :2] == (5, 2)).all()
    assert (labels[:75, 2] >= 0).all() and (labels[:, 3] == -100).all()


def test_a_folder_without_sounds_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no sound"):
        read_sounds(tmp_path)


def test_figures_of_a_solo_alone():
    tokens = np.zeros(500, int)
    tokens[50], tokens[51:100] = 21, 81
    tokens[200], tokens[201:225] = 23, 83
    figures = solo_figures(notes_of_score(tokens))
    assert figures == pytest.approx(
        {"notes_a_second": 0.2, "voiced": 0.15, "pauses": 0.2, "longest_note": 1.0}
    )
    silence = solo_figures(notes_of_score(np.zeros(500, int)))
    assert silence == dict.fromkeys(figures, 0.0)


def test_a_solo_fits_its_own_chords_best():
    """Chord tones of C and of F sharp, each over both."""
    solos, labels = [], []
    for root in (0, 6):
        tokens = np.zeros(500, int)
        for index in range(40):
            tokens[12 * index] = 1 + 20 + root + (0, 4, 7)[index % 3]
        frames = np.arange(500)
        solos.append(notes_of_score(tokens))
        phase, place = frames % 25 * 12 // 25, frames // 25 % 4
        labels.append(np.stack([np.full(500, root), np.zeros(500, int), phase, place], axis=1))
    figures = fit_of_solos(solos, labels)
    assert figures["chord_tones"]["own"] == 1.0 and figures["chord_tones"]["matched"] == 1.0
    assert "matched" not in figures["notes_a_second"]
