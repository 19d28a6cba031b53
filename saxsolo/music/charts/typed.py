"""What people type in a text chart, brought to the form that `text` reads, line by line.

Bar lines and accidentals of other alphabets, a quality apart from its root ("Bb maj7"), commas
between chords, dashes for beats that go on, jumps in words, comments.
"""

from __future__ import annotations

import re

_PLAIN = str.maketrans({
    "│": "|", "┃": "|", "¦": "|", "｜": "|", "𝄀": "|", "𝄁": "||", "𝄂": "||", "‖": "||",
    "𝄫": "bb", "𝄪": "##", "𝄬": "b", "𝄰": "#", "§": " segno ", "⊕": " coda ", "\u00a0": " ",
})  # fmt: skip
_COMMENT = re.compile(r"^[ \t]*#(?=\s|$).*$")
_WORDS = (
    (re.compile(r"\bno[ ]chord\b", re.IGNORECASE), "N.C."),
    (re.compile(r"\bN/C\b"), "N.C."),
    (re.compile(r"\bda[ ]capo\b", re.IGNORECASE), "D.C."),
    (re.compile(r"\bdal[ ]segno\b", re.IGNORECASE), "D.S."),
)
# behind a chord and a blank, what can only be the rest of its symbol
_APART = re.compile(
    r"(?<![\w.])([A-G](?:bb|##|[b#♭♯])?(?:m|-)?\d{0,2})[ \t]+"
    r"(?=(?:maj|Maj|min|alt|sus|dim|aug|add|Δ|△|∆|ø|°|º|m(?![a-z])|M7|\((?:[#b♭♯+-]\d|maj|add))"
    r"[^\s|]*)"
)
_COMMA = re.compile(r",(?![^(]*\))")
# "(Dm7 G7)": chords that may be left out are played
_OPTIONAL = re.compile(
    r"(?<![^\s|])\((?!D\.?[CS]\b|D\.[CS]|Coda|Fine|Da)([A-G][^()|]*|N\.?C\.?)\)(?=[\s|]|$)"
)
# "C///" is a chord and three beats
_SLASHES = re.compile(r"(?<=[^\s|/])(/+)(?=[\s|]|$)|(?<![^\s|])(//+)(?=[\s|]|$)")
_DASH = re.compile(r"(?<![^\s|])[-–—~](?=[\s|]|$)")
_AGAIN = re.compile(r"(?<=\|)([ \t]*)(?:[-–—~xX]|simile|sim\.|idem)(?=[ \t]*:?\|)")
_METRES = {"c": "4/4", "common": "4/4", "common time": "4/4", "¢": "2/2", "c|": "2/2",
           "cut": "2/2", "cut time": "2/2", "alla breve": "2/2"}  # fmt: skip


def plain_line(line: str) -> str:
    """A line of bars as `text` reads it."""
    line = _COMMENT.sub("", line.translate(_PLAIN))
    for pattern, word in _WORDS:
        line = pattern.sub(word, line)
    line = _OPTIONAL.sub(r"\1", line)
    line = _APART.sub(r"\1", line)
    line = _COMMA.sub(" ", line)
    line = _AGAIN.sub(r"\1%", line)
    line = _SLASHES.sub(lambda match: " /" * len(match[0]), line)
    return _DASH.sub("/", line)


def plain_metre(text: str) -> str:
    """A time signature in numbers: "cut time" is 2/2."""
    return _METRES.get(text.strip().lower(), text.strip())
