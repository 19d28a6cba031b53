"""The two sources that the codec's decoder shapes: a pulse train at the predicted pitch, and noise.

A saxophone is a nearly periodic reed filtered by a tube. Given a train of pulses that already has
the right pitch, a network only has to learn the filter: pitch is right by construction, which a
network that generates phases from scratch needs hours to learn. (Source-filter networks: Wang et
al., arXiv:1904.12088; harmonic plus filtered noise: DDSP, arXiv:2001.04643.)

Both sources are functions of time alone, with explicit state, so a stream equals the whole.
"""

import math

import torch
from torch import Tensor


def pulse_frames(
    f0: Tensor, phase: Tensor, n_fft: int, hop_length: int, sampling_rate: int
) -> tuple[Tensor, Tensor]:
    """Windows of a band-limited pulse train, one a frame, of constant pitch inside the window.

    The sum of H equal cosines has a closed form, the Dirichlet kernel: sum_{h=1..H} cos(h x) =
    sin((H + 1/2) x) / (2 sin(x/2)) - 1/2. It is scaled to a root mean square of 1. After frames
    without pitch the phase starts from 0 again, so that rounding errors of the pitch cannot
    accumulate over a long stream.

    Args:
        f0: (B, J) hertz, float64 where rounding matters; 0 = no pulses in that frame.
        phase: (B,) float64, cycles, of the fundamental at the first sample of frame 0.
        n_fft: samples in a window.
        hop_length: samples between windows.
        sampling_rate: samples a second.

    Returns:
        frames (B, J, n_fft) and the phase (B,) at the frame after the last.
    """
    voiced = f0 > 0
    step = f0.double() / sampling_rate
    advance = phase[:, None] + torch.cumsum(step * hop_length, dim=1)
    reached = torch.where(voiced, 0.0, advance).cummax(dim=1).values
    start = advance - step * hop_length - reached
    time = torch.arange(n_fft, dtype=torch.float64, device=f0.device)
    cycles = start[..., None] + step[..., None] * time
    angle = (2 * math.pi * (cycles - cycles.round())).float()
    harmonics = torch.where(voiced, (0.5 * sampling_rate / f0.clamp(min=1.0)).floor(), 1.0)
    harmonics = harmonics[..., None].float()
    half = torch.sin(angle / 2)
    near_pulse = half.abs() < 1e-4
    kernel = torch.sin((harmonics + 0.5) * angle) / torch.where(near_pulse, 1.0, 2 * half) - 0.5
    kernel = torch.where(near_pulse, harmonics, kernel)
    frames = kernel * torch.sqrt(2 / harmonics) * voiced[..., None]
    return frames, (advance - reached)[:, -1] % 1.0


def noise_samples(position: int, length: int, device: torch.device) -> Tensor:
    """White noise, uniform with a root mean square of 1, as a pure function of the sample's number.

    A hash of the position (the finaliser of MurmurHash3, public domain, A. Appleby) instead of a
    random generator: the same samples come out however the stream is cut.

    Returns:
        (length,) float32.
    """
    x = torch.arange(position, position + length, dtype=torch.int64, device=device) & 0x7FFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    return (x.double() / 2**31 - 1).float() * math.sqrt(3)
