"""The codec that is shipped: no seams in a stream, and the pitch survives."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch

from modeling_saxsolo.modeling_saxcodec import SaxcodecModel

ROOT = Path(__file__).resolve().parents[2]
RATE, FRAME = 44100, 882


@pytest.fixture(scope="module")
def codec() -> SaxcodecModel:
    return SaxcodecModel.from_pretrained(ROOT / "checkpoints" / "saxcodec-44khz").eval()


@pytest.fixture(scope="module")
def backing() -> torch.Tensor:
    audio, rate = soundfile.read(sorted((ROOT / "examples").glob("*.flac"))[0], dtype="float32")
    audio = soxr.resample(audio, rate, RATE)
    return torch.from_numpy(audio[: 200 * FRAME])[None, None]


@torch.inference_mode()
def test_no_clicks_at_chunk_borders(codec, backing):
    codes = codec.encode(backing)
    whole = codec.decode(codes)
    heard, said = codec.init_encoder_state(), codec.init_decoder_state()
    chunks, sounds = [], []
    for start in range(0, 200, 25):
        piece = backing[..., start * FRAME : (start + 25) * FRAME]
        chunk, heard = codec.encode_chunk(piece, heard)
        sound, said = codec.decode_chunk(codes[..., start : start + 25], said, start == 175)
        chunks.append(chunk)
        sounds.append(sound)
    assert (torch.cat(chunks, -1) == codes).float().mean() > 0.999
    torch.testing.assert_close(torch.cat(sounds, -1), whole, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_the_pitch_of_a_horn_survives(codec):
    """A saxophone-like tone of 12 notes: every one comes back within 50 cents."""
    length = RATE // 2
    time = np.arange(length) / RATE
    sounds = []
    for midi in range(52, 76, 2):
        hertz = 440 * 2 ** ((midi - 69) / 12)
        tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 13))
        sounds.append(0.15 * tone * np.minimum(1, np.minimum(time, time[::-1]) / 0.02))
    audio = torch.from_numpy(np.concatenate(sounds).astype(np.float32))[None, None]
    decoded = codec.decode(codec.encode(audio))[0, 0].numpy()
    for place, midi in enumerate(range(52, 76, 2)):
        hertz = 440 * 2 ** ((midi - 69) / 12)
        piece = decoded[place * length + RATE // 8 : (place + 1) * length - RATE // 16]
        assert abs(1200 * np.log2(_pitch(piece, RATE, hertz) / hertz)) < 50, midi


def _pitch(sound: np.ndarray, rate: int, near: float) -> float:
    """Hertz of the autocorrelation's peak within a third of an octave and more around `near`."""
    correlation = np.fft.irfft(np.abs(np.fft.rfft(sound, 4 * len(sound))) ** 2)
    lags = np.arange(int(rate / near / 1.4), int(rate / near * 1.4) + 2)
    best = lags[correlation[lags].argmax()]
    left, middle, right = correlation[best - 1 : best + 2]
    return rate / (best + 0.5 * (left - right) / (left - 2 * middle + right))
