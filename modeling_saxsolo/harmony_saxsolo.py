"""Pitches as degrees of the chord: one note is a third over one root, a seventh over another.

What the model learns about thirds in one key should hold in all twelve. The decoder therefore
receives the last note as its distance above the root, and returns a preference for each of the
twelve degrees; both are rotated by the root, in this module only. Roots are probabilities: an
uncertain root gives a flat preference, an unheard one none.

B batch, S steps, O moments (now, and each lookahead), P pitches of the score stream, D hidden size.
"""

import torch
from torch import nn

from .configuration_saxsolo import SaxsoloConfig
from .vocabulary_saxsolo import LOWEST_PITCH

DEGREES = 12


class SaxsoloHarmony(nn.Module):
    """Turns pitch classes into degrees above the root, and preferences for degrees into logits."""

    def __init__(self, config: SaxsoloConfig):
        super().__init__()
        moments = 1 + len(config.lookahead or [])
        self.pitches = (config.score_vocab_size - 1) // 2
        self.into = nn.Linear(moments * DEGREES, config.hidden_size, bias=False)
        self.out = nn.Linear(config.hidden_size, moments * DEGREES, bias=False)

    def hear(self, score: torch.Tensor, roots: torch.Tensor) -> torch.Tensor:
        """Where the last note stands in the chords of now and ahead.

        Args:
            score: (B, S) tokens of the score stream, special tokens allowed.
            roots: (B, S, O, 12) probabilities of the roots.

        Returns:
            (B, S, D), zero where nothing sounds.
        """
        sounds = (score > 0) & (score <= 2 * self.pitches)
        classes = ((score - 1) % self.pitches + LOWEST_PITCH) % DEGREES
        steps = torch.arange(DEGREES, device=score.device)
        # Degree d above root r is pitch class r + d: so it is d with the probability of r.
        index = (classes[..., None] - steps) % DEGREES
        index = index.unsqueeze(2).expand(-1, -1, roots.shape[2], -1)
        degrees = roots.gather(-1, index) * sounds[..., None, None]
        return self.into(degrees.flatten(2).to(self.into.weight.dtype))

    def lean(self, hidden: torch.Tensor, roots: torch.Tensor) -> torch.Tensor:
        """Hidden (B, S, D), roots (B, S, O, 12) -> logits of the pitch classes (B, S, 12)."""
        liking = self.out(hidden).unflatten(-1, (-1, DEGREES))
        steps = torch.arange(DEGREES, device=hidden.device)
        turned = roots.to(liking.dtype)[..., (steps[:, None] - steps) % DEGREES]
        return (turned * liking.unsqueeze(-2)).sum(dim=(-1, -3))


def onto_onsets(logits: torch.Tensor, leaning: torch.Tensor) -> torch.Tensor:
    """Add a preference for each pitch class (..., 12), or for all notes alike (..., 1), to the
    onsets in score logits (..., 1 + 2 P)."""
    count = (logits.shape[-1] - 1) // 2
    pitches = torch.arange(count, device=logits.device)
    onsets = leaning[..., (pitches + LOWEST_PITCH) % leaning.shape[-1]]
    rest, struck, held = logits.split([1, count, count], dim=-1)
    return torch.cat([rest, struck + onsets, held], dim=-1)
