"""One interface over the codecs: ours (SaxcodecModel) and transformers.EncodecModel.

Sounds go through in blocks, so memory stays bounded. For ours, which is causal with an explicit
state, blocks are exact. EnCodec is not causal and its LSTM remembers from the beginning: its blocks
overlap by CONTEXT frames on the left and AHEAD on the right, and decoded ones are cross-faded over
one frame; the result is close to the whole, not equal. Whole sounds are encoded by the same blocks
as streams, so both have the same codes.

B batch, K codebooks, T frames, n samples.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch.nn import functional as F
from transformers import EncodecModel, PreTrainedConfig, PreTrainedModel

from .errors_saxsolo import CodecError
from .modeling_saxcodec import SaxcodecModel

# frames that are encoded at once: fixed, since the last bits of a sum depend on it
ENCODE_FRAMES = 250
# frames that are decoded at once
CHUNK = 1500
CONTEXT = 100
AHEAD = 25
CODECS: dict[str, type[PreTrainedModel]] = {"saxcodec": SaxcodecModel, "encodec": EncodecModel}


@dataclass(frozen=True)
class CodecLayout:
    """The shape of a codec's tokens: `frame_rate` frames per second of `num_codebooks` codes."""

    num_codebooks: int
    codebook_size: int
    frame_rate: float
    sampling_rate: int

    @property
    def frame_samples(self) -> int:
        return round(self.sampling_rate / self.frame_rate)


def load_codec(folder: str, **kwargs: Any) -> PreTrainedModel:
    """Load a codec from a folder or a hub id, in float32, from safetensors alone.

    Args:
        kwargs: subfolder, revision, token, cache_dir, local_files_only as in `from_pretrained`.

    Raises:
        CodecError: for a model that is not a codec known here.
        OSError: see `load_whole`.
    """
    kind = PreTrainedConfig.get_config_dict(folder, **kwargs)[0].get("model_type")
    if kind not in CODECS:
        raise CodecError(
            f"{folder} holds a model of type {kind!r}, not a codec known here: give a folder or "
            f"hub id of type {' or '.join(CODECS)}."
        )
    codec = load_whole(CODECS[kind], folder, **kwargs)
    codec_layout(codec)
    return codec


def load_whole(model_class: type[PreTrainedModel], folder: str, **kwargs: Any) -> PreTrainedModel:
    """Load a model in float32, from safetensors alone, and refuse one that lacks weights.

    Args:
        kwargs: as in `from_pretrained`.

    Raises:
        OSError: when there is no such folder, no safetensors in it, or weights are missing.
    """
    loaded: Any = model_class.from_pretrained(
        folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **kwargs
    )
    model, report = loaded
    absent = sorted(report["missing_keys"]) + sorted(map(str, report["mismatched_keys"]))
    if absent:
        raise OSError(
            f"{folder} is damaged: {len(absent)} weights are missing or of another size, "
            f"{absent[0]} is the first; fetch it again"
        )
    return model.eval()


def codec_layout(codec: PreTrainedModel) -> CodecLayout:
    """The layout of a codec's tokens.

    Raises:
        CodecError: for a class without an adapter here.
    """
    config = codec.config
    if isinstance(codec, EncodecModel):
        if config.audio_channels != 1 or config.normalize or config.chunk_length:
            raise CodecError(
                f"EnCodec with audio_channels {config.audio_channels}, normalize "
                f"{config.normalize}, chunk_length_s {config.chunk_length_s} is not the layout of "
                "encodec_32khz: 1, False, None are needed."
            )
        books = config.num_quantizers
    elif config.model_type == "saxcodec":
        books = config.num_codebooks
    else:
        raise CodecError(f"{type(codec).__name__} is not a codec known here.")
    rate = config.frame_rate
    return CodecLayout(books, config.codebook_size, rate, config.sampling_rate)


def encode(codec: PreTrainedModel, audio: torch.Tensor) -> torch.Tensor:
    """Samples (B, 1, n) at the codec's rate -> codes (B, K, ceil(n / frame samples))."""
    size = ENCODE_FRAMES * codec_layout(codec).frame_samples
    return torch.cat(list(encode_blocks(codec, audio.split(size, dim=-1))), dim=-1)


