"""Does the solo fit the chords? Shares of chord and scale tones, own backing against others.

python -m evaluation.harmony --pairs PAIRS [--limit 16]     how well chords are estimated
python -m evaluation.human --weimar FOLDER                  what humans score in all of these
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dataset_scripts.score import parse_chord
from dataset_scripts.score.labels import FRAME_RATE, UNKNOWN

from .notes import SoloNotes

# One symbol for each quality of the frame labels, in their order. The labels keep no sixths,
# sevenths or extensions, so each quality has its usual seventh and its plain scale.
SYMBOLS = ("Cj7", "C-7", "C7", "Cm7b5", "Co7", "Csus7", "C+")
#: semitones above the root, by quality
TONES = tuple(tuple(sorted(parse_chord(symbol).tones)) for symbol in SYMBOLS)
SCALES = tuple(tuple(sorted(parse_chord(symbol).scale)) for symbol in SYMBOLS)

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
    The human figures: `python -m evaluation.human --weimar FOLDER`, held-out performers in 30 s
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
    known = _known(labels)
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
    rows = [[(measure or fit)(notes, told)[figure] for told in labels] for notes in solos]
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


def estimate_chords(audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Chords of a backing nobody labelled, from its spectrum: frame labels (T, 4) int16.

    Pitch-class energies (2048-point windows at 8 kHz, 10 a second; 100..1600 Hz for the chord,
    40..200 Hz for the bass) are held against templates of 12 roots x 6 qualities and smoothed by
    Viterbi (a chord goes on with P = 0.9). Beat columns are -100. No "no chord": silence below
    -60 dB is -100. How often it is right on held-out backings: see `main`.

    Args:
        audio: (n,) float32, finite.

    Raises:
        HarmonyError: the sound is empty, no single channel or not finite.
    """
    audio = np.asarray(audio, dtype=np.float32)
    if audio.ndim != 1 or not len(audio) or not np.isfinite(audio).all():
        raise HarmonyError(
            f"a sound of shape {audio.shape} (finite: {bool(np.isfinite(audio).all())}) has no "
            f"chords to estimate; give (n,) finite samples"
        )
    frames = max(1, round(len(audio) / sampling_rate * FRAME_RATE))
    labels = np.full((frames, 4), UNKNOWN, dtype=np.int16)
    chroma, bass, loud = _chroma(audio, sampling_rate)
    if not loud.any():
        return labels
    scores = _template_scores(chroma, bass)
    path = _viterbi(scores)
    places = np.minimum((np.arange(frames) + 0.5) / FRAME_RATE * _STEPS, len(path) - 1).astype(int)
    heard = loud[places]
    labels[heard, 0] = path[places][heard] % 12
    labels[heard, 1] = path[places][heard] // 12
    return labels


def checked(frame_labels: np.ndarray) -> np.ndarray:
    """The labels as an int array, if they are (T, 4); HarmonyError otherwise."""
    labels = np.asarray(frame_labels)
    if labels.ndim != 2 or labels.shape[1] != 4:
        raise HarmonyError(
            f"frame labels have shape {labels.shape}; expected (T, 4): chord root, chord quality, "
            f"beat phase, place in the bar"
        )
    return labels.astype(int)


def _known(labels: np.ndarray) -> np.ndarray:
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
        told = _TEMPLATES[labels[start, 1]]
        cosine = chroma @ told / (np.linalg.norm(chroma) * np.linalg.norm(told))
        total += len(heard) * float(cosine)
        weight += len(heard)
    return total / weight if weight else None


_STEPS = 10  # chord estimates a second
_CHORD_BAND, _BASS_BAND = (100.0, 1600.0), (40.0, 200.0)
_STAY = 0.9
_SHARPNESS = 12.0
_BASS_WEIGHT = 0.5


def _chroma(audio: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pitch-class energies of the chord's and the bass's band, (F, 12) each of norm 1, and whether
    each of the F tenths of a second is louder than -60 dB."""
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
    return bands[0], bands[1], loud


def _template_scores(chroma: np.ndarray, bass: np.ndarray) -> np.ndarray:
    """(F, 6 * 12) log-likelihoods, column quality * 12 + root."""
    columns = []
    for tones in TONES[:6]:
        for root in range(12):
            told = np.zeros(12)
            told[[(root + tone) % 12 for tone in tones]] = 1
            ground = np.zeros(12)
            ground[root], ground[(root + tones[2]) % 12] = 1.0, 0.4
            columns.append(
                chroma @ told / np.linalg.norm(told)
                + _BASS_WEIGHT * (bass @ ground) / np.linalg.norm(ground)
            )
    return _SHARPNESS * np.stack(columns, axis=1)


def _viterbi(scores: np.ndarray) -> np.ndarray:
    """The likeliest chord a step, (F,): any change costs the same."""
    leave = float(np.log((1 - _STAY) / (scores.shape[1] - 1)) - np.log(_STAY))
    best = scores[0].copy()
    back = np.empty(scores.shape, dtype=int)
    states = np.arange(scores.shape[1])
    for step in range(1, len(scores)):
        jump = int(best.argmax())
        moves = best[jump] + leave > best
        back[step] = np.where(moves, jump, states)
        best = np.where(moves, best[jump] + leave, best) + scores[step]
    path = np.empty(len(scores), dtype=int)
    path[-1] = int(best.argmax())
    for step in range(len(scores) - 1, 0, -1):
        path[step - 1] = back[step, path[step]]
    return path


def main(argv: list[str] | None = None) -> None:
    """The command line; see the module's text. Found on 16 test backings of 30 s: CHORDSFOUND"""
    from .cases import RATE, choose_cases

    parser = argparse.ArgumentParser(description="How often estimated chords are right.")
    parser.add_argument("--pairs", type=Path, required=True, help="folder with manifest.jsonl")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args(argv)
    cases = choose_cases(args.pairs, args.split, args.limit, args.seconds)
    roots, chords, tones = [], [], []
    for case in cases:
        truth = checked(case.labels())
        found = estimate_chords(case.backing(), RATE).astype(int)
        length = min(len(truth), len(found))
        truth, found = truth[:length], found[:length]
        both = _known(truth) & _known(found)
        if not both.any():
            continue
        same = truth[both, 0] == found[both, 0]
        roots.append(same.mean())
        chords.append((same & (truth[both, 1] == found[both, 1])).mean())
        tones.append(
            np.mean([_shared(*pair) for pair in zip(truth[both], found[both], strict=True)])
        )
    print(
        f"root {np.mean(roots):.3f}, root and quality {np.mean(chords):.3f}, chord tones shared "
        f"{np.mean(tones):.3f} of frames ({len(roots)} backings of {args.seconds:g} s)"
    )


def _shared(truth: np.ndarray, found: np.ndarray) -> float:
    """Share of the true chord's tones that the found chord has."""
    first = {(truth[0] + tone) % 12 for tone in TONES[truth[1]]}
    second = {(found[0] + tone) % 12 for tone in TONES[found[1]]}
    return len(first & second) / len(first)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"harmony: {error}", file=sys.stderr)
        sys.exit(2)
