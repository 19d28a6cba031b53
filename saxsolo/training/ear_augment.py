"""Variation on the ear's features: cheaper than on sound, and another one for each crop.

Features are log1p(gain * magnitude / level), so what filters, hides or transposes a sound can be
done to them: multiply magnitudes by a curve over frequency, add a floor, move the bins.
"""

from __future__ import annotations

import numpy as np
import torch

from modeling_saxsolo.ear_saxsolo import CHORDS, QUALITIES
from modeling_saxsolo.ear_spectrum_saxsolo import (
    BASS_BINS,
    BINS_PER_SEMITONE,
    HARMONY_BINS,
    RHYTHM_BANDS,
    RHYTHM_COLUMNS,
    RHYTHM_HIGH,
    RHYTHM_LOW,
    pitch_frequencies,
)

from .ear_data import NO_BASS, Batch

_HARMONY = np.log2(pitch_frequencies(HARMONY_BINS).numpy())
_BASS = _HARMONY[:BASS_BINS]
_RHYTHM = np.linspace(np.log2(RHYTHM_LOW), np.log2(RHYTHM_HIGH), RHYTHM_BANDS)
_PARTIALS = np.round(12 * BINS_PER_SEMITONE * np.log2(np.arange(1, 9))).astype(int)


def augment(batch: Batch, rng: np.random.Generator) -> Batch:
    """The batch with each crop transposed, detuned a little, equalised, noisy, limited, masked."""
    rows: list[list[torch.Tensor]] = []
    for row in range(len(batch.labels)):
        parts = [batch.harmony[row], batch.bass[row], batch.rhythm[row]]
        if rng.random() < 0.25:
            parts[0] = add_soloist(parts[0], rng)
        semitones = int(rng.integers(-5, 7))
        # what the estimate of the tuning gets wrong
        detune = float(rng.normal(0, 0.15))
        shift = semitones * BINS_PER_SEMITONE + detune
        parts[0], parts[1] = roll(parts[0], shift), roll(parts[1], shift)
        parts = colour(parts, rng)
        if rng.random() < 0.3:
            parts = _mask(parts, rng)
        rows.append([*parts, transpose(batch.labels[row], semitones)])
    return Batch(*(torch.stack(column) for column in zip(*rows, strict=True)))


def roll(bins: torch.Tensor, shift: float) -> torch.Tensor:
    """(T, N) bins moved up by `shift`, between bins by linear interpolation, zeros moving in."""
    low = int(np.floor(shift))
    part = shift - low
    moved = (1 - part) * _whole_roll(bins, low)
    return moved if part == 0 else moved + part * _whole_roll(bins, low + 1)


def _whole_roll(bins: torch.Tensor, shift: int) -> torch.Tensor:
    moved = torch.roll(bins, shift, dims=-1)
    if shift > 0:
        moved[..., :shift] = 0
    elif shift < 0:
        moved[..., shift:] = 0
    return moved


def transpose(labels: torch.Tensor, semitones: int) -> torch.Tensor:
    """(F, 7) labels with chord root and bass moved up."""
    moved = labels.clone()
    chord, bass = labels[:, 0], labels[:, 1]
    has_root = (chord >= 0) & (chord < CHORDS - 1)
    roots, qualities = chord // QUALITIES, chord % QUALITIES
    moved[:, 0] = torch.where(has_root, (roots + semitones) % 12 * QUALITIES + qualities, chord)
    moved[:, 1] = torch.where((bass >= 0) & (bass < NO_BASS), (bass + semitones) % 12, bass)
    return moved


def colour(parts: list[torch.Tensor], rng: np.random.Generator) -> list[torch.Tensor]:
    """An equaliser curve, a narrow band at times, another level, a noise floor."""
    knots = np.linspace(4, 14, 8)
    strength = rng.uniform(0, 8)
    values = rng.normal(0, strength, len(knots)) + rng.normal(0, 3)
    low, high = -np.inf, np.inf
    if rng.random() < 0.15:
        low, high = np.log2(rng.uniform(60, 350)), np.log2(rng.uniform(2_500, 6_000))
    floor = 0.0 if rng.random() < 0.5 else float(10 ** rng.uniform(-2, 0.3))
    coloured = []
    for bins, frequencies in zip(parts, (_HARMONY, _BASS, _RHYTHM), strict=True):
        decibels = np.interp(frequencies, knots, values)
        # 18 dB an octave outside the band
        decibels = decibels - 18 * np.maximum(0, low - frequencies)
        decibels = decibels - 18 * np.maximum(0, frequencies - high)
        gain = torch.from_numpy(10 ** (decibels / 20)).float()
        magnitude = torch.expm1(bins) * gain
        if floor:
            magnitude = magnitude + floor * torch.rand(magnitude.shape)
        coloured.append(torch.log1p(magnitude))
    return coloured


def _mask(parts: list[torch.Tensor], rng: np.random.Generator) -> list[torch.Tensor]:
    """Silence for up to two seconds, all parts together."""
    length = int(rng.integers(3, 26))
    start = int(rng.integers(max(1, len(parts[0]) - length)))
    masked = []
    for index, bins in enumerate(parts):
        rate = RHYTHM_COLUMNS if index == 2 else 1
        bins = bins.clone()
        bins[start * rate : (start + length) * rate] = 0
        masked.append(bins)
    return masked


def add_soloist(harmony: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """A melody of harmonic tones over (T, 216): nobody's notes, so the chords stay the label."""
    tokens = len(harmony)
    melody = np.zeros((tokens, HARMONY_BINS), np.float32)
    slopes = 10 ** (-rng.uniform(2, 9) * np.arange(len(_PARTIALS)) / 20)
    place, pitch = 0, int(rng.integers(28, 52))
    while place < tokens:
        length = int(rng.choice((1, 2, 3, 4, 6, 10)))
        if rng.random() < 0.8:
            pitch = int(np.clip(pitch + rng.integers(-4, 5), 22, 62))
            middle = 1 + BINS_PER_SEMITONE * pitch + int(rng.choice((-1, 0, 0, 0, 1)))
            for partial, strength in zip(middle + _PARTIALS, slopes, strict=True):
                near = [partial - 1, partial, partial + 1]
                inside = [bin_ for bin_ in near if 0 <= bin_ < HARMONY_BINS]
                shape = [0.6 if bin_ != partial else 1.0 for bin_ in inside]
                melody[place : place + length, inside] = strength * np.array(shape, np.float32)
        place += length
    # as loud as the loudest bins of the band, or a little less or more
    loud = float(torch.expm1(0.8 * harmony.amax(dim=1).mean())) * 10 ** (rng.uniform(-10, 8) / 20)
    return torch.log1p(torch.expm1(harmony) + loud * torch.from_numpy(melody))