@torch.no_grad()
def encode_blocks(codec: PreTrainedModel, blocks: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Codes of sounds that come in blocks.

    Args:
        blocks: (B, 1, n) samples, n = ENCODE_FRAMES frames in each but the last.

    Yields:
        (B, K, t) codes on the codec's device, t = ENCODE_FRAMES in each but the last.
    """
    size = codec_layout(codec).frame_samples
    whole = (F.pad(b.to(codec.device), (0, -b.shape[-1] % size)) for b in blocks)
    if isinstance(codec, EncodecModel):
        yield from _encode_overlapping(codec, whole, size)
        return
    # what is ours declares no types for these two
    causal: Any = codec
    state = None
    for audio in whole:
        if state is None:
            state = causal.init_encoder_state(audio.shape[0])
        codes, state = causal.encode_chunk(audio, state)
        yield codes


def _encode_overlapping(
    codec: Any, blocks: Iterable[torch.Tensor], size: int
) -> Iterator[torch.Tensor]:
    """Each block with CONTEXT frames before it and AHEAD after it, where there are any."""
    bandwidth = codec.config.target_bandwidths[-1]
    before = here = None
    for after in chain(blocks, [None]):
        if here is not None:
            left = here[..., :0] if before is None else before[..., -CONTEXT * size :]
            right = here[..., :0] if after is None else after[..., : AHEAD * size]
            heard = torch.cat([left, here, right], dim=-1)
            codes = codec.encode(heard, bandwidth=bandwidth, return_dict=True).audio_codes[0]
            first = left.shape[-1] // size
            yield codes[..., first : first + here.shape[-1] // size]
        before, here = here, after


def decode(codec: PreTrainedModel, codes: torch.Tensor, cents: float = 0.0) -> torch.Tensor:
    """Codes (B, K, T) -> samples (B, 1, T * frame samples); `cents` as in `StreamingDecoder`."""
    decoder = StreamingDecoder(codec, cents)
    parts = [decoder.push(chunk) for chunk in codes.split(CHUNK, dim=-1)]
    return torch.cat([*parts, decoder.finish()], dim=-1)


class StreamingDecoder:
    """Codes in, samples out, chunk by chunk.

    `push(codes (B, K, t))` gives the samples (B, 1, n) that are ready, `finish()` the rest, so that
    all of them together are T * frame samples long.

    Args:
        cents: how much sharper than A = 440 Hz the solo is played. EnCodec has no pitch of its own
            to turn: with it the solo stays at 440 Hz.
    """

    def __init__(self, codec: PreTrainedModel, cents: float = 0.0):
        self.codec: Any = codec
        self.cents = cents
        self.size = codec_layout(codec).frame_samples
        self.causal = not isinstance(codec, EncodecModel)
        self._state: Any = None
        self._codes: torch.Tensor | None = None
        self._ready = 0
        self._fade: torch.Tensor | None = None

    @torch.no_grad()
    def push(self, codes: torch.Tensor) -> torch.Tensor:
        """Take codes (B, K, t), give the samples (B, 1, n) that no later code can change."""
        if self.causal:
            if self._state is None:
                self._state = self.codec.init_decoder_state(codes.shape[0])
            audio, self._state = self.codec.decode_chunk(codes, self._state, cents=self.cents)
            return audio
        self._codes = codes if self._codes is None else torch.cat([self._codes, codes], dim=-1)
        return self._with_context(self._codes.shape[-1] - AHEAD)

    @torch.no_grad()
    def finish(self) -> torch.Tensor:
        """Give the samples (B, 1, n) that were held back."""
        if self.causal and self._state is not None:
            batch = len(self._state.waiting)
            none = torch.zeros(batch, self.codec.config.num_codebooks, 0, dtype=torch.long)
            none = none.to(self.codec.device)
            audio, self._state = self.codec.decode_chunk(
                none, self._state, last=True, cents=self.cents
            )
            return audio
        if self._codes is None:
            return torch.zeros(1, 1, 0)
        return self._with_context(self._codes.shape[-1])

    def _with_context(self, stop: int) -> torch.Tensor:
        """Samples of the buffered frames _ready..stop, cross-faded with the chunk before."""
        codes = self._codes
        assert codes is not None, "there are codes before there is anything to decode"
        if stop <= self._ready:
            return torch.zeros(codes.shape[0], 1, 0)
        audio = self.codec._decode_frame(codes)
        audio = audio[..., : codes.shape[-1] * self.size]
        new = audio[..., self._ready * self.size : stop * self.size].clone()
        if self._fade is not None:
            rise = torch.linspace(0, 1, self.size)
            new[..., : self.size] = self._fade * (1 - rise) + new[..., : self.size] * rise
        ahead = audio[..., stop * self.size : (stop + 1) * self.size]
        self._fade = ahead.clone() if ahead.shape[-1] else None
        drop = max(0, stop - CONTEXT)
        self._codes, self._ready = codes[..., drop:], stop - drop
        return new
