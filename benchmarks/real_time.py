"""How fast the default plays: real-time factor, memory, and how soon it starts.

    saxsolo benchmark real-time [--checkpoint DIR] [--seconds 30] [--threads 2]

Prints JSON. `seconds_to_first_block` counts from the start of the process: imports, loading,
listening to the backing and the first half second of saxophone. `peak_megabytes` is that of the
process. The backing is a file, or made here: what it sounds like does not change the figures.
"""

import json
import platform
import resource
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer

RATE = 44100


def main(
    backing: Annotated[
        Path | None, typer.Option(help="A file.", show_default="a backing made here")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Length of the solo.")] = 30.0,
    checkpoint: Annotated[
        str | None, typer.Option(help="Folder or Hub id.", show_default="the default")
    ] = None,
    codec: Annotated[
        str | None, typer.Option(help="Folder or Hub id of the codec.", show_default="the default")
    ] = None,
    guidance: Annotated[float | None, typer.Option(show_default="the model's")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads of torch.", show_default="torch's choice")
    ] = None,
) -> None:
    started = psutil.Process().create_time()

    import torch

    import saxsolo

    if threads:
        torch.set_num_threads(threads)
    sound = backing or (walking_bass(seconds), RATE)
    settings = {"seconds": seconds, "guidance": guidance}
    player = saxsolo.load_player(checkpoint, codec)
    loaded = time.time() - started
    blocks = saxsolo.stream(sound, player=player, **settings)
    next(blocks)
    first = time.time() - started
    blocks.close()
    run = saxsolo.improvise(sound, player=player, **settings).run
    figures = {
        "real_time_factor": round(run["real_time_factor"], 2),
        "seconds_to_first_block": round(first, 1),
        "seconds_to_load": round(loaded, 1),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "audio_seconds": run["audio_seconds"],
        "parameters": sum(p.numel() for p in player.solo.model.parameters()),
        "codec_parameters": sum(p.numel() for p in player.codec.model.parameters()),
        "threads": torch.get_num_threads(),
        "machine": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "checkpoint": run["checkpoint"],
        "codec": run["codec"],
        "versions": run["versions"],
    }
    print(json.dumps(figures, indent=2))


def walking_bass(seconds: float) -> np.ndarray:
    """(n,) a bass that walks over a click."""
    time_axis = np.arange(round(seconds * RATE)) / RATE
    steps = 55 * 2 ** (np.array([0, 4, 7, 9, 5, 9, 12, 9]) / 12)
    phase = np.cumsum(steps[(2 * time_axis).astype(int) % 8]) / RATE
    beat = time_axis % 0.5
    bass = np.sin(2 * np.pi * phase) * np.exp(-4 * beat)
    return (0.3 * bass + 0.1 * np.exp(-90 * beat)).astype(np.float32)


if __name__ == "__main__":
    typer.run(main)
