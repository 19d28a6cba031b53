"""The causal saxophone codec: 32 kHz audio <-> 50 frames per second of four codes, each from a
codebook of 2048 entries.

- Spectra in, spectra out: the encoder reads log-magnitude spectra (a short window for attacks, a
  long one for low notes), the decoder writes spectra that an overlap-add turns into samples. No
  strided convolutions over samples, so a processor trains and runs it fast (Vocos,
  arXiv:2306.00814).
- Causal: code frame t depends on samples before (t + 1) * 640, sample n depends on codes up to
  n // 640 + A, where A = decoder_lookahead. Whole and stream are the same code: whole is a stream
  of one chunk.
- Source and filter: the decoder reads the pitch from the codes, makes a pulse train of it and
  filters it; breath is filtered noise; a free spectrum adds what neither can express (drums,
  chords).

Shapes: B batch, n samples, T code frames (n / 640), J = 2 T spectrum frames, K codebooks, D
codebook_dim, A code frames of lookahead.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput

from .configuration_saxcodec import SaxcodecConfig
from .quantizer_saxcodec import ResidualVectorQuantizer
from .source_saxcodec import noise_samples, pulse_frames

KERNEL = 7
SPECTRUM_FLOOR = 1e-4


@dataclass
class SaxcodecOutput(ModelOutput):
    """What `SaxcodecModel.forward` returns.

    Attributes:
        audio: (B, 1, n) decoded samples.
        audio_codes: (B, K, T).
        latents: (B, T, D) before the quantiser.
        quantized: (B, T, D) after it, with a straight-through gradient.
        f0_logits: (B, J, 1 + f0_bins), entry 0 = no pitch.
    """

    audio: Tensor | None = None
    audio_codes: Tensor | None = None
    latents: Tensor | None = None
    quantized: Tensor | None = None
    f0_logits: Tensor | None = None


@dataclass
class EncoderState:
    """What the encoder keeps between chunks."""

    samples: Tensor
    blocks: list[Tensor]


@dataclass
class DecoderState:
    """What the decoder keeps between chunks; `waiting` (B, 0..A, D) has not been decoded yet."""

    waiting: Tensor
    blocks: list[Tensor]
    phase: Tensor
    noise: Tensor
    tail: Tensor
    position: int


class CausalBlock(nn.Module):
    """ConvNeXt block (arXiv:2201.03545) whose convolution looks back only."""

    def __init__(self, size: int, expansion: int, layers: int):
        super().__init__()
        self.conv = nn.Conv1d(size, size, KERNEL, groups=size)
        self.norm = nn.LayerNorm(size)
        self.up = nn.Linear(size, expansion * size)
        self.down = nn.Linear(expansion * size, size)
        self.scale = nn.Parameter(torch.full((size,), 1.0 / layers))

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, J, C) and the KERNEL - 1 frames before it (B, KERNEL - 1, C)."""
        seen = torch.cat([past, x], dim=1)
        y = self.conv(seen.transpose(1, 2)).transpose(1, 2)
        y = self.down(F.gelu(self.up(self.norm(y))))
        return x + self.scale * y, seen[:, -(KERNEL - 1) :]


class FilterHead(nn.Linear):
    """Log-magnitudes of the three filters; a class of its own because it begins quiet."""


