"""What recordings have gone through: rooms, equalisers, limiting, noise, small loudspeakers, tape,
lossy codecs. Works on float32 (channels, samples) at 32 kHz; every channel gets the same."""

from __future__ import annotations

import subprocess
from typing import Any

import numpy as np
import soxr
from scipy import signal

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.audio.rates import fit
from saxsolo.corpus.render.damage import (
    active_rms,
    add_noise,
    equalise,
    lossy,
    narrow,
    room,
    saturate,
    undo_delay,
)


def wear(
    audio: np.ndarray, rng: np.random.Generator, strength: float
) -> tuple[np.ndarray, dict[str, Any]]:
    """A random chain of damage on (channels, samples) and its settings.

    `strength` scales how often each kind happens: 0 gives the clean sound.
    """
    settings: dict[str, object] = {}

    def chance(share: float) -> bool:
        return bool(rng.random() < share * strength)

    if chance(0.6):
        seconds, wet = float(rng.uniform(0.2, 1.8)), float(rng.uniform(0.05, 0.45))
        if rng.random() < 0.1:
            wet = float(rng.uniform(0.5, 1.1))
        # another tail in each channel, as in a real room
        audio = np.stack([room(row, rng, seconds=seconds, wet=wet) for row in audio])
        settings["room"] = [round(seconds, 2), round(wet, 2)]
    if chance(0.6):
        amount = float(rng.uniform(2, 11))
        audio = _alike(audio, rng, equalise, strength=amount)
        settings["equaliser_db"] = round(amount, 1)
    if chance(0.25):
        tilt = float(rng.uniform(-6, 6))
        audio = _tilt(audio, tilt)
        settings["tilt_db"] = round(tilt, 1)
    if chance(0.3):
        threshold, ratio = float(rng.uniform(-34, -18)), float(rng.uniform(2, 12))
        audio = compress(audio, threshold, ratio)
        settings["compressor"] = [round(threshold, 1), round(ratio, 1)]
    if chance(0.15):
        drive = float(rng.uniform(0.8, 4.0))
        audio = np.stack([saturate(row, drive) for row in set_level(audio, -15.0)])
        settings["drive"] = round(drive, 2)
    if chance(0.12):
        low, high = float(rng.uniform(50, 160)), float(rng.uniform(3500, 9000))
        audio = np.stack([narrow(row, low, high) for row in audio])
        settings["band_hz"] = [round(low), round(high)]
    elif chance(0.05):
        audio = np.stack([narrow(narrow(row, 300, 3400), 300, 3400) for row in audio])
        settings["band_hz"] = [300, 3400]
    if chance(0.3):
        snr = float(rng.uniform(14, 55))
        kind = str(rng.choice(("hiss", "hiss", "crackle", "crowd")))
        audio = _noise(audio, rng, kind, snr)
        settings["noise"] = [kind, round(snr, 1)]
    if chance(0.05):
        audio = _wow(audio, rng)
        settings["wow"] = True
    if chance(0.2):
        audio, settings["codec"] = _codec(audio, rng)
    return audio.astype(np.float32), settings


def _alike(audio: np.ndarray, rng: np.random.Generator, change, **options: float) -> np.ndarray:  # type: ignore[no-untyped-def]
    seed = int(rng.integers(2**32))
    return np.stack([change(row, np.random.default_rng(seed), **options) for row in audio])


def set_level(audio: np.ndarray, level_db: float) -> np.ndarray:
    """(channels, samples) at an active RMS of `level_db` dBFS, below full scale."""
    mono = audio.mean(axis=0)
    rms = active_rms(mono if np.abs(mono).max() > 0.01 * np.abs(audio).max() else audio[0])
    gain = 1.0 if rms == 0 else 10 ** (level_db / 20) / rms
    peak = float(np.abs(audio).max()) or 1.0
    return (audio * np.float32(min(gain, 0.97 / peak))).astype(np.float32)


def _tilt(audio: np.ndarray, gain_db: float) -> np.ndarray:
    """Treble up and bass down by `gain_db` about 800 Hz (a first-order shelf), or the reverse."""
    gain = 10 ** (gain_db / 20)
    numerator, denominator = signal.bilinear(
        [gain / (2 * np.pi * 800), 1 / gain], [1 / (2 * np.pi * 800), 1.0], fs=SAMPLING_RATE
    )
    return signal.lfilter(numerator, denominator, audio, axis=-1).astype(np.float32)


def compress(audio: np.ndarray, threshold_db: float, ratio: float) -> np.ndarray:
    """Turn down what is louder than the threshold; one gain for all channels, 10 ms steps."""
    width = SAMPLING_RATE // 100
    count = audio.shape[1] // width
    if count < 4:
        return audio
    audio = set_level(audio, -18.0)
    power = np.mean(audio[:, : count * width].reshape(len(audio), count, width) ** 2, axis=(0, 2))
    over = np.maximum(0.0, 10 * np.log10(power + 1e-10) - threshold_db)
    gain_db = -over * (1 - 1 / ratio)
    release = 0.92
    smooth = signal.lfilter([1 - release], [1, -release], gain_db)
    gain_db = np.minimum(gain_db, smooth)
    at = (np.arange(count) + 0.5) * width
    gain = 10 ** (np.interp(np.arange(audio.shape[1]), at, gain_db) / 20)
    return np.asarray(audio * gain, dtype=np.float32)


