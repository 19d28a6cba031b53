"""Variation on the ear's features: cheaper than on sound, and another one for each crop.

Features are log1p(gain * magnitude / level), so what filters, hides or transposes a sound can be
done to them: multiply magnitudes by a curve over frequency, add a floor, move the bins. A batch is
varied as a whole, on whatever device it lies; the few random numbers of each crop come from NumPy.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

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
# where an equaliser is set, log2 Hz
_KNOTS = np.linspace(4, 14, 8)


def _between_knots(frequencies: np.ndarray) -> np.ndarray:
    """(8, N): values at the knots times this are values at the frequencies, in straight lines."""
    return np.stack([np.interp(frequencies, _KNOTS, knot) for knot in np.eye(len(_KNOTS))])


# frequencies of the three parts of the features, and an equaliser's curve over them
_AXES = [(axis, _between_knots(axis)) for axis in (_HARMONY, _BASS, _RHYTHM)]


def augment(batch: Batch, rng: np.random.Generator) -> Batch:
    """The batch with each crop transposed, detuned a little, equalised, noisy, limited, masked."""
    size = len(batch.labels)
    harmony = add_soloist(batch.harmony, rng, rng.random(size) < 0.25)
    semitones = rng.integers(-5, 7, size)
    # what the estimate of the tuning gets wrong
    shift = semitones * BINS_PER_SEMITONE + rng.normal(0, 0.15, size)
    parts = [roll(harmony, shift), roll(batch.bass, shift), batch.rhythm]
    harmony, bass, rhythm = _mask(_colour(parts, rng), rng)
    return Batch(harmony, bass, rhythm, transpose(batch.labels, semitones))


def roll(bins: Tensor, shift: np.ndarray) -> Tensor:
    """(B, T, N) bins moved up by `shift` (B,), between bins by linear interpolation, zeros moving
    in."""
    low = _like(np.floor(shift), bins).long()
    part = _like(shift % 1, bins)[:, None, None]
    return (1 - part) * _whole_roll(bins, low) + part * _whole_roll(bins, low + 1)


def _whole_roll(bins: Tensor, shift: Tensor) -> Tensor:
    count = bins.shape[-1]
    index = torch.arange(count, device=bins.device) - shift[:, None]
    inside = (index >= 0) & (index < count)
    moved = bins.gather(2, index.clamp(0, count - 1)[:, None].expand(-1, bins.shape[1], -1))
    return moved * inside[:, None]


def transpose(labels: Tensor, semitones: np.ndarray) -> Tensor:
    """(B, F, 7) labels with chord root and bass moved up by `semitones` (B,)."""
    moved, steps = labels.clone(), torch.from_numpy(semitones).to(labels.device)[:, None]
    chord, bass = labels[..., 0], labels[..., 1]
    has_root = (chord >= 0) & (chord < CHORDS - 1)
    roots, qualities = chord // QUALITIES, chord % QUALITIES
    moved[..., 0] = torch.where(has_root, (roots + steps) % 12 * QUALITIES + qualities, chord)
    moved[..., 1] = torch.where((bass >= 0) & (bass < NO_BASS), (bass + steps) % 12, bass)
    return moved


def _colour(parts: list[Tensor], rng: np.random.Generator) -> list[Tensor]:
    """An equaliser curve, a narrow band at times, another level, a noise floor."""
    size = len(parts[0])
    strength = rng.uniform(0, 8, (size, 1))
    values = rng.normal(0, 1, (size, len(_KNOTS))) * strength + rng.normal(0, 3, (size, 1))
    narrow = rng.random((size, 1)) < 0.15
    low = np.where(narrow, np.log2(rng.uniform(60, 350, (size, 1))), -np.inf)
    high = np.where(narrow, np.log2(rng.uniform(2_500, 6_000, (size, 1))), np.inf)
    floor = np.where(rng.random(size) < 0.5, 0.0, 10 ** rng.uniform(-2, 0.3, size))
    coloured = []
    for bins, (frequencies, between) in zip(parts, _AXES, strict=True):
        # 18 dB an octave outside the band
        decibels = values @ between - 18 * np.maximum(0, low - frequencies)
        decibels -= 18 * np.maximum(0, frequencies - high)
        magnitude = torch.expm1(bins) * _like(10 ** (decibels / 20), bins)[:, None]
        noise = torch.rand(magnitude.shape, device=bins.device)
        coloured.append(torch.log1p(magnitude + _like(floor, bins)[:, None, None] * noise))
    return coloured


def _mask(parts: list[Tensor], rng: np.random.Generator) -> list[Tensor]:
    """In three crops of ten, silence for up to two seconds, all parts together."""
    size, tokens = parts[0].shape[:2]
    length = np.where(rng.random((size, 1)) < 0.3, rng.integers(3, 26, (size, 1)), 0)
    start = np.floor(rng.random((size, 1)) * np.maximum(1, tokens - length))
    harmony, bass, rhythm = parts
    place = torch.arange(tokens, device=harmony.device)
    first, end = _like(start, harmony), _like(start + length, harmony)
    heard = ((place < first) | (place >= end))[..., None]
    return [harmony * heard, bass * heard, rhythm * heard.repeat_interleave(RHYTHM_COLUMNS, 1)]


def add_soloist(harmony: Tensor, rng: np.random.Generator, chosen: np.ndarray) -> Tensor:
    """A melody of harmonic tones over those of (B, T, 216) that are chosen (B,) bool.

    They are nobody's notes, so the chords stay the label.
    """
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return harmony
    at = torch.from_numpy(rows).to(harmony.device)
    band = harmony[at]
    middles, sounds = _melody(len(rows), harmony.shape[1], rng)
    tones = _like(_tones(rng.uniform(2, 9, len(rows))), harmony)
    # bins above the tone's lowest
    index = torch.arange(HARMONY_BINS, device=harmony.device)
    index = index - (_like(middles, harmony).long() - 1)[..., None]
    inside = (index >= 0) & (index < tones.shape[1])
    melody = tones.gather(1, index.clamp(0, tones.shape[1] - 1).flatten(1)).view(index.shape)
    melody = melody * inside * _like(sounds, harmony)[..., None]
    # as loud as the loudest bins of the band, or a little less or more
    louder = _like(10 ** (rng.uniform(-10, 8, len(rows)) / 20), harmony)
    loud = torch.expm1(0.8 * band.amax(dim=2).mean(dim=1)) * louder
    return harmony.index_copy(0, at, torch.log1p(torch.expm1(band) + loud[:, None, None] * melody))


def _melody(rows: int, tokens: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(R, T) bin of the fundamental, and whether a note sounds there."""
    ends = np.cumsum(rng.choice((1, 2, 3, 4, 6, 10), (rows, tokens)), axis=1)
    notes = np.stack([np.searchsorted(row, np.arange(tokens), side="right") for row in ends])
    count = int(notes.max()) + 1
    sounds = rng.random((rows, count)) < 0.8
    steps = rng.integers(-4, 5, (rows, count)) * sounds
    pitches = np.empty((rows, count), int)
    pitch = rng.integers(28, 52, rows)
    for note in range(count):
        pitch = np.clip(pitch + steps[:, note], 22, 62)
        pitches[:, note] = pitch
    middles = 1 + BINS_PER_SEMITONE * pitches + rng.choice((-1, 0, 0, 0, 1), (rows, count))
    return np.take_along_axis(middles, notes, 1), np.take_along_axis(sounds, notes, 1)


def _tones(slopes: np.ndarray) -> np.ndarray:
    """(R, bins) magnitudes of a tone from the bin below its fundamental on; `slopes` are dB by
    which each partial is softer than the one before."""
    tones = np.zeros((len(slopes), _PARTIALS[-1] + 3))
    strengths = 10 ** (-slopes[:, None] * np.arange(len(_PARTIALS)) / 20)
    for offset, share in enumerate((0.6, 1.0, 0.6)):
        tones[:, _PARTIALS + offset] = share * strengths
    return tones


def _like(values: np.ndarray, tensor: Tensor) -> Tensor:
    """As float32 where the tensor lies."""
    return torch.from_numpy(np.asarray(values, np.float32)).to(tensor.device)
