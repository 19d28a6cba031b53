"""The solo model: an encoder reads the codes of the backing, a decoder writes those of the solo.

Design choices
- Encoder: sum of K code embeddings a frame, attention in both directions. Heads on it name chord
  and beat of every frame (auxiliary loss, and made explicit for the decoder).
- The memory for cross-attention: a learned sink, one token a condition, then the encoder's states,
  averaged over `memory_stride` frames (the exact frame comes with the clock).
- One clock: decoder step s predicts frame s of stream 0, so the encoder's states and labels of
  frame s and of each lookahead are added to the decoder's input at step s, computed once.
- Frames that are masked out (padding, dropped backing, no audio at all) have a learned null state,
  no label posteriors and no place in the memory. Labels given from outside replace what is heard.
- The decoder receives chord and beat as the heads name them, the encoder's states, or both
  (`listen`); the chord's root also turns pitches into degrees for the score stream (see
  harmony_saxsolo), the beat turns frames into beats (see rhythm_saxsolo), and the note turns the
  codec's pitches into distances from it (see intonation_saxsolo).
- Planner, if any (see planner_saxsolo): decides the notes that the score stream is then given.
- Decoder: sum of N stream embeddings a step, causal; N heads, each run only where it has labels.

B batch, K codebooks, N streams (the score stream first, if any), T frames, S = T + max(stream
delays) steps, L frame labels, C conditions, D hidden size, M = 1 + C + ceil(T / memory_stride).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput, can_return_tuple

from .configuration_saxsolo import SaxsoloConfig
from .encoder_saxsolo import SaxsoloEncoder, SaxsoloEncoderOutput
from .generation_saxsolo import SaxsoloGenerationMixin
from .harmony_saxsolo import SaxsoloHarmony, onto_onsets
from .intonation_saxsolo import SaxsoloIntonation
from .layers_saxsolo import (
    Embedding,
    SaxsoloCodeEmbedding,
    SaxsoloDecoderLayer,
    dropout,
    layer_norm,
)
from .planner_saxsolo import SIZES, SaxsoloPlanner
from .rhythm_saxsolo import SaxsoloRhythm, SilentLinear
from .saving_saxsolo import SavedWithPipeline


@dataclass
class SaxsoloOutput(ModelOutput):
    """What the model returns.

    Attributes:
        loss: mean of the streams' losses + frame_label_weight * frame_label_loss, nats.
        logits: (B * N, S, codebook_size + 2), in columns beyond a stream's vocabulary the lowest
            float; None where labels are given, unless asked for.
        loss_per_stream, accuracy_per_stream: (N,), NaN for a stream without labels; accuracy
            only outside of training.
        frame_label_loss: mean cross-entropy of the labels, nats; frame_label_accuracy: (L,), NaN
            for a label without targets.
        past_key_values: the cache.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    loss_per_stream: torch.Tensor | None = None
    accuracy_per_stream: torch.Tensor | None = None
    frame_label_loss: torch.Tensor | None = None
    frame_label_accuracy: torch.Tensor | None = None
    past_key_values: EncoderDecoderCache | None = None


class SaxsoloPreTrainedModel(PreTrainedModel):
    config: SaxsoloConfig
    base_model_prefix = "model"
    main_input_name = "backing_codes"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["SaxsoloEncoderLayer", "SaxsoloDecoderLayer"]

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        std = self.config.initializer_range
        if isinstance(module, SaxsoloCodeEmbedding) and module.projection is not None:
            # Unit vectors in, as init_codec_embeddings makes them: the projection sets the scale.
            init.normal_(module.vectors.weight, std=1.0)
        elif isinstance(module, SaxsoloEncoder):
            if module.hands_states:
                init.normal_(module.null_state, std=std)
            init.normal_(module.sink, std=std)
            if hasattr(module, "clock"):
                # an untrained ear must not drown what the decoder learnt from scores alone
                init.normal_(module.clock.weight, std=std / 10)
        elif isinstance(module, SilentLinear):
            # so that it can be added to a model that was trained without
            init.zeros_(module.weight)


