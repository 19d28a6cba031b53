"""A stretch of a bar as note values that can be written, tied one to the next.

A value is split where a reader needs to see the beat: at bar lines, in the middle of a bar, and at
every beat that is divided finer than eighths. Rests never hide a beat.
"""

from collections.abc import Iterator
from fractions import Fraction

from saxsolo.music.metre import EIGHTH, QUARTER, BeatUnit

# beats in a bar -> the beats from which on a group begins that values may not reach into
GROUPS = {4: (2,), 5: (3,), 6: (3,), 7: (2, 4)}


def pieces(
    start: Fraction,
    end: Fraction,
    beats: int,
    divisions: list[int],
    unit: BeatUnit = QUARTER,
    rest: bool = False,
) -> Iterator[tuple[Fraction, Fraction]]:
    """Cuts a stretch of a bar into values that can be written: (offset, length) in beats.

    Args:
        start, end: beats from the bar line, 0 <= start <= end <= beats.
        beats: in the bar.
        divisions: of each of its beats.
        unit: note value of a beat.
        rest: whether the stretch is silent.
    """
    while start < end:
        length = _piece(start, end, beats, divisions, unit, rest)
        yield start, length
        start += length


def _piece(
    start: Fraction, end: Fraction, beats: int, divisions: list[int], unit: BeatUnit, rest: bool
) -> Fraction:
    beat, left = int(start), end - start
    inside = start - beat
    wall = min((group for group in GROUPS.get(beats, ()) if group > start), default=beats)
    if inside == 0 and left >= 1:
        # from the first of four beats on, the middle need not show
        wall = beats if start == 0 and beats == 4 else wall
        return _whole_beats(beat, left, wall, divisions, unit, rest)
    if unit == QUARTER and not rest and inside == Fraction(1, 2):
        # an eighth off the beat may carry over one beat
        plain = max(divisions[beat : beat + 2]) <= 2 and beat + 1 < wall
        if plain and left >= 1:
            return Fraction(1)
    return _within(inside, min(left, beat + 1 - start), divisions[beat], unit)


def _whole_beats(
    beat: int, left: Fraction, wall: int, divisions: list[int], unit: BeatUnit, rest: bool
) -> Fraction:
    """The longest value from the beginning of a beat on."""
    # three dotted quarters are no value; a rest of three quarters hides the middle
    lengths = (4, 3, 2) if unit == EIGHTH or (unit == QUARTER and not rest) else (4, 2)
    for whole in lengths:
        if left >= whole and beat + whole <= wall and (whole != 2 or not rest or beat % 2 == 0):
            return Fraction(whole)
    plain = beat + 1 < wall and divisions[beat + 1] <= 2
    if unit == QUARTER and plain and not rest and left >= Fraction(3, 2):
        return Fraction(3, 2)
    return Fraction(1)


def _within(inside: Fraction, left: Fraction, division: int, unit: BeatUnit) -> Fraction:
    """The longest value within a beat, from `inside` it on."""
    # sextuplets and thirty-seconds show the half of a beat; twelfths its thirds
    part = {6: 2, 8: 2}.get(division, 1) if unit == QUARTER else {6: 1, 12: 3}.get(division, 1)
    edge = Fraction(int(inside * part) + 1, part)
    left = min(left, edge - inside)
    while not _can_be_written(left * unit.quarters):
        left -= Fraction(1, 24)
    return left


def _can_be_written(quarters: Fraction) -> bool:
    """Whether a value needs no tie: a plain or dotted one, or a part of a triplet."""
    if quarters.denominator % 3 == 0:
        return quarters.denominator in (3, 6) and quarters.numerator in (1, 2)
    return quarters.denominator in (1, 2, 4, 8) and quarters.numerator in (1, 2, 3, 4)
