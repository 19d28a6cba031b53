"""What the ear reads of a sound, as modeling_saxsolo/ear_spectrum_saxsolo.py has it; in NumPy.

Three spectra on one clock of 12.5 tokens a second, the tuning, and resonators over the rhythm.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

RATE, HOP, COLUMNS, TOKEN_RATE = 16_000, 1_280, 8, 12.5
HARMONY, BASS, RHYTHM = 8_192, 16_384, 1_024
LOWEST_PITCH, BINS = 24, 3
GAIN, FLOOR, BLOCK = 10.0, 1e-7, 64
DECAY = math.exp(-1 / (4.0 * TOKEN_RATE))
PULSES, PULSE_BANDS = 66, 4


@dataclass(frozen=True)
class Spectra:
    """Of T tokens: harmony (T, 216), bass (T, 108), rhythm (8 T, 40)."""

    harmony: Array
    bass: Array
    rhythm: Array

    def part(self, start: int, end: int) -> "Spectra":
        """Those of the tokens from `start` to `end`."""
        columns = slice(start * COLUMNS, end * COLUMNS)
        return Spectra(self.harmony[start:end], self.bass[start:end], self.rhythm[columns])


def spectra(audio: Array, cents: float) -> Spectra:
    """Of (n,) float32 at 16 kHz that is so many cents sharper than A = 440 Hz."""
    cents, tokens = round(cents), -(-len(audio) // HOP)
    filters = [_pitch_filters(HARMONY, 216, cents), _pitch_filters(BASS, 108, cents)]
    bands = _band_filters()
    parts: list[list[Array]] = [[], [], []]
    for start in range(0, tokens, BLOCK):
        size = min(BLOCK, tokens - start)
        for index, (window, hop, matrix) in enumerate(
            (
                (HARMONY, HOP, filters[0]),
                (BASS, HOP, filters[1]),
                (RHYTHM, HOP // COLUMNS, bands),
            )
        ):
            per_token = HOP // hop
            columns = _magnitudes(audio, window, hop, start * per_token, size * per_token)
            parts[index].append(columns[:, : len(matrix)] @ matrix)
    harmony, bass, rhythm = (np.concatenate(part) for part in parts)
    scale = (GAIN / _running_level(harmony.mean(axis=1)))[:, None]
    return Spectra(
        np.log1p(harmony * scale),
        np.log1p(bass * scale),
        np.log1p(rhythm * scale.repeat(COLUMNS, axis=0)),
    )


def _magnitudes(audio: Array, window: int, hop: int, start: int, count: int) -> Array:
    """(count, window / 2 + 1): column t is centred on sample hop * t + hop / 2."""
    left = hop * start + hop // 2 - window // 2
    right = left + hop * (count - 1) + window
    inside = audio[max(0, left) : max(0, min(len(audio), right))]
    padded = np.pad(inside, (max(0, -left), 0))
    padded = np.pad(padded, (0, right - left - len(padded)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    return np.abs(np.fft.rfft(frames * _hann(window))).astype(np.float32)


def _hann(window: int) -> Array:
    """Scaled so that a sine of amplitude 1 has magnitude 1."""
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    return (shape * (2 / shape.sum())).astype(np.float32)


def _pitch_filters(window: int, bins: int, cents: int) -> Array:
    pitch = LOWEST_PITCH + (np.arange(bins) - 1) / BINS + cents / 100
    middles = 440.0 * 2 ** ((pitch - 69) / 12)
    return _triangles(window, middles, middles * (2 ** (1 / (12 * BINS)) - 1))


def _band_filters() -> Array:
    edges = np.logspace(math.log10(40.0), math.log10(7_600.0), 40)
    return _triangles(RHYTHM, edges, edges * ((7_600.0 / 40.0) ** (1 / 39) - 1))


def _triangles(window: int, middles: Array, reach: Array) -> Array:
    step = RATE / window
    used = min(window // 2 + 1, math.ceil(float(middles[-1] + reach[-1]) / step) + 2)
    frequencies = np.arange(used)[:, None] * step
    weights = np.maximum(1 - np.abs(frequencies - middles) / np.maximum(reach, step), 0)
    return (weights / weights.sum(axis=0)).astype(np.float32)


def _running_level(loudness: Array) -> Array:
    total = weight = 0.0
    levels = np.empty_like(loudness)
    for place, now in enumerate(loudness):
        total, weight = total * DECAY + now, weight * DECAY + 1
        levels[place] = total / weight
    return np.maximum(levels, FLOOR)


def pulses(rhythm: Array) -> Array:
    """(8 T, 40) -> (T, 4, 2, 66): the bank of resonators at the end of each token."""
    rises = np.zeros_like(rhythm)
    rises[2:] = np.maximum(rhythm[2:] - rhythm[:-2], 0)
    bands = rises.reshape(len(rhythm), PULSE_BANDS, -1).mean(axis=-1)
    drive = bands.reshape(-1, COLUMNS, PULSE_BANDS)
    frequencies = 0.4 * (10.0 / 0.4) ** (np.arange(PULSES) / (PULSES - 1))
    memory = np.clip(5.0 / frequencies, 1.0, 6.0)
    seconds = 1 / (TOKEN_RATE * COLUMNS)
    turns = np.exp(-seconds / memory + 2j * np.pi * frequencies * seconds)
    within = turns[None] ** np.arange(COLUMNS - 1, -1, -1)[:, None]
    driven = np.einsum("tkg,kf->tgf", drive, within)
    state, step = np.zeros_like(driven[0]), turns**COLUMNS
    for place, push in enumerate(driven):
        state = state * step + push
        driven[place] = state
    bank = driven / (0.1 + np.abs(driven).mean(axis=-1, keepdims=True))
    return np.stack([bank.real, bank.imag], axis=-2).astype(np.float32)


def tuning(audio: Array, every: int = 4) -> float:
    """How much sharper than A = 440 Hz (n,) float32 at 16 kHz is tuned, cents."""
    step = RATE / HARMONY
    low, high = round(160 / step), round(1_200 / step)
    padded = np.pad(audio, (0, max(0, HARMONY - len(audio))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, HARMONY)[:: every * HOP]
    total = 0j
    for block in range(0, len(frames), BLOCK):
        part = np.abs(np.fft.rfft(frames[block : block + BLOCK] * _hann(HARMONY)))
        spectrum = np.maximum(part[:, low - 1 : high + 1], FLOOR)
        sums = np.pad(spectrum, ((0, 0), (25, 24))).cumsum(axis=1)
        counts = np.pad(np.ones(spectrum.shape[1]), (25, 24)).cumsum()
        around = (sums[:, 49:] - sums[:, :-49]) / (counts[49:] - counts[:-49])
        logs, surroundings = np.log(spectrum), np.log(around)[:, 1:-1]
        before, peak, after = logs[:, :-2], logs[:, 1:-1], logs[:, 2:]
        is_peak = (peak > before) & (peak >= after) & (peak > surroundings + 1.5)
        is_peak &= (peak > logs.max(axis=1, keepdims=True) - 4.6) & (peak > -11.5)
        offset = 0.5 * (before - after) / np.minimum(before - 2 * peak + after, -1e-9)
        bins = np.arange(low, high) + np.clip(offset, -0.5, 0.5)
        votes = np.exp(0.5 * peak) * is_peak
        total += (votes * np.exp(2j * np.pi * 12 * np.log2(bins * step / 440.0))).sum()
    return float(np.angle(total)) / (2 * math.pi) * 100 if total else 0.0
