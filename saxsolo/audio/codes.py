"""Audio to codes and back, block by block, for a sound of any length."""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import torch
from transformers import PreTrainedModel

from modeling_saxsolo.codec_adapter_saxsolo import StreamingDecoder, encode

ENCODE_FRAMES = 250
DECODE_FRAMES = 25


@torch.inference_mode()
def encode_blocks(codec: PreTrainedModel, blocks: Iterable[np.ndarray]) -> Iterator[torch.Tensor]:
    """Codes of a sound that comes in blocks.

    Args:
        codec: SaxcodecModel, exact; or EncodecModel, whose pieces overlap by a block on each side.
        blocks: (n,) samples, n = ENCODE_FRAMES frames in each but the last.

    Yields:
        (1, K, t) codes, t = ENCODE_FRAMES in each but the last.
    """
    tensors = (torch.from_numpy(block)[None, None].to(codec.device) for block in blocks)
    if not hasattr(codec, "encode_chunk"):
        yield from _encode_overlapping(codec, tensors)
        return
    state = codec.init_encoder_state(1)
    frame = codec.config.frame_samples
    for audio in tensors:
        whole = torch.nn.functional.pad(audio, (0, -audio.shape[-1] % frame))
        codes, state = codec.encode_chunk(whole, state)
        yield codes


def _encode_overlapping(
    codec: PreTrainedModel, blocks: Iterable[torch.Tensor]
) -> Iterator[torch.Tensor]:
    before = here = None
    for after in chain(blocks, [None]):
        if here is not None:
            pieces = [piece for piece in (before, here, after) if piece is not None]
            start = 0 if before is None else ENCODE_FRAMES
            stop = None if after is None else start + ENCODE_FRAMES
            yield encode(codec, torch.cat(pieces, dim=-1))[..., start:stop]
        before, here = here, after


def decode_blocks(codec: PreTrainedModel, codes: Iterable[torch.Tensor]) -> Iterator[np.ndarray]:
    """Audio of codes (1, K, t) that come in parts, as (n,) float32 blocks, n >= 1."""
    decoder = StreamingDecoder(codec)
    for part in chain(codes, [None]):
        with torch.inference_mode():
            audio = decoder.finish() if part is None else decoder.push(part.to(codec.device))
        if audio.numel():
            yield audio.reshape(-1).float().cpu().numpy()
