"""What `generate()` may draw at each step: logits processors for parallel streams.

All of them are stateless: they need only the number of tokens so far.
"""

from typing import Any

import numpy as np
import torch
from transformers.generation import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from .configuration_saxsolo import SaxsoloConfig
from .vocabulary_saxsolo import FREE


class ForcedTokens(LogitsProcessor):
    """Steps at which a stream has no choice: before its delay, after its end, within a prompt.

    Args:
        forced: (B * N, S) tokens, FREE where the model chooses; column s is decoder step s.
    """

    def __init__(self, forced: torch.Tensor):
        self.forced = forced
        self.needed = (forced != FREE).any(dim=0).tolist()

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        step = input_ids.shape[-1] - 1
        if not self.needed[step]:
            return scores
        token = self.forced[:, step, None]
        only = torch.full_like(scores, torch.finfo(scores.dtype).min)
        only.scatter_(1, token.clamp(min=0), 0.0)
        return torch.where(token == FREE, scores, only)


class ScoreGrammar(LogitsProcessor):
    """A pitch can be held only where it began or was held one frame before."""

    def __init__(self, config: SaxsoloConfig):
        self.streams = config.num_streams
        self.pitches = (config.score_vocab_size - 1) // 2

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        pitches = self.pitches
        last = input_ids[:: self.streams, -1:]
        # Onset p is token 1 + p, its hold is token 1 + pitches + p.
        sounding = torch.where(last > pitches, last - pitches, last) - 1
        wrong = torch.arange(pitches, device=last.device) != sounding
        holds = scores[:: self.streams, 1 + pitches : 1 + 2 * pitches]
        holds.masked_fill_(wrong, torch.finfo(scores.dtype).min)
        return scores


class SoundingNotes(LogitsProcessor):
    """While a note is played the first codebook names none of the codes that silence alone has:
    once drawn by chance, silence would go on, since the next codes are heard after it.

    Args:
        config: of the model, whose score stream leads the first codebook.
    """

    def __init__(self, config: SaxsoloConfig):
        self.streams = config.num_streams
        self.notes = config.score_vocab_size - 1
        self.delay = config.stream_delays[1]
        self.silent = torch.tensor(config.silent_codes, dtype=torch.long)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # the first token of a row is the decoder's start
        if input_ids.shape[-1] <= self.delay:
            return scores
        score = input_ids[:: self.streams, -self.delay]
        sounding = (score > 0) & (score <= self.notes)
        first = scores[1 :: self.streams]
        silent = torch.zeros(first.shape[-1], dtype=torch.bool, device=scores.device)
        silent[self.silent.to(scores.device)] = True
        first.masked_fill_(sounding[:, None] & silent, -torch.inf)
        return scores


def code_draws(seed: int, rows: int, books: int, first: int, last: int) -> Any:
    """What the codebooks are drawn by in the steps from `first` to before `last`.

    Args:
        seed: of one solo or batch; a step's numbers do not depend on where one begins to draw.
        rows, books: of the batch, and how many codebooks.

    Returns:
        (rows, books, steps) float64 from 0 to below 1.
    """
    bits = np.random.PCG64(seed)
    bits.advance(first * rows * books)
    numbers = np.random.Generator(bits).random((last - first, rows, books))
    return numbers.transpose(1, 2, 0)


class DrawnCodes(LogitsProcessor):
    """Codes drawn by given numbers: the first whose cumulative chance exceeds the number.

    One number decides, where `torch.multinomial` draws one for each of the 2,048 codes: a sixth of
    the time of a step of fast decoding. It leaves one code possible, so it comes last.

    Args:
        draws: (B, N - 1, S) of `code_draws`; column s is decoder step s. The score stream is left
            as it is.
    """

    def __init__(self, draws: Any):
        self.draws = torch.from_numpy(np.ascontiguousarray(draws))
        self.streams = draws.shape[1] + 1

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        by_stream = scores.view(-1, self.streams, scores.shape[-1])
        codes = by_stream[:, 1:]
        draws = self.draws[..., input_ids.shape[-1] - 1, None].to(scores.device)
        chances = (codes.float() if codes.dtype.itemsize < 4 else codes).softmax(dim=-1)
        reached = chances.double().cumsum(dim=-1)
        chosen = torch.searchsorted(reached, draws * reached[..., -1:], right=True)
        only = torch.full_like(codes, torch.finfo(scores.dtype).min).scatter_(2, chosen, 0.0)
        return torch.cat([by_stream[:, :1], only], dim=1).flatten(0, 1)


class WhenThenWhat(LogitsProcessor):
    """One temperature for when to play, another for which pitch, as two successive choices.

    One temperature over all tokens would thin the solo out as it falls: the chance of an onset is
    spread over many pitches, that of a rest and of holding on stands in one token each. So rest,
    onset (of any pitch) and hold are drawn at `temperature`, and a struck note's pitch at
    `temperature * pitch_temperature`.

    Args:
        config: of the model.
        temperature, pitch_temperature: above 0; both 1 change nothing.
        onset_bias: added to the logit of any onset; above 0 = more notes.
    """

    def __init__(
        self,
        config: SaxsoloConfig,
        temperature: float,
        pitch_temperature: float,
        onset_bias: float = 0.0,
    ):
        self.pitches = (config.score_vocab_size - 1) // 2
        self.when = temperature
        self.what = temperature * pitch_temperature
        self.bias = onset_bias

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # What is ruled out has the lowest float, which a division must not make infinite.
        lowest = torch.finfo(torch.float32).min
        struck = slice(1, 1 + self.pitches)
        onsets = scores[..., struck].float()
        any_onset = onsets.logsumexp(-1, keepdim=True)
        drawn = scores.float() / self.when
        pitch = (onsets / self.what).clamp(min=lowest).log_softmax(-1)
        drawn[..., struck] = any_onset / self.when + self.bias + pitch
        return drawn.clamp(min=lowest).to(scores.dtype)


class PerStream(LogitsProcessor):
    """Different sampling settings for the score stream and for the codebooks."""

    def __init__(self, streams: int, score: LogitsProcessorList, codes: LogitsProcessorList):
        self.streams = streams
        self.score = score
        self.codes = codes

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        by_stream = scores.view(-1, self.streams, scores.shape[-1])
        score, codes = by_stream[:, 0], by_stream[:, 1:].flatten(0, 1)
        # The list's own call looks up every signature again, at every step.
        for processor in self.score:
            score = processor(input_ids, score)
        for processor in self.codes:
            codes = processor(input_ids, codes)
        codes = codes.view(-1, self.streams - 1, codes.shape[-1])
        return torch.cat([score.unsqueeze(1), codes], dim=1).flatten(0, 1)


def warpers(
    temperature: float | None, top_k: int | None, top_p: float | None
) -> LogitsProcessorList:
    """The library's sampling steps, only those that change anything."""
    warpers = LogitsProcessorList()
    if temperature is not None and temperature != 1:
        warpers.append(TemperatureLogitsWarper(float(temperature)))
    if top_k:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p is not None and top_p < 1:
        warpers.append(TopPLogitsWarper(top_p))
    return warpers
