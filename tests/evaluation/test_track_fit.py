"""Solos against tracks with known chords."""

import numpy as np
import pytest
import soundfile

from modeling_saxsolo.vocabulary_saxsolo import QUALITY_NAMES
from saxsolo.evaluation.ear_listeners import Hearing
from saxsolo.evaluation.ear_metrics import ChordTrack, harte
from saxsolo.evaluation.ear_report import Track, read_sounds
from saxsolo.evaluation.track_fit import judged_from_outside, root_and_quality, track_labels


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
