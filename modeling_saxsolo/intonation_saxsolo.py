"""Pitch codes around the note: one lesson about vibrato, scoops and falls holds for every pitch.

A codec with `pitch_codes` writes the pitch as its first code, in steps of a few cents. Over 2,048
codes each would have to be learnt for itself. The decoder therefore receives how far the last pitch
code lay from the note that sounds, and returns two preferences besides that for each code: one for
distances from the note, one for distances from the last pitch code. (What harmony_saxsolo is for
notes over chords.)

B batch, S steps, D hidden size, V codebook size, R reach in codes.
"""

import math

import torch
from torch import nn

from .configuration_saxsolo import SaxsoloConfig
from .layers_saxsolo import Embedding
from .rhythm_saxsolo import SilentLinear
from .vocabulary_saxsolo import LOWEST_PITCH

REACH = 64


def note_codes(config: SaxsoloConfig) -> torch.Tensor:
    """The pitch code of each token of the score stream (its vocabulary + 2,); -1 for those without
    a pitch in the codec's range (rests, pad and BOS)."""
    pitches = (config.score_vocab_size - 1) // 2
    lowest, highest = config.pitch_range or (1.0, 2.0)
    hertz = 440.0 * 2 ** ((torch.arange(pitches, dtype=torch.float64) + LOWEST_PITCH - 69) / 12)
    place = torch.log2(hertz / lowest) / math.log2(highest / lowest)
    codes = 1 + (place * (config.codebook_size - 2)).round().long()
    codes = torch.where((place >= 0) & (place <= 1), codes, -1)
    none = torch.tensor([-1])
    return torch.cat([none, codes, codes, none, none])


class SaxsoloIntonation(nn.Module):
    """Turns pitch codes into distances from the note, and preferences for distances into logits."""

    def __init__(self, config: SaxsoloConfig):
        super().__init__()
        self.config = config
        size = 2 * REACH + 1
        # the last place: no pitch, or no note
        self.into = Embedding(size + 1, config.hidden_size)
        self.out = SilentLinear(config.hidden_size, 2 * size, bias=False)

    def notes(self, score: torch.Tensor) -> torch.Tensor:
        """Tokens of the score stream (B, S), special ones allowed -> their pitch codes, or -1."""
        config = self.config
        size = config.score_vocab_size
        score = torch.where(score < size, score, score - (config.codebook_size - size))
        return note_codes(config).to(score.device)[score]

    def distances(self, notes: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Places in `into`: pitch codes of notes, and codes as played, both (B, S) -> (B, S)."""
        played = (codes > 0) & (codes < self.config.codebook_size)
        distance = (codes - notes).clamp(-REACH, REACH) + REACH
        return torch.where(played & (notes > 0), distance, 2 * REACH + 1)

    def hear(self, notes: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """What of the last code's distance from its note the decoder receives, (B, S, D).

        Args:
            notes: (B, S) pitch codes of the notes that each step knows of, -1 = none.
            codes: (B, S) first codes that each step knows of, special tokens allowed.
        """
        heard: torch.Tensor = self.into(self.distances(notes, codes))
        return heard

    def lean(
        self, logits: torch.Tensor, hidden: torch.Tensor, notes: torch.Tensor, codes: torch.Tensor
    ) -> torch.Tensor:
        """Logits (..., V) of the first codebook, leaning by distance; hidden (..., D), notes and
        codes (...) as in `hear`."""
        by_note, by_code = self.out(hidden).to(logits.dtype).chunk(2, dim=-1)
        size = logits.shape[-1]
        steps = torch.arange(-REACH, REACH + 1, device=logits.device)
        played = (codes > 0) & (codes < size)
        for leaning, around, known in ((by_note, notes, notes > 0), (by_code, codes, played)):
            places = around[..., None] + steps
            # code 0 is no pitch: it is never a neighbour
            inside = (places > 0) & (places < size) & known[..., None]
            logits = logits.scatter_add(-1, places.clamp(0, size - 1), leaning * inside)
        return logits
