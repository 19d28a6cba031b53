"""From sound to figures, with players whose music is known."""

import numpy as np
import pytest

pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[evaluate])")

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.evaluation.baselines import sines
from saxsolo.evaluation.case_metrics import METRICS, case_figures, wins
from saxsolo.evaluation.notes import track_notes
from saxsolo.music.score import Note

SECONDS = 4
TUNES = {0: [60, 64, 67, 71, 60, 64, 67, 71], 6: [66, 70, 73, 77, 66, 70, 73, 77]}


def melody(pitches: list[int], late: float = 0.0) -> np.ndarray:
    """Half-second notes with a gap between them."""
    notes = [Note(0.5 * i + late, 0.42, pitch, 0.6) for i, pitch in enumerate(pitches)]
    return sines(notes, SECONDS * SAMPLING_RATE)


def labels_of(root: int) -> np.ndarray:
    """One chord, a beat every half second from 0 on, in fours."""
    frame = np.arange(50 * SECONDS)
    labels = np.zeros((len(frame), 4), np.int16)
    labels[:, 0] = root
    labels[:, 2] = frame % 25 * 12 // 25
    labels[:, 3] = frame // 25 % 4
    return labels


LABELS = [labels_of(root) for root in TUNES]


def figures(sounds: list[np.ndarray]) -> dict[str, dict]:
    notes = [track_notes(sound, SAMPLING_RATE) for sound in sounds]
    return case_figures(notes, LABELS, ["one", "other"], ["tenor", "tenor"])


def test_notes_are_tracked():
    notes = track_notes(melody(TUNES[0]), SAMPLING_RATE)
    assert list(notes.pitches) == TUNES[0]
    assert np.abs(notes.onsets - 0.5 * np.arange(8)).max() < 0.05
    assert 0.6 < notes.voiced_share < 0.95


def test_who_listens_wins_and_who_does_not_is_even():
    listens = figures([melody(TUNES[root]) for root in TUNES])
    ignores = figures([melody(TUNES[0])] * 2)
    assert listens["auc_chord_tones"]["value"] == 1.0
    assert ignores["auc_chord_tones"]["value"] == 0.5
    assert listens["chord_tones"]["value"] == 1.0
    assert 0.4 < ignores["chord_tones"]["value"] < 0.6


def test_two_takes_of_one_tune_are_not_compared():
    notes = [track_notes(melody(TUNES[root]), SAMPLING_RATE) for root in TUNES]
    found = case_figures(notes, LABELS, ["one", "one"], ["tenor", "tenor"])
    assert found["auc_chord_tones"]["value"] is None
    assert found["auc_chord_tones"]["reason"]
    assert found["chord_tones"]["value"] == 1.0


def test_silence_is_null_with_a_reason_and_not_nought():
    silent = figures([np.zeros(SAMPLING_RATE * SECONDS, np.float32)] * 2)
    assert silent["notes_a_second"]["value"] == 0
    for name in ("chord_tones", "auc_chord_tones", "beat_concentration", "in_range"):
        assert silent[name] == {**silent[name], "value": None, "interval": None, "n": 0}
        assert silent[name]["reason"] == "no notes were found in the sound"


def test_every_figure_has_a_heading():
    made = figures([melody(TUNES[root]) for root in TUNES])
    assert set(made) <= set(METRICS)


def test_wins_of_each_solo():
    grid = np.array([[0.9, 0.2, 0.3], [0.9, 0.8, 0.2], [0.3, np.nan, 0.7]])
    assert wins(grid) == [1.0, 0.5, 1.0]
    assert wins(np.full((2, 2), np.nan)) == [None, None]
