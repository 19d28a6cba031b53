"""What was heard, as files that other programs read: JSON, .lab, ChordPro, JAMS.

.lab holds a line a chord in the syntax of Harte and others (ISMIR 2005), as MIREX and mir_eval read
it; JAMS (Humphrey and others, ISMIR 2014) is written by its own library.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modeling_saxsolo.vocabulary_saxsolo import PITCH_NAMES, QUALITY_NAMES
from saxsolo.atomic import output_folder, replacing

from .heard import Listening, symbol
from .horns import CONCERT, horn_of

if TYPE_CHECKING:
    from modeling_saxsolo.chord_search_saxsolo import HeardChord

# by quality; the ear does not tell a triad from its usual seventh
HARTE = ("maj7", "min7", "7", "hdim7", "dim7", "sus4(b7)", "aug")
BARS_A_LINE = 4


def as_dict(heard: Listening) -> dict[str, Any]:
    """Plain values: what `saxsolo listen --json` prints."""
    music, key = heard.music, heard.key
    return {
        "track": heard.name,
        "seconds": round(heard.seconds, 3),
        "key": key and key.name,
        "key_confidence": key and round(key.confidence, 3),
        "tempo": _rounded(heard.tempo, 2),
        "tempo_spread": _rounded(heard.tempo_spread, 4),
        "metre": heard.metre,
        "metre_confidence": _rounded(heard.metre_confidence, 3),
        "tuning_cents": round(music.tuning_cents, 1),
        "beat_confidence": _rounded(heard.beat_confidence, 3),
        "beats": [
            [round(float(beat), 3), int(place)]
            for beat, place in zip(music.beats, music.places, strict=True)
        ],
        "chords": [
            [
                round(chord.start, 3),
                round(chord.end, 3),
                symbol(chord),
                chord.root,
                QUALITY_NAMES[chord.quality],
                round(chord.confidence, 3),
            ]
            for chord in music.chords
        ],
    }


def as_json(heard: Listening) -> str:
    """One JSON object, `as_dict`, with a line break at its end."""
    return json.dumps(as_dict(heard), indent=1, ensure_ascii=False) + "\n"


def harte(chord: HeardChord) -> str:
    """In the syntax of Harte and others: "Eb:min7", "N" for no chord."""
    return "N" if chord.root is None else f"{PITCH_NAMES[chord.root]}:{HARTE[chord.quality]}"


def as_lab(heard: Listening) -> str:
    """Start, end and chord of each line, in seconds."""
    lines = [f"{c.start:.3f}\t{c.end:.3f}\t{harte(c)}" for c in heard.music.chords]
    return "".join(f"{line}\n" for line in lines)


def as_chordpro(heard: Listening, horn: str = CONCERT) -> str:
    """A chord grid in ChordPro (chordpro.org, directive start_of_grid), four bars a line.

    Each beat is a cell: a chord where one begins, else a dot.

    Args:
        heard: as it sounds.
        horn: a name in `HORNS`, for which it is written.

    Raises:
        SettingError: for another horn.
    """
    lines = [f"{{title: {heard.name}}}"]
    if horn != CONCERT:
        lines.append(f"{{subtitle: for {horn_of(horn).label}}}")
        heard = heard.transposed(horn_of(horn).semitones)
    if heard.key is not None:
        lines.append(f"{{key: {PITCH_NAMES[heard.key.tonic]}{'m' if heard.key.minor else ''}}}")
    if heard.tempo is not None:
        lines += [f"{{time: {heard.metre}}}", f"{{tempo: {round(heard.tempo)}}}"]
    lines.append("{start_of_grid}")
    bars, before = heard.bars, None
    for first in range(0, len(bars), BARS_A_LINE):
        cells = []
        for bar in bars[first : first + BARS_A_LINE]:
            row = ["."] * bar.beats
            for beat, chord in bar.chords:
                if beat == 0 or symbol(chord) != before:
                    row[beat] = symbol(chord).replace("N.C.", "N.C")
                before = symbol(chord)
            cells.append(" ".join(row))
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("{end_of_grid}")
    return "\n".join(lines) + "\n"


def as_jams(heard: Listening) -> str:
    """A JAMS file with the annotations chord, beat, key_mode and tempo; needs the library jams."""
    import jams

    document = jams.JAMS()
    document.file_metadata.duration = heard.seconds
    document.file_metadata.title = heard.name
    chords = jams.Annotation("chord", duration=heard.seconds)
    for chord in heard.music.chords:
        length = chord.end - chord.start
        chords.append(
            time=chord.start, duration=length, value=harte(chord), confidence=chord.confidence
        )
    beats = jams.Annotation("beat", duration=heard.seconds)
    music = heard.music
    for beat, place, sure in zip(music.beats, music.places, music.beat_confidence, strict=True):
        beats.append(time=float(beat), duration=0.0, value=int(place), confidence=float(sure))
    document.annotations.extend([chords, beats])
    if heard.tempo is not None:
        tempo = jams.Annotation("tempo", duration=heard.seconds)
        tempo.append(
            time=0.0, duration=heard.seconds, value=heard.tempo, confidence=heard.beat_confidence
        )
        document.annotations.append(tempo)
    if heard.key is not None:
        key = jams.Annotation("key_mode", duration=heard.seconds)
        name = f"{PITCH_NAMES[heard.key.tonic]}:{'minor' if heard.key.minor else 'major'}"
        key.append(time=0.0, duration=heard.seconds, value=name, confidence=heard.key.confidence)
        document.annotations.append(key)
    return str(document.dumps(indent=1)) + "\n"


def facts(heard: Listening) -> dict[str, str]:
    """Key, tempo, metre and tuning, in words for a person."""
    key, cents = heard.key, heard.music.tuning_cents
    return {
        "key": key.name + _sure(key.confidence) if key else "not heard",
        "tempo": "no beat heard"
        if heard.tempo is None
        else f"{heard.tempo:.1f} beats a minute, {_steadiness(heard)}",
        "metre": heard.metre + _sure(heard.metre_confidence) if heard.metre else "not heard",
        "tuning": f"A = {440 * 2 ** (cents / 1200):.1f} Hz ({cents:+.0f} cents)",
    }


def as_text(heard: Listening, horn: str = CONCERT) -> str:
    """A chart to read: what was heard in a few lines, then four bars a line.

    Args:
        heard: as it sounds.
        horn: a name in `HORNS`, for which it is written.

    Raises:
        SettingError: for another horn.
    """
    heard = heard.transposed(horn_of(horn).semitones)
    lines = [f"{name:8} {text}" for name, text in facts(heard).items()]
    if horn != CONCERT:
        lines.append(f"{'for':8} {horn_of(horn).label}")
    lines.append("")
    bars = heard.bars
    for first in range(0, len(bars), BARS_A_LINE):
        row = bars[first : first + BARS_A_LINE]
        names = [" ".join(symbol(chord) for _, chord in bar.chords) or "." for bar in row]
        lines.append(f"{row[0].start:7.2f}  | " + " | ".join(f"{n:12}" for n in names) + " |")
    return "\n".join(lines) + "\n"


def _steadiness(heard: Listening) -> str:
    spread = heard.tempo_spread
    return "too short to say how steady" if spread is None else f"steady within {spread:.1%}"


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f" (confidence {confidence:.0%})"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


#: format -> its text, as it sounds
TEXTS: dict[str, Callable[[Listening], str]] = {
    "json": as_json,
    "lab": as_lab,
    "chordpro": as_chordpro,
    "jams": as_jams,
}


def text_of(heard: Listening, name: str, horn: str = CONCERT) -> str:
    """What was heard in a format of `TEXTS`.

    A chord grid is for players and is written for a horn; the others tell what sounds.

    Raises:
        SettingError: for a horn that is not in `HORNS`.
    """
    return as_chordpro(heard, horn) if name == "chordpro" else TEXTS[name](heard)


def write(text: str, folder: Path, name: str) -> Path:
    """Writes a text into a folder, which is made where it is missing.

    Raises:
        OutputError: when it cannot be written.
    """
    with output_folder(folder), replacing(folder / name) as (partial,):
        partial.write_text(text, encoding="utf-8")
    return folder / name
