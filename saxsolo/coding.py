"""Audio to codes and back, block by block, for a sound of any length."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from modeling_saxsolo.backing_saxsolo import heard_blocks, in_blocks
from modeling_saxsolo.codec_adapter_saxsolo import (
    ENCODE_FRAMES,
    StreamingDecoder,
    codec_layout,
    encode_blocks,
)

from .audio import Sound, open_sound
from .checkpoint import Place, load_codec
from .errors import OutputError
from .output import output_folder, replacing, write_audio
from .progress import Report

DECODE_FRAMES = 25


def decode_blocks(codec: PreTrainedModel, codes: Iterable[torch.Tensor]) -> Iterator[np.ndarray]:
    """Audio of codes (1, K, t) that come in parts, as (n,) float32 blocks, n >= 1."""
    decoder = StreamingDecoder(codec)
    for part in chain(codes, [None]):
        with torch.inference_mode():
            audio = decoder.finish() if part is None else decoder.push(part.to(codec.device))
        if audio.numel():
            yield audio.reshape(-1).float().cpu().numpy()


def round_trip(
    sound: Sound,
    out: Place,
    *,
    codec: Place | None = None,
    progress: Report | None = None,
) -> Path:
    """Writes what the codec makes of a sound: encoded, decoded, nothing else.

    Args:
        sound: path of a WAV, FLAC, OGG or MP3 file, or (samples, sampling rate).
        out: WAV file, mono at the codec's rate, as long as the sound.
        codec: folder or Hub id; the default in checkpoints/ when None.
        progress: called with the seconds that are done and the seconds in all.

    Returns:
        The path of the file.

    Raises:
        SaxsoloError: AudioError, CheckpointError or OutputError; one line each.
    """
    source = open_sound(sound)
    path = Path(out)
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a WAV file")
    with output_folder(path.parent), replacing(path) as (partial,):
        model = load_codec(codec).model
        layout = codec_layout(model)
        rate, length = layout.sampling_rate, source.length_at(layout.sampling_rate)
        size = ENCODE_FRAMES * layout.frame_samples
        # at its own level: what comes out is to sound as loud as what went in
        heard = heard_blocks(source.parts(), source.sampling_rate, rate, measure=None)
        blocks = (block.view(1, 1, -1) for block in in_blocks(heard, size))

        def decoded() -> Iterator[np.ndarray]:
            done = 0
            for block in decode_blocks(model, encode_blocks(model, blocks)):
                block = block[: length - done]
                done += len(block)
                # 16 bit holds nothing beyond full scale
                yield block.clip(-1, 1)
                if progress is not None:
                    progress(done / rate, length / rate)

        write_audio(partial, decoded(), rate)
    return path
