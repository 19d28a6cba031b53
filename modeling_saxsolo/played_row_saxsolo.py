"""One solo's codebooks over one window: what it hands to the decoder's layers, and what it draws.

N streams, D hidden size, S steps of the window, V vocabulary with pad and BOS.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import GenerationConfig

from .contour_saxsolo import follow
from .intonation_saxsolo import REACH
from .vocabulary_saxsolo import FREE

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Sampling:
    """How the codebooks are drawn."""

    temperature: float = 1.0
    top_k: int = 0

    @classmethod
    def of(cls, settings: GenerationConfig) -> "Sampling":
        """As `generate` was asked to sample the codebooks."""
        temperature = getattr(settings, "codec_temperature", None)
        top_k = getattr(settings, "codec_top_k", None)
        return cls(1.0 if temperature is None else temperature, top_k or 0)


@dataclass(frozen=True)
class Tables:
    """What codes add to the decoder's input, and which of them are silent.

    Attributes:
        codes: ((N - 1) * V, D). distances: (2 * REACH + 2, D), where the first code is a pitch.
        vocab_size, code_size: V, and the codes of a codebook.
        silent: codes of silence.
        config: of the model.
    """

    codes: Array
    distances: Array | None
    vocab_size: int
    code_size: int
    silent: Array
    config: Any

    def input_of(self, played: Array, notes: Array) -> Array:
        """(n, D): what played tokens (N, n) add to the decoder's input in the steps after them,
        whose pitch codes are `notes` (n,)."""
        offsets = np.arange(len(played) - 1)[:, None] * self.vocab_size
        state: Array = self.codes[played[1:] + offsets].sum(axis=0)
        if self.distances is not None:
            state += self.distances[self._far(notes, played[1])]
        return state

    def _far(self, notes: Array, codes: Array) -> Array:
        """As `SaxsoloIntonation.distances`."""
        played = (codes > 0) & (codes < self.code_size) & (notes > 0)
        distance = np.maximum(np.minimum(codes - notes, REACH), -REACH) + REACH
        return np.where(played, distance, 2 * REACH + 1)


class PlayedRow:
    """The steps of one solo from its prompt to the end of what is given.

    Args:
        tables: of the model.
        prompt: (N, 1 + s) BOS and the delayed tokens that are known.
        given: (N, S) of the steps after them, FREE where a code is chosen; the first stream, the
            notes, is given throughout.
        inputs: (S, D), what the decoder receives at each of them beside the codes.
        around: (1 + s + S,) pitch codes of the notes that each step knows of.
        sounding: (S,) whether a note sounds in the frame whose first code is chosen.
        logits: ((N - 1) * codes,) after the prompt.
        sampling: of the codebooks.
        draws: (N - 1, S) of `code_draws`; None: the likeliest.
        asked: (S,) of `asked_codes`, NaN where nothing is asked; None = nowhere.

    Attributes:
        played: (N, S) tokens, those before `step` decided.
        step: the next one to be decided.
    """

    def __init__(
        self,
        tables: Tables,
        prompt: Array,
        given: Array,
        inputs: Array,
        around: Array,
        sounding: Array,
        logits: Array,
        sampling: Sampling,
        draws: Array | None,
        asked: Array | None,
    ):
        self.tables, self.given, self.inputs = tables, given, inputs
        self.known = prompt.shape[1]
        self.around, self.sounding, self.logits = around, sounding, logits
        self.sampling, self.draws, self.asked = sampling, draws, asked
        self.played = np.empty_like(given)
        self.step = self.sent = 0
        # the next step from each on at which something is chosen
        free = (given[1:] == FREE).any(axis=0)
        places = np.append(np.where(free, np.arange(len(free)), len(free)), len(free))
        self._next = np.minimum.accumulate(places[::-1])[::-1]
        self._pass()

    @property
    def over(self) -> bool:
        """Whether all is decided."""
        return self.step == self.given.shape[1]

    def waiting(self) -> tuple[Array, int] | None:
        """The states (n, D) that have to go through the layers before the next step is decided, and
        the place of the first of them; None after the prompt."""
        if self.step == self.sent:
            return None
        places = slice(self.known + self.sent, self.known + self.step)
        state = self.tables.input_of(self.played[:, self.sent : self.step], self.around[places])
        state += self.inputs[self.sent : self.step]
        return state, places.start

    def take(self, logits: Array, leaning: Array | None) -> None:
        """Logits of all codebooks, and preferences for distances, after what was waiting."""
        self.logits, self.sent = logits, self.step
        if leaning is not None:
            self._lean(leaning, int(self.around[self.known + self.step - 1]))

    def decide(self) -> None:
        """Draws the step's codes, and passes over those after it at which nothing is chosen."""
        step, config = self.step, self.tables.config
        if self.asked is not None and not np.isnan(self.asked[step]):
            follow(self.logits, self.asked[step], config)
        if self.sounding[step] and len(self.tables.silent):
            self.logits[self.tables.silent] = -np.inf
        codes = self._chosen(None if self.draws is None else self.draws[:, step])
        self.played[0, step] = self.given[0, step]
        free = self.given[1:, step] == FREE
        self.played[1:, step] = np.where(free, codes, self.given[1:, step])
        self.step += 1
        self._pass()

    def _pass(self) -> None:
        here, there = self.step, int(self._next[self.step])
        self.played[:, here:there] = self.given[:, here:there]
        self.step = there

    def _lean(self, leaning: Array, note: int) -> None:
        """As `SaxsoloIntonation.lean`, in place, on the logits of all codebooks."""
        size, code_size = 2 * REACH + 1, self.tables.code_size
        for part, around in enumerate((note, int(self.played[1, self.step - 1]))):
            if not 0 < around < code_size:
                continue
            first, last = max(1, around - REACH), min(code_size, around + REACH + 1)
            skipped = part * size + first - around + REACH
            self.logits[first:last] += leaning[skipped : skipped + last - first]

    def _chosen(self, draws: Array | None) -> Array:
        """A code of each codebook (N - 1,); see `DrawnCodes`."""
        logits = self.logits.reshape(len(self.given) - 1, -1)
        if draws is None:
            codes: Array = logits.argmax(axis=-1)
            return codes
        if self.sampling.temperature != 1:
            logits = logits / self.sampling.temperature
        chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
        top_k = self.sampling.top_k
        if 0 < top_k < logits.shape[-1]:
            kept = np.partition(logits, -top_k, axis=-1)[..., -top_k, None]
            chances[logits < kept] = 0
        reached = chances.cumsum(axis=-1, dtype=np.float64)
        return np.array(
            [
                row.searchsorted(draw * row[-1], side="right")
                for row, draw in zip(reached, draws, strict=True)
            ]
        )
