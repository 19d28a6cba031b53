"""A chart as it is written: bars with chords, repeats, endings, jumps, and sections.

`form.played` says in which order its bars are played.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from saxsolo.errors import SaxsoloError
from saxsolo.music.chord_symbols import ChordError, parse_chord, pitch_class, transpose_chord

from .spelling import NO_CHORD, lead_symbol, read_symbol

#: jumps as they are written behind a bar
JUMPS = ("D.C.", "D.C. al Fine", "D.C. al Coda", "D.S.", "D.S. al Fine", "D.S. al Coda")
MOST_BARS = 1000
# a bar longer than this is a mistake; 21 beats would be three bars of 7/4
MOST_BEATS = 20

TimedChord = tuple[str, float]
"""A symbol in the spelling of `chord_symbols`, and its beats."""


class ChartError(SaxsoloError, ValueError):
    """A chart that cannot be read; names the bar and the symbol."""


@dataclass(frozen=True)
class ChartBar:
    """One written bar.

    Attributes:
        chords: one after the other, filling the bar.
        metre: time signature, "4/4".
        section: name of the section that begins here, "A"; empty where none does.
        repeat_start: whether a repeated part begins here.
        repeat_end: how many times the part that ends here is played; 0 = no repeat ends here.
        endings: in which rounds the bars from here to the end of the repeat are played; empty =
            in all.
        segno, coda: signs at the beginning of the bar. to_coda, fine: at its end.
        jump: one of JUMPS at its end, or empty.
    """

    chords: tuple[TimedChord, ...]
    metre: str = "4/4"
    section: str = ""
    repeat_start: bool = False
    repeat_end: int = 0
    endings: tuple[int, ...] = ()
    segno: bool = False
    coda: bool = False
    to_coda: bool = False
    fine: bool = False
    jump: str = ""

    @property
    def beats(self) -> int:
        """Beats of the bar, as a foot taps them."""
        return beats_of(self.metre)


@dataclass(frozen=True)
class Chart:
    """A tune's changes.

    Attributes:
        bars: as they are written.
        title: of the tune; may be empty.
        key: "Eb", "Cm"; empty where the chart names none.
        tempo: beats a minute, as a foot taps them; None where the chart names none.
        feel: style in the chart's own words; may be empty.

    Raises:
        ChartError: without bars, with a bar whose chords do not fill it, or with too many bars.
    """

    bars: tuple[ChartBar, ...]
    title: str = ""
    key: str = ""
    tempo: float | None = None
    feel: str = ""

    def __post_init__(self) -> None:
        if not self.bars:
            raise ChartError("the chart has no bars; write chords with | between the bars")
        if len(self.bars) > MOST_BARS:
            raise ChartError(f"the chart has {len(self.bars)} bars, more than {MOST_BARS}")
        for number, bar in enumerate(self.bars, 1):
            filled = sum(beats for _, beats in bar.chords)
            if abs(filled - bar.beats) > 1e-6 or any(b <= 0 for _, b in bar.chords):
                raise ChartError(
                    f"bar {number}: its chords last {filled:g} beats, but {bar.metre} has "
                    f"{bar.beats}"
                )
            if bar.jump and bar.jump not in JUMPS:
                raise ChartError(f"bar {number}: {bar.jump!r} is none of {', '.join(JUMPS)}")
            for symbol, _ in bar.chords:
                parse_chord(symbol)

    @property
    def metre(self) -> str:
        """The time signature of the first bar."""
        return self.bars[0].metre

    def transpose(self, semitones: int) -> Chart:
        """The chart in another key."""
        bars = tuple(
            replace(bar, chords=tuple((transpose_chord(s, semitones), b) for s, b in bar.chords))
            for bar in self.bars
        )
        return replace(self, bars=bars, key=_moved_key(self.key, semitones))

    def in_metre(self, metre: str) -> Chart:
        """The chart in bars of another metre: chords keep their share of the bar.

        Raises:
            ChartError: for no time signature, or one that leaves chords no beat.
        """
        size = beats_of(metre)
        bars = []
        for number, bar in enumerate(self.bars, 1):
            if bar.metre == metre:
                bars.append(bar)
                continue
            place, starts = 0.0, []
            for symbol, beats in bar.chords:
                starts.append((symbol, round(2 * place * size / bar.beats) / 2))
                place += beats
            ends = [start for _, start in starts[1:]] + [float(size)]
            chords = tuple((s, end - a) for (s, a), end in zip(starts, ends, strict=True))
            if any(length <= 0 for _, length in chords):
                raise ChartError(f"bar {number}: {len(chords)} chords do not fit into {metre}")
            bars.append(replace(bar, metre=metre, chords=chords))
        return replace(self, bars=tuple(bars))


def beats_of(metre: str) -> int:
    """Beats in a bar, as a foot taps them: 4 in 4/4, 2 in 6/8, 7 in 7/8, 4 in 2/2.

    Raises:
        ChartError: for what is no time signature.
    """
    match = re.fullmatch(r"(\d{1,2})/(1|2|4|8|16)", metre)
    count = int(match[1]) if match else 0
    if match is None or not 1 <= count:
        raise ChartError(f"metre {metre[:20]!r} is no time signature; write 4/4, 3/4 or 6/8")
    unit = int(match[2])
    if unit >= 8 and count > 3 and count % 3 == 0:
        count //= 3
    elif unit < 4:
        # a half note is two beats: what the ear counts in cut time
        count *= 4 // unit
    if count > MOST_BEATS:
        raise ChartError(f"metre {metre} has more than {MOST_BEATS} beats in a bar")
    return count


def shared(symbols: list[str], beats: int) -> tuple[TimedChord, ...]:
    """Chords of a bar that says nothing of their lengths: 4 = 2 + 2, 3 = 2 + 1, 4 = 2 + 1 + 1.

    Where there are more chords than beats, they share the bar evenly.
    """
    count = len(symbols)
    if count > beats:
        return tuple((symbol, beats / count) for symbol in symbols)
    if count == 3 and beats == 4:
        return tuple(zip(symbols, (2.0, 1.0, 1.0), strict=True))
    # the first take what is left over
    least, more = divmod(beats, count)
    return tuple((s, float(least + (i < more))) for i, s in enumerate(symbols))


def merged(chords: Iterable[TimedChord]) -> tuple[TimedChord, ...]:
    """The same with a chord that is written again joined to the one before it."""
    joined: list[TimedChord] = []
    for symbol, beats in chords:
        if joined and joined[-1][0] == symbol:
            joined[-1] = (symbol, joined[-1][1] + beats)
        else:
            joined.append((symbol, beats))
    return tuple(joined)


def symbol_in(text: str, bar: int) -> str:
    """A symbol of a lead sheet in the inner spelling.

    Raises:
        ChartError: with the number of the bar and the symbol.
    """
    try:
        return read_symbol(text)
    except ChordError as error:
        raise ChartError(f"bar {bar}: {error}") from None


def read_key(text: str) -> str:
    """A key as charts name it, "Eb", "C-", "c minor", as "Eb", "Cm"; empty for what is none."""
    match = re.fullmatch(r"\s*([A-Ga-g][#b♯♭]?)\s*(m|-|min|minor|mi|maj|major|M)?\s*", text.strip())
    if match is None:
        return ""
    name = match[1].replace("♯", "#").replace("♭", "b")
    minor = match[2] in ("m", "-", "min", "minor", "mi")
    return name[0].upper() + name[1:] + ("m" if minor else "")


def _moved_key(key: str, semitones: int) -> str:
    if not key or semitones % 12 == 0:
        return key
    tonic = key.removesuffix("m")
    pitch_class(tonic)
    return transpose_chord(tonic, semitones) + key[len(tonic) :]


def shown(bar: ChartBar) -> str:
    """The chords of a bar for a person."""
    return " ".join(lead_symbol(symbol) for symbol, _ in bar.chords)


__all__ = [
    "JUMPS", "NO_CHORD", "Chart", "ChartBar", "ChartError", "TimedChord", "beats_of", "merged",
    "read_key", "shared", "shown", "symbol_in",
]  # fmt: skip
