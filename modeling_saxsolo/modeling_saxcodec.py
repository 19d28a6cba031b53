"""The causal saxophone codec: audio <-> 50 frames per second of four codes, each from a codebook of
2048 entries.

- Spectra in, spectra out: the encoder reads log-magnitude spectra (a short window for attacks, a
  long one for low notes), the decoder writes spectra that an overlap-add turns into samples. No
  strided convolutions over samples, so a processor trains and runs it fast (Vocos,
  arXiv:2306.00814).
- Causal: code frame t depends on samples before (t + 1) * F, sample n depends on codes up to
  n // F + A, where A = decoder_lookahead. Whole and stream are the same code: whole is a stream
  of one chunk.
- Source and filter: the decoder reads the pitch from the codes, makes a pulse train of it and
  filters it; breath is filtered noise; a free spectrum adds what neither can express (drums,
  chords, growl).
- With `pitch_codes` the first code is the pitch, named by the encoder (pitch_saxcodec.py), and the
  pulse train follows it sample by sample; the others say how the pitch sounds.

Shapes: B batch, n samples, F frame_samples, T code frames (n / F), J = 2 T spectrum frames, P = J
pitches (T with `pitch_codes`), K codebooks, D codebook_dim, A code frames of lookahead.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput

from .configuration_saxcodec import SaxcodecConfig
from .layers_saxcodec import (
    KERNEL,
    CausalBlock,
    DecoderState,
    EncoderState,
    FilterHead,
    LocalAttention,
    SilentLinear,
    overlap_add,
    spread,
)
from .pitch_saxcodec import FEATURES, code_features, code_to_f0, f0_to_code
from .quantizer_saxcodec import ResidualVectorQuantizer
from .source_saxcodec import noise_samples, pulse_frames, pulse_train

SPECTRUM_FLOOR = 1e-4


@dataclass
class SaxcodecOutput(ModelOutput):
    """What `SaxcodecModel.forward` returns.

    Attributes:
        audio: (B, 1, n) decoded samples.
        audio_codes: (B, K, T).
        latents: (B, T, D) before the quantiser.
        quantized: (B, T, D) after it, with a straight-through gradient.
        f0_logits: (B, P, 1 + f0_bins), entry 0 = no pitch.
    """

    audio: Tensor | None = None
    audio_codes: Tensor | None = None
    latents: Tensor | None = None
    quantized: Tensor | None = None
    f0_logits: Tensor | None = None


class SaxcodecPreTrainedModel(PreTrainedModel):
    config: SaxcodecConfig
    base_model_prefix = "saxcodec"
    main_input_name = "audio"
    _no_split_modules = ["CausalBlock", "LocalAttention"]

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=module.in_features**-0.5)
        if isinstance(module, SilentLinear):
            init.zeros_(module.weight)
        if isinstance(module, LocalAttention):
            init.zeros_(module.distance)
        elif isinstance(module, FilterHead):
            # start near -50 dB: louder noise than the target is slow to unlearn
            init.constant_(module.bias, -6.0)
        elif isinstance(module, ResidualVectorQuantizer):
            init.normal_(module.vectors, std=0.5)


class SaxcodecModel(SaxcodecPreTrainedModel):
    """Encoder, residual quantiser and decoder; see the module's text."""

    def __init__(self, config: SaxcodecConfig):
        super().__init__(config)
        bins = config.num_bins
        self.short_in = nn.Linear(bins, config.encoder_size)
        self.long_in = nn.Linear(config.long_bins, config.encoder_size)
        self.encoder = nn.ModuleList(
            CausalBlock(config.encoder_size, config.expansion, config.encoder_layers)
            for _ in range(config.encoder_layers)
        )
        self.to_latent = nn.Linear(2 * config.encoder_size, config.codebook_dim)
        self.quantizer = ResidualVectorQuantizer(
            config.num_codebooks - config.pitch_codes, config.codebook_size, config.codebook_dim
        )
        read = config.codebook_dim + (FEATURES if config.pitch_codes else 0)
        self.from_latent = nn.Linear((1 + config.decoder_lookahead) * read, 2 * config.decoder_size)
        self.decoder = nn.ModuleList(
            CausalBlock(config.decoder_size, config.expansion, config.decoder_layers)
            for _ in range(config.decoder_layers)
        )
        if config.decoder_attention:
            self.decoder.append(
                LocalAttention(config.decoder_size, config.expansion, config.decoder_attention)
            )
        self.out_norm = nn.LayerNorm(config.decoder_size)
        # the encoder names the pitch where it is a code, the decoder where it is not
        told_by = 2 * config.encoder_size if config.pitch_codes else config.decoder_size
        self.f0_head = nn.Linear(told_by, 1 + config.f0_bins)
        self.filter_head = FilterHead(config.decoder_size, sum(config.filter_sizes))
        self.angle_head = nn.Linear(config.decoder_size, 2 * config.filter_sizes[2])
        self.post_init()

    @property
    def codebook_vectors(self) -> Tensor:
        """(K, V, D) vectors that the codes stand for; a pitch's are its features, filled up with
        zeros or cut."""
        vectors: Tensor = self.quantizer.vectors
        if not self.config.pitch_codes:
            return vectors
        size, dim = vectors.shape[1:]
        pitch = code_features(torch.arange(size, device=vectors.device), size)[:, -dim:]
        return torch.cat([F.pad(pitch, (0, dim - pitch.shape[1]))[None], vectors])

    def init_encoder_state(self, batch_size: int = 1) -> EncoderState:
        """State before the first chunk: silence."""
        config, like = self.config, self.short_in.weight
        return EncoderState(
            samples=like.new_zeros(batch_size, config.long_n_fft - config.hop_length),
            blocks=[
                like.new_zeros(batch_size, KERNEL - 1, config.encoder_size) for _ in self.encoder
            ],
        )

    def init_decoder_state(self, batch_size: int = 1) -> DecoderState:
        """State before the first chunk."""
        config, like = self.config, self.short_in.weight
        return DecoderState(
            waiting=like.new_zeros(batch_size, 0, config.codebook_dim),
            pitch=torch.zeros(batch_size, 0, dtype=torch.long, device=like.device),
            blocks=[
                like.new_zeros(
                    batch_size,
                    block.window if isinstance(block, LocalAttention) else KERNEL - 1,
                    config.decoder_size,
                )
                for block in self.decoder
            ],
            source=like.new_zeros(batch_size, 0),
            phase=torch.zeros(batch_size, dtype=torch.float64, device=like.device),
            noise=noise_samples(0, config.n_fft - config.hop_length, like.device),
            tail=like.new_zeros(batch_size, config.n_fft - config.hop_length),
            position=config.n_fft - config.hop_length,
        )

    def encode(self, audio: Tensor) -> Tensor:
        """Samples (B, 1, n) -> codes (B, K, ceil(n / F)); the last frame is filled with silence.

        Raises:
            ValueError: audio that is not (B, 1, n) with n >= 1.
        """
        _check_audio(audio)
        padding = -audio.shape[-1] % self.config.frame_samples
        state = self.init_encoder_state(audio.shape[0])
        return self.encode_chunk(F.pad(audio, (0, padding)), state)[0]

    def encode_chunk(self, audio: Tensor, state: EncoderState) -> tuple[Tensor, EncoderState]:
        """Samples (B, 1, t * F) that follow what `state` saw -> codes (B, K, t), next state.

        Raises:
            ValueError: a chunk that is not a whole number of code frames.
        """
        _check_audio(audio)
        if audio.shape[-1] % self.config.frame_samples:
            raise ValueError(
                f"a chunk of {audio.shape[-1]} samples is not a whole number of frames of "
                f"{self.config.frame_samples}; pass whole frames, or the whole sound to encode()"
            )
        latents, f0_logits, state = self._latents(audio[:, 0], state)
        codes = self.quantizer.encode(latents)
        if f0_logits is not None:
            pitch = self._pitch_code(self.predicted_f0(f0_logits))
            codes = torch.cat([pitch[..., None], codes], dim=-1)
        return codes.transpose(1, 2), state

    def decode(self, codes: Tensor, cents: float = 0.0) -> Tensor:
        """Codes (B, K, T) -> samples (B, 1, T * F).

        Args:
            cents: see `decode_chunk`.

        Raises:
            ValueError: codes of another shape or out of the codebook.
        """
        state = self.init_decoder_state(codes.shape[0])
        return self.decode_chunk(codes, state, last=True, cents=cents)[0]

    def decode_chunk(
        self, codes: Tensor, state: DecoderState, last: bool = False, cents: float = 0.0
    ) -> tuple[Tensor, DecoderState]:
        """Codes (B, K, t) that follow what `state` saw -> samples (B, 1, m), next state.

        The samples of the last A frames are held back until the next codes arrive; with `last`
        none are. All chunks together are therefore T * F samples.

        Args:
            cents: by how much the pulse train is sharper than the codes say; the filters that
                shape it, and so the timbre, stay.

        Raises:
            ValueError: codes of another shape or out of the codebook.
        """
        config = self.config
        if codes.dim() != 3 or codes.shape[1] != config.num_codebooks:
            raise ValueError(
                f"codes of shape {tuple(codes.shape)} do not fit this codec: it takes (B, "
                f"{config.num_codebooks}, T)"
            )
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < config.codebook_size:
            raise ValueError(
                f"codes from {int(codes.min())} to {int(codes.max())} do not fit this codec: they "
                f"run from 0 to {config.codebook_size - 1}"
            )
        pitch = codes[:, 0] if config.pitch_codes else codes[:, 0, :0]
        quantized = self.quantizer.decode(codes[:, int(config.pitch_codes) :].transpose(1, 2))
        audio, _, state = self._decode_latents(quantized, pitch, state, last=last, cents=cents)
        return audio[:, None], state

    def forward(
        self, audio: Tensor, f0: Tensor | None = None, quantize: bool = True
    ) -> SaxcodecOutput:
        """Encodes and decodes, for training.

        Args:
            audio: (B, 1, n), n a multiple of F.
            f0: (B, P) hertz that drives the pulse train instead of the predicted pitch; 0 = none,
                negative = use the prediction.
            quantize: False lets the latents through untouched.
        """
        latents, f0_logits, _ = self._latents(audio[:, 0], self.init_encoder_state(audio.shape[0]))
        codes, quantized = None, latents
        if quantize:
            codes = self.quantizer.encode(latents.detach())
            nearest = self.quantizer.decode(codes).to(latents.dtype)
            quantized = latents + (nearest - latents).detach()
        pitch = torch.zeros(len(audio), 0, dtype=torch.long, device=audio.device)
        if f0_logits is not None:
            heard = self.predicted_f0(f0_logits.detach())
            pitch = self._pitch_code(heard if f0 is None else torch.where(f0 < 0, heard, f0))
            if codes is not None:
                codes = torch.cat([pitch[..., None], codes], dim=-1)
        state = self.init_decoder_state(audio.shape[0])
        decoded, decoder_logits, _ = self._decode_latents(quantized, pitch, state, f0, last=True)
        return SaxcodecOutput(
            audio=decoded[:, None],
            audio_codes=None if codes is None else codes.transpose(1, 2),
            latents=latents,
            quantized=quantized,
            f0_logits=decoder_logits if f0_logits is None else f0_logits,
        )

    def predicted_f0(self, f0_logits: Tensor) -> Tensor:
        """Logits (B, P, 1 + f0_bins) -> hertz (B, P), 0 where "no pitch" is the likeliest class.

        The pitch is the mean of the bins around the best one, weighted by their probability
        (CREPE, arXiv:1802.06182, eq. 2, with the local window of its implementation).
        """
        logits = f0_logits.float()
        voiced = logits[..., 1:].logsumexp(-1) > logits[..., 0]
        best = logits[..., 1:].argmax(-1, keepdim=True)
        near = best + torch.arange(-4, 5, device=logits.device)
        inside = (near >= 0) & (near < self.config.f0_bins)
        near = near.clamp(0, self.config.f0_bins - 1)
        weights = logits[..., 1:].gather(-1, near).masked_fill(~inside, -1e9).softmax(-1)
        return self.bin_to_f0((weights * near).double().sum(-1)) * voiced

    def bin_to_f0(self, bins: Tensor) -> Tensor:
        """Position in the pitch range, 0 .. f0_bins - 1 -> hertz."""
        config = self.config
        span = config.max_f0 / config.min_f0
        return config.min_f0 * span ** (bins / (config.f0_bins - 1))

    def f0_to_bin(self, f0: Tensor) -> Tensor:
        """Hertz -> position in the pitch range, the inverse of `bin_to_f0`, unbounded."""
        config = self.config
        octaves = torch.log2(f0.clamp(min=1.0) / config.min_f0)
        return (
            octaves
            * (config.f0_bins - 1)
            / torch.log2(torch.tensor(config.max_f0 / config.min_f0, device=f0.device))
        )

    def _pitch_code(self, f0: Tensor) -> Tensor:
        config = self.config
        return f0_to_code(f0, config.codebook_size, config.min_f0, config.max_f0)

    def _window(self, length: int) -> Tensor:
        return torch.hann_window(length, device=self.short_in.weight.device)

    def _log_spectrum(self, frames: Tensor) -> Tensor:
        window = self._window(frames.shape[-1])
        # a sine of amplitude a reads a
        magnitude = torch.fft.rfft(frames.float() * window).abs() * (2 / window.sum())
        return 0.5 * (torch.log(magnitude + SPECTRUM_FLOOR) + 6.0)

    def _latents(
        self, audio: Tensor, state: EncoderState
    ) -> tuple[Tensor, Tensor | None, EncoderState]:
        """(B, T, D) latents, the pitch's logits where it is a code, next state."""
        config = self.config
        samples = torch.cat([state.samples, audio.to(state.samples.dtype)], dim=1)
        history = config.long_n_fft - config.hop_length
        short = samples[:, history + config.hop_length - config.n_fft :]
        long = samples[:, config.hop_length :]
        x = self.short_in(self._log_spectrum(short.unfold(1, config.n_fft, config.hop_length)))
        slow = self._log_spectrum(long.unfold(1, config.long_n_fft, config.frame_samples))
        x = x + self.long_in(slow[..., : config.long_bins]).repeat_interleave(2, dim=1)
        blocks = []
        for block, past in zip(self.encoder, state.blocks, strict=True):
            x, past = block(x, past)
            blocks.append(past)
        batch, frames, size = x.shape
        x = x.reshape(batch, frames // 2, 2 * size)
        latents = self.to_latent(x)
        latents = F.layer_norm(latents.float(), latents.shape[-1:])
        f0_logits = self.f0_head(x) if config.pitch_codes else None
        return latents, f0_logits, EncoderState(samples=samples[:, -history:], blocks=blocks)

    def _decode_latents(
        self,
        quantized: Tensor,
        pitch: Tensor,
        state: DecoderState,
        f0: Tensor | None = None,
        last: bool = False,
        cents: float = 0.0,
    ) -> tuple[Tensor, Tensor | None, DecoderState]:
        """(B, T, D) and pitch codes (B, T) -> samples (B, T * F), f0 logits (B, J, 1 + f0_bins)
        where the pitch is no code, next state; the last A frames later, unless these are the
        last."""
        config = self.config
        quantized = torch.cat([state.waiting.to(quantized.dtype), quantized], dim=1)
        pitch = torch.cat([state.pitch, pitch], dim=1)
        ahead = config.decoder_lookahead
        frames = quantized.shape[1] if last else max(0, quantized.shape[1] - ahead)
        state = replace(state, waiting=quantized[:, frames:], pitch=pitch[:, frames:])
        if not frames:
            empty = quantized.new_zeros(len(quantized), 0)
            return empty, empty[..., None], state
        if last:
            # nothing follows: the end goes on
            quantized = torch.cat([quantized, quantized[:, -1:].expand(-1, ahead, -1)], dim=1)
        read = quantized
        if config.pitch_codes:
            if last:
                pitch = torch.cat([pitch, pitch[:, -1:].expand(-1, ahead)], dim=1)
            features = code_features(pitch, config.codebook_size)
            read = torch.cat([quantized, features.to(quantized.dtype)], dim=-1)
        near = [read[:, a : a + frames] for a in range(ahead + 1)]
        x = self.from_latent(torch.cat(near, dim=-1))
        batch, frames, size = x.shape
        x = x.reshape(batch, 2 * frames, size // 2)
        blocks = []
        for block, past in zip(self.decoder, state.blocks, strict=True):
            x, past = block(x, past)
            blocks.append(past)
        x = self.out_norm(x)
        state = replace(state, blocks=blocks)
        sharper = 2 ** (cents / 1200)
        f0_logits = None if config.pitch_codes else self.f0_head(x)
        with torch.no_grad():
            if f0_logits is None:
                heard = self._code_f0(pitch) * sharper
                pulses, state = self._gliding_pulses(heard, 2 * frames, state)
            else:
                heard = self.predicted_f0(f0_logits)
                f0 = heard if f0 is None else torch.where(f0 < 0, heard, f0.double())
                pulses, phase = pulse_frames(
                    f0 * sharper, state.phase, config.n_fft, config.hop_length, config.sampling_rate
                )
                state = replace(state, phase=phase)
        filters = self.filter_head(x).float().clamp(max=4.0)
        angles = self.angle_head(x).float()
        audio, state = self._synthesise(filters, angles, pulses, state)
        return audio, f0_logits, state

    def _code_f0(self, pitch: Tensor) -> Tensor:
        config = self.config
        return code_to_f0(pitch, config.codebook_size, config.min_f0, config.max_f0)

    def _gliding_pulses(
        self, f0: Tensor, frames: int, state: DecoderState
    ) -> tuple[Tensor, DecoderState]:
        """Hertz (B, T) from this chunk's first code frame on -> windows (B, frames, n_fft)."""
        config = self.config
        have = state.source.shape[1]
        length = (frames - 1) * config.hop_length + config.n_fft - have
        new, phase = pulse_train(
            f0, state.phase, have, length, config.frame_samples, config.sampling_rate
        )
        source = torch.cat([state.source, new], dim=1)
        windows = source.unfold(1, config.n_fft, config.hop_length)
        return windows, replace(state, source=source[:, frames * config.hop_length :], phase=phase)

    def _synthesise(
        self, filters: Tensor, angles: Tensor, pulses: Tensor, state: DecoderState
    ) -> tuple[Tensor, DecoderState]:
        """Filters (B, J, sum of filter_sizes), angles of the free one (B, J, 2 of its bins) and
        windows of pulses (B, J, n_fft) -> samples (B, J * hop_length), next state."""
        config = self.config
        hop, n_fft = config.hop_length, config.n_fft
        window = self._window(n_fft)
        length = pulses.shape[1]
        new_noise = noise_samples(state.position, length * hop, pulses.device)
        noise = torch.cat([state.noise, new_noise])
        periodic, breath, free = filters.split(config.filter_sizes, dim=-1)
        if config.filter_bands:
            periodic, breath = spread(periodic, config.num_bins), spread(breath, config.num_bins)
        real, imaginary = angles.chunk(2, dim=-1)
        turn = torch.complex(real, imaginary)
        turn = free.exp() * turn / (turn.abs() + 1e-3) * (window.sum() / 2)
        spectrum = (
            periodic.exp() * torch.fft.rfft(pulses * window)
            + breath.exp() * torch.fft.rfft(noise.unfold(0, n_fft, hop) * window)
            + F.pad(turn, (0, config.num_bins - turn.shape[-1]))
        )
        frames = torch.fft.irfft(spectrum, n=n_fft) * window
        audio, tail = overlap_add(frames, hop, state.tail)
        return audio, replace(
            state,
            noise=noise[length * hop :],
            tail=tail,
            position=state.position + length * hop,
        )


def _check_audio(audio: Tensor) -> None:
    if audio.dim() != 3 or audio.shape[1] != 1 or audio.shape[2] < 1:
        raise ValueError(
            f"audio of shape {tuple(audio.shape)} does not fit this codec: it takes (B, 1, samples)"
        )


SaxcodecModel.register_for_auto_class("AutoModel")
