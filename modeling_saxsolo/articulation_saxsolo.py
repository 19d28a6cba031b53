"""How notes are played: what the decoder is told of tongue, slide, vibrato and colour.

Each frame has a bit mask of the kinds in `ARTICULATIONS`, -1 where nobody knows. It reaches the
decoder in the step that chooses the frame's first code, together with the note, so no code depends
on what is played later. The layer starts at zero and unknown adds nothing: a model that was trained
without plays as before. Beside a bit for each kind there is one for "known", since a note that is
known to be plain is another thing than one that nobody described.

B batch, T frames, S steps, A kinds of the model, D hidden size.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .configuration_saxsolo import SaxsoloConfig
from .rhythm_saxsolo import SilentLinear
from .vocabulary_saxsolo import ARTICULATIONS, UNKNOWN_ARTICULATION


class SaxsoloArticulation(nn.Module):
    """Turns bit masks of frames into a part of the decoder's input."""

    def __init__(self, config: SaxsoloConfig):
        super().__init__()
        self.bits = [ARTICULATIONS.index(name) for name in config.articulations or []]
        # the step in which a frame's first code is chosen
        self.delay = min(config.stream_delays[1 if config.score_vocab_size else 0 :])
        self.into = SilentLinear(1 + len(self.bits), config.hidden_size, bias=False)

    def forward(self, masks: torch.Tensor, steps: int) -> torch.Tensor:
        """(B, T) masks of the vocabulary, -1 = unknown -> (B, S, D)."""
        frames = masks[:, : steps - self.delay]
        after = steps - self.delay - frames.shape[1]
        frames = F.pad(frames, (self.delay, after), value=UNKNOWN_ARTICULATION)
        known = frames >= 0
        columns = [known, *(known & ((frames >> bit) & 1).bool() for bit in self.bits)]
        flags = torch.stack(columns, dim=-1).to(self.into.weight.dtype)
        added: torch.Tensor = self.into(flags)
        return added
