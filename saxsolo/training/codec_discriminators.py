"""Networks that tell a recorded saxophone from a decoded one; the codec learns to deceive them.

A spectral distance rewards the mean of what a sound may be, which is dull: breath and reed noise
come out smoothed. Two kinds of discriminators see what it misses: complex spectra at several
resolutions (EnCodec, arXiv:2210.13438, section 3.4), and samples folded at several periods
(HiFi-GAN, arXiv:2010.05646, section 2.3). They are thrown away afterwards.

Shapes: B batch, n samples.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

WINDOWS = (2048, 1024, 512)
PERIODS = (2, 3, 5, 7, 11)
SLOPE = 0.1
#: a verdict at each place, and what the layers before it saw
Verdict = tuple[Tensor, list[Tensor]]


class SpectrumDiscriminator(nn.Module):
    """Judges the complex spectrum of one window length, place by place."""

    def __init__(self, window: int, channels: int):
        super().__init__()
        self.window = window
        sizes = [(2, 1), (channels, 1), (channels, 2), (channels, 4)]
        self.layers = nn.ModuleList(
            weight_norm(
                nn.Conv2d(into, channels, (3, 9), (1, 2), dilation=(wide, 1), padding=(wide, 4))
            )
            for into, wide in sizes
        )
        self.verdict = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> Verdict:
        """Samples (B, n) -> verdict (B, 1, frames, bins / 16) and the layers' outputs."""
        window = torch.hann_window(self.window, device=audio.device)
        with torch.autocast(audio.device.type, enabled=False):
            spectrum = torch.stft(
                audio.float(), self.window, self.window // 4, window=window, return_complex=True
            )
            spectrum = spectrum * (2 / window.sum())
            # loud partials would hide the noise between them
            size = spectrum.abs().clamp(min=1e-6)
            spectrum = spectrum / size * (torch.log(size + 1e-4) + 9.2) / 3
            x = torch.view_as_real(spectrum).permute(0, 3, 2, 1)
        return _judged(self.layers, self.verdict, x)


class PeriodDiscriminator(nn.Module):
    """Judges samples that lie a period apart."""

    def __init__(self, period: int, channels: int):
        super().__init__()
        self.period = period
        sizes = [1, channels, 4 * channels, 8 * channels, 8 * channels]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(into, out, (5, 1), (3, 1), padding=(2, 0)))
            for into, out in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.verdict = weight_norm(nn.Conv2d(sizes[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, audio: Tensor) -> Verdict:
        """Samples (B, n) -> verdict (B, 1, places, period) and the layers' outputs."""
        padded = F.pad(audio, (0, -audio.shape[-1] % self.period))
        x = padded.unflatten(-1, (-1, self.period))[:, None]
        return _judged(self.layers, self.verdict, x)


def _judged(layers: nn.ModuleList, verdict: nn.Module, x: Tensor) -> Verdict:
    seen = []
    for layer in layers:
        x = F.leaky_relu(layer(x), SLOPE)
        seen.append(x)
    return verdict(x), seen


class Discriminators(nn.Module):
    """All of them.

    Args:
        channels: of the first layers.
        windows: lengths of the spectra, samples.
        periods: at which samples are folded.
    """

    def __init__(
        self,
        channels: int = 32,
        windows: Sequence[int] = WINDOWS,
        periods: Sequence[int] = PERIODS,
    ):
        super().__init__()
        self.judges = nn.ModuleList(
            [SpectrumDiscriminator(window, channels) for window in windows]
            + [PeriodDiscriminator(period, channels) for period in periods]
        )

    def forward(self, audio: Tensor) -> list[Verdict]:
        """Samples (B, n) -> the verdict of each."""
        return [judge(audio) for judge in self.judges]


def discriminator_loss(original: list[Verdict], decoded: list[Verdict]) -> Tensor:
    """Squared distance of verdicts from 1 over originals and from 0 over decoded sounds, the mean
    of the discriminators (least squares, arXiv:1611.04076, eq. 2)."""
    losses = [
        (1 - true).float().square().mean() + false.float().square().mean()
        for (true, _), (false, _) in zip(original, decoded, strict=True)
    ]
    return torch.stack(losses).mean()


def adversarial_loss(decoded: list[Verdict]) -> Tensor:
    """Squared distance of the verdicts over decoded sounds from 1."""
    return torch.stack([(1 - false).float().square().mean() for false, _ in decoded]).mean()


def feature_loss(original: list[Verdict], decoded: list[Verdict]) -> Tensor:
    """Mean absolute difference of what the layers saw, over the mean size of the original's
    (feature matching, EnCodec, eq. 2)."""
    losses = []
    for (_, true_layers), (_, false_layers) in zip(original, decoded, strict=True):
        for true, false in zip(true_layers, false_layers, strict=True):
            true, false = true.detach().float(), false.float()
            losses.append((true - false).abs().mean() / true.abs().mean().clamp(min=1e-6))
    return torch.stack(losses).mean()
