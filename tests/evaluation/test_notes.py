"""Notes from sound and from scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saxsolo.evaluation.notes import NotesError, SoloNotes, note_f1, notes_of_score, track_notes

RATE = 16000


def test_tracked_notes_are_those_played(blues):
    pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[evaluate])")
    pytest.importorskip("mir_eval", reason="needs mir_eval (pip install saxsolo[evaluate])")
    sound = blues.sound(10)
    inside = blues.notes.onsets < 9.7
    truth = SoloNotes(
        blues.notes.onsets[inside],
        blues.notes.ends[inside],
        blues.notes.pitches[inside],
        blues.notes.loudness[inside],
        10,
        0.8,
    )
    found = track_notes(sound, RATE)
    assert note_f1(truth, found) > 0.9
    assert np.isfinite(found.loudness).all() and (found.ends > found.onsets).all()


def test_f1_counts_matches_once():
    pytest.importorskip("mir_eval", reason="needs mir_eval (pip install saxsolo[evaluate])")

    def solo(onsets, pitches):
        onsets = np.array(onsets, float)
        return SoloNotes(onsets, onsets + 0.2, np.array(pitches), onsets * 0, 5.0, 0.5)

    truth = solo([0, 1, 2, 3], [60, 62, 64, 65])
    assert note_f1(truth, truth) == 1
    assert note_f1(truth, solo([0.04, 1.06, 2, 3], [60, 62, 65, 65])) == 0.5
    assert note_f1(truth, solo([0, 0.01], [60, 60])) == pytest.approx(2 / 6)


@given(st.lists(st.integers(0, 120), min_size=1, max_size=200))
def test_notes_of_any_score_are_in_order(tokens):
    notes = notes_of_score(np.array(tokens))
    assert (np.diff(notes.onsets) > 0).all() and (notes.ends > notes.onsets).all()
    assert (notes.ends[:-1] <= notes.onsets[1:] + 1e-9).all()
    assert ((notes.pitches >= 40) & (notes.pitches <= 99)).all()
    assert (notes.ends - notes.onsets).sum() == pytest.approx(notes.voiced_share * notes.seconds)


@pytest.mark.parametrize(
    ("sound", "said"),
    [
        (np.zeros(0), "0 samples"),
        (np.array([0.0, np.nan, np.inf]), "2 of 3"),
        (np.zeros((100, 2)), "mono"),
    ],
)
def test_bad_sounds_are_refused_by_name(sound, said):
    pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[evaluate])")
    with pytest.raises(NotesError, match=said):
        track_notes(sound, RATE)


def test_unknown_tracker_and_empty_score():
    pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[evaluate])")
    with pytest.raises(NotesError, match="swift_f0, pyin"):
        track_notes(np.zeros(RATE), RATE, "ear")
    with pytest.raises(NotesError, match="0 frames"):
        notes_of_score(np.zeros(0, int))
