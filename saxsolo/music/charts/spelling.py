"""Chord symbols as people and programs write them, to and from the spelling of `chord_symbols`.

Read: `Cm7`, `C-7`, `Cmi7`, `CΔ`, `C^7`, `Cmaj9`, `Cø`, `Ch7`, `C°7`, `C7alt`, `C6/9`, `C7(b9,#11)`,
`F#m7b5/E`, `N.C.`, roots in lower case, unicode accidentals. What the inner spelling cannot hold
comes as near as it goes: a flat fifth as a sharp eleventh, a power chord as a triad.
"""

from __future__ import annotations

import re
from functools import lru_cache

from saxsolo.music.chord_symbols import ChordError, parse_chord

NO_CHORD = "NC"
WRITE = "write it as Cm7, Ebmaj7, F#m7b5, G7b9, D/F# or N.C."
_NO_CHORD = {"nc", "nc.", "n.c.", "n.c", "n", "nochord", "tacet"}
_PLAIN = str.maketrans(
    {
        "♭": "b", "♯": "#", "♮": "", "−": "-", "–": "-", "‐": "-", "‑": "-", "—": "-",
        "Δ": "^", "∆": "^", "△": "^", "Ø": "ø", "⌀": "ø", "º": "°", "˚": "°", "⁷": "7",
        "⁶": "6", "⁹": "9", "⁵": "5", "⁺": "+", "¹": "1", "³": "3", "’": "", "'": "",
    }
)  # fmt: skip
_ROOT = re.compile(r"([A-Ga-g])(bb|##|x(?!\w)|[#b]?)")
_ALTERED_ROOTS = {"bb": -1, "##": 1, "x": 1}
# the longest names first
_TOKEN = re.compile(
    r"(?P<major>major|maj|Major|Maj|MAJ|MA|Ma|ma(?!dd)|M|\^|j)"
    r"|(?P<half>halfdim|hdim|ø|h)"
    r"|(?P<minor>minor|min|Min|MIN|mi|Mi|MI|m)"
    r"|(?P<left>(?:omit|no)\d)"
    r"|(?P<dim>dim|Dim|o|°)"
    r"|(?P<aug>aug|Aug|\+(?!5|9|11|13))"
    r"|(?P<sus>sus4|sus2|sus|Sus|SUS)"
    r"|(?P<alt>alt|Alt|ALT)"
    r"|(?P<add>add)"
    r"|(?P<sign>[#b+-]?)(?P<number>69|13|11|10|9|7|6|5|4|3|2)(?P<after>[#b](?!\d))?"
)
_AFTER = r"(?![a-z])|(?=m|b|dim|sus|aug|maj)"
_SOLFEGE = re.compile(rf"(do|r[eé]|mi|fa|sol|la|si)(?:{_AFTER})", re.IGNORECASE)
_GERMAN = re.compile(rf"(h(?:{_AFTER})|hi?s|[a-g]is|es|as|[cdfgb]es)", re.IGNORECASE)
_ENGLISH = {"do": "C", "re": "D", "ré": "D", "mi": "E", "fa": "F", "sol": "G", "la": "A", "si": "B"}
_EXTENSIONS = {"9": "9", "2": "9", "10": "9", "11": "11", "4": "11", "13": "13"}


@lru_cache(maxsize=4096)
def read_symbol(text: str) -> str:
    """A symbol of a lead sheet in the spelling of `chord_symbols`: "Dm7" becomes "D-7".

    Raises:
        ChordError: for what is no chord symbol, and for French and German note names, with the
            English name.
    """
    symbol = text.strip().translate(_PLAIN)
    if symbol.lower().replace(" ", "") in _NO_CHORD:
        return NO_CHORD
    symbol = re.sub(r"6/9", "69", symbol)
    body, slash, bass = symbol.partition("/")
    root = _ROOT.match(body)
    if root is None or (rest := _quality(body[root.end() :])) is None:
        raise ChordError(f"cannot read the chord {text.strip()[:20]!r}{advice(symbol)}")
    read = _note(root) + rest
    if slash:
        low = _ROOT.fullmatch(bass)
        if low is None:
            raise ChordError(
                f"cannot read the bass note of the chord {text.strip()[:20]!r}{advice(bass)}"
            )
        read += "/" + _note(low)
    parse_chord(read)
    return read


