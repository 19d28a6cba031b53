"""Time as beats: a line of eighths is the same rhythm at any tempo.

Frames are the wrong clock for rhythm: an eighth lasts 8 of them in one tune and 20 in the next. The
decoder therefore receives how many beats ago its last note began, and how many beats lay between
that note and the one before. It returns a preference for striking a note after so many beats and at
each place of the beat. Beats that were not heard contribute nothing. (The counterpart of
harmony_saxsolo for time.)

B batch, S steps, D hidden size.
"""

import math

import torch
from torch import nn

from .configuration_saxsolo import SaxsoloConfig

PHASES = 12
BEATS = 4
BINS = BEATS * PHASES + 1  # twelfths of a beat; the last one is "longer ago"


class SilentLinear(nn.Linear):
    """A layer that starts at zero. A class of its own, so that the model's initialisation finds it:
    the library passes over a module of a Hub model that has no parameter of its own."""


class SaxsoloRhythm(nn.Module):
    """Turns the time since the last notes into a part of the decoder's input, and its hidden state
    into a preference for striking a note now."""

    def __init__(self, config: SaxsoloConfig):
        super().__init__()
        self.pitches = (config.score_vocab_size - 1) // 2
        self.into = SilentLinear(2 * BINS, config.hidden_size, bias=False)
        self.out = SilentLinear(config.hidden_size, BINS + PHASES, bias=False)

    def last_onsets(self, score: torch.Tensor) -> torch.Tensor:
        """Frames in which the last note and the one before it were struck, as each step knows them.

        Args:
            score: (B, S) tokens of the score stream as the decoder reads them: step s has seen
                frames 0..s - 1.

        Returns:
            (B, S, 2) frames, -1 = there was none.
        """
        steps = torch.arange(score.shape[1], device=score.device)
        struck = (score > 0) & (score <= self.pitches)
        last = torch.where(struck, steps, -1).cummax(dim=1).values
        before = last.gather(1, (last - 1).clamp(min=0)).masked_fill(last < 1, -1)
        # what step s reads was struck in frame s - 1
        return torch.stack([last, before], dim=-1).sub(1).clamp(min=-1)

    def since(
        self, onsets: torch.Tensor, beats: torch.Tensor, known: torch.Tensor, first: int
    ) -> torch.Tensor:
        """Beats since the last note, and between it and the one before.

        Args:
            onsets: (B, S', 2) of the steps first..first + S' - 1, as `last_onsets` gives them.
            beats: (B, S) where each frame stands, in beats; known: (B, S) whether that was heard.

        Returns:
            (B, S', 2, BINS) shares of two neighbouring bins, zero where unknown.
        """
        now = torch.arange(first, first + onsets.shape[1], device=onsets.device)
        now = now.expand(len(onsets), -1).unsqueeze(-1)
        frames = torch.cat([now, onsets], dim=-1)
        heard = frames.clamp(min=0).flatten(1)
        at = beats.gather(1, heard).view(frames.shape)
        there = known.gather(1, heard).view(frames.shape) & (frames >= 0)
        gaps = (at[..., :2] - at[..., 1:]).mul(PHASES).clamp(0, BINS - 1)
        return _between(gaps, BINS) * (there[..., :2] & there[..., 1:]).unsqueeze(-1)

    def hear(self, since: torch.Tensor) -> torch.Tensor:
        """(B, S', 2, BINS) -> a part of the decoder's input (B, S', D)."""
        return self.into(since.flatten(2).to(self.into.weight.dtype))

    def lean(self, hidden: torch.Tensor, since: torch.Tensor, phases: torch.Tensor) -> torch.Tensor:
        """What is added to the logit of every onset.

        Args:
            hidden: (B, S', D). since: of the same steps. phases: (B, S', 12) of the same steps.

        Returns:
            (B, S', 1)
        """
        now = torch.cat([since[..., 0, :], phases], dim=-1).to(hidden.dtype)
        return (self.out(hidden) * now).sum(-1, keepdim=True)


def count_beats(phases: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each frame stands on a running count of beats.

    The phase is the direction of the mean of the twelve places of a beat; the count adds up its
    steps, each taken the short way round.

    Args:
        phases: (B, S, 12) probabilities, zero where nothing was heard.

    Returns:
        beats (B, S), and (B, S) whether there is a phase.
    """
    phases = phases.float()
    angles = (torch.arange(PHASES, device=phases.device) + 0.5) * (2 * math.pi / PHASES)
    east, north = phases @ angles.cos(), phases @ angles.sin()
    known = east.square() + north.square() > 1e-4
    place = torch.atan2(north, east) / (2 * math.pi)
    steps = place.diff(dim=1, prepend=place[:, :1])
    steps = (steps - steps.round()) * (known & known.roll(1, dims=1))
    return steps.cumsum(dim=1), known


def _between(values: torch.Tensor, bins: int) -> torch.Tensor:
    """Values (...) from 0 to bins - 1 -> (..., bins): shares of the bins on either side."""
    return (1 - (values.unsqueeze(-1) - torch.arange(bins, device=values.device)).abs()).clamp(
        min=0
    )
