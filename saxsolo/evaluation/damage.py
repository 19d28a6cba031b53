"""What can have happened to a track before somebody plays over it, each at one fixed strength.

A damage takes (channels, n) float32 and its rate and gives the same back, of the same length.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import soundfile
import soxr
from scipy import signal

Damage = Callable[[np.ndarray, int], np.ndarray]


def level(decibels: float) -> Damage:
    """Louder or softer; what passes full scale is clipped."""
    gain = 10 ** (decibels / 20)
    return lambda audio, rate: np.clip(audio * gain, -1, 1).astype(np.float32)


def detuned(cents: float) -> Damage:
    """Another tape speed: pitch and tempo move together, so the truth's times must be divided by
    2 ** (cents / 1200)."""

    def damage(audio: np.ndarray, rate: int) -> np.ndarray:
        factor = 2 ** (cents / 1200)
        return _normal(soxr.resample(audio.T, rate * factor, rate).T)

    return damage


def mp3(audio: np.ndarray, rate: int) -> np.ndarray:
    """To MP3 at 64 kbit/s and back."""
    back = soundfile.read(io.BytesIO(mp3_bytes(audio, rate)), dtype="float32", always_2d=True)[0]
    return _normal(_fit(back.T, audio.shape[1]))


def mp3_bytes(audio: np.ndarray, rate: int) -> bytes:
    """What `mp3` writes."""
    buffer = io.BytesIO()
    # libsndfile's scale of constant bit rates runs from 0 (320 kbit/s) to 1; 0.875 is 64 kbit/s
    with soundfile.SoundFile(
        buffer, "w", rate, len(audio), "MPEG_LAYER_III", format="MP3",
        bitrate_mode="CONSTANT", compression_level=0.875,
    ) as file:  # fmt: skip
        for start in range(0, audio.shape[1], 65_536):
            file.write(audio[:, start : start + 65_536].T)
    return buffer.getvalue()


def phone_band(audio: np.ndarray, rate: int) -> np.ndarray:
    """300 to 3400 Hz, fourth order."""
    sections = signal.butter(4, (300, 3_400), "bandpass", fs=rate, output="sos")
    return _normal(signal.sosfilt(sections, audio, axis=1))


def reverb(audio: np.ndarray, rate: int) -> np.ndarray:
    """A hall of 2 s, as loud as the direct sound: decaying noise."""
    rng = np.random.default_rng(0)
    length = 2 * rate
    response = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    response /= np.sqrt(np.sum(np.square(response)))
    wet = signal.oaconvolve(audio, response[None].astype(np.float32), axes=1)
    return _normal((audio + wet[:, : audio.shape[1]]) / 2)


def inverted_stereo(audio: np.ndarray, rate: int) -> np.ndarray:
    """The mean of both channels on the left, turned over on the right."""
    mean = audio.mean(axis=0)
    return np.stack([mean, -mean])


def noisy(audio: np.ndarray, rate: int) -> np.ndarray:
    """White noise 15 dB below the sound."""
    rng = np.random.default_rng(0)
    loud = np.sqrt(np.mean(np.square(audio)))
    noise = rng.standard_normal(audio.shape) * loud * 10 ** (-15 / 20)
    return _normal(audio + noise)


def with_soloist(solo: np.ndarray, solo_rate: int) -> Damage:
    """A soloist on top, as loud as the band: `solo` (n,), repeated as often as needed.

    Its notes are another tune's, so they say nothing about the chords.
    """

    def damage(audio: np.ndarray, rate: int) -> np.ndarray:
        line = soxr.resample(solo, solo_rate, rate) if solo_rate != rate else solo
        line = np.resize(line, audio.shape[1])
        loud = np.sqrt(np.mean(np.square(audio))) / max(1e-9, np.sqrt(np.mean(np.square(line))))
        return _normal(audio + loud * line)

    return damage


def _normal(audio: np.ndarray) -> np.ndarray:
    return (audio / max(1.0, float(np.abs(audio).max()))).astype(np.float32)


def _fit(audio: np.ndarray, length: int) -> np.ndarray:
    fitted = audio[:, :length]
    return np.pad(fitted, ((0, 0), (0, length - fitted.shape[1])))


#: cents from A = 440 Hz to which the robustness table tunes every track
TUNINGS = (-45, -25, 25, 45)
#: the other damages of the robustness table that need no further sound
DAMAGES: dict[str, Damage] = {
    "as it is": lambda audio, rate: audio,
    "-30 dB": level(-30),
    "+12 dB, clipped": level(12),
    "MP3 64 kbit/s": mp3,
    "300 to 3400 Hz": phone_band,
    "hall of 2 s": reverb,
    "noise 15 dB below": noisy,
    "inverted stereo": inverted_stereo,
}
