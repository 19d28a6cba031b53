"""datatrove and Ray Data over the same items, a worker killed in the middle, then started again.

    pip install "ray[data]"
    saxsolo benchmark engines --files 200

Each item is a small file that costs `--cost` seconds of processor time; two workers. Two accidents:
when a quarter of the items is done, one worker gets a SIGKILL; or, when half is done, all processes
do, as when the machine goes off. A run in which nothing moves for `--patience` seconds is stopped.
Then the same is started again, as a user would: what was done twice, what never? Prints JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import psutil
import typer

WORKERS = 2


def work(place: str, cost: float) -> None:
    """One item: says that it began, computes, says that it is done. Lines are short enough for
    O_APPEND to keep them whole."""
    folder, name = os.path.split(place)
    root = Path(folder).parent
    with open(root / "began", "a") as began:
        began.write(f"{name} {os.getpid()}\n")
    end = time.process_time() + cost
    while time.process_time() < end:
        len(Path(place).read_bytes())
    with open(root / "done", "a") as done:
        done.write(f"{name}\n")


def run_datatrove(root: Path, cost: float) -> None:
    """The local executor, one rank a file: the unit that datatrove marks as completed."""
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor

    items = sorted(str(one) for one in (root / "items").iterdir())

    def give(_data, rank: int = 0, world_size: int = 1):
        for item in items[rank::world_size]:
            yield Document(text="", id=item)

    def step(data, rank: int = 0, world_size: int = 1):
        for document in data:
            work(document.id, cost)
            yield document

    LocalPipelineExecutor(
        [give, step], tasks=len(items), workers=WORKERS, logging_dir=str(root / "logs")
    ).run()


def run_ray(root: Path, cost: float, checkpoint: bool) -> None:
    """Ray Data, from Parquet to Parquet, with or without its own checkpoints."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import ray

    source = root / "items.parquet"
    if not source.exists():
        items = sorted(str(one) for one in (root / "items").iterdir())
        pq.write_table(pa.table({"id": items}), source)
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    if checkpoint:
        from ray.data.checkpoint import CheckpointConfig

        context.checkpoint_config = CheckpointConfig(
            id_column="id",
            checkpoint_path=str(root / "checkpoint"),
            delete_checkpoint_on_success=False,
        )

    def step(row: dict) -> dict:
        work(row["id"], cost)
        return row

    blocks = len(list((root / "items").iterdir()))
    data = ray.data.read_parquet(str(source)).repartition(blocks).map(step, num_cpus=1)
    data.write_parquet(str(root / "out"), mode="append")


ENGINES = {
    "datatrove": run_datatrove,
    "ray": lambda root, cost: run_ray(root, cost, False),
    "ray with checkpoints": lambda root, cost: run_ray(root, cost, True),
}


def lines(path: Path) -> list[str]:
    """What was written so far."""
    return path.read_text().splitlines() if path.exists() else []


def tree(process: psutil.Process) -> list[psutil.Process]:
    """A process and all below it that still live."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory(processes: list[psutil.Process]) -> int:
    """Bytes that are theirs alone (unique set size)."""
    total = 0
    for one in processes:
        try:
            total += one.memory_full_info().uss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def attempt(
    engine: str, root: Path, accident: str | None, files: int, cost: float, patience: float
) -> dict:
    """One start of one engine, until it ends, nothing moves any more or the accident stops it.

    Args:
        accident: "a worker" or "all", who is killed; None for nobody.
    """
    before = Counter(lines(root / "done"))
    command = [sys.executable, "-m", "saxsolo", "benchmark", "engines"]
    command += ["--engine", engine, "--root", str(root)]
    began = time.monotonic()
    with open(root / "output", "a") as output:
        run = subprocess.Popen(
            [*command, "--cost", str(cost)], stdout=output, stderr=output, text=True
        )
    parent = psutil.Process(run.pid)
    found = {"killed": False, "seconds_to_first_item": None}
    heaviest, most, moved, count = 0, 0, began, len(lines(root / "began"))
    first = count
    while run.poll() is None:
        time.sleep(0.2)
        now, entries = time.monotonic(), lines(root / "began")
        if len(entries) != count:
            count, moved = len(entries), now
            if found["seconds_to_first_item"] is None:
                found["seconds_to_first_item"] = round(now - began, 1)
        processes = tree(parent)
        heaviest, most = max(heaviest, memory(processes)), max(most, len(processes))
        done = len(lines(root / "done"))
        if accident == "a worker" and not found["killed"] and done >= files // 4:
            victim = int(entries[-1].split()[1])
            if psutil.pid_exists(victim) and victim != run.pid:
                os.kill(victim, signal.SIGKILL)
                found["killed"] = True
        if accident == "all" and done >= files // 2:
            found["killed"] = True
            break
        if now - moved > patience and count > first:
            break
    ended = run.poll()
    for one in tree(parent):
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    run.wait()
    after = Counter(lines(root / "done"))
    return found | {
        "ended": "stopped" if ended is None else f"exit code {ended}",
        "seconds": round(time.monotonic() - began, 1),
        "megabytes": round(heaviest / 1e6),
        "processes": most,
        "items_done": len(after),
        "done_again": sum(1 for name in before if after[name] > before[name]),
    }


def main(
    files: Annotated[int, typer.Option(help="Items.")] = 200,
    cost: Annotated[float, typer.Option(help="Processor seconds a file.")] = 0.2,
    patience: Annotated[
        float, typer.Option(help="Seconds without a move after which a run is stopped.")
    ] = 45.0,
    engine: Annotated[str | None, typer.Option(hidden=True)] = None,
    root: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    if engine and root:
        ENGINES[engine](root, cost)
        return
    report = {}
    for name in ENGINES:
        for accident in ("a worker", "all"):
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                (place / "items").mkdir()
                for number in range(files):
                    (place / "items" / f"{number:04d}").write_bytes(os.urandom(1000))
                starts = [
                    attempt(name, place, one, files, cost, patience)
                    for one in (accident, None, None)
                ]
                report[f"{name}, {accident} killed"] = starts
                for start in starts:
                    print(name, accident, start, file=sys.stderr)
                if "exit code 1" in (start["ended"] for start in starts):
                    print("\n".join(lines(place / "output")[-8:]), file=sys.stderr)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    typer.run(main)
