"""How soon an empty process plays, and where the time goes.

    saxsolo benchmark first-sound [--backing FILE] [--seconds 30] [--runs 3]

Each run is a process of its own that listens to the backing and plays the first half second. "lean"
is what `saxsolo improvise` does (see saxsolo/lean_imports.py), "all" imports torch and transformers
as they are. They take turns, and the median of each column is printed: processor seconds, which a
busy machine changes little, then seconds on the clock.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

COLUMNS = ("imports", "loading", "first block", "all", "all, on the clock")
CHILD = """
import json, sys, time
import psutil
begun = psutil.Process().create_time()
marks = [0.0]
def mark():
    marks.append(time.process_time())
backing, seconds, way = sys.argv[1], float(sys.argv[2]), sys.argv[3]
if way == "lean":
    from saxsolo.lean_imports import lean_imports
    lean_imports()
import saxsolo.playing.performance
import saxsolo
mark()
player = saxsolo.load_player()
mark()
blocks = saxsolo.stream(backing, player=player, seconds=seconds)
next(blocks)
mark()
clock = time.time() - begun
blocks.close()
parts = [after - before for before, after in zip(marks, marks[1:])]
print(json.dumps([*parts, marks[-1], clock]))
"""


def main(
    backing: Annotated[Path, typer.Option(help="A file.")] = Path("examples/ballad.flac"),
    seconds: Annotated[float, typer.Option(help="Of the backing that are heard.")] = 30.0,
    runs: Annotated[int, typer.Option(help="Processes of each kind.")] = 3,
) -> None:
    found: dict[str, list[list[float]]] = {"all": [], "lean": []}
    for _ in range(runs):
        for way, figures in found.items():
            figures.append(_run([str(backing), str(seconds), way]))
    print("| way | " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * (len(COLUMNS) + 1))
    medians = {
        way: [statistics.median(column) for column in zip(*figures, strict=True)]
        for way, figures in found.items()
    }
    for way, row in medians.items():
        print(f"| {way} | " + " | ".join(f"{value:.2f}" for value in row) + " |")
    ratios = [
        lean / everything for lean, everything in zip(medians["lean"], medians["all"], strict=True)
    ]
    print("| lean to all | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")


def _run(arguments: list[str]) -> list[float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    values: list[float] = json.loads(done.stdout.splitlines()[-1])
    return values


if __name__ == "__main__":
    typer.run(main)
