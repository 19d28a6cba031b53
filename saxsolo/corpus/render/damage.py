"""Degradations between the instrument and the user's file: room, equaliser, noise, saturation,
narrow bands, lossy codecs. Everything takes and returns float32 mono at 32 kHz."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import soundfile
from scipy import signal

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.audio.rates import fit

SILENCE = 1e-4


def active_rms(audio: np.ndarray) -> float:
    """Root mean square over the 50 ms stretches within 40 dB of the loudest; 0 for silence.

    So rests count neither for nor against the level (the idea of gating in ITU-R BS.1770).
    """
    width = SAMPLING_RATE // 20
    if len(audio) < width:
        return float(np.sqrt(np.mean(np.square(audio)))) if len(audio) else 0.0
    blocks = audio[: len(audio) // width * width].reshape(-1, width)
    power = np.mean(np.square(blocks, dtype=np.float32), axis=1)
    loudest = float(power.max())
    if loudest < SILENCE**2:
        return 0.0
    return float(np.sqrt(power[power > loudest * 1e-4].mean()))


def to_level(audio: np.ndarray, level_db: float, *, peak: float = 0.97) -> np.ndarray:
    """Scale to an active RMS of `level_db` dBFS, less where the peak would pass `peak`."""
    rms = active_rms(audio)
    if rms == 0.0:
        return audio.astype(np.float32)
    gain = min(10 ** (level_db / 20) / rms, peak / float(np.abs(audio).max()))
    return (audio * np.float32(gain)).astype(np.float32)


def room(
    audio: np.ndarray,
    rng: np.random.Generator,
    *,
    seconds: float,
    wet: float,
    rate: int = SAMPLING_RATE,
) -> np.ndarray:
    """Add a synthetic room: decaying, darkening noise after a few early reflections.

    `seconds`: time to decay by 60 dB; `wet`: level of the room against the direct sound; `rate`:
    samples a second.
    """
    length = int(seconds * rate)
    time = np.arange(length) / rate
    response = rng.standard_normal(length) * 10 ** (-3 * time / seconds)
    response = signal.lfilter([0.35], [1, -0.65], response)
    response[: int(rng.uniform(0.004, 0.02) * rate)] = 0.0
    for _ in range(6):
        response[int(rng.uniform(0.003, 0.03) * rate) % length] += rng.normal(0, 1.5)
    response *= wet / np.sqrt(np.sum(np.square(response)))
    reflected = signal.oaconvolve(audio, response.astype(np.float32))[: len(audio)]
    return (audio + reflected).astype(np.float32)


def equalise(audio: np.ndarray, rng: np.random.Generator, *, strength: float) -> np.ndarray:
    """Three random bells of up to `strength` dB between 80 Hz and 8 kHz.

    Peaking filters of R. Bristow-Johnson's Audio EQ Cookbook.
    """
    sections = []
    for _ in range(3):
        gain = 10 ** (rng.uniform(-strength, strength) / 40)
        omega = 2 * np.pi * float(np.exp(rng.uniform(np.log(80), np.log(8000)))) / SAMPLING_RATE
        alpha = np.sin(omega) / (2 * rng.uniform(0.4, 1.4))
        first = 1 + alpha / gain
        sections.append(
            np.array(
                [
                    1 + alpha * gain,
                    -2 * np.cos(omega),
                    1 - alpha * gain,
                    first,
                    -2 * np.cos(omega),
                    1 - alpha / gain,
                ]
            )
            / first
        )
    return signal.sosfilt(np.array(sections), audio).astype(np.float32)


def narrow(audio: np.ndarray, low: float, high: float) -> np.ndarray:
    """Band limits in Hz: a small loudspeaker, an old record, a telephone."""
    sections = signal.butter(2, (low, high), "bandpass", fs=SAMPLING_RATE, output="sos")
    return signal.sosfilt(sections, audio).astype(np.float32)


def saturate(audio: np.ndarray, drive: float) -> np.ndarray:
    """Soft clipping: tanh, scaled so that small signals keep their level."""
    return (np.tanh(drive * audio) / drive).astype(np.float32)


def add_noise(audio: np.ndarray, rng: np.random.Generator, *, snr_db: float) -> np.ndarray:
    """Hiss between white and pink, at times with mains hum, `snr_db` below the active level."""
    white = rng.standard_normal(len(audio)).astype(np.float32)
    slope = float(rng.uniform(0, 0.95))
    noise = signal.lfilter([1.0], [1, -slope], white).astype(np.float32)
    noise /= max(1e-9, float(np.sqrt(np.mean(np.square(noise)))))
    if rng.random() < 0.3:
        mains = float(rng.choice((50, 60)))
        time = np.arange(len(audio), dtype=np.float32) / SAMPLING_RATE
        for partial in (1, 2, 3):
            phase = float(rng.uniform(0, 2 * np.pi))
            noise += (1.2 / partial) * np.sin(2 * np.pi * mains * partial * time + phase)
    return (audio + active_rms(audio) * 10 ** (-snr_db / 20) * noise).astype(np.float32)


def lossy(audio: np.ndarray, file_format: str, compression: float) -> np.ndarray:
    """A round trip through MP3 or OGG Vorbis, in memory, same length and alignment.

    `compression` from 0 (best) to 1 (smallest), as in libsndfile. The encoder's delay is found by
    correlation and taken out: frame t of the backing must stay frame t.
    """
    buffer = io.BytesIO()
    subtype = {"MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}[file_format]
    with soundfile.SoundFile(
        buffer,
        "w",
        samplerate=SAMPLING_RATE,
        channels=1,
        format=file_format,
        subtype=subtype,
        compression_level=compression,
    ) as file:
        # libvorbis overflows its stack when it is handed minutes at once
        for start in range(0, len(audio), SAMPLING_RATE):
            file.write(audio[start : start + SAMPLING_RATE])
    buffer.seek(0)
    back = soundfile.read(buffer, dtype="float32")[0]
    return fit(undo_delay(audio, back), len(audio))


def undo_delay(audio: np.ndarray, delayed: np.ndarray, *, longest: int = 4000) -> np.ndarray:
    """Shift `delayed` by the lag in -longest..longest samples that matches `audio` best."""
    window = slice(0, min(len(audio), len(delayed), 20 * SAMPLING_RATE))
    match = signal.correlate(delayed[window], audio[window], mode="full", method="fft")
    centre = len(audio[window]) - 1
    near = match[max(0, centre - longest) : centre + longest + 1]
    lag = int(np.argmax(near)) - min(centre, longest)
    return delayed[lag:] if lag >= 0 else np.pad(delayed, (-lag, 0))


def wear_out(audio: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, Any]]:
    """A random chain of degradations, as users' backing tracks have them, and its settings."""
    settings: dict[str, object] = {}
    if rng.random() < 0.75:
        seconds, wet = float(rng.uniform(0.2, 1.4)), float(rng.uniform(0.08, 0.5))
        audio = room(audio, rng, seconds=seconds, wet=wet)
        settings["room"] = [round(seconds, 2), round(wet, 2)]
    if rng.random() < 0.7:
        strength = float(rng.uniform(2, 9))
        audio = equalise(audio, rng, strength=strength)
        settings["equaliser_db"] = round(strength, 1)
    if rng.random() < 0.15:
        low, high = float(rng.uniform(60, 200)), float(rng.uniform(3500, 9000))
        audio = narrow(audio, low, high)
        settings["band_hz"] = [round(low), round(high)]
    if rng.random() < 0.2:
        drive = float(rng.uniform(0.8, 3.0))
        audio = saturate(to_level(audio, -16.0), drive)
        settings["drive"] = round(drive, 2)
    if rng.random() < 0.4:
        snr = float(rng.uniform(28, 60))
        audio = add_noise(audio, rng, snr_db=snr)
        settings["snr_db"] = round(snr, 1)
    if rng.random() < 0.3:
        file_format = str(rng.choice(("MP3", "OGG")))
        compression = float(rng.uniform(0.2, 0.95))
        audio = lossy(to_level(audio, -20.0, peak=0.9), file_format, compression)
        settings["lossy"] = [file_format, round(compression, 2)]
    return audio, settings
