"""Residual vector quantiser whose codebooks are moving averages of the latents they represent.

Codebook 0 is nearest to the latent, codebook 1 to what is left, and so on (SoundStream,
arXiv:2107.03312, section III-C; the averages as in VQ-VAE, arXiv:1711.00937, appendix A.1).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualVectorQuantizer(nn.Module):
    """K codebooks of V vectors; holds no gradient-trained weight.

    Args:
        num_codebooks: K.
        codebook_size: V.
        dim: D, length of a vector.
    """

    def __init__(self, num_codebooks: int, codebook_size: int, dim: int):
        super().__init__()
        self.vectors = nn.Parameter(
            torch.zeros(num_codebooks, codebook_size, dim), requires_grad=False
        )

    def encode(self, latents: Tensor) -> Tensor:
        """Latents (..., D) -> codes (..., K)."""
        residual = latents.float()
        codes = []
        for vectors in self.vectors.float():
            code = self._nearest(residual, vectors)
            residual = residual - F.embedding(code, vectors)
            codes.append(code)
        return torch.stack(codes, dim=-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (..., K) -> latents (..., D), the sum of the codes' vectors."""
        latents = F.embedding(codes[..., 0], self.vectors[0])
        for k in range(1, codes.shape[-1]):
            latents = latents + F.embedding(codes[..., k], self.vectors[k])
        return latents

    @staticmethod
    def _nearest(residual: Tensor, vectors: Tensor) -> Tensor:
        # |r - v|^2 without |r|^2, which is the same for every v
        scores = residual @ vectors.T - 0.5 * vectors.square().sum(-1)
        return scores.argmax(-1)


class CodebookTrainer:
    """Keeps the moving averages of a quantiser's codebooks and revives codes that fell out of use.

    Args:
        quantizer: the quantiser whose `vectors` are written.
        decay: of the moving averages, a step.
        revive_below: a code whose averaged use falls under this share of the mean use restarts
            at a random residual of the current batch.
    """

    def __init__(
        self, quantizer: ResidualVectorQuantizer, decay: float = 0.99, revive_below: float = 0.2
    ):
        self.quantizer = quantizer
        self.decay = decay
        self.revive_below = revive_below
        num_codebooks, size, _ = quantizer.vectors.shape
        self.counts = torch.ones(num_codebooks, size, device=quantizer.vectors.device)
        self.sums = quantizer.vectors.detach().float().clone()

    @torch.no_grad()
    def start(self, latents: Tensor, iterations: int = 12) -> None:
        """k-means, codebook by codebook, on latents (N, D) with N several times V; fewer than V are
        taken several times."""
        needed = -(-self.quantizer.vectors.shape[1] // len(latents))
        residual = latents.float().repeat(needed, 1)
        for vectors in self.quantizer.vectors:
            size = vectors.shape[0]
            centres = residual[torch.randperm(len(residual))[:size]].clone()
            for _ in range(iterations):
                code = self.quantizer._nearest(residual, centres)
                counts = torch.bincount(code, minlength=size).float()
                sums = torch.zeros_like(centres).index_add_(0, code, residual)
                centres = sums / counts.clamp(min=1)[:, None]
                idle = (counts == 0).nonzero()[:, 0]
                centres[idle] = residual[torch.randperm(len(residual))[: len(idle)]]
            vectors.copy_(centres)
            residual = residual - centres[self.quantizer._nearest(residual, centres)]
        self.counts.fill_(1.0)
        self.sums = self.quantizer.vectors.detach().float().clone()

    @torch.no_grad()
    def update(self, latents: Tensor, codes: Tensor, weights: Tensor) -> int:
        """Moves the codebooks towards latents (N, D) that were coded as (N, K).

        Args:
            weights: (N,) how much each latent counts; codes crowd where the weight is.

        Returns:
            How many codes were revived.
        """
        residual = latents.float()
        revived = 0
        for k, vectors in enumerate(self.quantizer.vectors):
            code = codes[:, k]
            quantized = F.embedding(code, vectors)
            hits = torch.bincount(code, weights, minlength=vectors.shape[0]).float()
            sums = torch.zeros_like(vectors).index_add_(0, code, residual * weights[:, None])
            self.counts[k].lerp_(hits, 1 - self.decay)
            self.sums[k].lerp_(sums, 1 - self.decay)
            idle = (self.counts[k] < self.revive_below * self.counts[k].mean()).nonzero()[:, 0]
            idle = idle[: len(residual)]
            if len(idle):
                self.sums[k, idle] = residual[torch.multinomial(weights, len(idle))]
                self.sums[k, idle] *= self.counts[k].mean()
                self.counts[k, idle] = self.counts[k].mean()
                revived += len(idle)
            vectors.copy_(self.sums[k] / self.counts[k].clamp(min=1e-5)[:, None])
            residual = residual - quantized
        return revived
