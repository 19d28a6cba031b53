"""The report on solos, from pairs to figures, with a player whose music is known."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[corpus])")

import saxsolo
from evaluation.notes import track_notes
from evaluation.solos import main, summarise

RATE, SECONDS = 32000, 4


def melody(pitches: list[int]) -> np.ndarray:
    """Half-second notes with harmonics and a gap between them, (n,) float32."""
    time = np.arange(RATE // 2) / RATE
    notes = []
    for pitch in pitches:
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 9))
        notes.append(0.2 * tone * np.clip(np.minimum(time, 0.42 - time) / 0.01, 0, 1))
    return np.concatenate(notes).astype(np.float32)


TUNES = {0: [60, 64, 67, 71, 60, 64, 67, 71], 6: [66, 70, 73, 77, 66, 70, 73, 77]}


@pytest.fixture
def pairs(tmp_path):
    rows = []
    for root in TUNES:
        folder = tmp_path / "test" / f"tune{root}"
        folder.mkdir(parents=True)
        soundfile.write(folder / "backing.flac", 0.01 * np.ones(RATE * SECONDS) * (root + 1), RATE)
        soundfile.write(folder / "solo.flac", melody(TUNES[root]), RATE)
        labels = np.zeros((50 * SECONDS, 4), np.int16)
        labels[:, 0] = root
        np.savez(folder / "labels.npz", frame_labels=labels, score=np.zeros(50 * SECONDS))
        row = {"pair_id": folder.name, "split": "test", "semitones": 0, "seconds": SECONDS}
        rows.append(json.dumps({**row, "instrument": "tenor"}))
    (tmp_path / "manifest.jsonl").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_a_player_that_ignores_the_backing_is_found_out(pairs, monkeypatch, tmp_path):
    def improvise(backing, **settings):
        run = {"real_time_factor": 5.0}
        return SimpleNamespace(solo=melody(TUNES[0]), sampling_rate=RATE, run=run)

    monkeypatch.setattr(saxsolo, "improvise", improvise)
    monkeypatch.setattr(saxsolo, "load_player", lambda checkpoint, codec: None)
    out = tmp_path / "report.json"
    main(["--pairs", str(pairs), "--out", str(out), "--seconds", "2.9"])
    report = json.loads(out.read_text())
    assert report["cases"] == 2
    assert report["human"]["matched_against_shuffled"] == 1.0
    assert report["model"]["matched_against_shuffled"] == 0.5
    assert report["human"]["chord_tones"]["mean"] == 1.0
    assert 0.4 < report["model"]["chord_tones"]["mean"] < 0.6


def test_silence_is_null_and_not_nought():
    silent = track_notes(np.zeros(RATE * 2, np.float32), RATE)
    figures = summarise([silent, silent], [np.zeros((100, 4), np.int16)] * 2, ["tenor"] * 2)
    assert figures["notes_a_second"]["mean"] == 0
    assert figures["chord_tones"] == {"mean": None, "interval": None, "cases": [None, None]}
    assert figures["matched_against_shuffled"] is None


def test_notes_are_tracked():
    notes = track_notes(melody(TUNES[0]), RATE)
    assert list(notes.pitches) == TUNES[0]
    assert np.abs(notes.onsets - 0.5 * np.arange(8)).max() < 0.05
    assert 0.6 < notes.voiced_share < 0.95
