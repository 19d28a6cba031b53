"""The processor, the pipeline and `saxsolo improvise` hear the same backing and play the same solo.

Processor and pipeline run where users of the Hub do: in a process that cannot see this package.
"""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
import torch

from saxsolo import Performance, Settings, improvise, load_player
from saxsolo.audio.files import open_sound
from saxsolo.audio.pitch import SURE, track_pitch_of_blocks

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = ROOT / "checkpoints" / "saxsolo-small"
SECONDS = 2.5
GAINS = (0, -24, -12, 8)
RATES = (22050, 44100, 48000, 96000)
SUBTYPES = {"int16": "PCM_16", "float32": "FLOAT"}
# so that + 8 dB do not clip 16 bits
HEADROOM = 0.35
SEED = 1

STRANGER = """
import sys
sys.modules["modeling_saxsolo"] = sys.modules["saxsolo"] = None
from pathlib import Path
import numpy as np
import soundfile
import torch
from transformers import AutoModel, AutoProcessor, pipeline

torch.set_num_threads(1)
checkpoint, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
processor = AutoProcessor.from_pretrained(checkpoint, trust_remote_code=True)
play = pipeline("audio-to-audio", model=checkpoint, trust_remote_code=True)
heard = {}
for path in sorted(folder.glob("*.wav")):
    kind = path.stem.split("_")[-1]
    audio, rate = soundfile.read(path, dtype=kind)
    inputs = processor(audio, sampling_rate=rate)
    heard[f"{path.stem}.processor"] = inputs["frame_label_posteriors"].numpy()
    same = play.preprocess(str(path))["inputs"]
    heard[f"{path.stem}.pipeline"] = same["frame_label_posteriors"].numpy()
if seed >= 0:
    model = AutoModel.from_pretrained(checkpoint, trust_remote_code=True)
    torch.manual_seed(seed)
    heard["solo.generate"] = model.generate(**inputs)[0].numpy()
    heard["solo.pipeline"] = play(str(path), seed=seed)["codes"]
np.savez(folder / "heard.npz", **heard)
"""


def hear_as_a_stranger(folder: Path, seed: int = -1) -> dict[str, np.ndarray]:
    """What is heard in the WAV files of a folder, by the processor and the pipeline, and with a
    seed the solo over the last of them."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, "-P", "-c", STRANGER, str(CHECKPOINT), str(folder), str(seed)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return dict(np.load(folder / "heard.npz", allow_pickle=False))


def write_backing(folder: Path, gain: int, rate: int, channels: int, kind: str) -> Path:
    """An excerpt of an example `gain` dB louder."""
    samples, own = sf.read(ROOT / "examples" / "blues_in_f.flac", frames=round(SECONDS * 32000))
    samples = soxr.resample(samples, own, rate) * HEADROOM * 10 ** (gain / 20)
    if channels == 2:
        samples = np.stack([samples, 0.6 * np.roll(samples, rate // 1000)], axis=1)
    path = folder / f"{gain}_{rate}_{channels}_{kind}.wav"
    sf.write(path, samples, rate, subtype=SUBTYPES[kind])
    return path


@pytest.fixture(scope="module")
def default():
    """The default model; one thread, as the stranger has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_player(CHECKPOINT)
    torch.set_num_threads(before)


def posteriors(player, sound) -> np.ndarray:
    """What `improvise` gives its model of a backing, (1, 41, T)."""
    heard = Performance(player, open_sound(sound), Settings()).listen()
    return heard.inputs(torch.device("cpu"))["frame_label_posteriors"].numpy()


def check_that_all_hear_the_same(cases, default, folder: Path) -> None:
    paths = [write_backing(folder, *case) for case in cases]
    by_stranger = hear_as_a_stranger(folder)
    heard = {}
    for case, path in zip(cases, paths, strict=True):
        here = posteriors(default, path)
        given = posteriors(default, sf.read(path, dtype=case[3]))
        for other in ("processor", "pipeline"):
            wanted = by_stranger[f"{path.stem}.{other}"]
            np.testing.assert_array_equal(here, wanted, err_msg=path.stem)
        np.testing.assert_array_equal(here, given, err_msg=path.stem)
        heard[case] = here
    for (gain, rate, channels, kind), here in heard.items():
        plain = heard[0, rate, channels, "float32"]
        assert (named(here) == named(plain)).mean() >= 0.97, (gain, rate, channels, kind)


