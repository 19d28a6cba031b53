"""Where a run's figures go: log.jsonl, tensorboard when it is installed, a line on the terminal."""

from __future__ import annotations

import json
import math
from pathlib import Path

from tqdm import tqdm

try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:
    SummaryWriter = None


class RunLog:
    """Appends one JSON line a record to `run/log.jsonl`. Does nothing where `active` is False
    (every process but the first)."""

    def __init__(self, run: Path, active: bool = True):
        self.active = active
        if active:
            run.mkdir(parents=True, exist_ok=True)
            self._file = (run / "log.jsonl").open("a", encoding="utf-8")
            self._board = SummaryWriter(str(run / "tensorboard")) if SummaryWriter else None

    def write(self, kind: str, step: int, figures: dict[str, object]) -> None:
        """One record; `kind` is train, heldout, start, resume or end. NaN is written as null."""
        if not self.active:
            return
        record = {"kind": kind, "step": step}
        record |= {name: _plain(value) for name, value in figures.items()}
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        for name, value in figures.items():
            if self._board and isinstance(value, float) and math.isfinite(value):
                self._board.add_scalar(f"{kind}/{name}", value, step)
        shown = [f"{name} {value:.4g}" for name, value in record.items() if _is_number(value)]
        tqdm.write(f"{kind:8s} {' | '.join(shown)}")

    def close(self) -> None:
        """Flushes everything."""
        if self.active:
            self._file.close()
            if self._board:
                self._board.close()


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
