"""How fast the default plays: real-time factor, memory, and how soon it starts.

    python benchmarks/real_time.py [--checkpoint DIR] [--seconds 30] [--threads 2]

Prints JSON. `seconds_to_first_block` counts from an empty process: imports, loading, listening to
the backing and the first half second of saxophone. `peak_megabytes` is that of the process. The
backing is a file, or made here: what it sounds like does not change the figures.
"""

import time

STARTED = time.perf_counter()

import argparse  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import resource  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

RATE = 44100


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backing", type=Path, help="a file instead of the made one")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--checkpoint")
    parser.add_argument("--codec")
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--threads", type=int, help="of torch; its own choice when left out")
    options = parser.parse_args()

    import torch

    import saxsolo

    if options.threads:
        torch.set_num_threads(options.threads)
    backing = options.backing or (_walk(options.seconds), RATE)
    settings = {"seconds": options.seconds, "guidance": options.guidance}
    player = saxsolo.load_player(options.checkpoint, options.codec)
    loaded = time.perf_counter() - STARTED
    blocks = saxsolo.stream(backing, player=player, **settings)
    next(blocks)
    first = time.perf_counter() - STARTED
    blocks.close()
    run = saxsolo.improvise(backing, player=player, **settings).run
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


def _walk(seconds: float) -> np.ndarray:
    """(n,) a bass that walks over a click."""
    time_axis = np.arange(round(seconds * RATE)) / RATE
    steps = 55 * 2 ** (np.array([0, 4, 7, 9, 5, 9, 12, 9]) / 12)
    phase = np.cumsum(steps[(2 * time_axis).astype(int) % 8]) / RATE
    beat = time_axis % 0.5
    bass = np.sin(2 * np.pi * phase) * np.exp(-4 * beat)
    return (0.3 * bass + 0.1 * np.exp(-90 * beat)).astype(np.float32)


if __name__ == "__main__":
    main()
