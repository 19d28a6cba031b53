"""A sound through the codec and back: what is lost there is lost everywhere."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from modeling_saxsolo.backing_saxsolo import heard_blocks, in_blocks
from modeling_saxsolo.codec_adapter_saxsolo import ENCODE_FRAMES, codec_layout, encode_blocks
from saxsolo.atomic import output_folder, refuse_overwriting, replacing
from saxsolo.audio.codes import decode_blocks
from saxsolo.audio.files import Sound, open_sound
from saxsolo.audio.writing import write_audio
from saxsolo.device import checked_device
from saxsolo.errors import OutputError
from saxsolo.progress_bar import Report
from saxsolo.weights.loading import Place, load_codec


def round_trip(
    sound: Sound,
    out: Place,
    *,
    codec: Place | None = None,
    device: str | None = None,
    progress: Report | None = None,
) -> Path:
    """Writes what the codec makes of a sound: encoded, decoded, nothing else.

    Args:
        sound: path of a WAV, FLAC, OGG or MP3 file, or (samples, sampling rate).
        out: WAV file, mono at the codec's rate, as long as the sound.
        codec: folder or Hub id; the default in checkpoints/ when None.
        device: "cpu", "cuda" or "mps"; a CUDA GPU where there is one when None.
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
    if source.path is not None:
        refuse_overwriting([path], [source.path])
    with output_folder(path.parent), replacing(path) as (partial,):
        model = load_codec(codec, checked_device(device)).model
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
