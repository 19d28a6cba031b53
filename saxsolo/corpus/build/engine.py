"""Runs stages over recordings in several processes, through datatrove.

datatrove cuts the work into ranks, logs each and marks it completed, on this machine or, with its
SlurmPipelineExecutor and the same `pipeline`, on a cluster. Its own local executor is not used: it
waits forever for a worker that was killed (see docs/engineers/corpus.md). Here every worker is a
process that is restarted when it dies, and continues where the completed ranks end.

Workers are forked from a server that has loaded the libraries once, so a new one works at once.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from tqdm import tqdm

from saxsolo.corpus.recordings.sources import Recording
from saxsolo.corpus.stage_state import (
    STAGES,
    DiskFullError,
    EngineError,
    fingerprint,
    is_disk_full,
    read_record,
)

from .stages import BuildPlan, SetupError, prepare, prints_of, run_stage

RECORDINGS_PER_RANK = 4
# deaths of workers between which nothing got done, before the run gives up
MOST_DEATHS = 20
_LIBRARIES = {
    "download": [],
    "separate": ["torch"],
    "select": ["swift_f0"],
    "augment": ["saxsolo.corpus.recordings.augment"],
    "tokenise": ["torch", "saxsolo.corpus.tokens.tokenise"],
}


def preload(stages: Sequence[str]) -> None:
    """Names what the server of workers loads: all that these stages need. To be called once,
    before the first worker."""
    libraries = [name for stage in stages for name in _LIBRARIES.get(stage, [])]
    engine = ["saxsolo.corpus.build.engine", "datatrove.data", "datatrove.executor.base"]
    multiprocessing.get_context("forkserver").set_forkserver_preload([*engine, *libraries])


def run_stages(
    plan: BuildPlan, stages: Sequence[str], recordings: Sequence[Recording], workers: int
) -> None:
    """Takes every recording through the stages, one after another; what is done stays done.

    Raises:
        DiskFullError, SetupError: as a worker met them.
        EngineError: workers die without getting anything done.
    """
    recordings = [recording for recording in recordings if not _is_through(plan, stages, recording)]
    if not recordings:
        return
    # of few recordings every worker gets some
    tasks = max(-(-len(recordings) // RECORDINGS_PER_RANK), min(len(recordings), workers))
    done = [[prints_of(plan, recording)[stages[-1]] for recording in recordings], stages, tasks]
    logs = plan.out / "logs" / f"{stages[0]}-{fingerprint(done)}"
    context = multiprocessing.get_context("forkserver")
    threads = max(1, _cores() // workers)
    pool: dict[Any, tuple[int, BaseProcess, Connection]] = {}

    def start(place: int) -> None:
        ranks = list(range(place, tasks, workers))
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=_work,
            args=(plan, list(stages), recordings, tasks, ranks, str(logs), threads, theirs),
            daemon=True,
        )
        process.start()
        theirs.close()
        pool[process.sentinel] = (place, process, mine)

    completions = logs / "completions"
    deaths, before = 0, -1
    try:
        for place in range(min(workers, tasks)):
            start(place)
        with tqdm(total=tasks, desc=" + ".join(stages), disable=None) as bar:
            while pool:
                ended = wait(list(pool), timeout=1.0)
                through = len(list(completions.iterdir())) if completions.is_dir() else 0
                bar.update(through - bar.n)
                for sentinel in ended:
                    place, process, pipe = pool.pop(sentinel)
                    process.join()
                    _raise_error_of(pipe)
                    if process.exitcode == 0:
                        continue
                    moved = _count_records(plan)
                    deaths = deaths + 1 if moved == before else 0
                    before = moved
                    if deaths > MOST_DEATHS:
                        raise EngineError(
                            f"{deaths} workers died (the last with exit code {process.exitcode}) "
                            f"and nothing got done; is there memory enough? See {logs}"
                        )
                    start(place)
    finally:
        for _, process, _pipe in pool.values():
            process.kill()
            process.join()


def pipeline(plan: BuildPlan, stages: Sequence[str], recordings: Sequence[Recording]) -> list[Any]:
    """The stages as a datatrove pipeline, for any of its executors."""
    from datatrove.data import Document

    def give(_data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        for place in range(rank, len(recordings), world_size):
            yield Document(text="", id=recordings[place].id, metadata={"place": place})

    def step(stage: str) -> Callable[..., Iterator[Any]]:
        def take(data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
            for document in data:
                record = run_stage(stage, recordings[document.metadata["place"]], plan)
                if not record.failed:
                    yield document

        return take

    return [give, *(step(stage) for stage in stages)]


def _is_through(plan: BuildPlan, stages: Sequence[str], recording: Recording) -> bool:
    """Whether all stages, or all up to one that put it into quarantine, are done."""
    prints = prints_of(plan, recording)
    for stage in stages:
        record = read_record(plan.out, stage, recording.id, prints[stage])
        if record is None:
            return False
        if record.failed:
            return True
    return True


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _count_records(plan: BuildPlan) -> int:
    folders = [plan.out / "state" / stage for stage in STAGES]
    return sum(len(os.listdir(folder)) for folder in folders if folder.is_dir())


def _raise_error_of(pipe: Connection) -> None:
    """Raises what a worker said before it stopped of itself."""
    try:
        kind, text = pipe.recv() if pipe.poll() else (None, "")
    except (EOFError, OSError):
        return
    if kind == "disk":
        raise DiskFullError(errno.ENOSPC, text)
    if kind == "setup":
        raise SetupError(text)
    if kind:
        raise RuntimeError(text)


def _work(
    plan: BuildPlan,
    stages: list[str],
    recordings: list[Recording],
    tasks: int,
    ranks: list[int],
    logs: str,
    threads: int,
    pipe: Connection,
) -> None:
    """A worker: its ranks, one after another."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    try:
        if {"separate", "tokenise"} & set(stages):
            import torch

            torch.set_num_threads(threads)
        prepare(stages, plan)
        for rank in ranks:
            _run_rank(pipeline(plan, stages, recordings), rank, tasks, logs)
    except DiskFullError as error:
        pipe.send(("disk", error.strerror))
    except SetupError as error:
        pipe.send(("setup", str(error)))
    except Exception as error:
        if is_disk_full(error):
            pipe.send(("disk", f"{plan.out} has no room left; make room, then add --resume"))
        else:
            pipe.send(("defect", f"{type(error).__name__}: {error}"))
    finally:
        pipe.close()


def _run_rank(steps: list[Any], rank: int, tasks: int, logs: str) -> None:
    """One rank by datatrove: logged, and marked completed when it is."""
    from datatrove.executor.base import PipelineExecutor

    class Worker(PipelineExecutor):  # type: ignore[misc]  # datatrove has no types
        """datatrove's executor for a single rank, in this process."""

        def __init__(self) -> None:
            super().__init__(steps, logging_dir=logs)

        @property
        def world_size(self) -> int:
            return tasks

        def get_distributed_env(self, node_rank: int = -1) -> dict[str, str]:
            return {
                "datatrove_node_ips": "localhost",
                "datatrove_cpus_per_task": "-1",
                "datatrove_mem_per_cpu": "-1",
                "datatrove_gpus_on_node": "-1",
                "datatrove_executor": "saxsolo",
            }

        def run(self) -> None:
            # local rank 1: datatrove logs to its file, not onto the terminal
            self._run_for_rank(rank, local_rank=1)

    Worker().run()
