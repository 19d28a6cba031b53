"""Beat units and time signatures: what a foot taps, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

# from this confidence on beats are taken to divide in three
COMPOUND = 0.5
# beats a minute of a chart, as a foot taps them
SLOWEST, FASTEST = 30.0, 400.0
# beats in a bar that are eighths: 7/8
IN_EIGHTHS = 7


@dataclass(frozen=True)
class BeatUnit:
    """The note value of a beat.

    Attributes:
        name: as a musician says it.
        quarters: its length in quarter notes.
    """

    name: str
    quarters: Fraction


QUARTER = BeatUnit("quarter", Fraction(1))
DOTTED_QUARTER = BeatUnit("dotted quarter", Fraction(3, 2))
EIGHTH = BeatUnit("eighth", Fraction(1, 2))
BEAT_UNITS = (QUARTER, DOTTED_QUARTER, EIGHTH)


def beat_unit(beats_per_bar: int, thirds: float = 0.0) -> BeatUnit:
    """The note value of the beats that were heard.

    Args:
        beats_per_bar: in most bars.
        thirds: how sure it is that a beat divides in three, 0 to 1.
    """
    if beats_per_bar == IN_EIGHTHS:
        return EIGHTH
    return DOTTED_QUARTER if thirds > COMPOUND else QUARTER


def signature(beats: int, unit: BeatUnit = QUARTER) -> tuple[int, int]:
    """Numerator and denominator of the time signature of a bar with so many beats."""
    return (beats * unit.quarters.numerator, 8) if unit.quarters.denominator == 2 else (beats, 4)
