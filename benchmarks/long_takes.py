"""What a take costs by its length: processor seconds and memory, each length in its own process.

    saxsolo benchmark long-takes [--lengths 10,60,300,600] [--backing FILE] [--seams]

The backing is a WAV file that is written and read block by block, and the take is saved as solo and
mix, so that nothing of the length is held but what the program itself holds. "a second" is
processor seconds for each second of saxophone after the backing has been heard. Memory is the peak
of the resident size in each part of the way, of Linux (VmHWM, which is reset between the parts).
With `--seams`, a second table for each length shows the solo where the decoder's windows meet.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import typer

from benchmarks.real_time import RATE, walking_bass
from benchmarks.seams import table

# the walk comes round after so many seconds
ROUND = 4


def main(
    lengths: Annotated[str, typer.Option(help="Seconds of the backings.")] = "10,60,300,600",
    checkpoint: Annotated[str | None, typer.Option(help="Folder or Hub id.")] = None,
    backing: Annotated[
        Path | None, typer.Option(help="A file, played again and again.", show_default="a bass")
    ] = None,
    seams: Annotated[bool, typer.Option(help="Look at the windows' borders.")] = False,
) -> None:
    names = ("seconds", "hearing", "playing", "a second", "of it in the last quarter")
    parts = ("loaded", "hearing", "playing", "saving")
    print(f"| {' | '.join([*names, *(f'MB {part}' for part in parts)])} |")
    print("|" + " --- |" * (len(names) + len(parts)))
    for length in map(float, lengths.split(",")):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            asked = pool.submit(measure, length, checkpoint, backing, seams)
            hearing, playing, last, memory, borders = asked.result()
        times = f"{length:g} | {hearing:.1f} | {playing:.1f} | {playing / length:.3f} | {last:.3f}"
        print(f"| {times} | {' | '.join(f'{part:.0f}' for part in memory)} |", flush=True)
        if borders:
            print(f"\n{borders}\n", flush=True)


def measure(
    length: float,
    checkpoint: str | None = None,
    backing: Path | None = None,
    seams: bool = False,
) -> tuple[float, float, float, tuple[float, ...], str]:
    """Processor seconds of hearing and of playing, those a second of the last quarter, peaks in MB
    of the process that is loaded, hears, plays and saves; the table of the borders if asked."""
    import torch

    import saxsolo

    torch.set_num_threads(1)
    player = saxsolo.load_player(checkpoint, device="cpu")
    memory = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "backing.wav"
        once, rate = (walking_bass(ROUND), RATE) if backing is None else soundfile.read(backing)
        with soundfile.SoundFile(path, "w", rate, once.ndim) as file:
            for block in _blocks(once, round(length * rate)):
                file.write(block)
        del once
        _start_peak()
        memory.append(_peak())
        begun = time.process_time()
        marks: list[tuple[float, float]] = []

        def mark(played: float, _: float) -> None:
            # the first block comes after the whole backing has been heard
            if not marks:
                memory.append(_peak())
                _start_peak()
            marks.append((played, time.process_time() - begun))

        take = saxsolo.improvise(path, player=player, progress=mark, scratch=Path(name))
        memory.append(_peak())
        _start_peak()
        take.save(Path(name) / "take")
        memory.append(_peak())
        borders = table(take, player.solo.model) if seams else ""
    hearing = marks[0][1]
    later = next(mark for mark in marks if mark[0] >= 0.75 * length)
    last = (marks[-1][1] - later[1]) / max(marks[-1][0] - later[0], 1e-9)
    return hearing, marks[-1][1] - hearing, last, tuple(memory), borders


def _blocks(once: np.ndarray, left: int) -> Iterator[np.ndarray]:
    """A sound again and again, until so many samples are there."""
    while left > 0:
        yield once[:left]
        left -= len(once)


def _start_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    """The largest resident size since `_start_peak`, megabytes."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert found is not None, "the kernel tells the peak of the resident size"
    return int(found[1]) * 1024 / 1e6


if __name__ == "__main__":
    typer.run(main)
