"""Decoding speed beside what users would take instead, and beside the machine's limit.

    saxsolo benchmark decode [--frames 384] [--rows 1,4,16] [--sizes default,large] [--threads 1]

Prints a Markdown table for the default's shape and for one of about 10^8 weights, both with random
weights, all in one run: transformers' MusicGen decoder of the same widths, in its own `generate`
and in a bare loop with static caches; our plain `generate`; our fast decoding of known notes. The
floor is the time to read the weights and half of the caches once, in the bits that each way keeps
them in, at the bandwidth measured here.
Every measurement runs in a process of its own, for its peak memory. Time is processor time, which
is the clock's on an idle machine with one thread.
"""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Annotated, Any

import numpy as np
import torch
import typer

FRAME_RATE = 50
SIZES = {
    "default": {
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_attention_heads": 3,
        "decoder_layers": 6,
    },
    "triple": {
        "hidden_size": 320,
        "intermediate_size": 896,
        "num_attention_heads": 5,
        "decoder_layers": 6,
    },
    "large": {
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_attention_heads": 12,
        "decoder_layers": 10,
    },
}
WAYS = {
    "musicgen": "MusicGen decoder, its `generate`",
    "musicgen_loop": "MusicGen decoder, a bare loop",
    "plain": "saxsolo, plain `generate`",
    "numpy": "saxsolo, known notes, in NumPy",
    "fast": "saxsolo, known notes, compiled",
    "fast8": "saxsolo, known notes, compiled, `fast_bits` 8",
}


def main(
    frames: Annotated[int, typer.Option(help="Frames decoded in each measurement.")] = 384,
    rows: Annotated[str, typer.Option(help="Batch sizes.")] = "1,4,16",
    ways: Annotated[str, typer.Option(help="Of " + ", ".join(WAYS) + ".")] = ",".join(WAYS),
    sizes: Annotated[str, typer.Option(help="Of " + ", ".join(SIZES) + ".")] = "default,large",
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    repeats: Annotated[int, typer.Option(help="The best of so many.")] = 3,
) -> None:
    head = "weights | batch | way | frames/s | real time | ms/step | of the floor | to plain | MB"
    print(f"| {head} |")
    print("|" + " --- |" * 9)
    for size in sizes.split(","):
        for batch in map(int, rows.split(",")):
            found = {
                way: _in_a_process(way, size, batch, frames, threads, repeats)
                for way in ways.split(",")
            }
            for way, (rate, weights, floor, memory) in found.items():
                name = WAYS[way]
                plain = found.get("plain", found[way])[0]
                print(
                    f"| {weights / 1e6:.1f} M | {batch} | {name} | {rate * batch:.0f} "
                    f"| {rate * batch / FRAME_RATE:.1f} | {1000 / rate:.2f} | {rate * floor:.0%} "
                    f"| {rate / plain:.2f} | {memory:.0f} |",
                    flush=True,
                )


