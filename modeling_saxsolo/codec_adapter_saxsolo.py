"""One interface over the codecs: ours (SaxcodecModel) and transformers.EncodecModel.

Long sounds go through in chunks, so memory stays bounded. For ours, which is causal with an
explicit state, chunks are exact. EnCodec is not causal and its LSTM remembers from the beginning:
its chunks overlap by CONTEXT frames on the left and AHEAD on the right, and decoded chunks are
cross-faded over one frame; the result is close to the whole, not equal.

B batch, K codebooks, T frames, n samples.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F
from transformers import EncodecModel, PreTrainedConfig, PreTrainedModel

from .errors_saxsolo import CodecError
from .modeling_saxcodec import SaxcodecModel

CHUNK = 1500
CONTEXT = 100
AHEAD = 25
CODECS = {"saxcodec": SaxcodecModel, "encodec": EncodecModel}


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


def load_codec(folder: str, **kwargs) -> PreTrainedModel:
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


def load_whole(model_class: type[PreTrainedModel], folder: str, **kwargs) -> PreTrainedModel:
    """Load a model in float32, from safetensors alone, and refuse one that lacks weights.

    Args:
        kwargs: as in `from_pretrained`.

    Raises:
        OSError: when there is no such folder, no safetensors in it, or weights are missing.
    """
    model, report = model_class.from_pretrained(
        folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **kwargs
    )
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


@torch.no_grad()
def encode(codec: PreTrainedModel, audio: torch.Tensor) -> torch.Tensor:
    """Samples (B, 1, n) at the codec's rate -> codes (B, K, ceil(n / frame samples))."""
    size = codec_layout(codec).frame_samples
    audio = F.pad(audio, (0, -audio.shape[-1] % size))
    frames = audio.shape[-1] // size
    causal = not isinstance(codec, EncodecModel)
    state = codec.init_encoder_state(audio.shape[0]) if causal else None
    codes = []
    for start in range(0, frames, CHUNK):
        stop = min(start + CHUNK, frames)
        if causal:
            chunk, state = codec.encode_chunk(audio[..., start * size : stop * size], state)
        else:
            first, last = max(0, start - CONTEXT), min(frames, stop + AHEAD)
            heard = audio[..., first * size : last * size]
            bandwidth = codec.config.target_bandwidths[-1]
            chunk = codec.encode(heard, bandwidth=bandwidth, return_dict=True).audio_codes[0]
            chunk = chunk[..., start - first : stop - first]
        codes.append(chunk)
    return torch.cat(codes, dim=-1)


def decode(codec: PreTrainedModel, codes: torch.Tensor) -> torch.Tensor:
    """Codes (B, K, T) -> samples (B, 1, T * frame samples)."""
    decoder = StreamingDecoder(codec)
    parts = [decoder.push(chunk) for chunk in codes.split(CHUNK, dim=-1)]
    return torch.cat([*parts, decoder.finish()], dim=-1)


class StreamingDecoder:
    """Codes in, samples out, chunk by chunk.

    `push(codes (B, K, t))` gives the samples (B, 1, n) that are ready, `finish()` the rest, so that
    all of them together are T * frame samples long.
    """

    def __init__(self, codec: PreTrainedModel):
        self.codec = codec
        self.size = codec_layout(codec).frame_samples
        self.causal = not isinstance(codec, EncodecModel)
        self._state = None
        self._codes: torch.Tensor | None = None
        self._ready = 0
        self._fade: torch.Tensor | None = None

    @torch.no_grad()
    def push(self, codes: torch.Tensor) -> torch.Tensor:
        """Take codes (B, K, t), give the samples (B, 1, n) that no later code can change."""
        if self.causal:
            if self._state is None:
                self._state = self.codec.init_decoder_state(codes.shape[0])
            audio, self._state = self.codec.decode_chunk(codes, self._state)
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
            audio, self._state = self.codec.decode_chunk(none, self._state, last=True)
            return audio
        if self._codes is None:
            return torch.zeros(1, 1, 0)
        return self._with_context(self._codes.shape[-1])

    def _with_context(self, stop: int) -> torch.Tensor:
        """Samples of the buffered frames _ready..stop, cross-faded with the chunk before."""
        if stop <= self._ready:
            return torch.zeros(self._codes.shape[0], 1, 0)
        audio = self.codec._decode_frame(self._codes)
        audio = audio[..., : self._codes.shape[-1] * self.size]
        new = audio[..., self._ready * self.size : stop * self.size].clone()
        if self._fade is not None:
            rise = torch.linspace(0, 1, self.size)
            new[..., : self.size] = self._fade * (1 - rise) + new[..., : self.size] * rise
        ahead = audio[..., stop * self.size : (stop + 1) * self.size]
        self._fade = ahead.clone() if ahead.shape[-1] else None
        drop = max(0, stop - CONTEXT)
        self._codes, self._ready = self._codes[..., drop:], stop - drop
        return new