def _note(match: re.Match[str]) -> str:
    """A note name with one accidental at most: "Bbb" is A."""
    name, sign = match[1].upper(), match[2]
    if sign not in _ALTERED_ROOTS:
        return name + sign
    from modeling_saxsolo.vocabulary_saxsolo import PITCH_NAMES
    from saxsolo.music.chord_symbols import pitch_class

    return PITCH_NAMES[(pitch_class(name) + 2 * _ALTERED_ROOTS[sign]) % 12]


def advice(symbol: str, otherwise: str = WRITE) -> str:
    """How to write what cannot be read: the English name of a French or German note.

    Args:
        symbol: that cannot be read.
        otherwise: advice where it begins with no such name.
    """
    found = _SOLFEGE.match(symbol)
    if found:
        sign = re.match(r"(?:b|#)(?![a-z])|(?:b|#)(?=m|maj|dim)", symbol[found.end() :])
        name, accidental = found[1], sign[0] if sign else ""
        english = _ENGLISH[name.lower()] + accidental
        return f": {name}{accidental} is {english} in English; write English note names"
    found = _GERMAN.match(symbol)
    if found:
        return f": {found[1]} is {_english(found[1])} in English; write English note names"
    return f"; {otherwise}"


def _english(german: str) -> str:
    name = german.lower()
    if name in ("h", "his", "hes"):
        return {"h": "B (and B is Bb)", "his": "B#", "hes": "Bb"}[name]
    root = name[0].upper()
    return root + ("#" if name.endswith("is") else "b")


def _quality(text: str) -> str | None:
    """What follows the root, in the inner spelling; None where it cannot be read."""
    parts = _parts(re.sub(r"[(),\s]", "", text))
    if parts is None:
        return None
    marks, numbers, added = parts
    if "half" in marks:
        return "m7b5"
    if "alt" in marks:
        return "7alt"
    flat_five = ("b", "5") in numbers
    plain = {number for sign, number in numbers if not sign}
    extensions = [(number, sign) for sign, number in numbers if number in _EXTENSIONS] + added
    seventh = _seventh(marks, plain)
    if "minor" in marks and flat_five:
        return "m7b5" if seventh == "7" else "o"
    if "dim" in marks:
        return "o7" if seventh in ("7", "j7") else "o"
    mark = ""
    if "sus" in marks:
        mark = "sus"
    elif "minor" in marks:
        mark = "-"
    elif "aug" in marks or ("#", "5") in numbers:
        mark = "+"
    if flat_five:
        extensions.append(("11", "#"))
    if ("b", "6") in numbers:
        extensions.append(("13", "b"))
    # 9 in "C9" is a ninth above the seventh; 6 and 69 name themselves
    extensions = [(n, s) for n, s in extensions if n not in ("6", "69", "7")]
    ordered = sorted({(int(_EXTENSIONS[n]), s) for n, s in extensions})
    return mark + seventh + "".join(f"{number}{sign}" for number, sign in ordered)


def _seventh(marks: set[str], plain: set[str]) -> str:
    if plain & {"7", "9", "11", "13"}:
        return "j7" if marks & {"major", "triangle"} else "7"
    if "69" in plain or {"6", "9"} <= plain:
        return "69"
    if "6" in plain:
        return "6"
    return "j7" if "triangle" in marks else ""


def _parts(
    text: str,
) -> tuple[set[str], list[tuple[str, str]], list[tuple[str, str]]] | None:
    """Marks, numbers (sign, number) and what is added (number, sign) of a quality."""
    marks: set[str] = set()
    numbers: list[tuple[str, str]] = []
    added: list[tuple[str, str]] = []
    # at the beginning they say minor and augmented, behind a number flat and sharp
    first = {"-": "minor", "+": "aug"}.get(text[:1])
    if first:
        marks.add(first)
    adds, place = False, 1 if first else 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return None
        place = match.end()
        kind = match.lastgroup
        number = match["number"]
        if number:
            sign = {"+": "#", "-": "b"}.get(match["sign"], match["sign"])
            sign = sign or (match["after"] or "")
            if adds and number in _EXTENSIONS:
                added.append((number, sign))
            elif number == "2" or (number == "4" and not sign):
                added.append((number, sign))
            elif number == "3" and not adds:
                return None
            elif number in ("6", "13") and adds:
                added.append(("13", sign))
            else:
                numbers.append((sign, number))
            adds = False
        elif kind == "add":
            adds = True
        elif kind == "major" and match[0] in "^j":
            marks.add("triangle")
        elif kind is not None and kind != "left":
            marks.add(kind)
    if adds:
        return None
    return marks, numbers, added


