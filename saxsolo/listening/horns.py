"""For whom a chart is written: concert pitch, or transposed for B flat or E flat horns."""

from __future__ import annotations

from dataclasses import dataclass

from saxsolo.errors import SettingError

CONCERT = "concert"


@dataclass(frozen=True)
class Horn:
    """Who reads a chart.

    Attributes:
        label: words for a person.
        semitones: from what sounds up to what is written, in chord symbols.
        instrument: the saxophone whose part a MusicXML file holds; None for concert pitch.
    """

    label: str
    semitones: int
    instrument: str | None


HORNS = {
    CONCERT: Horn("Concert pitch", 0, None),
    "bb": Horn("B♭ (soprano, tenor)", 2, "tenor"),
    "eb": Horn("E♭ (alto, baritone)", 9, "alto"),
}


def horn_of(name: str) -> Horn:
    """The horn of this name.

    Raises:
        SettingError: where there is none.
    """
    if name not in HORNS:
        raise SettingError(f"horn {name[:20]!r} is not one of {', '.join(HORNS)}")
    return HORNS[name]
