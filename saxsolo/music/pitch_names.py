"""Names of pitches: "Bb3" is MIDI 58, middle C is C4. As they sound, not as a horn reads them."""

import re

from modeling_saxsolo.vocabulary_saxsolo import PITCH_NAMES

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SIGNS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
_NAME = re.compile(r"([A-Ga-g])([#b♯♭]{0,2})(-?\d)")


def pitch_of(text: str) -> int:
    """The MIDI pitch of a name or a number: "Bb3", "f#4", "58".

    Raises:
        ValueError: for anything else, and outside 0 to 127.
    """
    text = text.strip()
    match = _NAME.fullmatch(text)
    if match is not None:
        signs = sum(_SIGNS[sign] for sign in match[2])
        pitch = 12 * (int(match[3]) + 1) + _STEPS[match[1].upper()] + signs
    elif text.isdecimal():
        pitch = int(text)
    else:
        raise ValueError(f"{text!r} is no pitch; write a name with its octave, Bb3, or 58")
    if not 0 <= pitch <= 127:
        raise ValueError(f"{text!r} is MIDI {pitch}, outside 0 to 127")
    return pitch


def pitch_name(pitch: int) -> str:
    """The name of a MIDI pitch: 58 is "Bb3"."""
    return f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}"


def pitch_range(text: str) -> tuple[int, int]:
    """Lowest and highest pitch of "Bb3-F5" or "58-77".

    Raises:
        ValueError: for anything else, and where the first is the higher one.
    """
    parts = re.fullmatch(r"\s*(.*?\d)\s*(?:-|–|to)\s*(.*?)\s*", text)
    if parts is None:
        raise ValueError(f"{text!r} is no range; write LOW-HIGH, such as Bb3-F5 or 58-77")
    lowest, highest = pitch_of(parts[1]), pitch_of(parts[2])
    if lowest > highest:
        raise ValueError(f"{text!r} begins with the higher pitch; write LOW-HIGH")
    return lowest, highest
