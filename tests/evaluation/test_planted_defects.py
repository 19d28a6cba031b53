"""Solos spoilt in a known way: each defect moves its figure past a threshold."""

from dataclasses import replace

import numpy as np
import pytest

from saxsolo.evaluation import harmony, timing
from saxsolo.evaluation.adherence import apa_style
from saxsolo.evaluation.notes import SoloNotes, note_f1, track_notes
from saxsolo.evaluation.novelty import Novelty
from saxsolo.evaluation.shape import distances
from saxsolo.evaluation.sound import frechet_log_mel

RATE = 16000


def moved(notes: SoloNotes, seconds: float = 0.0, semitones: int = 0) -> SoloNotes:
    return replace(
        notes,
        onsets=notes.onsets + seconds,
        ends=notes.ends + seconds,
        pitches=notes.pitches + semitones,
    )


@pytest.fixture(scope="module", autouse=True)
def tracker():
    pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[evaluate])")


@pytest.fixture(scope="module")
def heard(blues):
    """The blues as it is tracked in its sound."""
    return track_notes(blues.sound(30), RATE)


def test_half_a_beat_late_moves_time(blues):
    own = timing.fit(blues.notes, blues.labels)
    late = timing.fit(moved(blues.notes, 60 / 132 / 2), blues.labels)
    assert own["on_beat"] > 0.2 > -0.1 > late["on_beat"]
    assert own["swing_ratio"] == pytest.approx(2, abs=0.25)
    assert late["swing_ratio"] is None or late["swing_ratio"] < 1


def test_a_little_late_moves_the_offset(blues):
    own = timing.fit(blues.notes, blues.labels)["offset_ms"]
    late = timing.fit(moved(blues.notes, 0.03), blues.labels)["offset_ms"]
    assert abs(own) < 12 and late - own == pytest.approx(30, abs=8)


def test_a_semitone_up_moves_harmony(blues, heard):
    own = harmony.fit(heard, blues.labels)
    off = harmony.fit(moved(heard, semitones=1), blues.labels)
    for figure in harmony.FIGURES:
        assert own[figure] - off[figure] > 0.2, figure


def test_another_tunes_solo_loses(tunes):
    solos, labels = [[getattr(t, k) for t in tunes.values()] for k in ("notes", "labels")]
    for figure in harmony.FIGURES:
        scores = harmony.fit_matrix(solos, labels, figure)
        assert harmony.matched_against_shuffled(scores) == 1, figure
        assert harmony.matched_against_shuffled(scores[:, ::-1]) == 0, figure
    for figure in ("beat_concentration", "triplet_concentration"):
        scores = harmony.fit_matrix(solos, labels, figure, timing.fit)
        assert harmony.matched_against_shuffled(scores) == 1, figure


def test_a_copy_is_caught_in_any_key_and_tempo(blues, study, heard):
    novelty = Novelty([study.notes, blues.notes])
    copy = moved(heard, semitones=5)
    copy = replace(copy, onsets=1.2 * copy.onsets, ends=1.2 * copy.ends, seconds=1.2 * copy.seconds)
    caught = novelty.measure(copy)
    assert caught["longest_copy"] >= 20 and caught["seen_share"] > 0.6
    honest = Novelty([blues.notes]).measure(study.notes)
    assert honest["longest_copy"] <= 12 and honest["seen_share"] < 0.2


def test_clicks_move_shape_and_sound(blues, heard):
    whole = blues.sound(30)
    gate = (np.arange(len(whole)) // round(0.05 * RATE)) % 2 == 0
    clicks = whole * gate
    shape = distances([track_notes(clicks, RATE)], [heard])
    assert shape["note_lengths"] > 0.3
    first, second = whole[: len(whole) // 2], whole[len(whole) // 2 :]
    apart = frechet_log_mel([first, first], [second, second], RATE)
    assert frechet_log_mel([clicks], [whole], RATE) > 2 * apart


def test_silence_is_none_and_never_nought(blues):
    silent = track_notes(np.zeros(5 * RATE, np.float32), RATE)
    assert len(silent) == 0 and silent.voiced_share == 0
    assert set(harmony.fit(silent, blues.labels).values()) == {None}
    assert set(timing.fit(silent, blues.labels).values()) == {None}
    assert Novelty([blues.notes]).measure(silent)["seen_share"] is None
    shape = distances([silent], [blues.notes])
    # of nothing there is one thing to count: that there are no notes
    assert shape.pop("density") > 0.9 and set(shape.values()) == {None}
    assert frechet_log_mel([np.zeros(60 * RATE, np.float32)], [blues.sound(40)], RATE) is None
    assert note_f1(blues.notes, silent) == 0 and note_f1(silent, silent) is None


def test_wrong_backings_are_heard_in_the_mix(blues, study):
    def backing(labels, seconds=12, start=0.0):
        frames = labels[round(50 * start) :][: round(50 * seconds)]
        time = np.arange(round(seconds * RATE)) / RATE
        sound = np.zeros_like(time)
        for first in range(0, len(frames), 25):
            root, quality = frames[first, :2]
            span = slice(first * RATE // 50, (first + 25) * RATE // 50)
            for tone in harmony.TONES[quality] if quality in range(7) and root < 12 else ():
                sound[span] += np.sin(2 * np.pi * 110 * 2 ** ((root + tone + 3) / 12) * time[span])
        return (0.05 * sound).astype(np.float32)

    places = [(tune, start) for tune in (blues, study) for start in (0.5, 12.5)]
    pairs = [(backing(t.labels, start=s), t.play(excerpt(t.notes, s), 12)) for t, s in places]
    assert apa_style(pairs, pairs, RATE) == pytest.approx(1)
    wrong = [(pairs[i][0], pairs[(i + 2) % 4][1]) for i in range(4)]
    assert apa_style(wrong, pairs, RATE) < 0.5
    assert apa_style(pairs[:1], pairs[:2], RATE) is None


def excerpt(notes, start, seconds=12):
    inside = (notes.onsets >= start) & (notes.onsets < start + seconds)
    return replace(
        notes,
        onsets=notes.onsets[inside] - start,
        ends=notes.ends[inside] - start,
        pitches=notes.pitches[inside],
        loudness=notes.loudness[inside],
    )
