"""How fast a codec is, whether its stream is its whole, and how large its weights are.

    saxsolo benchmark codec [--codec DIR] [--seconds 20] [--threads 2]

Prints JSON. Speeds are multiples of real time, by the clock and by the processor's time over all
threads: on a machine that does other work the second holds. The stream is cut into blocks of half a
second; `stream_error` is the largest difference of any sample from the whole, full scale is 1.
The sound is made here: what it sounds like does not change the figures.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

BLOCK = 25  # code frames


@torch.inference_mode()
def main(
    codec: Annotated[Path | None, typer.Option(help="Folder.", show_default="the default")] = None,
    seconds: Annotated[float, typer.Option(help="Of sound.")] = 20.0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    repeats: Annotated[int, typer.Option(help="The best of so many.")] = 3,
) -> None:
    from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
    from saxsolo.errors import SettingError
    from saxsolo.weights.loading import load_codec

    torch.set_num_threads(threads)
    weights = load_codec(codec)
    model: Any = weights.model
    if not isinstance(model, SaxcodecModel):
        raise SettingError(f"{weights.name} is no saxcodec: others do not stream exactly")
    frames = round(seconds * model.config.frame_rate)
    sound = _glissando(frames * model.config.frame_samples, model.config.sampling_rate)
    encoding, codes = _best(lambda: model.encode(sound), seconds, repeats)
    decoding, whole = _best(lambda: model.decode(codes), seconds, repeats)
    streaming, streamed = _best(lambda: _streamed(model, sound), seconds, 1)
    found = {
        "codec": weights.name,
        "weights_megabytes": round(_bytes(model) / 1e6, 1),
        "seconds": seconds,
        "threads": threads,
        "encode": encoding,
        "decode": decoding,
        "stream_of_both": streaming,
        "codes_equal": bool(torch.equal(streamed[0], codes)),
        "stream_error": float((streamed[1] - whole).abs().max()),
    }
    print(json.dumps(found, indent=2))


def _bytes(model: torch.nn.Module) -> int:
    """Of the weights in half precision, as they are shipped; codebooks too."""
    return 2 * sum(values.numel() for values in model.state_dict().values())


def _glissando(samples: int, rate: int) -> torch.Tensor:
    time_ = np.arange(samples) / rate
    phase = 2 * np.pi * np.cumsum(220 * 2 ** np.sin(0.5 * time_)) / rate
    sound = sum(np.sin(k * phase) / k for k in range(1, 9))
    return torch.from_numpy(0.2 * np.asarray(sound, np.float32))[None, None]


def _best(play: Callable[[], Any], seconds: float, repeats: int) -> tuple[dict[str, float], Any]:
    clock = processor = float("inf")
    for _ in range(repeats):
        began, spent = time.perf_counter(), time.process_time()
        made = play()
        clock = min(clock, time.perf_counter() - began)
        processor = min(processor, time.process_time() - spent)
    return {"clock": round(seconds / clock, 1), "processor": round(seconds / processor, 1)}, made


def _streamed(model: Any, sound: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    heard, said = model.init_encoder_state(), model.init_decoder_state()
    codes, sounds = [], []
    for piece in sound.split(BLOCK * model.config.frame_samples, dim=-1):
        told, heard = model.encode_chunk(piece, heard)
        audio, said = model.decode_chunk(told, said)
        codes.append(told)
        sounds.append(audio)
    sounds.append(model.decode_chunk(codes[-1][..., :0], said, last=True)[0])
    return torch.cat(codes, -1), torch.cat(sounds, -1)
