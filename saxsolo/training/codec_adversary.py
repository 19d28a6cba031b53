"""The codec's opponent in training: discriminators with an optimiser of their own."""

from collections.abc import Mapping

import torch
from torch import Tensor

from .codec_discriminators import (
    Discriminators,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)


class Adversary:
    """Discriminators that learn beside the codec.

    Args:
        channels: of their first layers.
        device: that they learn on.
        half_precision: whether their convolutions compute in bfloat16.
    """

    def __init__(self, channels: int, device: torch.device, half_precision: bool):
        self.judges = Discriminators(channels).to(device)
        self.half_precision = half_precision
        self.optimizer = torch.optim.AdamW(
            self.judges.parameters(), 1e-4, betas=(0.8, 0.99), weight_decay=0.01
        )

    def learn(self, original: Tensor, decoded: Tensor, rate: float) -> Tensor:
        """One step of the discriminators at this learning rate; returns their loss.

        Args:
            original, decoded: samples (B, n); no gradient reaches the codec.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.judges.requires_grad_(True)
        with self._autocast(original.device):
            loss = discriminator_loss(self.judges(original), self.judges(decoded.detach()))
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.judges.parameters(), 10.0)
        self.optimizer.step()
        return loss.detach()

    def losses(self, original: Tensor, decoded: Tensor) -> tuple[Tensor, Tensor]:
        """Adversarial and feature loss of the codec, whose gradient reaches `decoded` alone."""
        self.judges.requires_grad_(False)
        with self._autocast(original.device):
            with torch.no_grad():
                true = self.judges(original)
            false = self.judges(decoded)
            return adversarial_loss(false), feature_loss(true, false)

    def state(self) -> dict[str, Tensor]:
        """Weights and moments by name, for a file."""
        tensors = {f"judges.{n}": p.detach() for n, p in self.judges.named_parameters()}
        for index, parameter in enumerate(self.judges.parameters()):
            for name, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{index}.{name}"] = value
        return tensors

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Goes on from what `state` gave."""
        for name, parameter in self.judges.named_parameters():
            parameter.data.copy_(tensors[f"judges.{name}"])
        for index, parameter in enumerate(self.judges.parameters()):
            prefix = f"optimizer.{index}."
            moments = {
                name.removeprefix(prefix): value
                for name, value in tensors.items()
                if name.startswith(prefix)
            }
            if moments:
                self.optimizer.state[parameter] = moments

    def _autocast(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=self.half_precision)
