"""The codebooks of known notes, decoded at several times the speed of the library's loop.

Once the notes are decided, a step of decoding is a chain of small matrix-vector products, and the
time goes into what stands between them. This module runs that chain in numpy, whose calls cost a
fraction of torch's, on weights that are folded beforehand:

- The scale of each norm goes into the layer behind it. Everything that is added to the residual
  stream is centred, so that the norm's mean is always zero and need not be taken (Ashkboos et al.
  2024, SliceGPT, arXiv 2401.15024, section 3).
- The two numbers that a rotary position turns lie side by side: one complex product rotates all
  heads. The scale of the attention goes into the queries.
- Weights lie in memory with the longer side in rows: BLAS reads them two to four times as fast
  as rows of 192 numbers. Keys lie with time in rows, for the same reason.
- Embedding and projection of each code are one table. What else the decoder receives at a step
  (chords, beats, the notes) does not depend on the codes and is computed for all steps at once.

It plays what `_play_window` plays, with the same random draws: torch's multinomial takes the
largest ratio of probability to an exponential draw, and so does this. Sums are taken in another
order, so single codes may differ in float32; in float64 they do not (tests/modeling).

R rows (a batch), N streams, H heads, D hidden size, S steps, V vocabulary with pad and BOS.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache, EncoderDecoderCache, GenerationConfig

from .contour_saxsolo import follow
from .encoder_saxsolo import SaxsoloEncoderOutput
from .intonation_saxsolo import REACH
from .sampling_saxsolo import FREE

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Sampling:
    """How the codebooks are drawn; `draw` false takes the likeliest."""

    draw: bool = True
    temperature: float = 1.0
    top_k: int = 0

    @classmethod
    def of(cls, settings: GenerationConfig) -> "Sampling":
        """As `generate` was asked to sample the codebooks."""
        temperature = getattr(settings, "codec_temperature", None)
        top_k = getattr(settings, "codec_top_k", None)
        return cls(
            bool(settings.do_sample), 1.0 if temperature is None else temperature, top_k or 0
        )


@dataclass(frozen=True)
class _Layer:
    """Folded weights, (in, out) each, the memory's keys (R, H, d, M) and values (R, H, M, d) and
    what of it is padding (R, 1, 1, M), and room for the keys (R, H, d, S) and values (R, H, S, d)
    of S steps."""

    query_key_value: Array
    out: Array
    cross_query: Array
    cross_out: Array
    gate_up: Array
    down: Array
    memory_keys: Array
    memory_values: Array
    memory_unseen: Array | None
    keys: Array
    values: Array


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
        self.heads, self.head_dim = config.num_attention_heads, config.head_dim
        self.size, self.eps = config.hidden_size, config.norm_eps
        self.streams = config.num_streams
        self.code_size = config.codebook_size
        self.vocab_size = config.vocab_size
        self.drawn = torch.empty(0)
        self.silent = np.array(config.silent_codes or [], dtype=np.int64)
        with torch.no_grad():
            self.table = _numpy(_centred(_code_table(model.decoder.embed)))
            norm = model.decoder.norm.weight
            self.code_heads = _factor(torch.cat([head.weight for head in model.heads[1:]]) * norm)
            self.by_pitch = config.pitch_range is not None
            if self.by_pitch:
                intonation = model.decoder.intonation
                self.distance_table = _numpy(_centred(intonation.into.weight))
                self.distance_heads = _factor(intonation.out.weight * norm)
            self.folded = [self._fold(layer) for layer in model.decoder.layers]

    def _fold(self, layer: Any) -> dict[str, Array]:
        order = self._pairs()
        scale = self.head_dim**-0.5
        own, cross, mlp = layer.attention, layer.cross_attention, layer.mlp
        query, key, value = (own.query_key_value.weight * layer.attention_norm.weight).chunk(3)
        folded = {
            "query_key_value": torch.cat([query[order] * scale, key[order], value]),
            "out": _centred(own.out.weight.T).T,
            "cross_query": (cross.query.weight * layer.cross_norm.weight)[order] * scale,
            "cross_out": _centred(cross.out.weight.T).T,
            "gate_up": mlp.gate_up.weight * layer.mlp_norm.weight,
            "down": _centred(mlp.out.weight.T).T,
        }
        return {name: _factor(weight) for name, weight in folded.items()}

    def _pairs(self) -> torch.Tensor:
        """Order of a projection's rows that puts what is rotated together side by side."""
        pairs = self.head_dim // 4
        first = torch.arange(pairs)
        rotated = torch.stack([first, first + pairs], dim=1).flatten()
        head = torch.cat([rotated, torch.arange(2 * pairs, self.head_dim)])
        return (torch.arange(self.heads)[:, None] * self.head_dim + head).flatten()

    @torch.no_grad()
    def play(
        self,
        heard: SaxsoloEncoderOutput,
        past: torch.Tensor,
        forced: torch.Tensor,
        sampling: Sampling,
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
        inputs = _numpy(_centred(self._without_codes(heard, notes)[:, known + 1 :]))
        layers = [
            self._layer(folded, cache, index, known + steps, heard.memory_mask)
            for index, folded in enumerate(self.folded)
        ]
        turns, cross_turns = self._turns(heard)
        given = forced[..., known:].cpu().numpy()
        sounding = self._sounding(past, forced)
        around = self._note_codes(notes)
        played = np.empty((rows, self.streams, steps), dtype=np.int64)
        played[:, 0] = given[:, 0]
        logits = self._first_logits(hidden[:, -1], notes[:, known], prompt[:, 1, -1])
        chosen = (given[:, 1:] == FREE).any(axis=(0, 1))
        done = 0
        with one_blas_thread(), np.errstate(over="ignore"):
            for step in range(steps):
                if not chosen[step]:
                    # where nothing is chosen steps wait, and go through the layers together
                    played[..., step] = given[..., step]
                    self._exponentials(rows, sampling)
                else:
                    if step > done:
                        places = slice(known + done + 1, known + step + 1)
                        state = self._input(played[..., done:step], around[:, places])
                        state += inputs[:, done:step]
                        for layer in layers:
                            state = self._through(layer, state, places, turns, cross_turns)
                        state = self._normalised(state[:, -1])
                        logits = state @ self.code_heads
                        if self.by_pitch:
                            last = played[:, 1, step - 1]
                            self._lean(logits, state, around[:, known + step], last)
                        done = step
                    if asked is not None:
                        self._follow(logits, asked[:, known + step])
                    if len(self.silent):
                        self._keep_sounding(logits, sounding[:, known + step])
                    self._choose(logits, given[..., step], played[..., step], sampling)
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
        return _numpy(torch.cat(logits, dim=-1))

    def _note_codes(self, notes: torch.Tensor) -> Array:
        """(R, S) pitch codes of the notes that each step knows of; see intonation_saxsolo."""
        if not self.by_pitch:
            return _numpy(notes)
        return _numpy(self.model.decoder.intonation.notes(notes))

    def _distances(self, notes: Array, codes: Array) -> Array:
        """As `SaxsoloIntonation.distances`."""
        played = (codes > 0) & (codes < self.code_size) & (notes > 0)
        distance = np.clip(codes - notes, -REACH, REACH) + REACH
        return np.where(played, distance, 2 * REACH + 1)

    def _lean(self, logits: Array, state: Array, notes: Array, codes: Array) -> None:
        """As `SaxsoloIntonation.lean`, in place, on the logits of all codebooks."""
        leaning = state @ self.distance_heads
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

    def _layer(
        self,
        folded: dict[str, Array],
        cache: EncoderDecoderCache,
        index: int,
        steps: int,
        mask: torch.Tensor | None,
    ) -> _Layer:
        """A layer with room for `steps` steps, the prompt's keys and values already there."""
        own: Any = cache.self_attention_cache.layers[index]
        memory: Any = cache.cross_attention_cache.layers[index]
        order = self._pairs()[: self.head_dim]
        rows, heads, known, _ = own.keys.shape
        values = np.empty((rows, heads, steps, self.head_dim), self.table.dtype)
        keys = np.empty((rows, heads, self.head_dim, steps), self.table.dtype)
        keys[..., :known] = _numpy(own.keys[..., order].transpose(2, 3))
        values[:, :, :known] = _numpy(own.values)
        return _Layer(
            **folded,
            memory_keys=_numpy(memory.keys[..., order].transpose(2, 3)),
            memory_values=_numpy(memory.values),
            memory_unseen=None if mask is None else ~_numpy(mask),
            keys=keys,
            values=values,
        )

    def _turns(self, heard: SaxsoloEncoderOutput) -> tuple[Array, Array]:
        """(S, d / 2) complex numbers that rotate queries and keys, and those of the memory's."""
        assert heard.rotary is not None, "the encoder makes it"
        cos, sin = _numpy(heard.rotary)
        turned = cos + 1j * sin
        turns = np.concatenate([turned, np.ones_like(turned)], axis=1)
        turns = turns.astype(np.result_type(self.table, np.complex64))
        rotary_cross = self.model.decoder.layers[0].rotary_cross
        return turns, turns if rotary_cross else np.ones_like(turns)

    def _normalised(self, state: Array) -> Array:
        if state.size == self.size:
            row = state.reshape(-1)
            return state * state.dtype.type(1 / math.sqrt(row.dot(row) / self.size + self.eps))
        return state / np.sqrt(np.square(state).mean(axis=-1, keepdims=True) + self.eps)

    def _through(
        self, layer: _Layer, state: Array, places: slice, turns: Array, cross_turns: Array
    ) -> Array:
        """One layer on the states (R, n, D) of the n steps at `places`."""
        rows, steps, _ = state.shape
        heads, size = self.heads, self.head_dim
        projected = self._normalised(state) @ layer.query_key_value
        projected = projected.reshape(rows, steps, 3 * heads, size)
        rotated = projected[:, :, : 2 * heads].view(turns.dtype)
        rotated *= turns[places, None]
        query, keys, values = (
            projected[:, :, part * heads : (part + 1) * heads].swapaxes(1, 2) for part in range(3)
        )
        layer.keys[..., places] = keys.swapaxes(2, 3)
        layer.values[:, :, places] = values
        past = places.stop
        unseen = _later(steps, past) if steps > 1 else None
        attended = _attend(query, layer.keys[..., :past], layer.values[:, :, :past], unseen)
        state = state + attended.reshape(state.shape) @ layer.out
        query = (self._normalised(state) @ layer.cross_query).reshape(rows, steps, heads, size)
        rotated = query.view(cross_turns.dtype)
        rotated *= cross_turns[places, None]
        attended = _attend(
            query.swapaxes(1, 2), layer.memory_keys, layer.memory_values, layer.memory_unseen
        )
        state += attended.reshape(state.shape) @ layer.cross_out
        gate_up = self._normalised(state) @ layer.gate_up
        half = gate_up.shape[-1] // 2
        gate, up = gate_up[..., :half], gate_up[..., half:]
        state += (gate / (1 + np.exp(-gate)) * up) @ layer.down
        return state

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

    def _choose(self, logits: Array, given: Array, played: Array, sampling: Sampling) -> None:
        """Write a token of each codebook: logits (R, (N - 1) * codes); given, played (R, N)."""
        rows = len(logits)
        logits = logits.reshape(rows, self.streams - 1, -1)
        if sampling.draw:
            if sampling.temperature != 1:
                logits = logits / sampling.temperature
            chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
            if 0 < sampling.top_k < logits.shape[-1]:
                kept = np.partition(logits, -sampling.top_k, axis=-1)[..., -sampling.top_k, None]
                chances[logits < kept] = 0
            logits = chances / self._exponentials(rows, sampling)
        chosen = logits.argmax(axis=-1)
        played[:, 1:] = np.where(given[:, 1:] == FREE, chosen, given[:, 1:])

    def _exponentials(self, rows: int, sampling: Sampling) -> Array:
        """(R, N - 1, codes) of what torch.multinomial draws for all streams, the score's row
        included, valid until the next call; none where nothing is drawn."""
        if not sampling.draw:
            return np.zeros(0)
        if len(self.drawn) != rows:
            self.drawn = torch.empty(rows, self.streams, self.vocab_size, dtype=torch.float32)
        return self.drawn.exponential_().numpy()[:, 1:, : self.code_size]


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


def _attend(query: Array, keys: Array, values: Array, unseen: Array | None = None) -> Array:
    """Attention of n steps: queries (R, H, n, d) over keys (R, H, d, M) and values (R, H, M, d) ->
    (R, n, H, d). `unseen`: bool that broadcasts to (R, H, n, M)."""
    weights = np.matmul(query, keys)
    if unseen is not None:
        np.copyto(weights, np.finfo(weights.dtype).min, where=unseen)
    weights -= weights.max(axis=3, keepdims=True)
    np.exp(weights, out=weights)
    attended: Array = np.matmul(weights, values)
    attended /= weights.sum(axis=3, keepdims=True)
    return attended.swapaxes(1, 2)


def _later(steps: int, past: int) -> Array:
    """(n, past): which of the steps so far lie behind each of the last n."""
    return np.arange(past) > np.arange(past - steps, past)[:, None]


def _code_table(embed: Any) -> torch.Tensor:
    """(K * V, D): what each code of each codebook adds to the decoder's input."""
    vectors = embed.vectors.weight
    if embed.projection is None:
        return vectors
    by_codebook = vectors.view(embed.num_codebooks, embed.vocab_size, -1)
    maps = embed.projection.weight.view(-1, embed.num_codebooks, by_codebook.shape[-1])
    return torch.einsum("kvc,dkc->kvd", by_codebook, maps).flatten(0, 1)


def _centred(values: torch.Tensor) -> torch.Tensor:
    """Without the mean of the last axis."""
    return values - values.mean(dim=-1, keepdim=True)


def _numpy(values: torch.Tensor) -> Array:
    """A contiguous copy."""
    return np.array(values.detach().numpy(), order="C")


def _factor(weight: torch.Tensor) -> Array:
    """A weight (out, in) -> (in, out), a factor from the right; the longer axis is contiguous."""
    wide = weight.shape[0] > weight.shape[1]
    return _numpy(weight.T) if wide else _numpy(weight).T
