"""What is heard of how notes are played, on tones whose shape is known."""

import numpy as np
import pytest

from modeling_saxsolo.player_saxsolo import PlayedNote
from saxsolo.evaluation.articulation_effects import having, places
from saxsolo.evaluation.articulation_sound import FIGURES, HeardSolo, Place
from saxsolo.music.frame_labels import HOLD, ONSET

pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[notes])")
RATE, ONSET_AT, LENGTH = 32_000, 0.5, 1.0
SHAPES = {
    "vibrato": {"vibrato_depth": 30.0, "vibrato_rate": 5.5, "vibrato_start": 0.1},
    "scoop": {"scoop": 150.0, "scoop_length": 0.12},
    "fall": {"fall": 180.0, "fall_length": 0.2},
    "bend": {"bend": 120.0, "bend_start": 0.3, "bend_length": 0.25},
    "glide": {"glide": -180.0, "glide_length": 0.06},
}


def tone(growl: float = 0.0, dark: bool = False, loud: float = 1.0, **shape: float) -> HeardSolo:
    """A note of A4 with eight harmonics, played as `PlayedNote` says."""
    note = PlayedNote(ONSET_AT, LENGTH, 69, 100, "tongued", 0.0, **shape)
    at = np.arange(round(LENGTH * RATE)) / RATE
    turn = 2 * np.pi * np.cumsum(440 * 2 ** (note.cents(at) / 1200)) / RATE
    sound = sum(np.sin(k * turn) / k ** (3 if dark else 1) for k in range(1, 9))
    edges = np.clip(np.minimum(at, LENGTH - at) / 0.01, 0, 1)
    sound = 0.15 * loud * edges * (1 + growl * np.sin(2 * np.pi * 90 * at)) * sound
    return HeardSolo(np.pad(sound, round(0.5 * RATE)).astype(np.float32), RATE)


def figure(kind: str, heard: HeardSolo) -> float:
    return FIGURES[kind][0](heard, Place(ONSET_AT, ONSET_AT + LENGTH, 69, 67))


@pytest.mark.parametrize("kind", list(SHAPES))
def test_a_bent_note_is_heard_as_such(kind):
    moved = figure(kind, tone(**SHAPES[kind])) - figure(kind, tone())
    assert FIGURES[kind][2] * moved > 20
    if kind == "vibrato":
        assert moved == pytest.approx(30, abs=4)


def test_colour_and_level_are_heard():
    plain = tone()
    assert figure("growl", tone(growl=0.4)) > figure("growl", plain) + 10
    assert figure("subtone", tone(dark=True)) < figure("subtone", plain) - 6
    assert figure("ghost", tone(loud=0.25)) == pytest.approx(figure("ghost", plain) - 12, abs=0.5)


def test_two_notes_are_connected_or_not():
    at = np.arange(2 * RATE) / RATE
    for gap, low, high in ((0.0, -3, 3), (0.06, -200, -20)):
        sound = 0.3 * np.sin(2 * np.pi * 440 * at) * (np.abs(at - 1) >= gap / 2)
        heard = HeardSolo(sound.astype(np.float32), RATE)
        assert low <= FIGURES["slurred"][0](heard, Place(1.0, 1.8, 69, 69)) <= high


def test_notes_and_their_kinds_come_from_the_frames():
    score = np.array([0, ONSET + 5, HOLD + 5, ONSET + 7, 0])
    assert [(n.onset, n.end, n.pitch, n.before) for n in places(score)] == [
        (0.02, 0.06, 45, 45),
        (0.06, 0.08, 47, 45),
    ]
    assert having("short", np.array([-1, -1, 2, 0, 0]), score).tolist() == [True, False]
