"""The chords of a backing that nobody labelled, from its sound.

saxsolo measure chords --pairs PAIRS [--limit 16]      how often they are right
saxsolo measure chords --pairs PAIRS --fit             prints WEIGHTS anew
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modeling_saxsolo.viterbi_saxsolo import best_path_of_equal_changes
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, UNKNOWN
from saxsolo.audio.chroma import _STEPS, pitch_classes
from saxsolo.music.chord_symbols import TONES

from .harmony import HarmonyError, checked, known_chords

# A row a quality (major, minor, dominant, half-diminished, diminished, suspended): what energy
# 0..11 semitones above the root says, in the chord's band and in the bass's, and a constant. Jazz
# pianists leave the root to the bass and add the ninth, which plain sevenths do not know.
# fmt: off
WEIGHTS = np.array((
    (
        0.9, -2.5, 4.7, -3.3, 3.9, -3.1, -2.2, 1.9, -2.3, -0.7, -3.7, 2.7,
        1.4, 0.9, -1.4, 0.7, -1.0, 1.4, 1.2, 0.8, 1.1, 0.7, 0.3, 0.2,
        -0.6,
    ),
    (
        1.0, -3.8, 3.8, 3.6, -3.2, -1.1, -2.6, 2.6, -3.6, -1.4, 3.2, -2.8,
        1.9, 0.3, -0.7, -1.1, 0.6, 1.4, 0.8, 0.1, -0.3, 0.8, -1.5, 0.7,
        0.2,
    ),
    (
        -1.6, -2.5, 3.4, -3.6, 3.4, -1.3, -3.8, 1.6, -1.6, -1.3, 3.4, -1.6,
        2.2, 0.8, -1.7, -0.1, -0.6, 0.3, 1.1, -0.1, 0.4, 0.3, -2.4, 0.6,
        1.8,
    ),
    (
        -0.9, 2.9, -3.0, 3.1, -2.6, -1.4, 1.8, -0.7, -1.0, -0.3, 4.2, -1.8,
        2.3, -1.0, 0.4, -1.2, -0.7, 1.0, -1.7, 1.4, -0.4, -0.5, -0.6, -1.3,
        -1.4,
    ),
    (
        1.1, -1.8, 3.2, 1.6, -2.1, -2.6, 1.3, -0.5, -1.9, 1.1, 0.0, -1.9,
        0.7, 1.6, -3.3, 0.6, -1.2, 0.6, -0.6, -0.1, 1.2, -0.3, -1.4, 1.7,
        -1.1,
    ),
    (
        0.1, 1.6, 3.1, -1.8, 0.4, 2.0, -2.6, -0.0, -3.4, 0.1, 2.5, -2.6,
        2.4, -1.9, -2.0, 1.5, -0.6, -0.9, -0.4, 0.1, -0.7, -1.6, -2.3, -0.6,
        -0.8,
    ),
))
# fmt: on
_QUALITIES = len(WEIGHTS)
_STAY = 0.98
# neighbouring steps hear the same chord: each counts half
_TRUST = 0.5


def estimate_chords(audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Chords of a backing nobody labelled, from its spectrum: frame labels (T, 4) int16.

    Pitch-class energies (4096-point windows at 8 kHz, 10 a second, smoothed over half a second;
    100..1600 Hz for the chord, 40..200 Hz for the bass) are weighed for 12 roots x 6 qualities with
    WEIGHTS and smoothed by Viterbi (a chord goes on with P = 0.98). Beat columns are -100. There is
    no "no chord"; silence below -60 dB is -100. On 16 test backings of 30 s the root is right in
    0.48 of the frames, root and quality in 0.42, and 0.68 of the true chord's tones are named
    (`saxsolo measure chords --pairs PAIRS`): a rough guide, for backings without labels.

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
    chroma, loud = pitch_classes(audio, sampling_rate)
    if not loud.any():
        return labels
    scores = np.einsum("nrd,qd->nqr", _rooted(chroma), WEIGHTS[:, :24]) + WEIGHTS[:, 24:]
    scores = scores.reshape(len(scores), -1)
    scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
    leave = np.log(_STAY) - np.log((1 - _STAY) / (scores.shape[1] - 1))
    path = best_path_of_equal_changes(_TRUST * scores, np.full(len(scores), leave))
    places = np.minimum((np.arange(frames) + 0.5) / FRAME_RATE * _STEPS, len(path) - 1).astype(int)
    heard = loud[places]
    labels[heard, 0] = path[places][heard] % 12
    labels[heard, 1] = path[places][heard] // 12
    return labels


def fit_weights(chroma: list[np.ndarray], labels: list[np.ndarray], seed: int = 0) -> np.ndarray:
    """WEIGHTS by multinomial logistic regression over 12 roots x 6 qualities, roots tied.

    Args:
        chroma: (F, 24) of each backing; labels: (F, 4) of the same steps.
    """
    import torch

    known = [known_chords(wanted) & (wanted[:, 1] < _QUALITIES) for wanted in labels]
    heard = torch.from_numpy(
        np.concatenate([_rooted(x[k]) for x, k in zip(chroma, known, strict=True)])
    ).float()
    target = torch.from_numpy(
        np.concatenate([t[k, 1] * 12 + t[k, 0] for t, k in zip(labels, known, strict=True)])
    )
    weights = torch.zeros(_QUALITIES, 25, requires_grad=True)
    descent = torch.optim.Adam([weights], lr=0.05)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(600):
        some = torch.randint(len(heard), (2048,), generator=draw)
        scores = torch.einsum("nrd,qd->nqr", heard[some], weights[:, :24]) + weights[:, 24:]
        loss = torch.nn.functional.cross_entropy(scores.flatten(1), target[some])
        loss = loss + 1e-4 * weights[:, :24].square().sum()
        descent.zero_grad()
        loss.backward()
        descent.step()
    return weights.detach().numpy()


def _rooted(chroma: np.ndarray) -> np.ndarray:
    """(F, 24) -> (F, 12 roots, 24): both bands from each root up."""
    up = (np.arange(12)[:, None] + np.arange(12)) % 12
    return np.concatenate([chroma[:, up], chroma[:, 12 + up]], axis=2)


def _steps_of(labels: np.ndarray, count: int) -> np.ndarray:
    """Labels in the middle of each of `count` tenths of a second."""
    places = ((np.arange(count) + 0.5) / _STEPS * FRAME_RATE).astype(int)
    return checked(labels)[np.minimum(places, len(labels) - 1)]


def measure_chords(
    pairs: Path, *, split: str = "test", limit: int = 16, seconds: float = 30.0
) -> dict[str, float]:
    """How often `estimate_chords` is right over the backings of a split.

    Returns:
        Shares of the frames whose chord is known on both sides: root, root and quality, chord
        tones that both have; and the number of backings.

    Raises:
        EvaluationError: no such pairs, or none with chords.
    """
    from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE

    from .cases import EvaluationError, choose_cases

    roots, chords, tones = [], [], []
    for case in choose_cases(pairs, split, limit, seconds):
        truth = checked(case.labels())
        estimate = estimate_chords(case.backing(), SAMPLING_RATE).astype(int)
        length = min(len(truth), len(estimate))
        truth, estimate = truth[:length], estimate[:length]
        both = known_chords(truth) & known_chords(estimate)
        if not both.any():
            continue
        same = truth[both, 0] == estimate[both, 0]
        roots.append(same.mean())
        chords.append((same & (truth[both, 1] == estimate[both, 1])).mean())
        frames = zip(truth[both], estimate[both], strict=True)
        tones.append(np.mean([_shared(*frame) for frame in frames]))
    if not roots:
        raise EvaluationError(f"no backing of split {split!r} in {pairs} names chords")
    return {
        "root": float(np.mean(roots)),
        "root_and_quality": float(np.mean(chords)),
        "chord_tones": float(np.mean(tones)),
        "backings": len(roots),
    }


def fit_chords(pairs: Path, seconds: float = 30.0) -> np.ndarray:
    """`WEIGHTS` fitted anew on 90 backings of training.

    Raises:
        EvaluationError: no such pairs.
    """
    from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE

    from .cases import choose_cases

    heard, steps = [], []
    for case in choose_cases(pairs, "train", 90, seconds):
        heard.append(pitch_classes(case.backing(), SAMPLING_RATE)[0])
        steps.append(_steps_of(case.labels(), len(heard[-1])))
    return fit_weights(heard, steps)


def _shared(truth: np.ndarray, estimated: np.ndarray) -> float:
    """Share of the true chord's tones that the found chord has."""
    first = {(truth[0] + tone) % 12 for tone in TONES[truth[1]]}
    second = {(estimated[0] + tone) % 12 for tone in TONES[estimated[1]]}
    return len(first & second) / len(first)
