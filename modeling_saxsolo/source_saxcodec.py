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

# pitches further apart than this are two notes
STEP_OCTAVES = 1 / 8


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


def pulse_train(
    f0: Tensor, phase: Tensor, start: int, length: int, frame_samples: int, sampling_rate: int
) -> tuple[Tensor, Tensor]:
    """A band-limited pulse train whose pitch moves with every sample.

    Between two frames the pitch glides (in log frequency) when they are less than 150 cents apart,
    else it steps halfway: one note follows another. Next to a frame with pitch there are pulses, so
    that the filters alone shape attack and release. The kernel is that of `pulse_frames`; its
    highest harmonic fades in, or a gliding pitch would click.

    Args:
        f0: (B, T) hertz at the samples 0, frame_samples, ...; 0 = none. The last goes on.
        phase: (B,) float64, cycles, before sample `start`.
        start: the first sample.
        length: samples.
        frame_samples: between two values of f0.
        sampling_rate: samples a second.

    Returns:
        (B, length) float32 with a root mean square of 1 while there is a pitch, and the phase (B,)
        after it.
    """
    place = torch.arange(start, start + length, device=f0.device)
    left = (place // frame_samples).clamp(max=f0.shape[1] - 1)
    right = (left + 1).clamp(max=f0.shape[1] - 1)
    share = (place % frame_samples).double() / frame_samples
    logs = torch.log2(f0.double().clamp(min=1.0))
    before, after = logs[:, left], logs[:, right]
    silent_before, silent_after = f0[:, left] <= 0, f0[:, right] <= 0
    before, after = (
        torch.where(silent_before, after, before),
        torch.where(silent_after, before, after),
    )
    glide = (before - after).abs() < STEP_OCTAVES
    stepped = torch.where(share < 0.5, before, after)
    hertz = torch.exp2(torch.where(glide, before + share * (after - before), stepped))
    sounds = ~(silent_before & silent_after)
    cycles = phase[:, None] + torch.cumsum(hertz / sampling_rate * sounds, dim=1)
    angle = (2 * math.pi * (cycles - cycles.round())).float()
    harmonics = torch.where(sounds, 0.5 * sampling_rate / hertz - 1, 1.0).float()
    whole = harmonics.floor()
    half = torch.sin(angle / 2)
    near_pulse = half.abs() < 1e-4
    kernel = torch.sin((whole + 0.5) * angle) / torch.where(near_pulse, 1.0, 2 * half) - 0.5
    kernel = torch.where(near_pulse, whole, kernel)
    kernel = kernel + (harmonics - whole) * torch.cos((whole + 1) * angle)
    return kernel * torch.sqrt(2 / harmonics) * sounds, cycles[:, -1] % 1.0


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
