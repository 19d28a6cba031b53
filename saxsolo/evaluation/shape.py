"""Is it shaped like a human solo? Distances between distributions of what is played."""

from __future__ import annotations

import numpy as np

from .notes import SoloNotes

# a rest at least this long ends a phrase, seconds (shorter ones are breath and tonguing)
PHRASE_REST = 0.4
# a gap this short is no rest, seconds
SHORTEST_REST = 0.05
WINDOW = 5.0
INTERVAL_GRAM = 3

_LENGTHS = np.array([0, 0.06, 0.09, 0.13, 0.18, 0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, np.inf])
#: edges of the bins of each feature; the last bin holds what is above
BINS = {
    "intervals": np.array([-np.inf, *np.arange(-12, 13) + 0.5, np.inf]),  # semitones
    "note_lengths": _LENGTHS,  # seconds
    "phrase_lengths": np.array([0, 1.5, 2.5, 4.5, 6.5, 9.5, 13.5, 18.5, 25.5, 40.5, np.inf]),
    "rests": np.array([0, 0.1, 0.2, 0.4, 0.7, 1, 1.5, 2, 3, 5, np.inf]),  # seconds
    "density": np.array([0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 8, 10, np.inf]),  # notes a second
    "range": np.array([0, 6, 9, 12, 15, 18, 21, 24, 28, np.inf]),  # semitones
    "pitch_class_entropy": np.array([0, 1, 1.5, 2, 2.4, 2.7, 2.9, 3.1, 3.3, np.inf]),  # bits
    "repetition": np.array([0, 0.05, 0.15, 0.3, 0.5, np.inf]),
    "dynamics": np.array([-np.inf, -12, -8, -5, -3, -1, 1, 3, 5, 8, np.inf]),  # dB
}


def features(notes: SoloNotes) -> dict[str, np.ndarray]:
    """What is counted in one solo, (values,) each; empty where there is nothing to count.

    intervals: semitones from note to note. note_lengths: seconds. phrase_lengths: notes between
    rests of 0.4 s. rests: seconds of silence of at least 0.05 s. density: notes a second in each
    stretch of 5 s. range: semitones from the lowest to the highest note there.
    pitch_class_entropy: bits, there. repetition: share of the solo's groups of 3 intervals that
    also occur elsewhere in it. dynamics: dB above the solo's median note.
    """
    lengths = notes.ends - notes.onsets
    gaps = notes.onsets[1:] - notes.ends[:-1]
    breaks = np.flatnonzero(gaps >= PHRASE_REST) + 1
    phrases = np.diff([0, *breaks, len(notes)]) if len(notes) else np.zeros(0)
    intervals = np.diff(notes.pitches)
    density, spread, entropy = [], [], []
    for start in np.arange(0, max(notes.seconds - WINDOW, 0) + 1e-6, WINDOW):
        inside = notes.pitches[(notes.onsets >= start) & (notes.onsets < start + WINDOW)]
        density.append(len(inside) / min(WINDOW, max(notes.seconds, 1e-6)))
        if len(inside) >= 4:
            spread.append(np.ptp(inside))
            entropy.append(_entropy(np.bincount(inside % 12)))
    known = notes.loudness[np.isfinite(notes.loudness)]
    return {
        "intervals": intervals.astype(float),
        "note_lengths": lengths,
        "phrase_lengths": phrases.astype(float),
        "rests": gaps[gaps >= SHORTEST_REST],
        "density": np.array(density, dtype=float),
        "range": np.array(spread, dtype=float),
        "pitch_class_entropy": np.array(entropy, dtype=float),
        "repetition": _repetition(intervals),
        "dynamics": known - np.median(known) if len(known) else np.zeros(0),
    }


def distances(generated: list[SoloNotes], human: list[SoloNotes]) -> dict[str, float | None]:
    """Jensen-Shannon divergence in bits between two sets of solos, for each of `features`.

    JS(p, q) = H((p + q) / 2) - (H(p) + H(q)) / 2 over the bins of `BINS` (Lin 1991; for music Yang
    and Lerch 2020): 0 = the same distribution, 1 = nothing in common; less is better. With few
    solos, even humans do not reach 0: 16 excerpts of 30 s by held-out performers reach 0.01
    (intervals, rests), 0.03 (note and phrase lengths), 0.06 (density, range) and 0.07 (entropy,
    repetition) against all of training, 106 reach 0.02 or less (`saxsolo measure humans --weimar
    FOLDER`).

    Returns:
        None for a feature that one of the sets never shows (no notes, no loudness).
    """
    result: dict[str, float | None] = {}
    ours, theirs = ([features(notes) for notes in side] for side in (generated, human))
    for name, edges in BINS.items():
        counts = [
            np.sum([histogram(solo[name], edges) for solo in side], axis=0)
            if side
            else np.zeros(len(edges) - 1)
            for side in (ours, theirs)
        ]
        result[name] = jensen_shannon(*counts)
    return result


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> float | None:
    """Divergence of two histograms (bins,) in bits, 0..1; None if one of them is empty."""
    if not first.sum() or not second.sum():
        return None
    middle = (first / first.sum() + second / second.sum()) / 2
    return max(0.0, _entropy(middle) - (_entropy(first) + _entropy(second)) / 2)


def histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(bins,) how many of some values lie between edges (bins + 1,); what is outside is in the
    first or the last."""
    places = np.searchsorted(edges, values, side="right") - 1
    return np.bincount(np.clip(places, 0, len(edges) - 2), minlength=len(edges) - 1)


def _entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


def _repetition(intervals: np.ndarray) -> np.ndarray:
    if len(intervals) < 2 * INTERVAL_GRAM:
        return np.zeros(0)
    grams = np.lib.stride_tricks.sliding_window_view(intervals, INTERVAL_GRAM)
    _, places, counts = np.unique(grams, axis=0, return_inverse=True, return_counts=True)
    return np.array([(counts[places.ravel()] > 1).mean()])
