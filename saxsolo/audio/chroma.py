"""Pitch-class energies of a sound, for the chord and for the bass."""

from __future__ import annotations

import numpy as np

_STEPS = 10  # estimates a second


_SMOOTH = 5  # steps, half a second


_CHORD_BAND, _BASS_BAND = (100.0, 1600.0), (40.0, 200.0)


def pitch_classes(audio: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Pitch-class energies of the chord's band, then of the bass's, (F, 24), each row of 12 of
    length 1 before smoothing; and whether each of the F tenths of a second is louder than -60 dB,
    (F,). `estimate_chords` says how they are made.

    Args:
        audio: (n,) float32.
    """
    import soxr

    low = soxr.resample(audio, rate, 8000) if rate != 8000 else audio
    size, hop = 4096, 8000 // _STEPS
    padded = np.pad(low, (size // 2, size // 2 + hop))
    count = max(1, len(low) // hop)
    windows = np.stack([padded[i * hop + hop // 2 :][:size] for i in range(count)])
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(size), axis=1))
    hertz = np.fft.rfftfreq(size, 1 / 8000)
    pitch = 69 + 12 * np.log2(np.maximum(hertz, 1.0) / 440)
    bands = []
    for lowest, highest in (_CHORD_BAND, _BASS_BAND):
        inside = (hertz >= lowest) & (hertz <= highest)
        # bins count by how near they are to the middle of their semitone
        near = np.exp(-0.5 * ((pitch - np.round(pitch)) / 0.25) ** 2) * inside
        fold = np.zeros((len(hertz), 12))
        fold[np.arange(len(hertz)), np.round(pitch).astype(int) % 12] = near
        energy = np.sqrt(spectrum) @ fold
        energy = np.maximum(energy - np.median(energy, axis=1, keepdims=True), 0)
        bands.append(energy / np.maximum(np.linalg.norm(energy, axis=1, keepdims=True), 1e-9))
    loud = np.sqrt((windows**2).mean(axis=1)) > 1e-3
    joined, even = np.concatenate(bands, axis=1), np.ones(_SMOOTH) / _SMOOTH
    smooth = [np.convolve(column, even)[_SMOOTH // 2 :][: len(column)] for column in joined.T]
    return np.stack(smooth, axis=1), loud
