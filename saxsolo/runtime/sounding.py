"""Codes to samples: the codec's graph draws filters, pulses and noise go through them (NumPy).

As modeling_saxsolo/modeling_saxcodec.py and source_saxcodec.py; with explicit state, so that a
stream is the whole.
"""

import math
from typing import Any

import numpy as np

from .spectra import Array


class Voice:
    """Decodes one solo: `push` codes (K, t), `finish` for what was held back.

    Args:
        session: of the decoder's graph. config: "codec" of the folder. cents: how much sharper.
    """

    def __init__(self, session: Any, config: dict[str, Any], cents: float = 0.0):
        self.session, self.config, self.sharper = session, config, 2 ** (cents / 1200)
        self.past = np.zeros((config["decoder_layers"], 1, 6, config["decoder_size"]), np.float32)
        self.overlap = config["n_fft"] - config["hop_length"]
        self.waiting: Array | None = None
        self.tail = np.zeros(self.overlap, np.float32)
        self.phase, self.position = 0.0, 0

    def push(self, codes: Array, last: bool = False) -> Array:
        """Codes (K, t) that follow -> the samples (n,) float32 that no later code can change."""
        ahead = self.config["decoder_lookahead"]
        if self.waiting is not None:
            codes = np.concatenate([self.waiting, codes], axis=1)
        if last and codes.shape[1]:
            codes = np.concatenate([codes, np.repeat(codes[:, -1:], ahead, axis=1)], axis=1)
        frames = codes.shape[1] - ahead
        self.waiting = codes[:, max(0, frames) :]
        if frames <= 0:
            return np.zeros(0, np.float32)
        filters, angles, pitch, self.past = self.session.run(
            None, {"codes": codes[None].astype(np.int64), "past": self.past}
        )
        pulses = self._pulses(self._pitch(pitch[0]) * self.sharper)
        return self._shape(filters[0], angles[0], pulses)

    def finish(self) -> Array:
        """The samples that were held back."""
        books = 0 if self.waiting is None else self.waiting.shape[0]
        return self.push(np.zeros((books, 0), np.int64), last=True)

    def _pitch(self, logits: Array) -> Array:
        """(J, 1 + bins) -> hertz (J,), 0 where there is none."""
        config, top = self.config, logits[:, 1:]
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
        return config["min_f0"] * span ** (bins / (config["f0_bins"] - 1)) * voiced

    def _pulses(self, f0: Array) -> Array:
        """Hertz (J,) -> windows (J, n_fft) of a band-limited pulse train."""
        rate, hop, size = (self.config[n] for n in ("sampling_rate", "hop_length", "n_fft"))
        voiced, step = f0 > 0, f0 / rate
        advance = self.phase + np.cumsum(step * hop)
        reached = np.maximum.accumulate(np.where(voiced, 0.0, advance))
        start = advance - step * hop - reached
        self.phase = float((advance - reached)[-1] % 1.0)
        cycles = start[:, None] + step[:, None] * np.arange(size)
        angle = (2 * math.pi * (cycles - np.round(cycles))).astype(np.float32)
        harmonics = np.where(voiced, np.floor(0.5 * rate / np.maximum(f0, 1.0)), 1.0)
        harmonics = harmonics[:, None].astype(np.float32)
        half = np.sin(angle / 2)
        near = np.abs(half) < 1e-4
        kernel = np.sin((harmonics + np.float32(0.5)) * angle)
        kernel = kernel / np.where(near, np.float32(1), 2 * half) - np.float32(0.5)
        kernel = np.where(near, harmonics, kernel)
        return kernel * np.sqrt(2 / harmonics) * voiced[:, None]

    def _shape(self, filters: Array, angles: Array, pulses: Array) -> Array:
        config, length = self.config, len(pulses)
        hop, size = config["hop_length"], config["n_fft"]
        window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
        noise = _noise(self.position, (length - 1) * hop + size)
        windows = np.lib.stride_tricks.sliding_window_view(noise, size)[::hop]
        periodic, breath, free = np.split(filters, np.cumsum(config["filter_sizes"])[:2], axis=1)
        real, imaginary = np.split(angles, 2, axis=1)
        turn = real + 1j * imaginary
        turn = np.exp(free) * turn / (np.abs(turn) + np.float32(1e-3)) * (window.sum() / 2)
        spectrum = np.exp(periodic) * np.fft.rfft(pulses * window)
        spectrum += np.exp(breath) * np.fft.rfft(windows * window)
        spectrum[:, : turn.shape[1]] += turn
        frames = (np.fft.irfft(spectrum, n=size) * window).astype(np.float32)
        overlap = size // hop
        parts = frames.reshape(length, overlap, hop) / np.float32(0.375 * overlap)
        summed = np.zeros((length + overlap - 1, hop), np.float32)
        for place in range(overlap):
            summed[place : place + length] += parts[:, place]
        summed[: overlap - 1] += self.tail.reshape(overlap - 1, hop)
        flat = summed.reshape(-1)
        self.tail, self.position = flat[length * hop :].copy(), self.position + length * hop
        return flat[: length * hop]


def _noise(position: int, length: int) -> Array:
    """White noise as a function of the sample's number (the finaliser of MurmurHash3)."""
    x = np.arange(position, position + length, dtype=np.int64) & 0x7FFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    return ((x / 2**31 - 1) * math.sqrt(3)).astype(np.float32)
