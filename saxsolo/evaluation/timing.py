"""Is the solo in time? Its onsets against the beats of the backing."""

from __future__ import annotations

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE

from .harmony import checked
from .notes import SoloNotes

# below this many onsets a concentration says more about their number than about time
FEWEST_ONSETS = 8
FEWEST_PAIRS = 4
# a "beat" this many times longer than the median is a hole in the labels, not a beat
LONGEST_BEAT = 2.5
# an onset within this share of a beat counts as on the beat
NEAR = 1 / 6
FIGURES = (
    "beat_concentration",
    "eighth_concentration",
    "triplet_concentration",
    "on_beat",
    "swing_ratio",
    "offset_ms",
)


def fit(notes: SoloNotes, frame_labels: np.ndarray) -> dict[str, float | None]:
    """How onsets lie on the beat grid. With phi the place of an onset in its beat, 0..1:

    beat_concentration, eighth_concentration, triplet_concentration: mean resultant length
        |mean exp(2 pi i m phi)| with m = 1, 2, 3 (Fisher 1993, Statistical analysis of circular
        data): 0 = anywhere, 1 = always at one place of the quarter, eighth or triplet. n onsets
        anywhere give about 0.9 / sqrt(n). Humans 0.12, 0.20, 0.10; over the beats of other tunes
        0.06, 0.07, 0.08; their own beats win in 0.74, 0.78, 0.60 of the pairs.
    on_beat: mean cos(2 pi phi), -1..1: the concentration's direction; above 0 = towards the beats,
        below 0 = towards the offbeats. Humans 0.07, over other tunes 0.00; 0.74 of the pairs.
    swing_ratio: beats with one onset on the beat and one inside, then one on the next beat: length
        of the first eighth over the second's, median (the beat-upbeat ratio of Benadon 2006 and
        of Corcoran and Frieler 2021). 1 = straight, 2 = triplets. Humans 1.19 (80 % within
        0.84..1.60).
    offset_ms: median ms by which onsets within 1/6 beat of a beat follow it; > 0 = behind the
        beat. Humans 6 (80 % within -10..20). Notes tracked from sound come some 8 ms late.
    The human figures: `saxsolo measure humans --weimar FOLDER`, means over 106 excerpts of 30 s
    by held-out performers. The human figure is the target for all of them.

    Args:
        notes: of one solo.
        frame_labels: (T, 4) int, 50 a second; columns 2 and 3 are beat phase (twelfths) and place
            in the bar.

    Returns:
        None for a figure with too few onsets (8; 4 pairs for swing and offset).
    """
    phases = beat_phases(notes, frame_labels)
    figures: dict[str, float | None] = {}
    for name, times in (("beat", 1), ("eighth", 2), ("triplet", 3)):
        mean = np.exp(2j * np.pi * times * phases).mean() if len(phases) >= FEWEST_ONSETS else None
        figures[f"{name}_concentration"] = None if mean is None else float(abs(mean))
    enough = len(phases) >= FEWEST_ONSETS
    figures["on_beat"] = float(np.cos(2 * np.pi * phases).mean()) if enough else None
    beats = beats_of_labels(frame_labels)
    figures["swing_ratio"] = _swing_ratio(notes.onsets, beats)
    figures["offset_ms"] = _offset(notes.onsets, beats)
    return figures


def beats_of_labels(frame_labels: np.ndarray) -> np.ndarray:
    """Times of the beats in seconds, (beats,), each right to 10 ms: where the beat phase starts
    again. A beat that began before the first frame is left out.

    Raises:
        HarmonyError: labels that are not (T, 4).
    """
    labels = checked(frame_labels)
    phase, place = labels[:, 2], labels[:, 3]
    known = phase >= 0
    starts = known[1:] & known[:-1] & ((phase[1:] < phase[:-1]) | (place[1:] != place[:-1]))
    # the first beat after a gap
    starts |= known[1:] & ~known[:-1] & (phase[1:] == 0)
    return (np.flatnonzero(starts) + 1) / FRAME_RATE


def beat_phases(notes: SoloNotes, frame_labels: np.ndarray) -> np.ndarray:
    """Where in its beat each onset lies, 0..1, (onsets inside whole beats,)."""
    beats = beats_of_labels(frame_labels)
    if len(beats) < 2:
        return np.zeros(0)
    index = np.searchsorted(beats, notes.onsets, side="right") - 1
    lengths = np.diff(beats)
    inside = (index >= 0) & (index < len(lengths))
    inside[inside] = lengths[index[inside]] <= LONGEST_BEAT * np.median(lengths)
    index = index[inside]
    return (notes.onsets[inside] - beats[index]) / lengths[index]


def _swing_ratio(onsets: np.ndarray, beats: np.ndarray) -> float | None:
    ratios = []
    for start, end, after in zip(beats, beats[1:], [*beats[2:], np.inf], strict=False):
        length = end - start
        near = NEAR * length
        inside = onsets[(onsets >= start - near) & (onsets < end - near)]
        following = onsets[(onsets >= end - near) & (onsets < min(end + near, after))]
        if len(inside) != 2 or not len(following) or inside[0] > start + near:
            continue
        if inside[1] > start + near:
            ratios.append((inside[1] - inside[0]) / (following[0] - inside[1]))
    return float(np.median(ratios)) if len(ratios) >= FEWEST_PAIRS else None


def _offset(onsets: np.ndarray, beats: np.ndarray) -> float | None:
    if len(beats) < 2 or not len(onsets):
        return None
    lengths = np.append(np.diff(beats), np.median(np.diff(beats)))
    gaps = onsets[:, None] - beats
    nearest = np.abs(gaps).argmin(axis=1)
    gaps = gaps[np.arange(len(onsets)), nearest]
    gaps = gaps[np.abs(gaps) <= NEAR * lengths[nearest]]
    return 1000 * float(np.median(gaps)) if len(gaps) >= FEWEST_PAIRS else None
