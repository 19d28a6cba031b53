"""How far it is: a bar with the time left on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import NoReturn, TextIO

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 5.0

# called with the seconds of sound that are done and those in all
Report = Callable[[float, float], None]


class Progress:
    """Shows how many seconds of sound are done; use as a context manager.

    Args:
        word: what is done, "improvising".
        stream: where it is shown, standard error when not given.
    """

    def __init__(self, word: str, stream: TextIO | None = None):
        self.word = word
        self.stream = stream or sys.stderr
        self._bar: tqdm[NoReturn] | None = None
        self._first: tuple[float, float] | None = None
        self._shown = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: float, total: float) -> None:
        """Shows that `done` of `total` seconds are done."""
        if self.stream.isatty():
            self._draw(done, total)
        else:
            self._say(done, total)

    def _draw(self, done: float, total: float) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=round(total, 1),
                desc=self.word,
                file=self.stream,
                bar_format="{desc} {bar} {n:.0f} of {total:.0f} s, {remaining} left",
            )
        self._bar.update(min(done, self._bar.total or done) - self._bar.n)

    def _say(self, done: float, total: float) -> None:
        now = time.monotonic()
        if self._first is None:
            # what came before, loading say, says nothing about the pace
            self._first, self._shown = (now, done), now
        if now - self._shown < SECONDS_BETWEEN_LINES and done < total:
            return
        self._shown = now
        text = f"{self.word}: {done:.0f} of {total:.0f} s"
        if done < total:
            start, before = self._first
            left = (now - start) * (total - done) / max(done - before, 1e-9)
            text += f", {left:.0f} s left"
        print(text, file=self.stream, flush=True)
