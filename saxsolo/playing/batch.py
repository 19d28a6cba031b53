"""Playing jobs with one model: the good ones are done, the bad ones are told."""

import json
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from saxsolo.atomic import output_folder, replacing
from saxsolo.audio.names import printable
from saxsolo.errors import CheckpointError, SaxsoloError
from saxsolo.progress_bar import Report
from saxsolo.weights.loading import Player

from .hearing import HearOnce
from .performance import improvise
from .requests import Outcome, TakeRequest
from .take_fit import by_fit, folders_of_takes


def play_jobs(
    jobs: list[TakeRequest],
    player: Callable[[], Player],
    saving: dict[str, Any],
    progress: Callable[[str], AbstractContextManager[Report | None]],
    at_once: int = 1,
) -> Iterator[Outcome]:
    """Plays and saves jobs, several at once in one batch.

    A person's mistake in one does not keep the others from being played, nor does a defect, whose
    trace goes to standard error. An interruption ends it: what is done stays, what was being
    played leaves nothing. How many are played at once changes nothing in a solo.

    Args:
        jobs: with their backings opened or a reason why not.
        player: loads the model, called before the first job that can be played.
        saving: arguments of `Take.save`.
        progress: makes the report of a job from its label, or of all that are played at once.
        at_once: jobs that are played side by side.

    Yields:
        The outcomes in the order of the jobs.

    Raises:
        CheckpointError: when there is nothing to play with.
    """
    desk = _Desk(player, saving, alone=len(jobs) == 1)
    if at_once == 1 or sum(job.source is not None for job in jobs) <= 1:
        for number, job in enumerate(jobs, start=1):
            label = f"improvising {number}/{len(jobs)}" if len(jobs) > 1 else "improvising"
            with progress(label) if job.source is not None else nullcontext() as report:
                yield desk.outcome(job, report)
        return
    with (
        progress(f"improvising {len(jobs)} takes") as report,
        ThreadPoolExecutor(at_once, thread_name_prefix="saxsolo-take") as threads,
    ):
        shared = _SharedReport(report)
        played = [threads.submit(desk.outcome, job, shared.of(job)) for job in jobs]
        try:
            for outcome in played:
                yield outcome.result()
        finally:
            shared.stopped = True
            threads.shutdown(cancel_futures=True)


class _Desk:
    """Where jobs are played: the model is loaded for the first, and a backing is listened to once.

    Args:
        alone: whether there is but one job, whose defect is raised.
    """

    def __init__(self, player: Callable[[], Player], saving: dict[str, Any], alone: bool):
        self._load, self._saving, self._alone = player, saving, alone
        self._player: Player | None = None
        self._loading = threading.Lock()
        self._hear = HearOnce()

    def _loaded(self) -> Player:
        with self._loading:
            self._player = self._player or self._load()
            return self._player

    def outcome(self, job: TakeRequest, report: Report | None) -> Outcome:
        """Plays and saves one job.

        Raises:
            CheckpointError: when there is nothing to play with.
        """
        if job.source is None:
            return Outcome(job, reason=job.reason)
        try:
            with output_folder(job.out) as folder:
                take = improvise(
                    job.source,
                    player=self._loaded(),
                    progress=report,
                    scratch=folder,
                    placed=job.placed,
                    hear=self._hear,
                    **job.settings.model_dump(),
                )
                if job.band is not None:
                    take.run["band"] = job.band
                    take = replace(take, _stems=job.stems)
                take.save(folder, **self._saving)
        except (CheckpointError, _Interrupted):
            raise
        except SaxsoloError as error:
            return Outcome(job, reason=str(error))
        except Exception as error:
            if self._alone:
                raise
            traceback.print_exc()
            return Outcome(job, reason=f"a defect: {type(error).__name__}: {error}", defect=True)
        return Outcome(
            job, [printable(job.out / name) for name in job.files(self._saving)], take.run
        )


class _Interrupted(Exception):
    """Nobody waits for the takes any more."""


class _SharedReport:
    """One report of all jobs that are played at once: their seconds together."""

    def __init__(self, report: Report | None):
        self.report, self.stopped = report, False
        self._done: dict[int, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def of(self, job: TakeRequest) -> Report:
        """The report of one of them."""
        number = len(self._done)
        seconds = job.settings.seconds
        whole = seconds or (0.0 if job.source is None else job.source.seconds)
        self._done[number] = 0.0, whole

        def tell(done: float, total: float) -> None:
            if self.stopped:
                raise _Interrupted
            with self._lock:
                self._done[number] = done, total
                if self.report is not None:
                    parts = zip(*self._done.values(), strict=True)
                    self.report(*(sum(part) for part in parts))

        return tell


def write_takes(outcomes: Sequence[Outcome]) -> list[tuple[Path, list[dict[str, Any]]]]:
    """Writes takes.json into each folder that holds several takes: the best fit first.

    Returns:
        Each folder, and what was written there.
    """
    played = [outcome for outcome in outcomes if outcome.run and outcome.job.takes > 1]
    written = []
    for folder in folders_of_takes([outcome.job.out for outcome in played]):
        runs = [(o.job.out.name, o.run) for o in played if o.job.out.parent == folder]
        rows = by_fit(runs)
        with replacing(folder / "takes.json") as (partial,):
            partial.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        written.append((folder, rows))
    return written
