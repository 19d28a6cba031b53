"""Where a run's figures go: log.jsonl, the trackers that are asked for, a line on the terminal."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from accelerate import Accelerator
from tqdm import tqdm


class RunLog:
    """Appends one JSON line a record to `run/log.jsonl`; every process but the first is silent.

    Args:
        run: folder of the run.
        accelerator: of this process, with its trackers.
    """

    def __init__(self, run: Path, accelerator: Accelerator):
        self.accelerator = accelerator
        self.active = accelerator.is_main_process
        if self.active:
            run.mkdir(parents=True, exist_ok=True)
            self._file = (run / "log.jsonl").open("a", encoding="utf-8")

    def write(self, kind: str, step: int, figures: Mapping[str, object]) -> None:
        """One record; `kind` is train, heldout, start, resume or end. NaN is written as null."""
        if not self.active:
            return
        record = {"kind": kind, "step": step, **{n: _plain(value) for n, value in figures.items()}}
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        finite = {
            f"{kind}/{name}": value
            for name, value in figures.items()
            if isinstance(value, float) and math.isfinite(value)
        }
        self.accelerator.log(finite, step=step)
        shown = [
            f"{name} {value:.4g}"
            for name, value in record.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        ]
        tqdm.write(f"{kind:8s} {' | '.join(shown)}")

    def close(self) -> None:
        """Flushes everything."""
        if self.active:
            self._file.close()
            for tracker in self.accelerator.trackers:
                tracker.finish()


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
