"""What is said of a backing's metre before a solo is played over it."""

import numpy as np
import pytest

from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from saxsolo.playing.backing_notes import metre_notes


def music(metre: int, sure: float, thirds: float = 0.0, count: int = 24) -> HeardMusic:
    place = np.arange(count)
    beats, metres = 0.5 * place, np.full(count, metre)
    return HeardMusic(
        beats, place % metre + 1, metres, np.ones(count), [], 0.0, thirds, metre_confidence=sure
    )


def test_a_clear_metre_needs_no_note():
    assert metre_notes("tune", music(4, 0.98)) == []
    assert metre_notes("tune", music(2, 0.9, thirds=0.97)) == []


@pytest.mark.parametrize(
    "found, says",
    [
        (music(2, 0.2), "the metre of tune is not clear: 2/4 with a confidence of 20%"),
        (music(4, 0.8, thirds=0.52), "the metre of tune is not clear: 12/8 with"),
        (music(4, 0.0, count=0), "no beat was heard in tune: its bars are written at 120 bpm"),
    ],
)
def test_a_doubtful_metre_is_said(found, says):
    notes = metre_notes("tune", found)
    assert len(notes) == 1 and notes[0].startswith(says)
