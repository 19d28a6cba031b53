"""Losses of a sound weighed by how strongly they pull at it, whatever their own size."""

from collections.abc import Sequence

import torch
from torch import Tensor

# of the averaged strengths, a step
DECAY = 0.99


class GradientBalance:
    """Scales the gradients of losses at the sound by their mean norms (the balancer of EnCodec,
    arXiv:2210.13438, section 3.4, with the first loss as the measure)."""

    def __init__(self) -> None:
        self.norms: list[Tensor] = []

    def loss(
        self, sound: Tensor, measure: Tensor, others: Sequence[tuple[Tensor, float]]
    ) -> Tensor:
        """A scalar whose gradient at `sound` is that of the other losses, each scaled to its weight
        times the norm of the gradient of `measure`; the gradient of `measure` is not in it.

        Args:
            sound: (B, ...) that all losses were computed from.
            measure: the loss whose pull is 1.
            others: losses and their weights; a weight of 0 leaves one out.
        """
        losses = [measure, *(loss for loss, _ in others)]
        grads = [torch.autograd.grad(loss, sound, retain_graph=True)[0] for loss in losses]
        norms = [grad.flatten(1).norm(dim=1).mean() for grad in grads]
        if not self.norms:
            self.norms = norms
        self.norms = [
            DECAY * old + (1 - DECAY) * new for old, new in zip(self.norms, norms, strict=True)
        ]
        pull = torch.zeros_like(sound)
        for grad, norm, (_, weight) in zip(grads[1:], self.norms[1:], others, strict=True):
            pull = pull + weight * grad * (self.norms[0] / norm.clamp(min=1e-12))
        return (sound * pull).sum()