def _in_a_process(*arguments: Any) -> tuple[float, int, float, float]:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def measure(
    way: str, size: str, batch: int, frames: int, threads: int, repeats: int
) -> tuple[float, int, float, float]:
    """Steps a second, weights of decoder and heads, seconds of the floor, peak megabytes."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    with torch.inference_mode():
        play, model = (_musicgen if way.startswith("musicgen") else _saxsolo)(
            way, SIZES[size], batch, frames
        )
        play()
        rate = max(_rate(play, frames) for _ in range(repeats))
    weights = sum(p.numel() for p in model if p.dim() > 1)
    cache = 2 * batch * frames / 2 * SIZES[size]["hidden_size"] * SIZES[size]["decoder_layers"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # eight bits a weight, sixteen for what is remembered
    read = weights + 2 * cache if way == "fast8" else 4 * (weights + cache)
    return rate, weights, _seconds_to_read(int(read)), memory


def _rate(play: Callable[[], object], frames: int) -> float:
    started = time.process_time()
    play()
    return frames / (time.process_time() - started)


def _seconds_to_read(size: int) -> float:
    """Best of twenty sums over so many bytes on one thread."""
    values = np.ones(size // 4, np.float32)
    best = np.inf
    for _ in range(20):
        started = time.process_time()
        values.sum()
        best = min(best, time.process_time() - started)
    return float(best)


def _saxsolo(way: str, size: dict[str, int], batch: int, frames: int) -> tuple[Any, list[Any]]:
    from modeling_saxsolo import (
        SaxsoloConfig,
        SaxsoloForConditionalGeneration,
        fast_decoding_saxsolo,
    )
    from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES

    config = SaxsoloConfig(
        **size, hears="spectrum", listen="labels", frame_labels=dict(LABEL_SIZES),
        lookahead=[15, 50], codec_dim=64, degrees=True, rhythm=True, window_frames=768, dropout=0.0,
    )  # fmt: skip
    model = SaxsoloForConditionalGeneration(config).eval()
    posteriors = torch.cat(
        [torch.rand(batch, n, frames).softmax(1) for n in LABEL_SIZES.values()], 1
    )
    notes = torch.full((batch, config.num_streams, frames), -1)
    notes[:, 0] = _notes(frames)
    model.config.fast_bits = 8 if way == "fast8" else None
    if way == "numpy":
        fast_decoding_saxsolo.AVAILABLE = False
    plan = 0 if way == "plain" else frames

    def play() -> None:
        model.generate(
            frame_label_posteriors=posteriors,
            forced_codes=notes,
            plan_frames=plan,
            guidance_scale=1.0,
            temperature=1.0,
        )

    if way != "plain":
        model._plan_notes = lambda inputs, past, forced, *rest: forced[:, past.shape[-1] :]
    read = [p for layer in model.decoder.layers for p in layer.parameters()]
    return play, [*read, *(head.weight for head in model.heads)]


def _notes(frames: int) -> torch.Tensor:
    """(frames,) score tokens: a note of a tenth of a second every fifth."""
    place = torch.arange(frames)
    pitch = 20 + (place // 10) % 12
    return torch.where(place % 10 == 0, 1 + pitch, torch.where(place % 10 < 5, 61 + pitch, 0))


def _musicgen(way: str, size: dict[str, int], batch: int, frames: int) -> tuple[Any, list[Any]]:
    from transformers import EncoderDecoderCache, MusicgenForCausalLM, StaticCache
    from transformers.models.musicgen import MusicgenDecoderConfig

    config = MusicgenDecoderConfig(
        vocab_size=2048, num_codebooks=4, hidden_size=size["hidden_size"],
        num_hidden_layers=size["decoder_layers"], ffn_dim=size["intermediate_size"],
        num_attention_heads=size["num_attention_heads"], max_position_embeddings=2048,
    )  # fmt: skip
    model = MusicgenForCausalLM(config).eval()
    for token in ("pad_token_id", "bos_token_id", "decoder_start_token_id"):
        setattr(model.generation_config, token, 2048)
    memory = torch.randn(batch, 5, size["hidden_size"])
    start = torch.full((batch * 4, 1), 2048)

    def generate() -> None:
        model.generate(
            start,
            encoder_hidden_states=memory,
            max_new_tokens=frames,
            guidance_scale=1.0,
            num_return_sequences=1,
            do_sample=True,
        )

    def loop() -> None:
        caches = [StaticCache(config, max_cache_len=length) for length in (frames + 1, 5)]
        cache, tokens = EncoderDecoderCache(*caches), start
        for _ in range(frames):
            logits = model(
                tokens, encoder_hidden_states=memory, past_key_values=cache, use_cache=True
            ).logits[:, -1]
            tokens = torch.multinomial(logits.softmax(-1), 1)

    read = [p for layer in model.model.decoder.layers for p in layer.parameters()]
    heads = [head.weight for head in model.lm_heads]
    return generate if way == "musicgen" else loop, [*read, *heads]


if __name__ == "__main__":
    typer.run(main)
