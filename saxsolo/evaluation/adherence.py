"""Does the solo go with its backing, heard as a mix? APA-style, on an embedding of our own.

    saxsolo measure adherence --pairs PAIRS [--limit 16] [--seconds 30]

prints what the human solos score, intact and degraded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soxr

from .sound import checked, frechet_distance

# an embedding turns one mix (n,) at a sampling rate into windows (W, D)
Embedding = Callable[[np.ndarray, int], np.ndarray]
Pair = tuple[np.ndarray, np.ndarray]

WINDOW = 3.0
_STEPS = 10  # pitch-class energies a second
_RATE, _SIZE = 8000, 4096
_LOWEST, _HIGHEST = 80.0, 1500.0
_LEVEL = 0.1


def apa_style(
    candidates: Sequence[Pair],
    reference: Sequence[Pair],
    sampling_rate: int,
    embed: Embedding | None = None,
) -> float | None:
    """How much better mixes go with matching ones than with mismatched ones, 0..1; 1 is best.

    1/2 + (d(Y, X') - d(Y, X)) / (2 max(d(X, X'), |d(Y, X') - d(Y, X)|)), d = Frechet distance of
    the embeddings of mixes: X of the reference, X' of the reference with its solos dealt to other
    backings, Y of the candidates (Grachten and Nistal 2024, "Measuring audio prompt adherence with
    distribution-based embedding distances", arXiv:2404.00775, and 2025, arXiv:2503.06346, on CLAP
    embeddings). Embeddings are scaled by the mean and deviation of X.

    Give candidates over the same backings as the reference: otherwise the
    differences between tunes dominate. The human solos then score 1 by construction, and the figure
    says how near a player comes. 16 test pairs of 30 s, `saxsolo measure adherence --pairs
    PAIRS`: own solo 1.00, two seconds late 0.72, a semitone up, another tune's and noise 0.00.

    Args:
        candidates, reference: pairs of backing and solo, (n,) float32 each.
        sampling_rate: of all of them.
        embed: mix (n,), sampling rate -> (W, D); default `interval_content`. For the published
            measure hand in CLAP's.

    Returns:
        None with fewer than 3 reference pairs, no candidates, or where X and X' do not differ.

    Raises:
        SoundError: a sound is empty, no single channel or not finite.
    """
    embed = embed or interval_content
    if len(reference) < 3 or not len(candidates):
        return None

    def embedded(pairs: Sequence[Pair]) -> np.ndarray:
        return np.concatenate([embed(mix(*pair), sampling_rate) for pair in pairs])

    matched = embedded(reference)
    # dealt on by two places, so that X' is twice as many different pairs as one deal would be
    places = range(len(reference))
    mismatched = embedded(
        [
            (reference[i][0], reference[(i + deal) % len(reference)][1])
            for deal in (1, 2)
            for i in places
        ]
    )
    middle, spread = matched.mean(axis=0), np.maximum(matched.std(axis=0), 1e-6)
    x, x_shuffled, y = (
        (side - middle) / spread for side in (matched, mismatched, embedded(candidates))
    )
    if min(len(x), len(y)) < 2:
        return None
    gain = frechet_distance(y, x_shuffled) - frechet_distance(y, x)
    scale = max(frechet_distance(x, x_shuffled), abs(gain))
    return 0.5 + gain / (2 * scale) if scale > 0 else None


def mix(backing: np.ndarray, solo: np.ndarray) -> np.ndarray:
    """Backing and solo at one level (RMS 0.1 each; silence stays silence), cut to the shorter."""
    backing, solo = checked(backing), checked(solo)
    length = min(len(backing), len(solo))
    return _levelled(backing[:length]) + _levelled(solo[:length])


def interval_content(audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Which intervals sound together and soon after each other, whatever the key: (W, 18).

    Pitch-class energies (12, ten a second, 80..1500 Hz) correlated with themselves 1..6 semitones
    up, at three spans: within a tenth of a second, a second, and the window of 3 s. A solo in the
    wrong key adds semitones and tritones to its mix.

    Args:
        audio: (n,) float32; less than 3 s gives no window.
    """
    chroma = _chroma(checked(audio), sampling_rate)
    length = round(WINDOW * _STEPS)
    count = len(chroma) // length
    if not count:
        return np.zeros((0, 18))
    windows = chroma[: count * length].reshape(count, length, 12)
    seconds = _normed(windows.reshape(count, length // _STEPS, _STEPS, 12).mean(axis=2))
    parts = [
        _intervals(windows).mean(axis=1),
        _intervals(seconds).mean(axis=1),
        _intervals(_normed(windows.mean(axis=1))),
    ]
    return np.concatenate(parts, axis=1)


def _intervals(chroma: np.ndarray) -> np.ndarray:
    """(..., 12) -> (..., 6): products of pitch classes 1..6 semitones apart."""
    return np.stack([(chroma * np.roll(chroma, k, axis=-1)).sum(axis=-1) for k in range(1, 7)], -1)


def _normed(chroma: np.ndarray) -> np.ndarray:
    return chroma / np.maximum(np.linalg.norm(chroma, axis=-1, keepdims=True), 1e-9)


def _levelled(audio: np.ndarray) -> np.ndarray:
    power = float(np.sqrt((audio.astype(np.float64) ** 2).mean()))
    return audio * (_LEVEL / power) if power > 1e-6 else audio


def _chroma(audio: np.ndarray, rate: int) -> np.ndarray:
    """Pitch-class energies of norm 1, (F, 12)."""
    low = soxr.resample(audio, rate, _RATE)
    hop = _RATE // _STEPS
    count = len(low) // hop
    if not count:
        return np.zeros((0, 12))
    padded = np.pad(low, (_SIZE // 2, _SIZE // 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::hop][:count]
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(_SIZE), axis=1))
    hertz = np.fft.rfftfreq(_SIZE, 1 / _RATE)
    pitch = 69 + 12 * np.log2(np.maximum(hertz, 1.0) / 440)
    # bins count by how near they are to the middle of their semitone
    near = np.exp(-0.5 * ((pitch - np.round(pitch)) / 0.25) ** 2)
    near *= (hertz >= _LOWEST) & (hertz <= _HIGHEST)
    fold = np.zeros((len(hertz), 12))
    fold[np.arange(len(hertz)), np.round(pitch).astype(int) % 12] = near
    energy = np.sqrt(spectrum) @ fold
    # the noise of drums lies under all pitch classes alike
    return _normed(np.maximum(energy - 0.8 * np.median(energy, axis=1, keepdims=True), 0))


def measure_adherence(
    pairs: Path, *, split: str = "test", limit: int = 16, seconds: float = 30.0
) -> tuple[dict[str, float | None], int]:
    """`apa_style` of the human solos of a split, as they are and spoilt; and the number of cases.

    Raises:
        EvaluationError: no such pairs.
    """
    from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE

    from .cases import choose_cases

    cases = choose_cases(pairs, split, limit, seconds)
    own = [(case.backing(), case.human()) for case in cases]
    noise = np.random.default_rng(0)
    candidates = {
        "own": own,
        "own, 2 s late": [(b, np.roll(s, 2 * SAMPLING_RATE)) for b, s in own],
        "a semitone up": [(b, _transposed(s, 1)) for b, s in own],
        "another tune's": [(b, own[(i + 5) % len(own)][1]) for i, (b, _) in enumerate(own)],
        "noise": [(b, noise.standard_normal(len(s)).astype(np.float32)) for b, s in own],
    }
    scores = {name: apa_style(some, own, SAMPLING_RATE) for name, some in candidates.items()}
    return scores, len(cases)


def _transposed(audio: np.ndarray, semitones: int) -> np.ndarray:
    """Higher and shorter, as a tape played fast, and begun again at its end; (n,) as before."""
    fast = soxr.resample(audio, 48000, 48000 / 2 ** (semitones / 12))
    return np.resize(fast, len(audio))
