"""The codebooks of known notes, decoded at several times the speed of the library's loop.

Once the notes are decided, a step of decoding is a chain of small matrix-vector products, and the
time goes into what stands between them. This module runs that chain without the library: compiled
(compiled_layers_saxsolo) where Numba is installed, else in NumPy (folded_layers_saxsolo).

Embedding and projection of each code are one table. What else the decoder receives at a step
(chords, beats, the notes) does not depend on the codes and is computed for all steps at once. Steps
at which nothing is chosen go through the layers together with the next.

It plays what `_play_window` plays, by the same draws (`code_draws`). Sums are taken in another
order, so single codes may differ in float32; in float64 they do not (tests/modeling).

R rows (a batch), N streams, H heads, D hidden size, S steps, V vocabulary with pad and BOS.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache, EncoderDecoderCache, GenerationConfig

from .compiled_layers_saxsolo import CompiledLayers
from .contour_saxsolo import follow
from .decoder_kernels_saxsolo import AVAILABLE
from .encoder_saxsolo import SaxsoloEncoderOutput
from .folded_layers_saxsolo import FoldedLayers, as_array, centred
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


class FastDecoder:
    """Decodes the codebooks of a solo whose notes are known.

    Args:
        model: a solo model with a score stream, on the CPU, in float32 or float64. Its weights are
            copied: make a new decoder after they change.

    Raises:
        ValueError: for any other model; `supports` tells beforehand.
    """

    def __init__(self, model: Any):
        if not supports(model):
            raise ValueError(
                f"a model on {model.device} in {model.dtype}, score stream "
                f"{bool(model.config.score_vocab_size)}: fast decoding is for score streams on the "
                "CPU in float32 or float64."
            )
        self.model = model
        config = model.config
        self.streams = config.num_streams
        self.code_size = config.codebook_size
        self.vocab_size = config.vocab_size
        self.silent = np.array(config.silent_codes or [], dtype=np.int64)
        with torch.no_grad():
            self.table = as_array(centred(code_table(model.decoder.embed)))
            self.by_pitch = config.pitch_range is not None
            if self.by_pitch:
                self.distance_table = as_array(centred(model.decoder.intonation.into.weight))
            self.layers = CompiledLayers(model) if AVAILABLE else FoldedLayers(model)

    def warm_up(self) -> None:
        """Makes ready what the first step of a process would wait for."""
        if isinstance(self.layers, CompiledLayers):
            self.layers.warm_up()

    @torch.no_grad()
    def play(
        self,
        heard: SaxsoloEncoderOutput,
        past: torch.Tensor,
        forced: torch.Tensor,
        sampling: Sampling,
        draws: Array | None = None,
        on_step: Callable[[torch.Tensor], None] | None = None,
        asked: Array | None = None,
    ) -> torch.Tensor:
        """Play on from `past` as far as `forced` goes.

        Args:
            heard: of the window, R rows.
            past: (R, N, s) delayed tokens that are known.
            forced: (R, N, S) delayed tokens that are given, FREE where a code is chosen; the first
                stream, the notes, is given throughout.
            sampling: of the codebooks.
            draws: (R, N - 1, S) of `code_draws`, by which they are drawn; None: the likeliest.
            on_step: called with the tokens (R * N,) of each step.
            asked: (R, S) of `asked_codes`; None = nothing is asked.

        Returns:
            (R, N, S - s) tokens.
        """
        rows, _, known = past.shape
        start = past.new_full((rows, self.streams, 1), self.model.config.decoder_start_token_id)
        prompt = torch.cat([start, past], dim=-1)
        cache = EncoderDecoderCache(
            DynamicCache(config=self.model.config), DynamicCache(config=self.model.config)
        )
        hidden, _ = self.model.decoder(prompt.transpose(1, 2), heard, cache)
        steps = forced.shape[-1] - known
        notes = torch.cat([prompt[:, 0], forced[:, 0, known:-1]], dim=-1)
        inputs = as_array(centred(self._without_codes(heard, notes)[:, known + 1 :]))
        window = self.layers.window(heard, cache, known + steps)
        given = forced[..., known:].cpu().numpy()
        sounding = self._sounding(past, forced)
        around = self._note_codes(notes)
        played = np.empty((rows, self.streams, steps), dtype=np.int64)
        played[:, 0] = given[:, 0]
        logits = self._first_logits(hidden[:, -1], notes[:, known], prompt[:, 1, -1])
        chosen = (given[:, 1:] == FREE).any(axis=(0, 1))
        leans = np.zeros(forced.shape[-1], bool)
        if asked is not None:
            leans[:] = ~np.isnan(asked).all(axis=0)
        done = 0
        with one_blas_thread(), np.errstate(over="ignore"):
            for step in range(steps):
                if not chosen[step]:
                    # where nothing is chosen steps wait, and go through the layers together
                    played[..., step] = given[..., step]
                else:
                    if step > done:
                        places = slice(known + done + 1, known + step + 1)
                        state = self._input(played[..., done:step], around[:, places])
                        state += inputs[:, done:step]
                        logits, leaning = self.layers.choices(window.through(state, places))
                        if leaning is not None:
                            last = played[:, 1, step - 1]
                            self._lean(logits, leaning, around[:, known + step], last)
                        done = step
                    if asked is not None and leans[known + step]:
                        self._follow(logits, asked[:, known + step])
                    if len(self.silent):
                        self._keep_sounding(logits, sounding[:, known + step])
                    drawn = None if draws is None else draws[..., known + step]
                    codes = self._chosen(logits, sampling, drawn)
                    free = given[:, 1:, step] == FREE
                    played[:, 1:, step] = np.where(free, codes, given[:, 1:, step])
                if on_step is not None:
                    on_step(torch.from_numpy(played[..., step].flatten()))
        return torch.from_numpy(played).to(past)

    def _input(self, played: Array, notes: Array) -> Array:
        """(R, n, D): what played tokens (R, N, n) add to the decoder's input in the steps after
        them, whose pitch codes are `notes` (R, n)."""
        offsets = np.arange(self.streams - 1)[:, None] * self.vocab_size
        state: Array = self.table[played[:, 1:] + offsets].sum(axis=1)
        if self.by_pitch:
            state += self.distance_table[self._distances(notes, played[:, 1])]
        return state

    def _without_codes(self, heard: SaxsoloEncoderOutput, notes: torch.Tensor) -> torch.Tensor:
        """(R, S, D): what the decoder receives at each step beside the codes. notes: (R, S)."""
        decoder = self.model.decoder
        assert heard.clock is not None, "the encoder makes it"
        steps = notes.shape[1]
        inputs = heard.clock[:, :steps] + decoder.embed_score(notes)
        if heard.roots is not None:
            inputs = inputs + decoder.harmony.hear(notes, heard.roots[:, :steps])
        if heard.beats is not None and heard.beats_known is not None:
            onsets = decoder.rhythm.last_onsets(notes)
            since = decoder.rhythm.since(onsets, heard.beats, heard.beats_known, 0)
            inputs = inputs + decoder.rhythm.hear(since)
        return inputs

    def _first_logits(
        self, hidden: torch.Tensor, score: torch.Tensor, codes: torch.Tensor
    ) -> Array:
        """(R, (N - 1) * V) after the prompt: hidden (R, D), last tokens of two streams (R,)."""
        logits = [head(hidden) for head in self.model.heads[1:]]
        if self.by_pitch:
            intonation = self.model.decoder.intonation
            logits[0] = intonation.lean(logits[0], hidden, intonation.notes(score), codes)
        return as_array(torch.cat(logits, dim=-1))

    def _note_codes(self, notes: torch.Tensor) -> Array:
        """(R, S) pitch codes of the notes that each step knows of; see intonation_saxsolo."""
        if not self.by_pitch:
            return as_array(notes)
        return as_array(self.model.decoder.intonation.notes(notes))

    def _distances(self, notes: Array, codes: Array) -> Array:
        """As `SaxsoloIntonation.distances`."""
        played = (codes > 0) & (codes < self.code_size) & (notes > 0)
        distance = np.maximum(np.minimum(codes - notes, REACH), -REACH) + REACH
        return np.where(played, distance, 2 * REACH + 1)

    def _lean(self, logits: Array, leaning: Array, notes: Array, codes: Array) -> None:
        """As `SaxsoloIntonation.lean`, in place, on the logits of all codebooks."""
        size = 2 * REACH + 1
        for row in range(len(logits)):
            for part, around in enumerate((int(notes[row]), int(codes[row]))):
                if not 0 < around < self.code_size:
                    continue
                first, last = max(1, around - REACH), min(self.code_size, around + REACH + 1)
                skipped = part * size + first - around + REACH
                logits[row, first:last] += leaning[row, skipped : skipped + last - first]

    def _follow(self, logits: Array, targets: Array) -> None:
        """As `AskedPitch`, in place, on the logits of all codebooks."""
        for row in np.flatnonzero(~np.isnan(targets)):
            follow(logits[row], targets[row], self.model.config)

    def _sounding(self, past: torch.Tensor, forced: torch.Tensor) -> Array:
        """(R, S): whether a note sounds in the frame whose first code is chosen at each step."""
        score = torch.cat([past[:, 0], forced[:, 0, past.shape[-1] :]], dim=-1).cpu().numpy()
        sounds = (score > 0) & (score < self.model.config.score_vocab_size)
        delay = self.model.config.stream_delays[1]
        before = np.zeros((len(score), delay), dtype=bool)
        return np.concatenate([before, sounds], axis=1)[:, : score.shape[1]]

    def _keep_sounding(self, logits: Array, sounding: Array) -> None:
        """Rule silent codes out in place, see `SoundingNotes`."""
        for row in np.flatnonzero(sounding):
            logits[row, self.silent] = -np.inf

    def _chosen(self, logits: Array, sampling: Sampling, draws: Array | None) -> Array:
        """A code of each codebook (R, N - 1): logits (R, (N - 1) * codes); see `DrawnCodes`."""
        logits = logits.reshape(len(logits), self.streams - 1, -1)
        if draws is None:
            codes: Array = logits.argmax(axis=-1)
            return codes
        if sampling.temperature != 1:
            logits = logits / sampling.temperature
        chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
        if 0 < sampling.top_k < logits.shape[-1]:
            kept = np.partition(logits, -sampling.top_k, axis=-1)[..., -sampling.top_k, None]
            chances[logits < kept] = 0
        reached = chances.cumsum(axis=-1, dtype=np.float64)
        codes = np.empty(draws.shape, np.int64)
        for place in np.ndindex(*draws.shape):
            part = reached[place]
            codes[place] = part.searchsorted(draws[place] * part[-1], side="right")
        return codes


def one_blas_thread() -> AbstractContextManager[Any]:
    """numpy's products on one thread: they are too small to share, and waiting for one another
    takes longer than the work. Without threadpoolctl numpy's own number of threads holds."""
    controller = _blas()
    if controller is None:
        return nullcontext()
    limited: AbstractContextManager[Any] = controller.limit(limits=1, user_api="blas")
    return limited


@cache
def _blas() -> Any:
    """The libraries are looked for once: it takes as long as two frames."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def supports(model: Any) -> bool:
    """Whether `FastDecoder` can play this model: a score stream, on the CPU, single or double."""
    dtypes = (torch.float32, torch.float64)
    on_cpu = model.device.type == "cpu" and model.dtype in dtypes
    return bool(model.config.score_vocab_size) and on_cpu and not model.training


def code_table(embed: Any) -> torch.Tensor:
    """(K * V, D): what each code of each codebook adds to the decoder's input."""
    vectors = embed.vectors.weight
    if embed.projection is None:
        return vectors
    by_codebook = vectors.view(embed.num_codebooks, embed.vocab_size, -1)
    maps = embed.projection.weight.view(-1, embed.num_codebooks, by_codebook.shape[-1])
    return torch.einsum("kvc,dkc->kvd", by_codebook, maps).flatten(0, 1)
