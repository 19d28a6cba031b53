"""Chroma fingerprints: the same recording twice, in another format, level or with a longer lead-in.

Twelve numbers for each second (how strong each pitch class is), against which neither level nor
bit rate matters. Two recordings are one when their chromas, shifted against each other as best
fits, point the same way (after Ellis and Poliner 2007, cover songs by cross-correlated chroma;
here without transposition, and per second instead of per beat).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

import numpy as np

FINGERPRINT_RATE = 8000
_WINDOW = 4096
_LONGEST_SHIFT = 20  # seconds
_LENGTHS = 0.02  # lengths that differ more than this (and 5 s) are different recordings
_LENGTH_SECONDS = 5.0
_SHORTEST = 15
_LOWEST_HZ, _HIGHEST_HZ = 110.0, 1760.0


class Chromas:
    """Takes mono sound at `FINGERPRINT_RATE` in blocks; gives (seconds, 12) chroma."""

    def __init__(self) -> None:
        frequencies = np.fft.rfftfreq(_WINDOW, 1 / FINGERPRINT_RATE)
        self._bins = np.flatnonzero((frequencies >= _LOWEST_HZ) & (frequencies <= _HIGHEST_HZ))
        classes = np.round(12 * np.log2(frequencies[self._bins] / 440)).astype(int) % 12
        self._fold = np.eye(12)[classes]
        self._window = np.hanning(_WINDOW).astype(np.float32)
        self._rest = np.zeros(0, np.float32)
        self._rows: list[np.ndarray] = []

    def push(self, samples: np.ndarray) -> None:
        """Takes the next samples (n,)."""
        joined = np.concatenate([self._rest, samples])
        whole = len(joined) // FINGERPRINT_RATE
        for second in joined[: whole * FINGERPRINT_RATE].reshape(whole, FINGERPRINT_RATE):
            halves = np.stack([second[:_WINDOW], second[-_WINDOW:]]) * self._window
            spectrum = np.abs(np.fft.rfft(halves, axis=1))[:, self._bins].sum(0)
            self._rows.append(np.sqrt(spectrum @ self._fold))
        self._rest = joined[whole * FINGERPRINT_RATE :]

    def text(self) -> str:
        """One byte a pitch class and second, base64."""
        rows = np.array(self._rows).reshape(-1, 12)
        top = rows.max(axis=1, keepdims=True)
        scaled = np.divide(rows, top, out=np.zeros_like(rows), where=top > 0)
        return base64.b64encode(np.round(255 * scaled).astype(np.uint8).tobytes()).decode()


def decode_chroma(text: str) -> np.ndarray:
    """(seconds, 12) float32 of a fingerprint, each row less its mean and of length 1."""
    rows = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, 12).astype(np.float32)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Mean cosine of two chromas at the best shift of up to 20 s, -1..1."""
    best = -1.0
    for shift in range(-_LONGEST_SHIFT, _LONGEST_SHIFT + 1):
        a, b = one[max(0, shift) :], other[max(0, -shift) :]
        size = min(len(a), len(b))
        if size >= min(_SHORTEST, len(one), len(other)) and size:
            best = max(best, float((a[:size] * b[:size]).sum(1).mean()))
    return best


def find_duplicates(prints: Iterable[tuple[str, str]], threshold: float) -> dict[str, tuple]:
    """Which recordings are another one again: id -> (id of the first, similarity).

    Only recordings of about one length are compared, so the work grows with their number, not with
    its square.

    Args:
        prints: (id, fingerprint); the first id in sorted order of each group is kept.
    """
    waiting = sorted((key, decode_chroma(text)) for key, text in dict(prints).items())
    by_length = sorted(range(len(waiting)), key=lambda place: len(waiting[place][1]))
    found: dict[str, tuple] = {}
    for rank, place in enumerate(by_length):
        name, chroma = waiting[place]
        for other in by_length[rank + 1 :]:
            longer_name, longer = waiting[other]
            if len(longer) - len(chroma) > max(_LENGTH_SECONDS, _LENGTHS * len(longer)):
                break
            first, second = sorted((name, longer_name))
            if first in found or second in found:
                continue
            likeness = similarity(chroma, longer)
            if likeness >= threshold:
                found[second] = (first, likeness)
    return found
