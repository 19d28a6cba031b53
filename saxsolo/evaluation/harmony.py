"""Does the solo fit the chords? Shares of chord and scale tones, own backing against others.

`saxsolo measure humans --weimar FOLDER` prints what humans score in all of these.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.music.chord_symbols import SCALES, TONES

from .notes import SoloNotes

FIGURES = ("chord_tones", "scale_tones", "chroma_cosine")


class HarmonyError(ValueError):
    """Labels or sound that no harmony can be read from."""


def fit(notes: SoloNotes, frame_labels: np.ndarray) -> dict[str, float | None]:
    """How well notes fit the chords they sound over.

    chord_tones: share of the notes that belong to the chord at their onset (MINGUS, Madaghiele and
        others 2021, "harmonic coherence"). Humans 0.54: the target; more is not better.
        Random pitches 4/12.
    scale_tones: share that belong to the chord's scale. Humans 0.81, random pitches 7/12.
    chroma_cosine: cosine between the seconds each pitch class sounds during a chord and the
        chord's tones (1, other scale tones 0.5, else 0), mean over the chords weighted by sounding
        time. Humans 0.60.
    The human figures: `saxsolo measure humans --weimar FOLDER`, held-out performers in 30 s
    excerpts, where the fit to the own tune beats another's in 0.964 of the pairs by chord
    tones, 0.959 by scale tones, 0.876 by chroma cosine (106 excerpts of 27 tunes).

    Args:
        notes: of one solo.
        frame_labels: (T, 4) int, 50 a second: chord root 0..11, chord quality 0..6; anything else
            is unknown or no chord. Notes after the last frame do not count.

    Returns:
        each 0..1; None where no note sounds on a known chord.

    Raises:
        HarmonyError: labels of another shape.
    """
    labels = checked(frame_labels)
    known = known_chords(labels)
    where = np.floor(notes.onsets * FRAME_RATE + 0.5).astype(int)
    inside = (where >= 0) & (where < len(labels))
    inside[inside] = known[where[inside]]
    if not inside.any():
        return {"chord_tones": None, "scale_tones": None, "chroma_cosine": None}
    roots, qualities = labels[where[inside], 0], labels[where[inside], 1]
    steps = (notes.pitches[inside] - roots) % 12
    worth = _TEMPLATES[qualities, steps]
    return {
        "chord_tones": float((worth == 1).mean()),
        "scale_tones": float((worth > 0).mean()),
        "chroma_cosine": _chroma_cosine(notes, labels, known),
    }


def fit_over_time(
    notes: SoloNotes, frame_labels: np.ndarray, window: float = 10.0
) -> list[tuple[float, float | None]]:
    """Chord tones of each stretch of `window` seconds: (its middle in seconds, share or None)."""
    stretches = []
    for start in np.arange(0.0, max(notes.seconds - window / 2, window / 2), window):
        chosen = (notes.onsets >= start) & (notes.onsets < start + window)
        part = SoloNotes(
            notes.onsets[chosen],
            notes.ends[chosen],
            notes.pitches[chosen],
            notes.loudness[chosen],
            notes.seconds,
            notes.voiced_share,
        )
        stretches.append((float(start + window / 2), fit(part, frame_labels)["chord_tones"]))
    return stretches


def fit_matrix(
    solos: list[SoloNotes],
    labels: list[np.ndarray],
    figure: str = "chord_tones",
    measure: Callable[[SoloNotes, np.ndarray], dict[str, float | None]] | None = None,
) -> np.ndarray:
    """`figure` of each solo (row) over each backing (column), (cases, cases); NaN for None.

    `measure` is this module's `fit`, or another with its arguments, such as `timing.fit`.
    """
    rows = [[(measure or fit)(notes, chords)[figure] for chords in labels] for notes in solos]
    return np.array([[np.nan if x is None else x for x in row] for row in rows], dtype=float)


def matched_against_shuffled(scores: np.ndarray) -> float | None:
    """P(score with the own backing > with another's), ties count half: an area under a ROC curve.

    0.5 = does not listen, 1 = always fits its own backing best; None with nothing to compare.

    Args:
        scores: (cases, cases), row = solo, column = backing; NaN where there is no score.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise HarmonyError(f"scores have shape {scores.shape}; expected (cases, cases)")
    own = np.diag(scores)[:, None]
    others = ~np.eye(len(scores), dtype=bool) & ~np.isnan(scores) & ~np.isnan(own)
    wins = (own > scores) + 0.5 * (own == scores)
    return float(wins[others].mean()) if others.any() else None


def chord_tone_share(notes: SoloNotes, frame_labels: np.ndarray) -> float | None:
    """`chord_tones` of `fit` alone."""
    return fit(notes, frame_labels)["chord_tones"]


def checked(frame_labels: np.ndarray) -> np.ndarray:
    """The labels as an int array, if they are (T, 4); HarmonyError otherwise."""
    labels = np.asarray(frame_labels)
    if labels.ndim != 2 or labels.shape[1] != 4:
        raise HarmonyError(
            f"frame labels have shape {labels.shape}; expected (T, 4): chord root, chord quality, "
            f"beat phase, place in the bar"
        )
    return labels.astype(int)


def known_chords(labels: np.ndarray) -> np.ndarray:
    """Which frames of (T, 4) labels name a chord, (T,) bool."""
    root, quality = labels[:, 0], labels[:, 1]
    return (root >= 0) & (root < 12) & (quality >= 0) & (quality < len(TONES))


def _templates() -> np.ndarray:
    """(qualities, 12 semitones above the root): 1 for chord tones, 0.5 for other scale tones."""
    table = np.zeros((len(TONES), 12))
    for quality, (tones, scale) in enumerate(zip(TONES, SCALES, strict=True)):
        table[quality, list(scale)] = 0.5
        table[quality, list(tones)] = 1.0
    return table


_TEMPLATES = _templates()


def _chroma_cosine(notes: SoloNotes, labels: np.ndarray, known: np.ndarray) -> float | None:
    frames = len(labels)
    sounding = np.full(frames, -1)
    for onset, end, pitch in zip(notes.onsets, notes.ends, notes.pitches, strict=True):
        first = int(onset * FRAME_RATE + 0.5)
        sounding[first : max(first + 1, int(end * FRAME_RATE + 0.5))] = pitch % 12
    change = np.ones(frames, dtype=bool)
    change[1:] = (labels[1:, :2] != labels[:-1, :2]).any(axis=1)
    starts = np.flatnonzero(change)
    total = weight = 0.0
    for start, end in zip(starts, [*starts[1:], frames], strict=True):
        heard = sounding[start:end]
        heard = heard[heard >= 0]
        if not known[start] or not len(heard):
            continue
        chroma = np.bincount((heard - labels[start, 0]) % 12, minlength=12)
        template = _TEMPLATES[labels[start, 1]]
        cosine = chroma @ template / (np.linalg.norm(chroma) * np.linalg.norm(template))
        total += len(heard) * float(cosine)
        weight += len(heard)
    return total / weight if weight else None
