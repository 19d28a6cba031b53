"""What the codec's filters shape, in NumPy: pulses at the pitch of the codes, and noise.

As modeling_saxsolo/pitch_saxcodec.py and source_saxcodec.py, for one solo.
"""

import math
from typing import Any

import numpy as np

from .spectra import Array

STEP_OCTAVES = 1 / 8


def pitch_of_logits(logits: Array, config: dict[str, Any]) -> Array:
    """(J, 1 + bins) -> hertz (J,), 0 where there is none; `SaxcodecModel.predicted_f0`."""
    top = logits[:, 1:]
    highest = top.max(axis=1, keepdims=True)
    voiced = np.log(np.exp(top - highest).sum(axis=1)) + highest[:, 0] > logits[:, 0]
    near = top.argmax(axis=1)[:, None] + np.arange(-4, 5)
    inside = (near >= 0) & (near < config["f0_bins"])
    near = near.clip(0, config["f0_bins"] - 1)
    around = np.where(inside, np.take_along_axis(top, near, axis=1), -1e9)
    weights = np.exp(around - around.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    bins = (weights * near).astype(np.float64).sum(axis=1)
    span = config["max_f0"] / config["min_f0"]
    hertz: Array = config["min_f0"] * span ** (bins / (config["f0_bins"] - 1)) * voiced
    return hertz


def pitch_of_codes(codes: Array, config: dict[str, Any]) -> Array:
    """Pitch codes (T,) -> hertz (T,), 0 where there is none; `code_to_f0`."""
    place = (codes.astype(np.float64) - 1) / (config["codebook_size"] - 2)
    span = config["max_f0"] / config["min_f0"]
    hertz: Array = config["min_f0"] * span**place * (codes > 0)
    return hertz


def pulse_frames(f0: Array, phase: float, config: dict[str, Any]) -> tuple[Array, float]:
    """Hertz (J,) -> windows (J, n_fft) of pulses, of constant pitch inside each, next phase."""
    rate, hop, size = (config[n] for n in ("sampling_rate", "hop_length", "n_fft"))
    voiced, step = f0 > 0, f0 / rate
    advance = phase + np.cumsum(step * hop)
    reached = np.maximum.accumulate(np.where(voiced, 0.0, advance))
    start = advance - step * hop - reached
    cycles = start[:, None] + step[:, None] * np.arange(size)
    harmonics = np.where(voiced, np.floor(0.5 * rate / np.maximum(f0, 1.0)), 1.0)
    harmonics = harmonics[:, None].astype(np.float32)
    kernel = _kernel(_angle(cycles), harmonics)
    frames: Array = kernel * np.sqrt(2 / harmonics) * voiced[:, None]
    return frames, float((advance - reached)[-1] % 1.0)


def pulse_train(
    f0: Array, phase: float, start: int, length: int, config: dict[str, Any]
) -> tuple[Array, float]:
    """Hertz (T,) at the samples 0, frame_samples, ... -> `length` samples from `start` on of pulses
    whose pitch glides, and the next phase."""
    frame, rate = config["frame_samples"], config["sampling_rate"]
    place = np.arange(start, start + length)
    left = np.minimum(place // frame, len(f0) - 1)
    right = np.minimum(left + 1, len(f0) - 1)
    share = (place % frame) / frame
    logs = np.log2(np.maximum(f0, 1.0))
    silent_before, silent_after = f0[left] <= 0, f0[right] <= 0
    before = np.where(silent_before, logs[right], logs[left])
    after = np.where(silent_after, logs[left], logs[right])
    stepped = np.where(share < 0.5, before, after)
    glides = np.abs(before - after) < STEP_OCTAVES
    hertz = np.exp2(np.where(glides, before + share * (after - before), stepped))
    sounds = ~(silent_before & silent_after)
    cycles = phase + np.cumsum(hertz / rate * sounds)
    harmonics = np.where(sounds, 0.5 * rate / hertz - 1, 1.0).astype(np.float32)
    whole, angle = np.floor(harmonics), _angle(cycles)
    kernel = _kernel(angle, whole) + (harmonics - whole) * np.cos((whole + 1) * angle)
    samples: Array = kernel * np.sqrt(2 / harmonics) * sounds
    return samples, float(cycles[-1] % 1.0)


def noise_samples(position: int, length: int) -> Array:
    """White noise as a function of the sample's number (the finaliser of MurmurHash3)."""
    x = np.arange(position, position + length, dtype=np.int64) & 0x7FFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    return ((x / 2**31 - 1) * math.sqrt(3)).astype(np.float32)


def _angle(cycles: Array) -> Array:
    return (2 * math.pi * (cycles - np.round(cycles))).astype(np.float32)


def _kernel(angle: Array, harmonics: Array) -> Array:
    """The sum of so many equal cosines: Dirichlet's kernel."""
    half = np.sin(angle / 2)
    near = np.abs(half) < 1e-4
    kernel = np.sin((harmonics + np.float32(0.5)) * angle)
    kernel = kernel / np.where(near, np.float32(1), 2 * half) - np.float32(0.5)
    return np.where(near, harmonics, kernel)
