"""Minutes in one file go through in bounded memory; `saxsolo benchmark long-takes` plays hours."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from .conftest import chords

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 8
# Decoding minutes note by note takes longer than tests may: a model that hands out random frames
# stands in for it. Everything around it is the real thing.
SCRIPT = """
import resource, sys
import torch
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from saxsolo import cli

def generate(self, backing_codes, streamer, **_):
    size = self.config.codebook_size
    for start in range(0, backing_codes.shape[-1], 25):
        t = min(25, backing_codes.shape[-1] - start)
        codes = torch.randint(0, size, (1, self.config.num_streams, t))
        codes[:, 0] = 0
        streamer.on_frames(codes)

SaxsoloForConditionalGeneration.generate = generate
try:
    cli.main()
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_megabytes(*arguments: object) -> float:
    line = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split("peak ")[1]) / 1024


@pytest.fixture(scope="module")
def minutes(tmp_path_factory) -> Path:
    """Stereo at 44.1 kHz, a FLAC of the same minute again and again."""
    path = tmp_path_factory.mktemp("minutes") / "minutes.flac"
    minute = chords(60.0, 44100)
    with sf.SoundFile(path, "w", 44100, 2) as file:
        for _ in range(MINUTES):
            file.write(minute)
    return path


@pytest.mark.slow
def test_minutes(minutes, checkpoint, backing, tmp_path):
    options = ("--checkpoint", checkpoint)
    short = peak_megabytes("improvise", backing, "--out", tmp_path / "short", *options)
    long = peak_megabytes("improvise", minutes, "--out", tmp_path / "long", *options)
    # eight minutes of one channel at 32 kHz are 61 MB as float32
    assert long - short < 60, (short, long)
    for name, channels in (("solo.wav", 1), ("mix.wav", 2)):
        info = sf.info(tmp_path / "long" / name)
        assert (info.frames, info.samplerate, info.channels) == (
            MINUTES * 60 * 32000,
            32000,
            channels,
        )
        end = sf.read(tmp_path / "long" / name, start=info.frames - 32000)[0]
        assert np.abs(end).max() > 0


@pytest.mark.slow
def test_the_codec_over_minutes(minutes, checkpoint, backing, tmp_path):
    options = ("--codec", checkpoint / "codec")
    short = peak_megabytes("codec", backing, "--out", tmp_path / "short.wav", *options)
    long = peak_megabytes("codec", minutes, "--out", tmp_path / "long.wav", *options)
    # eight minutes of one channel at 32 kHz are 61 MB as float32
    assert long - short < 60, (short, long)