class SaxcodecPreTrainedModel(PreTrainedModel):
    config: SaxcodecConfig
    base_model_prefix = "saxcodec"
    main_input_name = "audio"
    _no_split_modules = ["CausalBlock"]

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=module.in_features**-0.5)
        if isinstance(module, FilterHead):
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
            config.num_codebooks, config.codebook_size, config.codebook_dim
        )
        self.from_latent = nn.Linear(
            (1 + config.decoder_lookahead) * config.codebook_dim, 2 * config.decoder_size
        )
        self.decoder = nn.ModuleList(
            CausalBlock(config.decoder_size, config.expansion, config.decoder_layers)
            for _ in range(config.decoder_layers)
        )
        self.out_norm = nn.LayerNorm(config.decoder_size)
        self.f0_head = nn.Linear(config.decoder_size, 1 + config.f0_bins)
        self.filter_head = FilterHead(config.decoder_size, 3 * bins)
        self.angle_head = nn.Linear(config.decoder_size, 2 * bins)
        self.post_init()

    @property
    def codebook_vectors(self) -> Tensor:
        """(K, V, D) vectors that the codes stand for."""
        return self.quantizer.vectors

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
            blocks=[
                like.new_zeros(batch_size, KERNEL - 1, config.decoder_size) for _ in self.decoder
            ],
            phase=torch.zeros(batch_size, dtype=torch.float64, device=like.device),
            noise=noise_samples(0, config.n_fft - config.hop_length, like.device),
            tail=like.new_zeros(batch_size, config.n_fft - config.hop_length),
            position=config.n_fft - config.hop_length,
        )

    def encode(self, audio: Tensor) -> Tensor:
        """Samples (B, 1, n) -> codes (B, K, ceil(n / 640)); the last frame is filled with silence.

        Raises:
            ValueError: audio that is not (B, 1, n) with n >= 1.
        """
        _check_audio(audio)
        padding = -audio.shape[-1] % self.config.frame_samples
        state = self.init_encoder_state(audio.shape[0])
        return self.encode_chunk(F.pad(audio, (0, padding)), state)[0]

    def encode_chunk(self, audio: Tensor, state: EncoderState) -> tuple[Tensor, EncoderState]:
        """Samples (B, 1, t * 640) that follow what `state` saw -> codes (B, K, t), next state.

        Raises:
            ValueError: a chunk that is not a whole number of code frames.
        """
        _check_audio(audio)
        if audio.shape[-1] % self.config.frame_samples:
            raise ValueError(
                f"a chunk of {audio.shape[-1]} samples is not a whole number of frames of "
                f"{self.config.frame_samples}; pass whole frames, or the whole sound to encode()"
            )
        latents, state = self._latents(audio[:, 0], state)
        return self.quantizer.encode(latents).transpose(1, 2), state

    def decode(self, codes: Tensor, cents: float = 0.0) -> Tensor:
        """Codes (B, K, T) -> samples (B, 1, T * 640).

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
        none are. All chunks together are therefore T * 640 samples.

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
        quantized = self.quantizer.decode(codes.transpose(1, 2))
        audio, _, state = self._decode_latents(quantized, state, last=last, cents=cents)
        return audio[:, None], state

    def forward(
        self, audio: Tensor, f0: Tensor | None = None, quantize: bool = True
    ) -> SaxcodecOutput:
        """Encodes and decodes, for training.

        Args:
            audio: (B, 1, n), n a multiple of 640.
            f0: (B, J) hertz that drives the pulse train instead of the predicted pitch; 0 = none,
                negative = use the prediction.
            quantize: False lets the latents through untouched.
        """
        latents, _ = self._latents(audio[:, 0], self.init_encoder_state(audio.shape[0]))
        codes, quantized = None, latents
        if quantize:
            codes = self.quantizer.encode(latents.detach())
            nearest = self.quantizer.decode(codes).to(latents.dtype)
            quantized = latents + (nearest - latents).detach()
            codes = codes.transpose(1, 2)
        state = self.init_decoder_state(audio.shape[0])
        decoded, f0_logits, _ = self._decode_latents(quantized, state, f0, last=True)
        return SaxcodecOutput(
            audio=decoded[:, None],
            audio_codes=codes,
            latents=latents,
            quantized=quantized,
            f0_logits=f0_logits,
        )

    def predicted_f0(self, f0_logits: Tensor) -> Tensor:
        """Logits (B, J, 1 + f0_bins) -> hertz (B, J), 0 where "no pitch" is the likeliest class.

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

    def _window(self, length: int) -> Tensor:
        return torch.hann_window(length, device=self.short_in.weight.device)

    def _log_spectrum(self, frames: Tensor) -> Tensor:
        window = self._window(frames.shape[-1])
        # a sine of amplitude a reads a
        magnitude = torch.fft.rfft(frames.float() * window).abs() * (2 / window.sum())
        return 0.5 * (torch.log(magnitude + SPECTRUM_FLOOR) + 6.0)

    def _latents(self, audio: Tensor, state: EncoderState) -> tuple[Tensor, EncoderState]:
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
        latents = self.to_latent(x.reshape(batch, frames // 2, 2 * size))
        latents = F.layer_norm(latents.float(), latents.shape[-1:])
        return latents, EncoderState(samples=samples[:, -history:], blocks=blocks)

    def _decode_latents(
        self,
        quantized: Tensor,
        state: DecoderState,
        f0: Tensor | None = None,
        last: bool = False,
        cents: float = 0.0,
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """(B, T, D) -> samples (B, T * 640), f0 logits (B, J, 1 + f0_bins), next state; the last A
        frames later, unless these are the last."""
        quantized = torch.cat([state.waiting.to(quantized.dtype), quantized], dim=1)
        ahead = self.config.decoder_lookahead
        frames = quantized.shape[1] if last else max(0, quantized.shape[1] - ahead)
        waiting = quantized[:, frames:]
        if not frames:
            empty = quantized.new_zeros(len(quantized), 0)
            return empty, empty[..., None], replace(state, waiting=waiting)
        if last:
            # nothing follows: the end goes on
            quantized = torch.cat([quantized, quantized[:, -1:].expand(-1, ahead, -1)], dim=1)
        near = [quantized[:, a : a + frames] for a in range(ahead + 1)]
        x = self.from_latent(torch.cat(near, dim=-1))
        batch, frames, size = x.shape
        x = x.reshape(batch, 2 * frames, size // 2)
        blocks = []
        for block, past in zip(self.decoder, state.blocks, strict=True):
            x, past = block(x, past)
            blocks.append(past)
        x = self.out_norm(x)
        f0_logits = self.f0_head(x)
        with torch.no_grad():
            heard = self.predicted_f0(f0_logits)
            f0 = heard if f0 is None else torch.where(f0 < 0, heard, f0.double())
            f0 = f0 * 2 ** (cents / 1200)
        filters = self.filter_head(x).float().clamp(max=4.0)
        angles = self.angle_head(x).float()
        audio, tail, phase, noise = self._synthesise(filters, angles, f0, state)
        position = state.position + 2 * frames * self.config.hop_length
        return audio, f0_logits, DecoderState(waiting, blocks, phase, noise, tail, position)

    def _synthesise(
        self, filters: Tensor, angles: Tensor, f0: Tensor, state: DecoderState
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        config = self.config
        hop, n_fft = config.hop_length, config.n_fft
        window = self._window(n_fft)
        pulses, phase = pulse_frames(f0, state.phase, n_fft, hop, config.sampling_rate)
        new_noise = noise_samples(state.position, f0.shape[1] * hop, f0.device)
        noise = torch.cat([state.noise, new_noise])
        periodic, breath, free = filters.exp().chunk(3, dim=-1)
        real, imaginary = angles.chunk(2, dim=-1)
        turn = torch.complex(real, imaginary)
        turn = turn / (turn.abs() + 1e-3)
        spectrum = (
            periodic * torch.fft.rfft(pulses * window)
            + breath * torch.fft.rfft(noise.unfold(0, n_fft, hop) * window)
            + free * turn * (window.sum() / 2)
        )
        frames = torch.fft.irfft(spectrum, n=n_fft) * window
        overlap = n_fft // hop
        # squared Hann windows at n_fft / hop overlaps add up to 3/8 of the overlaps
        frames = frames.unflatten(-1, (overlap, hop)) / (0.375 * overlap)
        batch, length = f0.shape
        summed = frames.new_zeros(batch, length + overlap - 1, hop)
        for i in range(overlap):
            summed[:, i : i + length] = summed[:, i : i + length] + frames[:, :, i]
        head = summed[:, : overlap - 1] + state.tail.unflatten(-1, (overlap - 1, hop))
        summed = torch.cat([head, summed[:, overlap - 1 :]], dim=1).flatten(1)
        return summed[:, : length * hop], summed[:, length * hop :], phase, noise[length * hop :]


def _check_audio(audio: Tensor) -> None:
    if audio.dim() != 3 or audio.shape[1] != 1 or audio.shape[2] < 1:
        raise ValueError(
            f"audio of shape {tuple(audio.shape)} does not fit this codec: it takes (B, 1, samples)"
        )


SaxcodecModel.register_for_auto_class("AutoModel")