class SaxsoloDecoder(nn.Module):
    """Plays the solo: the streams' tokens so far in, hidden states of the next ones out."""

    def __init__(self, config: SaxsoloConfig):
        super().__init__()
        self.config = config
        self.embed = SaxsoloCodeEmbedding(config)
        if config.score_vocab_size:
            self.score_embed = Embedding(config.score_vocab_size + 2, config.hidden_size)
        if config.degrees:
            self.harmony = SaxsoloHarmony(config)
        if config.rhythm:
            self.rhythm = SaxsoloRhythm(config)
        if config.pitch_range is not None:
            self.intonation = SaxsoloIntonation(config)
        self.layers = nn.ModuleList(
            SaxsoloDecoderLayer(config, idx) for idx in range(config.decoder_layers)
        )
        self.norm = layer_norm(config)

    def forward(
        self,
        tokens: torch.Tensor,
        heard: SaxsoloEncoderOutput,
        cache: EncoderDecoderCache | None = None,
        onsets: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, S', N) tokens after those in the cache -> hidden states (B, S', D) and the preference
        of the score's onsets for each pitch class (B, S', 12), or for all alike (B, S', 1);
        None with neither degrees nor rhythm. `onsets` as in the model's `forward`."""
        assert heard.clock is not None and heard.rotary is not None, "the encoder makes both"
        past = 0 if cache is None else cache.get_seq_length()
        length = tokens.shape[1]
        positions = torch.arange(length, device=tokens.device) + past
        clock = heard.clock.index_select(1, positions)
        rotary = heard.rotary.index_select(1, positions)
        roots = None if heard.roots is None else heard.roots.index_select(1, positions)
        hidden = self._embed(tokens) + clock
        if roots is not None:
            hidden = hidden + self.harmony.hear(tokens[..., 0], roots)
        since = None
        if heard.beats is not None and heard.beats_known is not None:
            if onsets is None and past:
                raise ValueError(
                    f"the cache holds {past} steps: give onsets, since the tokens alone no longer "
                    "tell when the last notes began (prepare_inputs_for_generation does)."
                )
            if onsets is None:
                onsets = self.rhythm.last_onsets(tokens[..., 0])
            since = self.rhythm.since(onsets, heard.beats, heard.beats_known, past)
            hidden = hidden + self.rhythm.hear(since)
        hidden = dropout(hidden, self.config.dropout, self.training)
        mask = _causal_mask(positions, past, cache)
        for layer in self.layers:
            hidden = layer(
                hidden,
                rotary,
                mask,
                heard.last_hidden_state,
                heard.memory_rotary,
                heard.memory_mask,
                cache,
            )
        hidden = self.norm(hidden)
        leaning = None if roots is None else self.harmony.lean(hidden, roots)
        if since is not None and heard.phases is not None:
            phases = heard.phases.index_select(1, positions)
            struck = self.rhythm.lean(hidden, since, phases)
            leaning = struck if leaning is None else leaning + struck
        return hidden, leaning

    def _embed(self, tokens: torch.Tensor) -> torch.Tensor:
        if not self.config.score_vocab_size:
            return self.embed(tokens)
        embedded: torch.Tensor = self.embed(tokens[..., 1:]) + self.embed_score(tokens[..., 0])
        if self.config.pitch_range is not None:
            notes = self.intonation.notes(tokens[..., 0])
            embedded = embedded + self.intonation.hear(notes, tokens[..., 1])
        return embedded

    def embed_score(self, score: torch.Tensor) -> torch.Tensor:
        """Tokens of the score stream (B, S), special ones allowed, -> (B, S, D)."""
        size = self.config.score_vocab_size
        # The special tokens stand after the codes, in the score's table after its own symbols.
        score = torch.where(score < size, score, score - (self.config.codebook_size - size))
        return self.score_embed(score)


def _causal_mask(
    positions: torch.Tensor, past: int, cache: EncoderDecoderCache | None
) -> torch.Tensor | None:
    """Bool (1, 1, S', keys), or None where the attention kernel knows without."""
    if cache is None:
        return None
    own = cache.self_attention_cache
    if isinstance(own, DynamicCache):
        if len(positions) == 1 or past == 0:
            return None
        keys = past + len(positions)
    else:
        keys = own.get_max_length()
    return (torch.arange(keys, device=positions.device) <= positions[:, None])[None, None]


@dataclass
class _Known:
    """What the heads read at each step: hidden states (..., D), the score's leaning (..., 12 or 1)
    or None, and the tokens that the step has seen last (..., N)."""

    hidden: torch.Tensor
    leaning: torch.Tensor | None
    tokens: torch.Tensor

    def at(self, places: Any) -> "_Known":
        """Some of the steps."""
        leaning = None if self.leaning is None else self.leaning[places]
        return _Known(self.hidden[places], leaning, self.tokens[places])


def _guide(values: torch.Tensor, scale: float) -> torch.Tensor:
    """Rows with backing, then rows without (2 B, ...) -> guided rows (B, ...)."""
    given, null = values.chunk(2)
    return null + scale * (given - null)


def _cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy (nats) that leaves bf16 logits as they are, at half the time of fp32.

    Only the log-probabilities are rounded, one by one; the mean is taken in fp32.
    """
    with torch.autocast(logits.device.type, enabled=False):
        loss = F.nll_loss(F.log_softmax(logits, dim=-1), target, reduction="none")
    return loss.float().mean()


class SaxsoloForConditionalGeneration(
    SavedWithPipeline, SaxsoloPreTrainedModel, SaxsoloGenerationMixin
):
    """Codes of a backing in, codes of a saxophone solo out. See the module's docstring."""

    # Trainer divides by accumulation steps, as our loss is a mean.
    accepts_loss_kwargs = False

    def __init__(self, config: SaxsoloConfig):
        super().__init__(config)
        self.encoder = SaxsoloEncoder(config)
        self.decoder = SaxsoloDecoder(config)
        self.heads = nn.ModuleList(
            nn.Linear(config.hidden_size, size, bias=False) for size in config.stream_sizes
        )
        if config.planner is not None:
            sizes = {name: value for name, value in config.planner.items() if name in SIZES}
            self.planner = SaxsoloPlanner(sizes)
        self.post_init()
        # Greedy decoding soon holds one note for ever: sample unless a checkpoint says otherwise.
        self.generation_config.do_sample = True

    def get_encoder(self, modality: str | None = None) -> SaxsoloEncoder:
        return self.encoder

    @torch.no_grad()
    def init_codec_embeddings(self, vectors: torch.Tensor) -> None:
        """Start both embeddings from the codec's codebooks, scaled to unit variance a codebook.

        Args:
            vectors: (K, V, codec_dim), the codec's `codebook_vectors`.

        Raises:
            ValueError: when that is not the config's layout.
        """
        config = self.config
        wanted = (config.num_codebooks, config.codebook_size, config.codec_dim)
        if tuple(vectors.shape) != wanted or not config.codec_dim:
            raise ValueError(
                f"codebook vectors are {tuple(vectors.shape)} but the model's (num_codebooks, "
                f"codebook_size, codec_dim) are {wanted}: build the config from the codec's sizes."
            )
        vectors = vectors / vectors.std(dim=(1, 2), keepdim=True).clamp(min=1e-8)
        embeds = [self.decoder.embed]
        if config.reads_codes:
            embeds.append(self.encoder.embed)
        for embed in embeds:
            table = embed.vectors.weight.view(config.num_codebooks, config.vocab_size, -1)
            table[:, : config.codebook_size] = vectors.to(table)

    @torch.no_grad()
    def quieten_codes(self, factor: float = 0.1) -> None:
        """Weaken what the solo's codes add to the decoder's input, but not what "no code" adds.

        After training on scores alone only the latter has been learnt; the rest is as random as at
        the start, and as strong as the notes. Does nothing to plain embeddings (codec_dim 0).

        Args:
            factor: on the part of the projection that pad and BOS do not use.
        """
        embed = self.decoder.embed
        if embed.projection is None:
            return
        table = embed.vectors.weight.view(embed.num_codebooks, embed.vocab_size, -1)
        special = table[:, self.config.codebook_size :].transpose(0, 1).flatten(1)
        basis, _ = torch.linalg.qr(special.float().T)
        weight = embed.projection.weight
        kept = (weight.float() @ basis @ basis.T).to(weight)
        weight.copy_(kept + factor * (weight - kept))

    @can_return_tuple  # type: ignore[untyped-decorator]
    def forward(
        self,
        backing_codes: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        condition_ids: torch.Tensor | None = None,
        frame_label_inputs: torch.Tensor | None = None,
        frame_label_posteriors: torch.Tensor | None = None,
        articulation: torch.Tensor | None = None,
        decoder_input_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        frame_labels: torch.Tensor | None = None,
        encoder_outputs: SaxsoloEncoderOutput | None = None,
        past_key_values: EncoderDecoderCache | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        output_logits: bool | None = None,
        guidance: float | None = None,
        onsets: torch.Tensor | None = None,
        score_only: bool = False,
    ) -> SaxsoloOutput:
        """Hear the backing and predict the next token of every stream.

        Args:
            backing_codes: (B, K, T) codes; what is masked may hold anything. Not needed where
                config.reads_codes is false and posteriors are given.
            attention_mask: (B, T), 1 = real frame; a row of zeros = no backing; None = all real.
            condition_ids: (B, C) index of each condition's value, -1 = not given; None = none.
            frame_label_inputs: (B, L, T) labels told instead of heard, -100 = heard; None = none.
            frame_label_posteriors: (B, sum of classes, T) probabilities of all labels side by side
                from an ear of its own, as the processor makes them; they take the place of the
                label heads', or join them (config.hears "both"). None = the heads'.
            articulation: (B, T) bit masks of `ARTICULATIONS`, -1 = unknown, for a model that is
                told of them; None = unknown throughout.
            decoder_input_ids: (B * N, S') tokens after those in the cache, streams in the batch.
            labels: (B, N, S) delayed targets, -100 = none. Shifted right by us they are the
                decoder's input, so decoder_input_ids may be left out.
            frame_labels: (B, L, T) targets of the label heads, -100 = unknown.
            encoder_outputs: of an earlier call, instead of backing_codes and what goes with them.
            past_key_values, use_cache: the decoder's cache; by default used without labels only.
            logits_to_keep: only so many of the last steps; 0 = all.
            output_logits: also with labels.
            guidance: scale of classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598).
                encoder_outputs then hold 2 B rows, the second half without backing.
            onsets: (B, S', 2) frames in which the last two notes before each step were struck (see
                `SaxsoloRhythm.last_onsets`); only needed once the cache holds steps.
            score_only: the first stream's logits alone; those of the others are all the lowest.

        Raises:
            ValueError: when there is nothing to hear or nothing to continue.
        """
        if encoder_outputs is None:
            encoder_outputs = self.encoder(
                backing_codes,
                attention_mask,
                condition_ids,
                frame_label_inputs,
                frame_label_posteriors,
                articulation,
            )
        if decoder_input_ids is not None:
            steps = decoder_input_ids.shape[-1]
            tokens = decoder_input_ids.view(-1, self.config.num_streams, steps).transpose(1, 2)
        elif labels is not None:
            tokens = self._shift_right(labels)
        else:
            raise ValueError("give decoder_input_ids (B * N, S), or labels (B, N, S).")
        if use_cache is None:
            use_cache = labels is None and not self.training and self.config.use_cache
        if use_cache and past_key_values is None:
            past_key_values = EncoderDecoderCache(
                DynamicCache(config=self.config), DynamicCache(config=self.config)
            )
        cache = past_key_values if use_cache else None
        if guidance is not None:
            tokens = torch.cat([tokens, tokens])
            onsets = None if onsets is None else torch.cat([onsets, onsets])
        hidden, leaning = self.decoder(tokens, encoder_outputs, cache, onsets)
        if guidance is not None:
            # The heads are linear: guiding the hidden states is guiding the logits.
            hidden = _guide(hidden, guidance)
            leaning = None if leaning is None else _guide(leaning, guidance)
            tokens = tokens[: len(hidden)]
        known = _Known(hidden, leaning, tokens)
        output = SaxsoloOutput(past_key_values=cache)
        if labels is None or output_logits:
            output.logits = self._logits(
                known.at((slice(None), slice(-logits_to_keep, None))),
                1 if score_only else len(self.heads),
            )
        if labels is not None:
            self._add_stream_losses(output, known, labels)
        heard = encoder_outputs.frame_label_logits
        if frame_labels is not None and self.encoder.label_sizes:
            self._add_label_losses(output, heard, attention_mask, frame_labels)
        return output

    def _shift_right(self, labels: torch.Tensor) -> torch.Tensor:
        """Labels (B, N, S) -> what the decoder has seen before each step (B, S, N)."""
        first, pad = self.config.decoder_start_token_id, self.config.pad_token_id
        assert first is not None and pad is not None, "the config sets both"
        start = labels.new_full((*labels.shape[:2], 1), first)
        tokens = torch.cat([start, labels[..., :-1]], dim=-1)
        return tokens.masked_fill(tokens < 0, pad).transpose(1, 2)

    def _stream_logits(self, stream: int, known: "_Known") -> torch.Tensor:
        """Logits (..., size of the stream)."""
        logits: torch.Tensor = self.heads[stream](known.hidden)
        if stream == 0 and known.leaning is not None:
            logits = onto_onsets(logits, known.leaning.to(logits.dtype))
        if stream == 1 and self.config.pitch_range is not None:
            intonation = self.decoder.intonation
            notes, codes = intonation.notes(known.tokens[..., 0]), known.tokens[..., 1]
            logits = intonation.lean(logits, known.hidden, notes, codes)
        return logits

    def _logits(self, known: "_Known", streams: int) -> torch.Tensor:
        """(B, S', ...) -> (B * N, S', codebook_size + 2), the lowest number everywhere after the
        first `streams` of the N."""
        hidden = known.hidden
        batch, steps, _ = hidden.shape
        shape = (batch, len(self.heads), steps, self.config.vocab_size)
        logits = hidden.new_full(shape, torch.finfo(hidden.dtype).min)
        for stream in range(streams):
            size = self.heads[stream].out_features
            logits[:, stream, :, :size] = self._stream_logits(stream, known)
        return logits.flatten(0, 1)

    def _add_stream_losses(
        self,
        output: SaxsoloOutput,
        known: "_Known",
        labels: torch.Tensor,
    ) -> None:
        """Cross-entropy of each stream where it has labels, and their mean over such streams."""
        losses: list[torch.Tensor | None] = []
        hits: list[torch.Tensor] = []
        for stream, target in enumerate(labels.unbind(1)):
            present = target >= 0
            target = target[present]
            if not len(target):
                losses.append(None)
                hits.append(torch.tensor(float("nan"), device=labels.device))
                continue
            logits = self._stream_logits(stream, known.at(present))
            losses.append(_cross_entropy(logits if self.training else logits.float(), target))
            if not self.training:
                hits.append((logits.argmax(-1) == target).float().mean())
        counted = [loss for loss in losses if loss is not None]
        if not counted:
            raise ValueError("labels hold no target: every one is -100.")
        output.loss = torch.stack(counted).mean()
        none = output.loss.new_tensor(float("nan"))
        output.loss_per_stream = torch.stack(
            [none if loss is None else loss.detach() for loss in losses]
        )
        if not self.training:
            output.accuracy_per_stream = torch.stack(hits)

    def _add_label_losses(
        self,
        output: SaxsoloOutput,
        logits: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        targets: torch.Tensor,
    ) -> None:
        """Mean over the labels of their cross-entropy where a frame is real and its label known."""
        sizes = self.encoder.label_sizes
        hits = targets.new_full((len(sizes),), float("nan"), dtype=torch.float32)
        losses = []
        if logits is not None:
            if attention_mask is not None:
                targets = targets.masked_fill(~attention_mask.bool().unsqueeze(1), -100)
            parts = logits.flatten(0, 1).split(sizes, dim=-1)
            for i, (part, target) in enumerate(zip(parts, targets.unbind(1), strict=True)):
                target = target.flatten()
                known = target >= 0
                if known.any():
                    losses.append(F.cross_entropy(part, target, ignore_index=-100))
                    hits[i] = (part.argmax(-1) == target)[known].float().mean()
        output.frame_label_accuracy = hits
        if losses:
            loss = torch.stack(losses).mean()
            output.frame_label_loss = loss.detach()
            if output.loss is not None:
                output.loss = output.loss + self.config.frame_label_weight * loss


SaxsoloForConditionalGeneration.register_for_auto_class("AutoModel")
