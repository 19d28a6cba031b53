"""Fingerprints: the same recording twice, in another format, level or with another beginning.

A fingerprint has two parts. Landmarks, pairs of spectral peaks and the time between them (Wang
2003, "An industrial-strength audio search algorithm"), are looked up in one index of all
recordings, so the work grows with their number and not with its square; enough of them at one
offset name a candidate. Chroma, how strong each pitch class is in each half second, decides: at
that offset the two must point the same way (after Ellis and Poliner 2007, without transposition).
"""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

FINGERPRINT_RATE = 8000
_WINDOW, _HOP = 1024, 256
_FRAMES_A_SECOND = FINGERPRINT_RATE / _HOP
_LOWEST_BIN, _BINS = 14, 256  # 109 Hz to 2.1 kHz
_REACH = 9  # frames and bins around a peak in which nothing is louder
_FLOOR = 1e-4  # of the window's full scale: no peaks in silence
_BLOCK = 256  # frames in which peaks are looked for at once
_FAN, _LONGEST_GAP = 4, 63  # landmarks a peak begins; frames to the second peak
_KEPT = 16  # one landmark in so many is kept, chosen by its hash: the same ones everywhere
_CHROMA_FRAMES = 16  # half a second (0.512 s)

_FEWEST_VOTES = 4  # landmarks at one offset that make a candidate
_CANDIDATES = 3
_SHARED = 0.5  # of the shorter recording that a duplicate must overlap with
_LONGEST_LIST = 64  # recordings that share a landmark; a commoner one tells nothing


@dataclass(frozen=True)
class Fingerprint:
    """`chroma` (halves, 12) float32, rows of mean 0 and length 1; `hashes` and `frames` (n,)."""

    chroma: np.ndarray
    hashes: np.ndarray
    frames: np.ndarray


class FingerprintMaker:
    """Takes mono sound at `FINGERPRINT_RATE` in blocks; gives its fingerprint as two texts."""

    def __init__(self) -> None:
        frequencies = np.arange(_LOWEST_BIN, _BINS) * FINGERPRINT_RATE / _WINDOW
        classes = np.round(12 * np.log2(frequencies / 440)).astype(int) % 12
        self._fold = np.eye(12)[classes]
        self._window = np.hanning(_WINDOW).astype(np.float32)
        self._sound = np.zeros(0, np.float32)
        self._spectrum = np.zeros((0, _BINS - _LOWEST_BIN), np.float32)
        self._first = 0  # frame at which `_spectrum` begins
        self._peaks: list[tuple[int, int]] = []
        self._chroma: list[np.ndarray] = []
        self._sums = np.zeros((0, 12))

    def push(self, samples: np.ndarray) -> None:
        """Takes the next samples (n,)."""
        sound = np.concatenate([self._sound, samples.astype(np.float32)])
        count = max(0, (len(sound) - _WINDOW) // _HOP + 1)
        if not count:
            self._sound = sound
            return
        windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP][:count]
        spectra = np.abs(np.fft.rfft(windows * self._window, axis=1))[:, _LOWEST_BIN:_BINS]
        self._sound = sound[count * _HOP :]
        self._spectrum = np.concatenate([self._spectrum, spectra.astype(np.float32)])
        sums = np.concatenate([self._sums, spectra @ self._fold])
        whole = len(sums) // _CHROMA_FRAMES * _CHROMA_FRAMES
        self._chroma += list(np.sqrt(sums[:whole].reshape(-1, _CHROMA_FRAMES, 12).sum(1)))
        self._sums = sums[whole:]
        while len(self._spectrum) >= _BLOCK + 2 * _REACH:
            self._find_peaks(_BLOCK)

    def texts(self) -> dict[str, str]:
        """`chroma`, a byte a pitch class and half second, and `landmarks`, 8 bytes each: base64."""
        self._find_peaks(len(self._spectrum))
        rows = np.array(self._chroma).reshape(-1, 12)
        top = rows.max(axis=1, keepdims=True)
        scaled = np.divide(rows, top, out=np.zeros_like(rows), where=top > 0)
        return {
            "chroma": _encode(np.round(255 * scaled).astype(np.uint8)),
            "landmarks": _encode(landmarks(self._peaks)),
        }

    def _find_peaks(self, count: int) -> None:
        """Peaks of the next `count` frames; what lies around them has been heard or is over."""
        # the first frames of `_spectrum`, but at the very beginning, have been searched already
        skipped = min(self._first, _REACH)
        part = self._spectrum[: skipped + count + _REACH]
        if not len(part):
            return
        top = maximum_filter(part, size=2 * _REACH + 1, mode="constant")
        peaks = (part == top) & (part > _FLOOR * _WINDOW)
        peaks[:skipped] = False
        peaks[skipped + count :] = False
        times, bins = np.nonzero(peaks)
        start = self._first - skipped
        self._peaks += zip((times + start).tolist(), bins.tolist(), strict=True)
        kept = max(0, skipped + count - _REACH)
        self._spectrum = self._spectrum[kept:]
        self._first += count


