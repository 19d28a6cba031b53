"""A tiny codec and a folder of pairs, so that the token corpus is made for real."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import settings as hypothesis_settings

from dataset_scripts.score import builtin_scores, frame_labels, score_tokens
from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel

# The same examples every time, and no deadline: a busy machine is no failure.
hypothesis_settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis_settings.load_profile("steady")

RATE, FRAME = 32000, 640


@pytest.fixture(scope="session")
def codec() -> SaxcodecModel:
    torch.manual_seed(0)
    config = SaxcodecConfig(
        codebook_size=64, encoder_size=16, encoder_layers=1, decoder_size=16, decoder_layers=1
    )
    return SaxcodecModel(config).eval()


@pytest.fixture(scope="session")
def pairs(tmp_path_factory) -> Path:
    """Three pairs of 1.5, 33 and 2 s, in two splits: noise under real labels."""
    folder = tmp_path_factory.mktemp("pairs")
    score = builtin_scores()[0]
    rng = np.random.default_rng(0)
    lines = []
    for name, split, samples in (
        ("one", "train", 48000),
        ("long", "train", 33 * RATE + 5),
        ("held", "test", 2 * RATE),
    ):
        place = folder / split / name
        place.mkdir(parents=True)
        frames = -(-samples // FRAME)
        for sound in ("solo", "backing"):
            noise = (0.1 * rng.standard_normal(samples)).astype(np.float32)
            soundfile.write(place / f"{sound}.flac", noise, RATE, subtype="PCM_16")
        np.savez_compressed(
            place / "labels.npz",
            score=score_tokens(score, frames),
            frame_labels=frame_labels(score, frames),
        )
        lines.append(
            {
                "pair_id": name,
                "split": split,
                "performer": f"player of {split}",
                "title": f"tune {name}",
                "instrument": "tenor",
                "style": "bebop",
                "feel": "swing",
                "tempo": 132.0,
                "timbre": "mtg",
                "semitones": 0,
                "tempo_factor": 1.0,
                "frames": frames,
                "source": score.source,
                "licence": score.licence,
                "attribution": score.attribution,
            }
        )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "manifest.jsonl").write_text(text + '{"pair_id": "torn', encoding="utf-8")
    return folder


def sax_like(seconds: float, seed: int = 0) -> np.ndarray:
    """Notes of one voice with harmonics and vibrato, mono, 32 kHz."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * RATE)
    midi = np.repeat(rng.integers(55, 75, samples // 8000 + 1), 8000)[:samples]
    bend = 0.2 * np.sin(2 * np.pi * 5 * np.arange(samples) / RATE)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((midi + bend - 69) / 12)) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 6))
    edges = np.minimum(
        1, np.minimum(np.arange(samples) % 8000, 7999 - np.arange(samples) % 8000) / 300
    )
    return (0.2 * edges * tone).astype(np.float32)


def band_like(seconds: float, seed: int = 0) -> np.ndarray:
    """Chords and noise bursts on the beat, mono, 32 kHz."""
    rng = np.random.default_rng([seed, 1])
    samples = round(seconds * RATE)
    time = np.arange(samples) / RATE
    sound = np.zeros(samples)
    for start in range(0, samples, 2 * RATE):
        span = slice(start, start + 2 * RATE)
        for pitch in rng.integers(40, 60, 3):
            sound[span] += np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time[span])
    beat = np.exp(-20 * (time % 0.5))
    return (0.1 * sound + 0.3 * beat * rng.standard_normal(samples)).astype(np.float32)


def write_recording(folder: Path, name: str, seconds: float, seed: int, **told: str) -> Path:
    """A recording that is the sum of two stems, which lie beside it for the oracle separator."""
    folder.mkdir(parents=True, exist_ok=True)
    backing, solo = band_like(seconds, seed), sax_like(seconds, seed)
    scale = 0.9 / max(0.9, float(np.abs(backing + solo).max()))
    for ending, sound in (("", backing + solo), (".backing", backing), (".solo", solo)):
        soundfile.write(folder / f"{name}{ending}.flac", scale * sound, RATE, subtype="PCM_24")
    told = {"licence": "CC0-1.0", "performer": f"player {name}", "title": f"tune {name}", **told}
    (folder / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")
    return folder / f"{name}.flac"


@pytest.fixture(scope="session")
def sounds():
    """The makers of synthetic music: `solo`, `backing` (seconds, seed) and `recording`."""
    from types import SimpleNamespace

    return SimpleNamespace(solo=sax_like, backing=band_like, recording=write_recording)