_LEAD = {"j7": "maj7", "7alt": "7alt", "7": "7", "69": "6/9", "6": "6", "": ""}
_SYMBOL = re.compile(
    r"(?P<root>[A-G][#b]?)(?P<mark>m7b5|sus|o|-|\+)?(?P<seventh>j7|7alt|7|69|6)?"
    r"(?P<extensions>(?:(?:9|11|13)[#b]?)*)(?P<bass>/[A-G][#b]?)?"
)
_NUMBER = re.compile(r"(9|11|13)([#b]?)")


def lead_symbol(symbol: str) -> str:
    """The inner spelling as a lead sheet has it: "D-79b" becomes "Dm7b9", "NC" becomes "N.C.".

    `read_symbol` reads the same chord back.

    Raises:
        ChordError: where the symbol is not in the inner spelling.
    """
    if symbol in (NO_CHORD, ""):
        return "N.C."
    parts = chord_parts(symbol)
    root, mark, seventh, extensions, bass = parts
    if mark in ("m7b5", "o"):
        tail = {"m7b5": "m7b5", "o": "dim" + ("7" if seventh else "")}[mark]
        return root + tail + bass
    head = {"-": "m", "+": "", "sus": "", "": ""}[mark]
    if mark == "-" and seventh == "j7":
        head, seventh_text = "m", "(maj7)"
    else:
        seventh_text = _LEAD[seventh]
    plain = [number for number, sign in extensions if not sign]
    altered = [sign + number for number, sign in extensions if sign]
    tail = _named(seventh, seventh_text, plain)
    if mark == "+":
        tail = "aug" if not tail and not altered else tail + "#5"
        if tail == "#5":
            tail = "aug"
    # "Cb9" is C flat with a ninth
    join = "" if seventh else "add"
    tail += "".join(join + extension for extension in altered)
    if mark == "sus":
        tail += "sus"
    return root + head + tail + bass


def chord_parts(symbol: str) -> tuple[str, str, str, list[tuple[str, str]], str]:
    """Root, mark, seventh, extensions (number, sign) and bass ("/E") of the inner spelling.

    Raises:
        ChordError: where the symbol is not in the inner spelling, or is no chord.
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise ChordError(f"{symbol!r} is not a chord in the inner spelling")
    found = [(number, sign) for number, sign in _NUMBER.findall(match["extensions"])]
    return match["root"], match["mark"] or "", match["seventh"] or "", found, match["bass"] or ""


def _named(seventh: str, text: str, plain: list[str]) -> str:
    """Seventh and natural extensions: 7 and 9 are "9", 9 alone is "add9"."""
    if not plain:
        return text
    if seventh in ("7", "j7") and "7" in text:
        highest, *others = sorted(plain, key=int, reverse=True)
        return text.replace("7", highest) + "".join(f"add{n}" for n in sorted(others, key=int))
    return text + "".join(f"add{number}" for number in plain)


_IREAL = (("maj", "^"), ("(^7)", "^7"), ("dim", "o"), ("m7b5", "h7"), ("6/9", "69"), ("aug", "+"))


def ireal_symbol(symbol: str) -> str:
    """The inner spelling as iReal Pro has it: "D-7", "C^7", "Bh7", "N.C." as "n"."""
    if symbol in (NO_CHORD, ""):
        return "n"
    written = lead_symbol(symbol)
    body, slash, bass = written.partition("/") if "6/9" not in written else (written, "", "")
    if "6/9" in written:
        head, _, rest = written.partition("6/9")
        body, slash, bass = (head + "69" + rest).partition("/")
    length = 2 if body[1:2] in ("#", "b") else 1
    root, tail = body[:length], body[length:]
    for name, sign in _IREAL:
        tail = tail.replace(name, sign)
    if tail.startswith("m"):
        tail = "-" + tail[1:]
    return root + tail.replace("(", "").replace(")", "") + slash + bass
