"""Playing jobs one after another with one model: the good ones are done, the bad ones are told."""

import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from saxsolo.atomic import output_folder, replacing
from saxsolo.audio.names import printable
from saxsolo.errors import CheckpointError, SaxsoloError
from saxsolo.progress_bar import Report
from saxsolo.weights.loading import Player

from .performance import improvise
from .requests import Outcome, TakeRequest
from .take_fit import by_fit, folders_of_takes


def play_jobs(
    jobs: list[TakeRequest],
    player: Callable[[], Player],
    saving: dict[str, Any],
    progress: Callable[[str], AbstractContextManager[Report | None]],
) -> Iterator[Outcome]:
    """Plays and saves one job after another.

    A person's mistake in one does not keep the others from being played, nor does a defect, whose
    trace goes to standard error. An interruption ends it: what is done stays, what was being
    played leaves nothing.

    Args:
        jobs: with their backings opened or a reason why not.
        player: loads the model, called before the first job that can be played.
        saving: arguments of `Take.save`.
        progress: makes the report of a job from its label.

    Raises:
        CheckpointError: when there is nothing to play with.
    """
    loaded: Player | None = None
    for number, job in enumerate(jobs, start=1):
        if job.source is None:
            yield Outcome(job, reason=job.reason)
            continue
        try:
            with output_folder(job.out) as folder:
                loaded = loaded or player()
                label = f"improvising {number}/{len(jobs)}" if len(jobs) > 1 else "improvising"
                with progress(label) as report:
                    take = improvise(
                        job.source,
                        progress=report,
                        scratch=folder,
                        player=loaded,
                        placed=job.placed,
                        **job.settings.model_dump(),
                    )
                if job.band is not None:
                    take.run["band"] = job.band
                    take = replace(take, _stems=job.stems)
                take.save(folder, **saving)
        except CheckpointError:
            raise
        except SaxsoloError as error:
            yield Outcome(job, reason=str(error))
        except Exception as error:
            if len(jobs) == 1:
                raise
            traceback.print_exc()
            yield Outcome(job, reason=f"a defect: {type(error).__name__}: {error}", defect=True)
        else:
            files = [printable(job.out / name) for name in job.files(saving)]
            yield Outcome(job, files, take.run)


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