def named(heard: np.ndarray) -> np.ndarray:
    """The likeliest root, quality, phase and place of each frame."""
    parts = np.split(heard[0], np.cumsum([13, 8, 12]), axis=0)
    return np.stack([part.argmax(axis=0) for part in parts])


def test_a_few_levels_rates_and_types(default, tmp_path):
    cases = [
        (0, 44100, 2, "float32"),
        (8, 44100, 2, "int16"),
        (-24, 44100, 2, "float32"),
        (0, 22050, 1, "float32"),
        (-12, 22050, 1, "float32"),
        (0, 96000, 1, "float32"),
        (0, 96000, 1, "int16"),
    ]
    check_that_all_hear_the_same(cases, default, tmp_path)


@pytest.mark.slow
def test_every_level_rate_and_type(default, tmp_path):
    """Each rate with one channel and with two, as it is and at another level; the levels take
    turns, so that each meets every rate, both numbers of channels and both types."""
    kinds = list(itertools.product(RATES, (1, 2)))
    cases = [(0, *kind, "float32") for kind in kinds]
    for turn, (rate, channels) in enumerate(kinds):
        gain = GAINS[1:][(turn // 2 + channels) % 3]
        cases.append((gain, rate, channels, ("int16", "float32")[(turn + turn // 4) % 2]))
    check_that_all_hear_the_same(cases, default, tmp_path)


def test_one_seed_is_one_solo(default, tmp_path):
    path = write_backing(tmp_path, -12, 44100, 2, "float32")
    heard = hear_as_a_stranger(tmp_path, SEED)
    take = improvise(path, seed=SEED, player=default)
    np.testing.assert_array_equal(take.codes, heard["solo.generate"])
    np.testing.assert_array_equal(take.codes, heard["solo.pipeline"])
    command = [sys.executable, "-m", "saxsolo", "improvise", str(path), "--seed", str(SEED)]
    out = tmp_path / "out"
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True)
    take.save(tmp_path / "here")
    solos = [(folder / "solo.wav").read_bytes() for folder in (out, tmp_path / "here")]
    assert solos[0] == solos[1]


@pytest.mark.parametrize("cents", [-40, 25])
def test_the_solo_is_in_the_tuning_of_the_track(default, tmp_path, cents):
    """The same music on a faster or slower tape: the same chords are heard, and the horn follows.

    What the tape does to time is a few hundredths: the notes may differ, their tuning may not.
    """
    samples, rate = sf.read(ROOT / "examples" / "two_five_one.flac", frames=32000 * 8)
    detuned = (samples, round(rate * 2 ** (cents / 1200)))
    heard = Performance(default, open_sound(detuned), Settings()).listen()
    plain = Performance(default, open_sound((samples, rate)), Settings()).listen()
    assert abs(heard.measure.tuning - plain.measure.tuning - cents) <= 5
    same = min(heard.frames, plain.frames)
    time = (np.arange(same) * heard.frames / plain.frames).astype(int).clip(0, heard.frames - 1)
    roots = heard.ear["root"].argmax(-1).numpy()[time], plain.ear["root"].argmax(-1).numpy()[:same]
    assert (roots[0] == roots[1]).mean() > 0.9
    take = improvise(detuned, seed=SEED, player=default)
    track = track_pitch_of_blocks([take.solo], take.sampling_rate)
    midi = 69 + 12 * np.log2(track.hertz[track.confidence >= SURE] / 440)
    off = np.angle(np.exp(2j * np.pi * midi).mean()) / (2 * np.pi) * 100
    assert abs(off - heard.measure.tuning) < 12
