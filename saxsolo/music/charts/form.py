"""The order in which the bars of a chart are played: repeats, endings, D.C., D.S., coda, fine."""

from __future__ import annotations

from dataclasses import replace

from .chart import Chart, ChartBar, ChartError

MOST_PLAYED = 4000


def played(chart: Chart) -> tuple[int, ...]:
    """Indices of the written bars of one chorus, in the order of playing.

    A repeat is taken each time it is reached, but not after a jump (D.C., D.S.), where the last
    ending is played. A coda is played where the chart jumps to it, or where the bars before it lead
    into it.

    Raises:
        ChartError: for a jump to a sign that is not there, or a form without end.
    """
    return _Player(chart).play()


def unrolled(chart: Chart) -> Chart:
    """The same chart with repeats and jumps written out, for formats that cannot say them.

    Raises:
        ChartError: as `played`, or where it becomes too long.
    """
    bars = []
    for index in played(chart):
        bar = chart.bars[index]
        bars.append(ChartBar(bar.chords, bar.metre, bar.section))
    return replace(chart, bars=tuple(bars))


def check_repeats(chart: Chart) -> None:
    """Refuses a repeat that never ends.

    Raises:
        ChartError: with the bar and the sign.
    """
    for index in open_repeats(chart):
        raise ChartError(
            f"bar {index + 1}: the repeat ||: that begins here never ends; end it with :||, or "
            "write | to play it once"
        )


def without_open_repeats(chart: Chart) -> Chart:
    """The chart without the signs of repeats that never end, which notation programs play once."""
    never = set(open_repeats(chart))
    if not never:
        return chart
    bars = (
        replace(bar, repeat_start=False) if index in never else bar
        for index, bar in enumerate(chart.bars)
    )
    return replace(chart, bars=tuple(bars))


def open_repeats(chart: Chart) -> list[int]:
    """Indices of the bars in which a repeat begins that does not end before the next begins."""
    never: list[int] = []
    begun: int | None = None
    for index, bar in enumerate(chart.bars):
        if bar.repeat_start:
            never += [] if begun is None else [begun]
            begun = index
        if bar.repeat_end:
            begun = None
    return never + ([] if begun is None else [begun])


class _Player:
    """One walk through a chart."""

    def __init__(self, chart: Chart) -> None:
        self.bars = chart.bars
        self.place = 0
        self.round = 1
        self.start = 0
        self.jumped = ""
        self.order: list[int] = []

    def play(self) -> tuple[int, ...]:
        while self.place < len(self.bars):
            if len(self.order) > MOST_PLAYED:
                raise ChartError("the form of the chart has no end; check its repeats and jumps")
            self._enter()
            if self.place >= len(self.bars):
                break
            self.order.append(self.place)
            if self._leave():
                break
        return tuple(self.order)

    def _enter(self) -> None:
        """Begins a repeat, and skips endings of other rounds."""
        bar = self.bars[self.place]
        if bar.repeat_start and self.start != self.place:
            self.start, self.round = self.place, 1
        while (bar := self.bars[self.place]).endings and not self._taken(bar.endings):
            following = self._after_ending(self.place)
            if following >= len(self.bars):
                self.place = following
                return
            self.place = following

    def _taken(self, endings: tuple[int, ...]) -> bool:
        if self.jumped:
            return max(endings) == self._last_round(self.place)
        return self.round in endings

    def _last_round(self, place: int) -> int:
        """The highest number of the endings from a bar with one on."""
        highest = 0
        while place < len(self.bars) and self.bars[place].endings:
            highest = max(highest, *self.bars[place].endings)
            place = self._after_ending(place)
        return highest

    def _after_ending(self, place: int) -> int:
        """The first bar behind an ending: where the next begins, or behind its repeat sign."""
        at = place
        while at < len(self.bars):
            if self.bars[at].repeat_end:
                return at + 1
            at += 1
            if at < len(self.bars) and self.bars[at].endings:
                return at
        return at

    def _leave(self) -> bool:
        """Goes on from a bar that was played; True at the end."""
        bar = self.bars[self.place]
        if bar.fine and self.jumped.endswith("Fine"):
            return True
        if bar.to_coda and self.jumped.endswith("Coda"):
            self.place = self._sign("coda", self.place + 1)
            return False
        if bar.repeat_end and not self.jumped and self.round < self._rounds(bar.repeat_end):
            self.round += 1
            self.place = self.start
            return False
        if bar.repeat_end:
            self.start, self.round = self.place + 1, 1
        if bar.jump and not self.jumped:
            self.jumped = bar.jump
            self.place = self._sign("segno", 0) if bar.jump.startswith("D.S.") else 0
            self.start, self.round = self.place, 1
            return False
        self.place += 1
        return False

    def _rounds(self, written: int) -> int:
        """How often the part that ends here is played: as its endings say, else as written."""
        for place in range(self.start, self.place + 1):
            if self.bars[place].endings:
                return max(2, self._last_round(place))
        return written

    def _sign(self, name: str, first: int) -> int:
        for place in range(first, len(self.bars)):
            if getattr(self.bars[place], name):
                return place
        where = f"bar {self.place + 1}: "
        raise ChartError(f"{where}the chart jumps to a {name} that it does not have")
