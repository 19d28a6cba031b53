"""Any saved copy plays through `pipeline`, and each solo of a batch is the solo alone."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from modeling_saxsolo.generation_saxsolo import FrameStreamer
from modeling_saxsolo.pipeline_saxsolo import SaxsoloPipeline

from .conftest import chords

STRANGER = """
import sys
sys.modules["modeling_saxsolo"] = sys.modules["saxsolo"] = None
import numpy as np
from transformers import AutoModel, AutoProcessor, pipeline

step, origin, folder = sys.argv[1:]
if step == "save parts":
    AutoModel.from_pretrained(origin, trust_remote_code=True).save_pretrained(folder)
    AutoProcessor.from_pretrained(origin, trust_remote_code=True).save_pretrained(folder)
elif step == "save pipeline":
    pipeline("audio-to-audio", model=origin, trust_remote_code=True).save_pretrained(folder)
else:
    play = pipeline("audio-to-audio", model=origin, trust_remote_code=True)
    np.save(folder, play(np.load(folder), sampling_rate=32000, seed=1)["codes"])
"""


def as_a_stranger(home, *arguments: object) -> None:
    """In a process that cannot see this package and has loaded no code of it before."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", STRANGER, *map(str, arguments)],
        cwd=home.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("step", ["save parts", "save pipeline"])
def test_a_copy_of_a_stranger_plays(checkpoint, tmp_path, step):
    copy, sound = tmp_path / "copy", tmp_path / "sound.npy"
    played = []
    as_a_stranger(tmp_path / "first", step, checkpoint, copy)
    for number, folder in enumerate((checkpoint, copy)):
        np.save(sound, chords(1.5, 32000))
        as_a_stranger(tmp_path / f"home {number}", "play", folder, sound)
        played.append(np.load(sound))
    np.testing.assert_array_equal(*played)


def test_a_copy_made_here_names_its_pipeline(player, tmp_path):
    player.solo.model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    name = config["custom_pipelines"]["audio-to-audio"]["impl"]
    assert name == "pipeline_saxsolo.SaxsoloPipeline"
    assert (tmp_path / "pipeline_saxsolo.py").is_file()
    assert (tmp_path / "read_saxsolo.py").is_file()


@pytest.fixture
def batch(player):
    """Inputs of two sounds of different lengths."""
    sounds = [chords(1.2, 32000), chords(2.0, 32000)[::-1].copy()]
    together = player.processor(sounds, sampling_rate=32000)
    return together, [player.processor(sound, sampling_rate=32000) for sound in sounds]


def alone(model, inputs, seed: int) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return model.generate(**inputs)[0]


@pytest.mark.parametrize("kind", [int, torch.Generator])
def test_each_solo_of_a_batch_is_the_solo_alone(player, batch, kind):
    model, (together, single) = player.solo.model, batch
    seeds = [5, 6]
    given = seeds if kind is int else [torch.Generator().manual_seed(seed) for seed in seeds]
    before = torch.get_rng_state()
    solos = model.generate(**together, seed=given)
    assert torch.equal(torch.get_rng_state(), before)
    for solo, inputs, seed in zip(solos, single, seeds, strict=True):
        wanted = alone(model, inputs, seed)
        assert torch.equal(solo[:, : wanted.shape[-1]], wanted)
        assert (solo[:, wanted.shape[-1] :] == model.config.pad_token_id).all()


def test_several_solos_over_one_backing(player, batch):
    model, inputs = player.solo.model, batch[1][0]
    solos = model.generate(**inputs, num_return_sequences=3, seed=[1, 2, 1], max_new_tokens=40)
    assert solos.shape[0] == 3 and torch.equal(solos[0], solos[2])
    assert not torch.equal(solos[0], solos[1])
    frames = []
    streamer = FrameStreamer(model.config, frames.append)
    once = model.generate(**inputs, seed=1, max_new_tokens=40, streamer=streamer)
    assert torch.equal(once[0], solos[0])
    assert torch.equal(torch.cat(frames, dim=-1), once)


def test_a_generator_goes_on(player, batch):
    model, inputs = player.solo.model, batch[1][0]
    generator = torch.Generator().manual_seed(1)
    first, second = (model.generate(**inputs, seed=generator, max_new_tokens=30) for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"seed": [1]}, "seed has 1 values for 2 solos"),
        ({"seed": 1.5}, "whole numbers or torch generators"),
        ({"seed": True}, "whole numbers or torch generators"),
        ({"temperature": 0.0}, "temperature 0.0: it must be above 0; do_sample=False"),
        ({"temperature": -1.0}, "temperature -1.0: it must be above 0"),
        ({"codec_temperature": 0.0}, "codec_temperature 0.0: it must be above 0"),
    ],
)
def test_what_cannot_be_sampled_is_said(player, batch, settings, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        player.solo.model.generate(**batch[0], do_sample=True, **settings)


def test_a_pipeline_takes_a_seed_for_each_sound(player):
    play = SaxsoloPipeline(
        player.solo.model, processor=player.processor, task="audio-to-audio", device="cpu"
    )
    sounds = [{"array": chords(1.2, 32000), "sampling_rate": 32000}] * 2
    one, two = play(sounds, seed=[3, 4], seconds=1.0)
    again = play(sounds[1], seed=4, seconds=1.0)
    np.testing.assert_array_equal(two["codes"], again["codes"])
    assert not np.array_equal(one["codes"], two["codes"])
    with pytest.raises(ValueError, match="seed has 1 values for 2 sounds"):
        play(sounds, seed=[3])
