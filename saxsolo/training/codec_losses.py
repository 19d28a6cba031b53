"""What the codec learns from: spectra, pitch, and the chords that its codes must keep."""

import math

import torch
import torch.nn.functional as F

from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES, UNKNOWN
from saxsolo.audio.codec_metrics import LogMel

from .codec_segments import CHORD_COLUMNS

CHORD_SIZES = [list(LABEL_SIZES.values())[column] for column in CHORD_COLUMNS]
MEL_SIZES = ((512, 40), (1024, 80), (2048, 128), (4096, 160))


class CodecLoss(torch.nn.Module):
    """Log-mel distance at several windows, plus cross-entropy of the pitch."""

    def __init__(self, codec: SaxcodecModel):
        super().__init__()
        rate = codec.config.sampling_rate
        self.mels = torch.nn.ModuleList(LogMel(rate, n, n // 4, bands) for n, bands in MEL_SIZES)
        # in a list: its weights are not part of this module
        self.codec = [codec]

    def spectral(self, decoded: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        """Mean absolute log-mel difference over the windows, nepers, a row: (B,)."""
        distances = [(mel(decoded) - mel(audio)).abs().mean((1, 2)) for mel in self.mels]
        return torch.stack(distances).mean(0)

    def pitch(self, logits: torch.Tensor, f0: torch.Tensor) -> torch.Tensor:
        """Cross-entropy against a Gaussian of 20 cents around the pitch, as in CREPE, eq. 3."""
        codec = self.codec[0]
        config = codec.config
        cents = 1200 * math.log2(config.max_f0 / config.min_f0) / (config.f0_bins - 1)
        bins = codec.f0_to_bin(f0).clamp(0, config.f0_bins - 1)
        steps = torch.arange(config.f0_bins, device=f0.device)
        near = torch.exp(-0.5 * ((steps - bins[..., None]) * cents / 20).square())
        near = near / near.sum(-1, keepdim=True)
        voiced = (f0 > 0).float()[..., None]
        target = torch.cat([1 - voiced, near * voiced], dim=-1)
        return -(target * logits.float().log_softmax(-1)).sum(-1).mean()

    def pitch_cents(self, logits: torch.Tensor, f0: torch.Tensor) -> torch.Tensor:
        """Mean error of the pitch that is read around the right class, in units of 20 cents."""
        codec = self.codec[0]
        config = codec.config
        cents = 1200 * math.log2(config.max_f0 / config.min_f0) / (config.f0_bins - 1)
        bins = codec.f0_to_bin(f0).clamp(0, config.f0_bins - 1)
        near = bins.round().long()[..., None] + torch.arange(-4, 5, device=f0.device)
        near = near.clamp(0, config.f0_bins - 1)
        weights = logits[..., 1:].float().gather(-1, near).softmax(-1)
        error = ((weights * near).sum(-1) - bins).abs() * cents / 20
        voiced = (f0 > 0).float()
        return (error * voiced).sum() / voiced.sum().clamp(min=1)


class ChordHead(torch.nn.Module):
    """Names the chord of each frame from the vectors of the codes within a third of a second."""

    def __init__(self, dim: int, size: int = 128, kernel: int = 33):
        super().__init__()
        self.into = torch.nn.Linear(dim, size)
        self.over_time = torch.nn.Conv1d(size, size, kernel, padding=kernel // 2, groups=size)
        self.out = torch.nn.Linear(size, sum(CHORD_SIZES))

    def forward(self, vectors: torch.Tensor, chords: torch.Tensor) -> torch.Tensor:
        """Vectors (B, T, D), chords (B, T, 2) -> mean cross-entropy of root and quality, nats; 0
        where no chord is known."""
        if not (chords >= 0).any():
            return vectors.new_zeros(())
        x = F.gelu(self.into(vectors)).transpose(1, 2)
        logits = self.out(F.gelu(self.over_time(x)).transpose(1, 2)).float()
        pairs = zip(logits.split(CHORD_SIZES, dim=-1), chords.unbind(-1), strict=True)
        losses = [
            F.cross_entropy(part.flatten(0, 1), chord.flatten(), ignore_index=UNKNOWN)
            for part, chord in pairs
        ]
        return torch.stack(losses).mean()
