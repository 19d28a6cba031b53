"""A codec judged on a corpus: a perfect one, a deaf one, and which solos count."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from saxsolo.corpus.pairs_folder import PairsError
from saxsolo.training.codec_evaluation import evaluate_codec

RATE, SECONDS = 32000, 2


class Echo:
    """Decodes what it encoded, or silence when it is deaf."""

    config = SimpleNamespace(sampling_rate=RATE, codebook_size=8)

    def __init__(self, deaf: bool = False):
        self.deaf = deaf
        self.gain = torch.nn.Parameter(torch.ones(1))

    def encode(self, sound: torch.Tensor) -> torch.Tensor:
        self.heard = torch.zeros_like(sound) if self.deaf else sound
        return torch.arange(40).reshape(1, 4, 10) % 8

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        return self.gain * self.heard


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Two test solos in their own key, one of them in another too, and one of the training set."""
    folder = tmp_path_factory.mktemp("pairs")
    time = np.arange(RATE * SECONDS) / RATE
    rows = [("a", "test", 0), ("a_up", "test", 4), ("b", "test", 0), ("c", "train", 0)]
    lines = []
    for place, (name, split, semitones) in enumerate(rows):
        (folder / split / name).mkdir(parents=True)
        hertz = 220 * 2 ** ((3 * place + semitones) / 12)
        tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 6))
        for sound in ("solo", "backing"):
            soundfile.write(folder / split / name / f"{sound}.flac", 0.2 * tone, RATE)
        row = {"pair_id": name, "split": split, "semitones": semitones, "seconds": SECONDS}
        lines.append(json.dumps({**row, "instrument": "tenor", "title": name}) + "\n")
    (folder / "manifest.jsonl").write_text("".join(lines))
    return folder


def test_a_perfect_codec(pairs):
    found = evaluate_codec(Echo(), pairs, "test", 1.0)
    assert found["cases"] == 2 and found["seconds"] == 2.0
    assert found["pitch_agreement"] == found["pitch_agreement_inside_notes"] == 1.0
    assert found["log_mel_distance"] == 0.0
    assert found["chroma_correlation_chords"] == pytest.approx(1.0)
    assert found["codebook_use"] == [1.0] * 4


def test_a_deaf_codec(pairs):
    found = evaluate_codec(Echo(deaf=True), pairs, "test", 1.0)
    assert found["pitch_agreement"] == 0.0 and found["log_mel_distance"] > 1.0
    assert found["chroma_correlation_chords"] is None


def test_a_split_that_is_not_there(pairs):
    with pytest.raises(PairsError, match="'validation'"):
        evaluate_codec(Echo(), pairs, "validation", 1.0)
