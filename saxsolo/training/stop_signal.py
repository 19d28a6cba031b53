"""SIGTERM and SIGINT as a wish: the run ends after the current step, with a checkpoint."""

import signal
from types import FrameType, TracebackType
from typing import Any


class StopSignal:
    """Catches the signals inside its `with` block.

    Attributes:
        asked: whether one came.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignal":
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self._before[number] = signal.signal(number, self._note)
            except ValueError:
                # not in the main thread: the program that runs this handles signals
                break
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