def landmarks(peaks: list[tuple[int, int]]) -> np.ndarray:
    """(n, 2) uint32, hash and frame, of peaks (frame, bin) in order of time."""
    pairs = []
    for place, (frame, pitch_bin) in enumerate(peaks):
        later = [
            (gap, other)
            for other_frame, other in peaks[place + 1 : place + 1 + 4 * _FAN]
            if 0 < (gap := other_frame - frame) <= _LONGEST_GAP
        ]
        for gap, other in later[:_FAN]:
            key = (pitch_bin * _BINS + other) * (_LONGEST_GAP + 1) + gap
            # multiplied by 2^32 / golden ratio: spread evenly, so that any rest is a fair sample
            key = key * 2654435769 % 2**32
            if (key >> 8) % _KEPT == 0:
                pairs.append((key, frame))
    return np.array(pairs, np.uint32).reshape(-1, 2)


def decode(chroma: str, marks: str) -> Fingerprint:
    """The fingerprint of the two texts."""
    rows = np.frombuffer(base64.b64decode(chroma), np.uint8).reshape(-1, 12).astype(np.float32)
    rows = rows - rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    pairs = np.frombuffer(base64.b64decode(marks), np.uint32).reshape(-1, 2)
    return Fingerprint(rows, pairs[:, 0], pairs[:, 1])


def similarity(first: Fingerprint, other: Fingerprint, offset: int) -> float:
    """Mean cosine of the chromas, -1..1, where frame t of `other` is frame t + `offset` of `first`;
    -1 where they share less than half of the shorter."""
    whole, part = divmod(offset / _CHROMA_FRAMES, 1.0)
    # half seconds that begin between two others: what lies between those
    between = (1 - part) * first.chroma[:-1] + part * first.chroma[1:]
    between /= np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-6)
    a, b = between[max(0, int(whole)) :], other.chroma[max(0, -int(whole)) :]
    size = min(len(a), len(b))
    if not size or size < _SHARED * min(len(first.chroma), len(other.chroma)):
        return -1.0
    return float((a[:size] * b[:size]).sum(1).mean())


def find_duplicates(
    prints: Iterable[tuple[str, Fingerprint]], threshold: float
) -> dict[str, tuple[str, float]]:
    """Which recordings are another one again: id -> (id of the first, similarity).

    Of each group the first in the order of ids is kept. Time and memory grow with the number of
    landmarks: each is looked up once, among at most `_LONGEST_LIST` recordings.
    """
    index: dict[int, list[tuple[int, int]]] = defaultdict(list)
    kept: list[tuple[str, Fingerprint]] = []
    duplicates: dict[str, tuple[str, float]] = {}
    for name, fresh in sorted(prints, key=lambda pair: pair[0]):
        marks = list(zip(fresh.hashes.tolist(), fresh.frames.tolist(), strict=True))
        votes: Counter[tuple[int, int]] = Counter()
        for key, frame in marks:
            for place, earlier in index.get(key, ()):
                votes[place, earlier - frame] += 1
        for (place, offset), count in votes.most_common(_CANDIDATES):
            first, other = kept[place]
            if (
                count >= _FEWEST_VOTES
                and (likeness := similarity(other, fresh, offset)) >= threshold
            ):
                duplicates[name] = (first, likeness)
                break
        else:
            for key, frame in marks:
                if len(index[key]) < _LONGEST_LIST:
                    index[key].append((len(kept), frame))
            kept.append((name, fresh))
    return duplicates


def _encode(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
