"""A tiny codec and a folder of pairs, so that the token corpus is made for real."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import settings as hypothesis_settings

from benchmarks.made_up_music import band_like, sax_like, write_recording
from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.music.frame_labels import frame_labels, score_tokens

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


@pytest.fixture(scope="session")
def sounds():
    """The makers of synthetic music: `solo`, `backing` (seconds, seed) and `recording`."""
    return SimpleNamespace(solo=sax_like, backing=band_like, recording=write_recording)
