"""Stretches of a track as a person writes them: "0:08-0:40, bars 9-24, choruses 2-3"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SECONDS, BARS, CHORUSES = "seconds", "bars", "choruses"
_WORDS = {"bar": BARS, "bars": BARS, "chorus": CHORUSES, "choruses": CHORUSES}
_SPAN = re.compile(r"([a-z]*)\s*([\d:.]+)\s*(?:(?:-|–|to)\s*([\d:.]+))?")
ADVICE = "write 0:08-0:40, bars 9-24 or choruses 2-3, several with commas between"


@dataclass(frozen=True)
class Span:
    """A stretch of a track.

    Attributes:
        unit: "seconds", "bars" or "choruses".
        first, last: seconds, the last one outside; or numbers from 1, both inside.
    """

    unit: str
    first: float
    last: float

    def __str__(self) -> str:
        if self.unit == SECONDS:
            return f"{_clock(self.first)}-{_clock(self.last)}"
        return f"{self.unit} {self.first:.0f}-{self.last:.0f}"


def read_spans(text: str) -> list[Span]:
    """The stretches in a text, in its order.

    A number without "bars" or "choruses" is a time, in seconds or as minutes:seconds; after a
    stretch of bars, more bars may follow without the word.

    Raises:
        ValueError: for anything else, and for a stretch without length.
    """
    spans: list[Span] = []
    for part in text.split(","):
        match = _SPAN.fullmatch(part.strip().lower())
        word = "" if match is None else match[1]
        if match is None or (word and word not in _WORDS):
            raise ValueError(f"{part.strip()!r} is no stretch of a track; {ADVICE}")
        before = spans[-1].unit if spans else SECONDS
        clock = ":" in part or "." in part
        unit = _WORDS[word] if word else SECONDS if clock else before
        spans.append(_span(part.strip(), unit, match[2], match[3]))
    return spans


def _span(text: str, unit: str, first: str, last: str | None) -> Span:
    if unit == SECONDS:
        if last is None:
            raise ValueError(f"{text!r} has no end; {ADVICE}")
        span = Span(unit, _seconds(first, text), _seconds(last, text))
        if span.first >= span.last:
            raise ValueError(f"{text!r} ends before it begins")
        return span
    if not first.isdecimal() or not (last or first).isdecimal():
        raise ValueError(f"{text!r} counts {unit} by whole numbers; {ADVICE}")
    span = Span(unit, int(first), int(last or first))
    if not 1 <= span.first <= span.last:
        raise ValueError(f"{text!r}: {unit} count from 1, the lower number first")
    return span


def _seconds(text: str, where: str) -> float:
    parts = text.split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        raise ValueError(f"{where!r} holds no time {text!r}; {ADVICE}") from None
    if len(numbers) > 3:
        raise ValueError(f"{where!r} holds no time {text!r}; {ADVICE}")
    return sum(number * 60**place for place, number in enumerate(reversed(numbers)))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{minutes:.0f}:{rest:06.3f}".rstrip("0").rstrip(".")


def spans_text(spans: Iterable[Span | tuple[float, float]]) -> str:
    """Stretches as `read_spans` reads them; a pair of numbers is seconds."""
    made = (span if isinstance(span, Span) else Span(SECONDS, *span) for span in spans)
    return ", ".join(str(span) for span in made)
