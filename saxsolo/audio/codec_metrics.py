"""What a codec does to a sound: spectral distances, SI-SDR, pitch agreement, codebook use."""

import math

import numpy as np
import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, SAMPLING_RATE

from .pitch import track_f0

LOG_FLOOR = 1e-3


class LogMel(torch.nn.Module):
    """Natural logarithm of the mel spectrum of magnitudes, floored.

    Hann window, magnitudes |X| of the plain DFT sum (no normalisation), mel bands on Slaney's
    scale with Slaney's area normalisation (the defaults of librosa), log(max(mel, floor)).

    Args:
        sampling_rate: samples a second.
        n_fft: samples in the window.
        hop_length: samples between windows.
        num_bands: mel bands between 0 hertz and half of sampling_rate.
    """

    def __init__(
        self,
        sampling_rate: int = SAMPLING_RATE,
        n_fft: int = 2048,
        hop_length: int = 512,
        num_bands: int = 80,
        floor: float = LOG_FLOOR,
    ):
        super().__init__()
        self.bank: Tensor
        self.window: Tensor
        self.n_fft, self.hop_length, self.floor = n_fft, hop_length, floor
        bank = mel_filter_bank(
            n_fft // 2 + 1,
            num_bands,
            0.0,
            sampling_rate / 2,
            sampling_rate,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("bank", torch.tensor(bank, dtype=torch.float32), persistent=False)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Samples (B, n) -> (B, frames, num_bands)."""
        spectrum = torch.stft(
            audio.float(), self.n_fft, self.hop_length, window=self.window, return_complex=True
        )
        # the square root has no slope at 0, which digital silence reaches
        magnitude = (spectrum.real.square() + spectrum.imag.square() + 1e-10).sqrt()
        return torch.log((magnitude.transpose(1, 2) @ self.bank).clamp(min=self.floor))


def log_mel_distance(original: np.ndarray, decoded: np.ndarray, sampling_rate: int) -> float:
    """Mean absolute difference of two log-mel spectra, nepers a band; 0 is best.

    80 bands, natural logarithm, n_fft 2048, hop 512, floor 1e-3; see `LogMel`.

    Args:
        original, decoded: (n,) float32 of one length.
    """
    mel = LogMel(sampling_rate)
    a = mel(torch.from_numpy(np.ascontiguousarray(original))[None])
    b = mel(torch.from_numpy(np.ascontiguousarray(decoded))[None])
    return float((a - b).abs().mean())


def multi_resolution_stft_distance(original: np.ndarray, decoded: np.ndarray) -> float | None:
    """Distance of magnitude spectra over three resolutions; 0 is best, None for a silent original.

    Mean over windows of 512, 1024 and 2048 samples (Hann, a quarter hop) of spectral convergence
    ||A - B|| / ||A|| plus the mean |ln A - ln B|, magnitudes floored at 1e-3 (Yamamoto and others
    2020, Parallel WaveGAN, who floor lower).

    Args:
        original, decoded: (n,) float32 of one length.
    """
    a, b = (torch.from_numpy(np.ascontiguousarray(x)).float() for x in (original, decoded))
    if not bool((a != 0).any()):
        return None
    total = 0.0
    for size in (512, 1024, 2048):
        window = torch.hann_window(size)
        first, second = (
            torch.stft(x, size, size // 4, window=window, return_complex=True).abs() for x in (a, b)
        )
        convergence = torch.linalg.norm(first - second) / torch.linalg.norm(first)
        logs = [x.clamp(min=LOG_FLOOR).log() for x in (first, second)]
        total += float(convergence + (logs[0] - logs[1]).abs().mean())
    return total / 3


def si_sdr(original: np.ndarray, decoded: np.ndarray) -> float | None:
    """Scale-invariant signal-to-distortion ratio, dB; higher is better (Le Roux and others 2019).

    10 log10(|s|^2 / |s - e|^2), s = the original scaled by <original, decoded> / |original|^2, both
    without their means. A codec that keeps magnitudes and not phases scores low and may sound well.
    None where either is silent; infinite for an exact copy.

    Args:
        original, decoded: (n,) of one length.
    """
    a, b = (np.asarray(x, dtype=np.float64) for x in (original, decoded))
    a, b = a - a.mean(), b - b.mean()
    if not a.any() or not b.any():
        return None
    target = a * (a @ b) / (a @ a)
    distortion = float(((target - b) ** 2).sum())
    signal = float((target**2).sum())
    if distortion == 0:
        return math.inf
    return 10 * math.log10(signal / distortion) if signal else -math.inf


def bits_a_second(
    codes: np.ndarray, codebook_size: int, frame_rate: float = FRAME_RATE
) -> tuple[float, float]:
    """Bits a second of the codes as they are written, and as their own distribution would need.

    frame_rate * K * log2(codebook_size), and frame_rate * sum of `codebook_use`'s entropies.

    Args:
        codes: (frames, K).
    """
    _, entropies = codebook_use(codes, codebook_size)
    return frame_rate * codes.shape[1] * math.log2(codebook_size), frame_rate * sum(entropies)


def pitch_agreement(
    original: np.ndarray, decoded: np.ndarray, sampling_rate: int, cents: float = 50.0
) -> tuple[np.ndarray, np.ndarray]:
    """How many of the original's voiced frames the decoded sound keeps in tune.

    A frame agrees when the decoded sound is voiced there too and its pitch is within `cents`. It
    lies inside a note when the original's pitch moves by less than a semitone, and does not begin
    or end, from two frames (32 ms) before it to two after.

    Returns:
        frames that agree, frames of the original that are voiced: both (2,) int, all of them and
        those inside notes.
    """
    _, a = track_f0(original, sampling_rate)
    _, b = track_f0(decoded, sampling_rate)
    length = min(len(a), len(b))
    a, b = a[:length], b[:length]
    both = (a > 0) & (b > 0)
    off = np.abs(1200 * np.log2(np.where(both, b, 1.0) / np.where(both, a, 1.0)))
    agree, voiced = both & (off <= cents), a > 0
    steady = np.abs(np.diff(np.log2(np.maximum(a, 1.0)))) < 1 / 12
    inside = voiced.copy()
    for frame in np.flatnonzero(~steady):
        inside[max(0, frame - 1) : frame + 3] = False
    return (
        np.array([agree.sum(), (agree & inside).sum()]),
        np.array([voiced.sum(), inside.sum()]),
    )


def chroma_correlation(
    original: np.ndarray, decoded: np.ndarray, sampling_rate: int
) -> tuple[float | None, float | None]:
    """How much of a backing's harmony is left: Pearson's correlation of pitch-class energies.

    Over all tenths of a second in which the original is louder than -60 dB, and the 12 pitch
    classes; those are made as `saxsolo.evaluation.chroma_chords.estimate_chords` makes them.

    Args:
        original, decoded: (n,) float32 of one length.

    Returns:
        of the chord's band (100..1600 Hz) and of the bass's (40..200 Hz); None for silence.
    """
    from saxsolo.audio.chroma import pitch_classes

    before, loud = pitch_classes(original, sampling_rate)
    after, _ = pitch_classes(decoded, sampling_rate)
    bands = []
    for band in (slice(0, 12), slice(12, 24)):
        a, b = before[loud, band].ravel(), after[loud, band].ravel()
        flat = not len(a) or not a.std() or not b.std()
        bands.append(None if flat else float(np.corrcoef(a, b)[0, 1]))
    return bands[0], bands[1]


def codebook_use(codes: np.ndarray, codebook_size: int) -> tuple[list[float], list[float]]:
    """Share of each codebook's codes that occur, and the entropy of their distribution in bits.

    Args:
        codes: (frames, K).
    """
    shares, entropies = [], []
    for column in codes.T:
        counts = np.bincount(column, minlength=codebook_size)
        p = counts[counts > 0] / counts.sum()
        shares.append(float((counts > 0).mean()))
        entropies.append(float(-(p * np.log(p)).sum() / math.log(2)))
    return shares, entropies
