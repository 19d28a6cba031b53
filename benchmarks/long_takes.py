"""What a take costs by its length: processor seconds and memory, each length in its own process.

    saxsolo benchmark long-takes [--lengths 10,30,120,600]

The backing is made here and read block by block. "a second" is processor seconds for each second of
saxophone after the backing has been heard; what grows with the length shows in the last columns.
"""

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Annotated

import typer

from benchmarks.real_time import RATE, _walk


def main(
    lengths: Annotated[str, typer.Option(help="Seconds of the backings.")] = "10,30,120,600",
) -> None:
    print("| seconds | hearing | playing | a second | of it in the last quarter | peak MB |")
    print("|" + " --- |" * 6)
    for length in map(float, lengths.split(",")):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            hearing, playing, last, memory = pool.submit(measure, length).result()
        print(
            f"| {length:g} | {hearing:.1f} | {playing:.1f} | {playing / length:.3f} "
            f"| {last:.3f} | {memory:.0f} |",
            flush=True,
        )


def measure(length: float) -> tuple[float, float, float, float]:
    """Processor seconds of hearing and of playing, those a second of the last quarter, peak MB."""
    import torch

    import saxsolo

    torch.set_num_threads(1)
    player = saxsolo.load_player(device="cpu")
    begun = time.process_time()
    marks, samples = [], 0
    for block in saxsolo.stream((_walk(length), RATE), player=player):
        samples += len(block)
        marks.append((samples / player.sampling_rate, time.process_time() - begun))
    # the first block comes after the whole backing has been heard
    hearing = marks[0][1]
    later = next(mark for mark in marks if mark[0] >= 0.75 * length)
    last = (marks[-1][1] - later[1]) / max(marks[-1][0] - later[0], 1e-9)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return hearing, marks[-1][1] - hearing, last, memory


if __name__ == "__main__":
    typer.run(main)
