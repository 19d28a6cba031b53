"""Made-up recordings, good and bad, for the tests and benchmarks of the corpus build."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE


def sax_like(seconds: float, seed: int = 0) -> np.ndarray:
    """Notes of one voice with harmonics and vibrato, mono, 32 kHz."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * SAMPLING_RATE)
    midi = np.repeat(rng.integers(55, 75, samples // 8000 + 1), 8000)[:samples]
    bend = 0.2 * np.sin(2 * np.pi * 5 * np.arange(samples) / SAMPLING_RATE)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((midi + bend - 69) / 12)) / SAMPLING_RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 6))
    edges = np.minimum(
        1, np.minimum(np.arange(samples) % 8000, 7999 - np.arange(samples) % 8000) / 300
    )
    return (0.2 * edges * tone).astype(np.float32)


def band_like(seconds: float, seed: int = 0) -> np.ndarray:
    """Chords and noise bursts on the beat, mono, 32 kHz."""
    rng = np.random.default_rng([seed, 1])
    samples = round(seconds * SAMPLING_RATE)
    time = np.arange(samples) / SAMPLING_RATE
    sound = np.zeros(samples)
    for start in range(0, samples, 2 * SAMPLING_RATE):
        span = slice(start, start + 2 * SAMPLING_RATE)
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
        soundfile.write(
            folder / f"{name}{ending}.flac", scale * sound, SAMPLING_RATE, subtype="PCM_24"
        )
    told = {"licence": "CC0-1.0", "performer": f"player {name}", "title": f"tune {name}", **told}
    (folder / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")
    return folder / f"{name}.flac"


def write_bad_files(music: Path) -> dict[str, str]:
    """Ten files that are no good; returns name -> a word of the reason that each must get."""
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(6 * SAMPLING_RATE)
    (music / "text.wav").write_text("this is no music\n" * 99)
    soundfile.write(music / "cut.flac", noise, SAMPLING_RATE)
    whole = (music / "cut.flac").read_bytes()
    (music / "cut.flac").write_bytes(whole[: len(whole) // 2])
    (music / "empty.mp3").write_bytes(b"")
    holes = noise.copy()
    holes[5000] = np.nan
    soundfile.write(music / "nan.wav", holes, SAMPLING_RATE, subtype="FLOAT")
    with soundfile.SoundFile(music / "hour.flac", "w", 8000, 1) as file:
        for _ in range(60):
            file.write(np.zeros(60 * 8000, np.float32))
    (music / "picture.flac").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(rng.integers(0, 256, 5000)))
    soundfile.write(music / "short.wav", noise[:SAMPLING_RATE], SAMPLING_RATE)
    soundfile.write(music / "clipped.wav", np.clip(40 * noise, -1, 1), SAMPLING_RATE)
    (music / "header.wav").write_bytes(b"RIFF\xff\xff\xff\x7fWAVEfmt ")
    soundfile.write(music / "nolicence.wav", noise, SAMPLING_RATE)
    reasons = {
        "text.wav": "not an audio file",
        "cut.flac": "breaks off",
        "empty.mp3": "empty",
        "nan.wav": "NaN",
        "hour.flac": "silent",
        "picture.flac": "not an audio file",
        "short.wav": "the least",
        "clipped.wav": "clipped",
        "header.wav": "damaged",
        "nolicence.wav": "no licence",
    }
    for name in reasons:
        told = {} if name == "nolicence.wav" else {"licence": "CC0-1.0"}
        (music / name).with_suffix(".json").write_text(json.dumps(told))
    return reasons
