"""The codebooks of known notes, decoded at several times the speed of the library's loop.

Once the notes are decided, a step of decoding is a chain of small matrix-vector products, and the
time goes into what stands between them. This module runs that chain without the library: compiled
(compiled_layers_saxsolo) where Numba is installed, else in NumPy (folded_layers_saxsolo).

Embedding and projection of each code are one table. What else the decoder receives at a step
(chords, beats, the notes) does not depend on the codes and is computed for all steps at once. Steps
at which nothing is chosen go through the layers together with the next. Solos that several threads
play by one decoder share its steps (together_saxsolo).

It plays what `_play_window` plays, by the same draws (`code_draws`). Sums are taken in another
order, so single codes may differ in float32; in float64 they do not (tests/modeling).

R rows (a batch), N streams, H heads, D hidden size, S steps, V vocabulary with pad and BOS.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache, EncoderDecoderCache

from .compiled_layers_saxsolo import CompiledLayers
from .decoder_kernels_saxsolo import AVAILABLE
from .encoder_saxsolo import SaxsoloEncoderOutput
from .folded_layers_saxsolo import FoldedLayers, as_array, centred
from .played_row_saxsolo import PlayedRow, Sampling, Tables
from .together_saxsolo import Together

Array = np.ndarray[Any, np.dtype[Any]]


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
        with torch.no_grad():
            by_pitch = config.pitch_range is not None
            self.tables = Tables(
                as_array(centred(code_table(model.decoder.embed))),
                as_array(centred(model.decoder.intonation.into.weight)) if by_pitch else None,
                config.vocab_size,
                config.codebook_size,
                np.array(config.silent_codes or [], dtype=np.int64),
                config,
            )
            self.layers = CompiledLayers(model) if AVAILABLE else FoldedLayers(model)
        self.together = Together(self.layers)

    def warm_up(self) -> None:
        """Makes ready what the first step of a process would wait for."""
        if isinstance(self.layers, CompiledLayers):
            self.together.between_steps(self.layers.warm_up)

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
        rows, streams, known = past.shape
        start = past.new_full((rows, streams, 1), self.model.config.decoder_start_token_id)
        prompt = torch.cat([start, past], dim=-1)
        cache = EncoderDecoderCache(
            DynamicCache(config=self.model.config), DynamicCache(config=self.model.config)
        )
        hidden, _ = self.model.decoder(prompt.transpose(1, 2), heard, cache)
        steps = forced.shape[-1] - known
        notes = torch.cat([prompt[:, 0], forced[:, 0, known:-1]], dim=-1)
        inputs = as_array(centred(self._without_codes(heard, notes)[:, known + 1 :]))
        given = forced[..., known:].cpu().numpy()
        sounding = self._sounding(past, forced)[:, known:]
        around = self._note_codes(notes)
        logits = self._first_logits(hidden[:, -1], notes[:, known], prompt[:, 1, -1])
        playing = [
            PlayedRow(
                self.tables,
                prompt[row].numpy(),
                given[row],
                inputs[row],
                around[row],
                sounding[row],
                logits[row],
                sampling,
                None if draws is None else draws[row][:, known:],
                None if asked is None else asked[row, known:],
            )
            for row in range(rows)
        ]
        length = 1 + known + steps

        def join(row: int) -> Any:
            return self.layers.join(heard, cache, row, length)

        def report(tokens: Array) -> None:
            if on_step is not None:
                on_step(torch.from_numpy(tokens.flatten()))

        with one_blas_thread(), np.errstate(over="ignore"):
            self.together.play(playing, join, report)
        return torch.from_numpy(np.stack([row.played for row in playing])).to(past)

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
        if self.tables.distances is not None:
            intonation = self.model.decoder.intonation
            logits[0] = intonation.lean(logits[0], hidden, intonation.notes(score), codes)
        return as_array(torch.cat(logits, dim=-1))

    def _note_codes(self, notes: torch.Tensor) -> Array:
        """(R, S) pitch codes of the notes that each step knows of; see intonation_saxsolo."""
        if self.tables.distances is None:
            return as_array(notes)
        return as_array(self.model.decoder.intonation.notes(notes))

    def _sounding(self, past: torch.Tensor, forced: torch.Tensor) -> Array:
        """(R, S): whether a note sounds in the frame whose first code is chosen at each step."""
        score = torch.cat([past[:, 0], forced[:, 0, past.shape[-1] :]], dim=-1).cpu().numpy()
        sounds = (score > 0) & (score < self.model.config.score_vocab_size)
        delay = self.model.config.stream_delays[1]
        before = np.zeros((len(score), delay), dtype=bool)
        return np.concatenate([before, sounds], axis=1)[:, : score.shape[1]]


_LIMITED = threading.Lock()
# threads that play, and what they found
_playing: list[Any] = []


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """numpy's products on one thread, as long as anybody plays: they are too small to share, and
    waiting for one another takes longer than the work. Without threadpoolctl numpy's own number of
    threads holds."""
    controller = _blas()
    if controller is None:
        yield
        return
    with _LIMITED:
        _playing.append(_playing[0] if _playing else controller.limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _LIMITED:
            limit = _playing.pop()
            if not _playing:
                limit.restore_original_limits()


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
