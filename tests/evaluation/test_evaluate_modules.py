"""The local `evaluate` modules load without a network and say what the functions say."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[evaluate])")
pytest.importorskip("evaluate", reason="needs pip install saxsolo[evaluate]")

import evaluate

from saxsolo.evaluation import harmony, timing
from saxsolo.evaluation.notes import track_notes

FOLDER = Path(__file__).resolve().parents[2] / "saxsolo" / "evaluation"
RATE = 16000


def load(name: str):
    return evaluate.load(str(FOLDER / name), keep_in_memory=True)


def test_fit_and_time(blues, study):
    sounds = [blues.sound(8), study.sound(8)]
    labels = [blues.labels[:400], study.labels[:400]]
    for name, module in (("solo_fit", harmony), ("solo_time", timing)):
        found = load(name).compute(predictions=sounds, references=labels, sampling_rate=RATE)
        assert found["cases"] == 2
        first = module.FIGURES[0]
        solos = [track_notes(sound, RATE) for sound in sounds]
        values = [module.fit(*pair)[first] for pair in zip(solos, labels, strict=True)]
        assert found[first] == pytest.approx(np.mean(values))
        assert any(name.endswith("_against_others") for name in found)


def test_shape_novelty_and_audio(blues, study):
    sounds, others = [blues.sound(8)], [study.sound(8), blues.sound(8)]
    shape = load("solo_shape").compute(predictions=sounds, human=others, sampling_rate=RATE)
    assert 0 <= shape["intervals"] <= 1
    novelty = load("solo_novelty").compute(predictions=sounds, training=others, sampling_rate=RATE)
    assert novelty["longest_copy"] > 12 and novelty["seen_share"] == 1
    audio = load("solo_audio").compute(predictions=sounds, reference=others, sampling_rate=RATE)
    # eight seconds are too few, and it says so
    assert audio == {"frechet_log_mel": None, "cases": 1}
