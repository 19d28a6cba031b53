"""Audio to codes and back, block by block, for a sound of any length."""

import threading
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import torch
from transformers import PreTrainedModel

from modeling_saxsolo.codec_adapter_saxsolo import StreamingDecoder

DECODE_FRAMES = 25
# one thread makes sound at a time: threads of solos that are played at once would take the
# interpreter from one another between the operations
_SOUNDING = threading.Lock()


def decode_blocks(
    codec: PreTrainedModel, codes: Iterable[torch.Tensor], cents: float = 0.0
) -> Iterator[np.ndarray]:
    """Audio of codes (1, K, t) that come in parts, as (n,) float32 blocks, n >= 1.

    Args:
        cents: how much sharper than A = 440 Hz the solo is played.
    """
    decoder = StreamingDecoder(codec, cents)
    for part in chain(codes, [None]):
        with _SOUNDING, torch.inference_mode():
            audio = decoder.finish() if part is None else decoder.push(part.to(codec.device))
        if audio.numel():
            yield audio.reshape(-1).float().cpu().numpy()
