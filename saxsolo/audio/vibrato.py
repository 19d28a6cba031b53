"""What a codec does to how a line is played: vibrato, and when notes begin.

Notes are found in the original's pitch (`fine_pitch`, every 5 ms); nothing has to be known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .fine_pitch import HOP

Floats = npt.NDArray[np.floating]
# a note's pitch stays this near to its own median, cents
STEADY = 90.0
SHORTEST = 0.06
# vibrato: rates in hertz, least depth in cents, least share of the movement that is a sine
RATES = np.arange(3.5, 8.01, 0.1)
LEAST_DEPTH = 8.0
LEAST_SHARE = 0.6
LEAST_SECONDS = 0.3
NEAR_SECONDS = 0.08


@dataclass(frozen=True)
class Span:
    """A note: frames of 5 ms, first and one after the last, and its pitch in hertz."""

    first: int
    last: int
    hertz: float


def note_spans(f0: Floats) -> list[Span]:
    """Notes of at least 60 ms: stretches of steady pitch.

    Args:
        f0: (F,) hertz every 5 ms, 0 = none.
    """
    cents = np.where(f0 > 0, 1200 * np.log2(np.maximum(f0, 1.0)), np.nan)
    spans: list[Span] = []
    start, held = 0, [float("nan")]
    for frame, value in enumerate(np.append(cents, np.nan)):
        middle = float(np.median(held[-60:])) if held else float("nan")
        if np.isfinite(value) and held and abs(value - middle) <= STEADY:
            held.append(float(value))
            continue
        if (frame - start) * HOP >= SHORTEST and len(held) == frame - start and held:
            spans.append(Span(start, frame, float(2 ** (np.median(held) / 1200))))
        start, held = frame, [float(value)] if np.isfinite(value) else []
    return spans


def vibrato(f0: Floats) -> tuple[float, float, float]:
    """Depth (cents either way), rate (hertz) and the share of the movement that it explains.

    The best sine over RATES by least squares, beside a line: slow bends are no vibrato.

    Args:
        f0: (F,) hertz every 5 ms, of one note; frames without pitch are left out.
    """
    at = np.arange(len(f0)) * HOP
    known = f0 > 0
    if known.sum() < LEAST_SECONDS / HOP / 2:
        return 0.0, 0.0, 0.0
    at, cents = at[known], 1200 * np.log2(f0[known])
    line = np.stack([np.ones_like(at), at], 1)
    rest = cents - line @ np.linalg.lstsq(line, cents, rcond=None)[0]
    best = (0.0, 0.0, 0.0)
    total = float(rest @ rest) + 1e-9
    for rate in RATES:
        wave = np.stack([np.sin(2 * np.pi * rate * at), np.cos(2 * np.pi * rate * at)], 1)
        weights = np.linalg.lstsq(wave, rest, rcond=None)[0]
        share = 1 - float(np.sum((rest - wave @ weights) ** 2)) / total
        if share > best[2]:
            best = (float(np.hypot(*weights)), float(rate), share)
    return best


def vibrato_kept(original: Floats, decoded: Floats) -> npt.NDArray[np.floating]:
    """Of each note that vibrates: depth before and after (cents), rate before and after (hertz).

    The last 0.6 of a note of at least 0.5 s, since vibrato begins late.

    Args:
        original, decoded: (F,) hertz every 5 ms.

    Returns:
        (notes, 4)
    """
    rows = []
    for span in note_spans(original):
        first = int(span.last - 0.6 * (span.last - span.first))
        piece = slice(first, span.last - 4)
        if (piece.stop - piece.start) * HOP < LEAST_SECONDS:
            continue
        depth, rate, share = vibrato(original[piece])
        if depth < LEAST_DEPTH or share < LEAST_SHARE:
            continue
        heard = decoded[piece]
        near = np.abs(1200 * np.log2(np.maximum(heard, 1.0) / span.hertz)) < 3 * STEADY
        after = vibrato(np.where(near, heard, 0.0))
        rows.append((depth, after[0], rate, after[1]))
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def slur_errors(original: Floats, decoded: Floats) -> Floats:
    """Seconds by which the decoded pitch changes late, at each change of note without a gap; NaN
    where it does not change within 80 ms.

    A change is where the pitch crosses the middle between the two notes.
    """
    spans = note_spans(original)
    errors = []
    for before, after in zip(spans, spans[1:], strict=False):
        if after.first - before.last > 2 or abs(np.log2(after.hertz / before.hertz)) < 1 / 15:
            continue
        middle = np.sqrt(before.hertz * after.hertz)
        rising = after.hertz > before.hertz
        window = int(NEAR_SECONDS / HOP)
        first = max(0, before.last - window)
        here = _crossing(original[first : after.first + window], middle, rising)
        there = _crossing(decoded[first : after.first + window], middle, rising)
        errors.append(np.nan if here is None or there is None else (there - here) * HOP)
    return np.array(errors, dtype=np.float64)


def _crossing(f0: Floats, middle: float, rising: bool) -> float | None:
    """The frame, with its fraction, at which the pitch crosses `middle`."""
    known = f0 > 0
    above = np.where(rising, f0 > middle, f0 < middle) & known
    for frame in range(1, len(f0)):
        if above[frame] and known[frame - 1] and not above[frame - 1]:
            a, b = np.log2(f0[frame - 1]), np.log2(f0[frame])
            return float(frame - 1 + (np.log2(middle) - a) / (b - a))
    return None


def attack_errors(original: Floats, decoded: Floats, sampling_rate: int) -> Floats:
    """Seconds by which the decoded sound is late, at each beginning after 50 ms of rest; NaN where
    it does not begin.

    A note begins where its level (5 ms) passes 30 % of its highest within the next 120 ms.

    Args:
        original, decoded: (n,) samples.
    """
    width = round(HOP * sampling_rate)
    before, after = (
        np.sqrt(np.mean(np.square(x[: len(x) // width * width].reshape(-1, width)), axis=1))
        for x in (original, decoded)
    )
    loud = float(np.percentile(before, 95))
    quiet = before < 0.05 * loud
    errors = []
    for frame in range(10, len(before) - 24):
        if quiet[frame - 10 : frame].all() and not quiet[frame]:
            place = slice(frame - 10, frame + 24)
            here, there = _rise(before[place]), _rise(after[place])
            errors.append(np.nan if here is None or there is None else (there - here) * HOP)
    return np.array(errors, dtype=np.float64)


def _rise(level: Floats) -> float | None:
    limit = 0.3 * float(level.max())
    frame = int(np.argmax(level > limit))
    if frame == 0:
        return None
    low, high = level[frame - 1], level[frame]
    return float(frame - 1 + (limit - low) / (high - low))
