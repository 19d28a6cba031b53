"""`pipeline("audio-to-audio")` plays from a folder alone, in a process without this package."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from modeling_saxsolo import (
    AudioError,
    SaxcodecConfig,
    SaxcodecModel,
    SaxsoloForConditionalGeneration,
    SaxsoloProcessor,
)
from modeling_saxsolo.pipeline_saxsolo import CUSTOM_PIPELINES, SaxsoloPipeline

ROOT = Path(__file__).resolve().parents[2]
STRANGER = """
import sys
sys.modules["modeling_saxsolo"] = None
import numpy as np
import torch
from transformers import pipeline

torch.set_num_threads(1)
folder = sys.argv[1]
play = pipeline("audio-to-audio", model=folder, trust_remote_code=True)
one = play(folder + "/backing.wav", seed=3)
two, three = play([folder + "/backing.wav", folder + "/backing.wav"], seed=3, seconds=0.5)
assert sorted(one) == ["audio", "codes", "sampling_rate"] and one["sampling_rate"] == 32000
np.savez(folder + "/played.npz", one=one["audio"], two=two["audio"], three=three["audio"])
play.model.save_pretrained(folder + "/again")
"""


@pytest.fixture
def parts(make_config):
    torch.manual_seed(1)
    config = make_config(num_codebooks=4, codebook_size=2048, window_frames=64)
    config.conditions["instrument"] = ["alto", "tenor"]
    model = SaxsoloForConditionalGeneration(config).eval()
    codec = SaxcodecModel(SaxcodecConfig(encoder_size=16, decoder_size=16, codebook_dim=8)).eval()
    return model, SaxsoloProcessor(codec, config)


@pytest.fixture
def play(parts):
    return SaxsoloPipeline(parts[0], processor=parts[1], task="audio-to-audio", device="cpu")


@pytest.fixture(scope="module")
def sound():
    """(44100,) a second at 44.1 kHz."""
    return np.random.default_rng(0).normal(size=44100).astype(np.float32) * 0.1


def test_a_stranger_plays_from_the_folder(parts, sound, play, tmp_path):
    model, processor = parts
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    settings["custom_pipelines"] = CUSTOM_PIPELINES
    (tmp_path / "config.json").write_text(json.dumps(settings))
    code = ROOT / "modeling_saxsolo" / "pipeline_saxsolo.py"
    (tmp_path / code.name).write_bytes(code.read_bytes())
    sf.write(tmp_path / "backing.wav", sound, 44100, subtype="FLOAT")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, "-P", "-c", STRANGER, str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    played = np.load(tmp_path / "played.npz", allow_pickle=False)
    assert played["one"].shape == (32000,) and played["two"].shape == (16000,)
    np.testing.assert_array_equal(played["two"], played["three"])
    here = play(str(tmp_path / "backing.wav"), seed=3)
    np.testing.assert_array_equal(played["one"], here["audio"])
    again = json.loads((tmp_path / "again" / "config.json").read_text())
    assert again["custom_pipelines"] == CUSTOM_PIPELINES


def test_arrays_dicts_and_batches_are_one_sound(play, sound):
    one = play(sound, sampling_rate=44100, seed=1, instrument="alto", temperature=0.8)
    stereo = np.stack([sound, sound])
    same = [
        play({"array": sound, "sampling_rate": 44100}, seed=1, instrument="alto", temperature=0.8),
        play(stereo, sampling_rate=44100, seed=1, instrument="alto", temperature=0.8),
        *play([sound, sound], sampling_rate=44100, seed=1, instrument="alto", temperature=0.8),
    ]
    for other in same:
        np.testing.assert_array_equal(one["codes"], other["codes"])
    assert one["audio"].dtype == np.float32 and one["codes"].shape == (5, 50)
    assert play([]) == []


def test_the_seed_decides_and_disturbs_nothing(play, sound):
    def codes(**settings):
        return play(sound, sampling_rate=44100, seconds=0.4, **settings)["codes"]

    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first, second, other = codes(seed=1), codes(seed=1), codes(seed=2)
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert (codes() != codes()).any()


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"temprature": 1}, "unknown settings"),
        ({"num_return_sequences": 2}, "unknown settings"),
        ({"instrument": "drum"}, "choose one of"),
        ({"seconds": 0}, "more than 0"),
        ({"sampling_rate": -1}, "positive"),
        ({"sampling_rate": None}, "sampling_rate is missing"),
    ],
)
def test_settings_that_are_none(play, sound, settings, words):
    with pytest.raises(ValueError, match=words):
        play(sound, **{"sampling_rate": 44100, **settings})


def test_sounds_that_are_none(play, tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    for wrong in (tmp_path / "none.wav", tmp_path, tmp_path / "text.wav", "https://example.org/a"):
        with pytest.raises(AudioError, match="no such file|cannot be read"):
            play(wrong)
    for wrong in ({"array": np.zeros(9)}, {"path": "x"}):
        with pytest.raises(AudioError, match="give array and sampling_rate"):
            play(wrong)
    with pytest.raises(AudioError, match="NaN"):
        play(np.full(100, np.nan), sampling_rate=32000)
