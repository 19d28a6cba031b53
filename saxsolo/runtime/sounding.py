"""Codes to samples: the codec's graph draws filters, pulses and noise go through them (NumPy).

As modeling_saxsolo/modeling_saxcodec.py; with explicit state, so that a stream is the whole. The
pitch is read by the graph from all codes, or is the first code (`pitch_codes`).
"""

import math
from typing import Any

import numpy as np

from .sources import noise_samples, pitch_of_codes, pitch_of_logits, pulse_frames, pulse_train
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
        self.source = np.zeros(0, np.float32)
        self.tail = np.zeros(self.overlap, np.float32)
        self.phase, self.position = 0.0, 0
        bands = config["filter_sizes"][:2] if config["filter_bands"] else []
        self.lines = [_lines(size, config["num_bins"]) for size in bands]

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
        filters, angles, self.past, *pitch = self.session.run(
            None, {"codes": codes[None].astype(np.int64), "past": self.past}
        )
        if self.config["pitch_codes"]:
            f0 = pitch_of_codes(codes[0], self.config) * self.sharper
            pulses = self._gliding(f0, 2 * frames)
        else:
            f0 = pitch_of_logits(pitch[0][0], self.config) * self.sharper
            pulses, self.phase = pulse_frames(f0, self.phase, self.config)
        return self._shape(filters[0], angles[0], pulses)

    def finish(self) -> Array:
        """The samples that were held back."""
        books = 0 if self.waiting is None else self.waiting.shape[0]
        return self.push(np.zeros((books, 0), np.int64), last=True)

    def _gliding(self, f0: Array, frames: int) -> Array:
        """Hertz of the codes, those ahead too -> windows (J, n_fft)."""
        hop, size = self.config["hop_length"], self.config["n_fft"]
        have = len(self.source)
        length = (frames - 1) * hop + size - have
        new, self.phase = pulse_train(f0, self.phase, have, length, self.config)
        source = np.concatenate([self.source, new])
        self.source = source[frames * hop :]
        return np.lib.stride_tricks.sliding_window_view(source, size)[::hop]

    def _shape(self, filters: Array, angles: Array, pulses: Array) -> Array:
        config, length = self.config, len(pulses)
        hop, size = config["hop_length"], config["n_fft"]
        window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
        noise = noise_samples(self.position, (length - 1) * hop + size)
        windows = np.lib.stride_tricks.sliding_window_view(noise, size)[::hop]
        periodic, breath, free = np.split(filters, np.cumsum(config["filter_sizes"])[:2], axis=1)
        if self.lines:
            periodic, breath = periodic @ self.lines[0], breath @ self.lines[1]
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


def _lines(bands: int, bins: int) -> Array:
    """(bands, bins): how much of each band is in each bin; `layers_saxcodec.spread`."""
    linear = 1 / 8
    place = np.arcsinh(np.arange(bins) / (linear * bins)) / math.asinh(1 / linear)
    place = place * (bands - 1) / place[-1]
    return np.maximum(1 - np.abs(place - np.arange(bands)[:, None]), 0).astype(np.float32)