def _noise(audio: np.ndarray, rng: np.random.Generator, kind: str, snr: float) -> np.ndarray:
    if kind == "hiss":
        return _alike(audio, rng, add_noise, snr_db=snr)
    count = audio.shape[1]
    if kind == "crackle":
        noise = np.zeros(count)
        places = rng.integers(0, count, max(1, int(count / SAMPLING_RATE * rng.uniform(3, 40))))
        noise[places] = rng.laplace(0, 1, len(places))
        noise = signal.lfilter([1.0], [1, -0.6], noise)
    else:
        # many voices: noise in the band of speech that swells at the rate of syllables
        noise = np.zeros(count)
        for _ in range(3):
            low = float(rng.uniform(150, 700))
            band = signal.butter(2, (low, low * 3), "bandpass", fs=SAMPLING_RATE, output="sos")
            swell = np.interp(np.arange(count), np.arange(0, count + 8000, 8000),
                              rng.uniform(0, 1, len(np.arange(0, count + 8000, 8000))))  # fmt: skip
            noise += signal.sosfilt(band, rng.standard_normal((1, count)))[0] * swell
    rms = np.sqrt(np.mean(noise**2)) or 1.0
    gain = active_rms(audio.mean(axis=0)) * 10 ** (-snr / 20) / rms
    return (audio + gain * noise).astype(np.float32)


def _wow(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A turntable's slow wavering: at most some 8 cents; moves beats by at most 3 ms."""
    time = np.arange(audio.shape[1])
    rate = float(rng.uniform(0.5, 1.2)) * 2 * np.pi / SAMPLING_RATE
    depth = float(rng.uniform(0.0005, 0.0045)) / rate
    place = time + depth * np.sin(rate * time) * 0.99
    place = np.clip(place, 0, len(time) - 1)
    return np.stack([np.interp(place, time, row) for row in audio]).astype(np.float32)


def _codec(audio: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, list[Any]]:
    name = str(rng.choice(("MP3", "MP3", "OGG", "aac", "libopus")))
    audio = set_level(audio, -20.0)
    if name in ("MP3", "OGG"):
        amount = float(rng.uniform(0.3, 0.99))
        return np.stack([lossy(row, name, amount) for row in audio]), [name, round(amount, 2)]
    kbit = int(rng.choice((16, 24, 32, 48, 64)))
    coded = [through_ffmpeg(row, name, kbit) for row in audio]
    heard = [row for row in coded if row is not None]
    if len(heard) < len(coded):
        return audio, ["no ffmpeg"]
    return np.stack(heard), [name, kbit]


def through_ffmpeg(audio: np.ndarray, codec: str, kbit: int) -> np.ndarray | None:
    """There and back through a codec of ffmpeg ("aac", "libopus"), (samples,), same alignment.

    None where ffmpeg or the codec is missing.
    """
    container = {"aac": "adts", "libopus": "ogg"}[codec]
    raw = ["-f", "f32le", "-ac", "1", "-ar", str(SAMPLING_RATE)]
    quiet = ["ffmpeg", "-v", "error", "-threads", "1"]
    try:
        packed = subprocess.run(
            [*quiet, *raw, "-i", "-", "-c:a", codec, "-b:a", f"{kbit}k", "-f", container, "-"],
            input=audio.astype("<f4").tobytes(), stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip
        back = subprocess.run(
            [*quiet, "-i", "-", *raw, "-"], input=packed, stdout=subprocess.PIPE, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    decoded = np.frombuffer(back, "<f4").astype(np.float32)
    return fit(undo_delay(audio, decoded), len(audio))


def stage(stems: list[np.ndarray], rng: np.random.Generator, wide: bool) -> np.ndarray:
    """Stems (samples,) -> (1 or 2, samples): summed, or each at its place, at times inverted."""
    if not wide:
        return np.asarray(np.sum(stems, axis=0, dtype=np.float32))[None]
    out = np.zeros((2, len(stems[0])), dtype=np.float32)
    hard = rng.random() < 0.15
    for stem in stems:
        pan = float(rng.choice((0.05, 0.95)) if hard else rng.uniform(0.2, 0.8))
        delay = int(rng.integers(0, 20))
        out[0] += stem * np.float32(np.cos(pan * np.pi / 2))
        out[1, delay:] += stem[: len(stem) - delay] * np.float32(np.sin(pan * np.pi / 2))
    if rng.random() < 0.08:
        out = np.stack([out.mean(axis=0), -out.mean(axis=0)])
    elif rng.random() < 0.04:
        out[1] = 0.0
    return out


def at_speed(audio: np.ndarray, cents: float, rate: int) -> np.ndarray:
    """Tape speed: `cents` sharper and so shorter by 2^(cents/1200); result at `rate` Hz."""
    speed = 2.0 ** (cents / 1200)
    moved = soxr.resample(audio.T, SAMPLING_RATE * speed, rate, quality="HQ")
    return np.ascontiguousarray(moved.T, dtype=np.float32)
