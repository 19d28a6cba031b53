"""A solo that loses the chords on its way is seen to; reports are compared only over one music."""

import copy
import json

import numpy as np
import pytest

from modeling_saxsolo.vocabulary_saxsolo import LOWEST_PITCH
from saxsolo.evaluation import drift
from saxsolo.evaluation import report_comparison as progress
from saxsolo.evaluation.cases import EvaluationError
from saxsolo.evaluation.ear_metrics import ChordTrack
from saxsolo.evaluation.ear_report import Track
from saxsolo.evaluation.notes import SoloNotes

from ..command_line import command


def chromatic(pitches: list[int], every: float = 0.5) -> SoloNotes:
    onsets = np.arange(len(pitches)) * every
    return SoloNotes(
        onsets,
        onsets + every,
        np.array(pitches, dtype=int),
        np.full(len(pitches), -20.0),
        len(pitches) * every,
        1.0,
    )


def c_major(seconds: float) -> np.ndarray:
    return np.zeros((round(50 * seconds), 4), np.int16)


def test_a_solo_that_goes_astray_drifts():
    right, wrong = [60, 64, 67, 71] * 10, [61, 66, 68, 73] * 10
    solo = chromatic(right + right + wrong)
    found = drift.ends(solo, c_major(solo.seconds), 20.0)
    assert found["first"]["chord_tones"] == 1.0 and found["last"]["chord_tones"] == 0.0
    made = drift.summary([found])
    assert made["chord_tones"]["ratio"] == 0.0
    assert made["notes_a_second"]["ratio"] == pytest.approx(1.0)


def test_a_steady_solo_does_not_drift_and_labels_go_with_their_stretch():
    solo = chromatic([60, 64] * 20 + [61, 65] * 20)
    labels = c_major(solo.seconds)
    labels[len(labels) // 2 :, 0] = 1
    found = drift.ends(solo, labels, solo.seconds / 2)
    assert found["first"]["chord_tones"] == found["last"]["chord_tones"] == 1.0


def test_a_silent_end_and_a_short_solo():
    solo = chromatic([60] * 10)
    quiet = SoloNotes(*(getattr(solo, n) for n in ("onsets", "ends", "pitches", "loudness")), 60, 1)
    found = drift.ends(quiet, c_major(60), 20.0)
    assert found["last"]["chord_tones"] is None and found["last"]["notes_a_second"] == 0
    assert drift.summary([found])["chord_tones"]["ratio"] is None
    with pytest.raises(EvaluationError, match="5 s.*20 s"):
        drift.ends(solo, c_major(5), 20.0)


def test_plans_over_long_tracks_are_judged_by_their_truth(monkeypatch, tmp_path):
    """C major, and a planner that plays a semitone higher in the last minute."""

    class Astray:
        def __init__(self, player, source, settings):
            self.frames = round(50 * settings.seconds)

        def plan(self):
            tokens = np.zeros(min(self.frames, 120 * 50), int)
            tokens[::25] = 1 + 60 - LOWEST_PITCH
            tokens[60 * 50 :: 25] += 1
            return tokens

    beats = np.arange(0, 130, 0.5)
    chords = ChordTrack(np.array([[0.0, 130.0]]), ["C:maj"])
    track = Track("long", tmp_path, chords, beats, np.arange(len(beats)) % 4 + 1)
    monkeypatch.setattr(drift, "read_tracks", lambda folder: [track])
    monkeypatch.setattr("saxsolo.playing.performance.Performance", Astray)
    monkeypatch.setattr("saxsolo.audio.files.open_sound", lambda path: None)
    monkeypatch.setattr("saxsolo.weights.loading.load_player", lambda checkpoint: None)
    found = drift.measure_plan_drift(tmp_path, seconds=120.0)["planner"]
    assert found["chord_tones"]["first"]["value"] == 1 and found["chord_tones"]["ratio"] == 0
    assert found["notes_a_second"]["ratio"] == pytest.approx(1.0)
    with pytest.raises(EvaluationError, match="120 s"):
        drift.measure_plan_drift(tmp_path, seconds=300.0)


def figure(value: float | None) -> dict:
    return {"value": value, "interval": None, "n": 1, "cases": [value]}


@pytest.fixture
def report() -> dict:
    return {
        "command": "saxsolo evaluate",
        "split": "test",
        "seconds": 30,
        "cases": [{"name": "a"}],
        "checkpoint": {"sha256": "f" * 64},
        "codec": {"sha256": "e" * 64},
        "systems": {
            player: {"figures": {name: figure(0.25) for name in progress.SHOWN}}
            for player in ("saxsolo", "human")
        },
        "resemblance": {"saxsolo": {"shape": {"rests": figure(0.125)}}},
        "codec_figures": {"pitch_agreement": figure(None)},
    }


def test_before_and_after_stand_beside_each_other(report, tmp_path):
    after = copy.deepcopy(report)
    after["systems"]["saxsolo"]["figures"]["chord_tones"] = figure(0.75)
    for name, content in (("old", report), ("new", after)):
        (tmp_path / name).write_text(json.dumps(content))
    out = tmp_path / "progress.md"
    reports = [f"{name}={tmp_path / name}" for name in ("old", "new")]
    assert command("measure", "compare", *reports, "--out", out) == 0
    text = out.read_text()
    assert "| chord tones | 0.25 | 0.75 | 0.25 |" in text
    assert "| rests | 0.125 | 0.125 |" in text
    assert "| pitch agreement | none | none |" in text


def test_other_cases_are_refused(report):
    other = {**report, "cases": [{"name": "b"}]}
    with pytest.raises(EvaluationError, match="old and new"):
        progress.progress_text({"old": report, "new": other})
    with pytest.raises(EvaluationError, match="two"):
        progress.progress_text({"old": report})
