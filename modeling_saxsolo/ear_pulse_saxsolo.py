"""What swings along with the rhythm: a bank of resonators, one for each tempo (Scheirer 1998).

Each resonator is a damped complex oscillator driven by onsets. Its magnitude says how well its
tempo fits the last few beats, its angle how long ago the last one was. So tempo and phase, which
a network would have to find out by comparing every token with every other, lie in the input. The
bank looks back only and has no weights.
"""

import math

import torch
from torch.nn import functional as F

from .ear_spectrum_saxsolo import RHYTHM_BANDS, RHYTHM_COLUMNS, TOKEN_RATE

#: resonators from 24 to 600 beats a minute, 5 % apart
PULSES = 66
#: bass, middle, upper middle, treble
PULSE_BANDS = 4
PULSE_SIZE = 2 * PULSES * PULSE_BANDS
_SLOWEST, _FASTEST = 0.4, 10.0
# a resonator forgets to 1/e in five of its periods, in a second at least and six at most
_PERIODS, _SHORTEST, _LONGEST = 5.0, 1.0, 6.0


def pulses(rhythm: torch.Tensor) -> torch.Tensor:
    """The state of the bank at the end of each token.

    Args:
        rhythm: (B, 8 T, 40) log magnitudes, see `ear_features`.

    Returns:
        (B, T, 4, 2, 66): real and imaginary parts for each band, scaled to a mean magnitude of
        about 1.
    """
    batch, columns, _ = rhythm.shape
    bands = rises(rhythm).reshape(batch, columns, PULSE_BANDS, RHYTHM_BANDS // PULSE_BANDS)
    drive = bands.mean(dim=-1).reshape(batch, -1, RHYTHM_COLUMNS, PULSE_BANDS)
    turns = _turns(rhythm.device)
    back = torch.arange(RHYTHM_COLUMNS - 1, -1, -1, device=rhythm.device)
    within = turns[None, :] ** back[:, None]
    driven = torch.einsum("btkg,kf->btgf", drive.to(within.dtype), within)
    step = turns**RHYTHM_COLUMNS
    # state[t] = driven[t] + step * state[t - 1], by doubling what each token sums up
    bank, reach = driven, 1
    while reach < bank.shape[1]:
        earlier = torch.cat([torch.zeros_like(bank[:, :reach]), bank[:, :-reach]], dim=1)
        bank, reach = bank + step**reach * earlier, 2 * reach
    bank = bank / (0.1 + bank.abs().mean(dim=-1, keepdim=True))
    return torch.stack([bank.real, bank.imag], dim=-2)


def rises(rhythm: torch.Tensor) -> torch.Tensor:
    """(B, 8 T, 40): how much each band of the rhythm rises over 20 ms, the window's flank."""
    return F.pad(F.relu(rhythm[:, 2:] - rhythm[:, :-2]), (0, 0, 2, 0))


def _turns(device: torch.device) -> torch.Tensor:
    """(66,) complex: what a resonator's state is multiplied by in 10 ms."""
    exponents = torch.arange(PULSES, device=device) / (PULSES - 1)
    frequencies = _SLOWEST * (_FASTEST / _SLOWEST) ** exponents
    memory = (_PERIODS / frequencies).clamp(_SHORTEST, _LONGEST)
    seconds = 1 / (TOKEN_RATE * RHYTHM_COLUMNS)
    return torch.polar(torch.exp(-seconds / memory), 2 * math.pi * frequencies * seconds)
