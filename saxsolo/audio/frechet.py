"""The Frechet distance of two sets of sounds, on an embedding that needs no trained network.

As the Frechet audio distance (Kilgour and others 2019, arXiv:1812.08466): Gaussians are fitted to
the embeddings of both sets, and d = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). There the
embedding is VGGish; here it is, for each half second: the mean, the standard deviation and the mean
absolute change from frame to frame of 40 log-mel bands (32 kHz, n_fft 1024, hop 320), 120 numbers.
Figures of this embedding compare with each other only.
"""

import numpy as np
import numpy.typing as npt
import soxr
import torch

from .codec_metrics import LogMel

RATE = 32000
FRAMES, STEP = 50, 25
Floats = npt.NDArray[np.floating]


def embedding(audio: npt.NDArray[np.float32], sampling_rate: int) -> Floats:
    """Samples (n,) -> (half seconds, 120), one every quarter of a second."""
    sound = audio if sampling_rate == RATE else soxr.resample(audio, sampling_rate, RATE)
    mel = LogMel(RATE, 1024, 320, 40)
    logs = mel(torch.from_numpy(np.ascontiguousarray(sound, dtype=np.float32))[None])[0].numpy()
    rows = []
    for start in range(0, len(logs) - FRAMES + 1, STEP):
        part = logs[start : start + FRAMES]
        change = np.abs(np.diff(part, axis=0)).mean(0)
        rows.append(np.concatenate([part.mean(0), part.std(0), change]))
    return np.array(rows, dtype=np.float64).reshape(-1, 120)


def frechet_distance(first: Floats, second: Floats) -> float | None:
    """Distance of the Gaussians of two sets of embeddings (N, D); None for fewer than 2 rows."""
    if min(len(first), len(second)) < 2:
        return None
    away = first.mean(0) - second.mean(0)
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    # the eigenvalues of a product of two covariances are real and not negative
    roots = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0)).sum()
    return float(away @ away + np.trace(a) + np.trace(b) - 2 * roots)
