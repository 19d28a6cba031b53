"""Audio to codes and back, block by block, for a sound of any length."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from modeling_saxsolo.codec_adapter_saxsolo import StreamingDecoder, codec_layout, encode

from .audio import Sound, open_sound
from .checkpoint import Place, load_codec
from .errors import OutputError
from .output import output_folder, replacing, write_audio
from .progress import Report

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
        blocks = (block[:, 0] for block in source.blocks(size, rate, length, mono=True))

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
