"""What was heard, as files that other programs read: JSON, .lab, ChordPro, iReal Pro, text, JAMS.

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
from saxsolo.errors import SettingError
from saxsolo.music.charts.chart import Chart, ChartBar, beats_of
from saxsolo.music.charts.chordpro import write_chordpro
from saxsolo.music.charts.ireal import write_ireal
from saxsolo.music.charts.spelling import NO_CHORD, read_symbol
from saxsolo.music.charts.text import write_text
from saxsolo.notation.chart_spelling import spelled

from .heard import Bar, Listening, symbol
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


def chart_of(heard: Listening, horn: str = CONCERT) -> Chart:
    """What was heard as a chart: whole bars, in the order of playing, named by the key.

    Args:
        heard: as it sounds.
        horn: a name in `HORNS`, for which it is written.

    Raises:
        SettingError: for another horn, or where no bars were heard.
    """
    heard = heard.transposed(horn_of(horn).semitones)
    bars = []
    for bar in _whole_bars(heard):
        starts = [(beat, symbol_of(chord)) for beat, chord in bar.chords] or [(0, NO_CHORD)]
        ends = [beat for beat, _ in starts[1:]] + [bar.beats]
        chords = tuple(
            (name, float(end - start)) for (start, name), end in zip(starts, ends, strict=True)
        )
        # the metre of most bars may count other notes than quarters; broken bars do not
        usual = heard.metre is not None and beats_of(heard.metre) == bar.beats
        metre = heard.metre if usual and heard.metre is not None else f"{bar.beats}/4"
        bars.append(ChartBar(chords, metre))
    if not bars:
        raise SettingError(f"no bars were heard in {heard.name}, so there is no chart to write")
    key, tempo = heard.key, heard.tempo
    name = "" if key is None else PITCH_NAMES[key.tonic] + ("m" if key.minor else "")
    chart = Chart(tuple(bars), heard.name, name, None if tempo is None else float(round(tempo)))
    return spelled(chart)


def _whole_bars(heard: Listening) -> list[Bar]:
    """The bars without a pick-up and what is left after the last whole one: they belong to the
    track and would come again in every chorus of a chart."""
    bars = list(heard.bars)
    if heard.metre is None:
        return bars
    whole = [n for n, bar in enumerate(bars) if bar.beats == beats_of(heard.metre)]
    return bars[whole[0] : whole[-1] + 1] if whole else bars


def symbol_of(chord: HeardChord) -> str:
    """A heard chord in the spelling of `chord_symbols`, with the usual seventh of its quality."""
    return NO_CHORD if chord.root is None else read_symbol(symbol(chord))


def as_chordpro(heard: Listening, horn: str = CONCERT) -> str:
    """A chord grid in ChordPro (chordpro.org), four bars a line, a cell a beat.

    Raises:
        SettingError: for another horn, or where no bars were heard.
    """
    subtitle = "" if horn == CONCERT else f"for {horn_of(horn).label}"
    return write_chordpro(chart_of(heard, horn), subtitle)


def as_ireal(heard: Listening, horn: str = CONCERT) -> str:
    """A link that iReal Pro opens.

    Raises:
        SettingError: for another horn, or where no bars were heard.
    """
    return write_ireal(chart_of(heard, horn)) + "\n"


def as_chart(heard: Listening, horn: str = CONCERT) -> str:
    """A chart as plain text, to be edited and given back with --chart.

    Raises:
        SettingError: for another horn, or where no bars were heard.
    """
    return write_text(chart_of(heard, horn))


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
    "ireal": as_ireal,
    "txt": as_chart,
    "jams": as_jams,
}
# charts are written for a horn, the others tell what sounds
FOR_HORNS: dict[str, Callable[[Listening, str], str]] = {
    "chordpro": as_chordpro,
    "ireal": as_ireal,
    "txt": as_chart,
}


def text_of(heard: Listening, name: str, horn: str = CONCERT) -> str:
    """What was heard in a format of `TEXTS`.

    Charts are for players and are written for a horn; the others tell what sounds.

    Raises:
        SettingError: for a horn that is not in `HORNS`.
    """
    return FOR_HORNS[name](heard, horn) if name in FOR_HORNS else TEXTS[name](heard)


def write(text: str, folder: Path, name: str) -> Path:
    """Writes a text into a folder, which is made where it is missing.

    Raises:
        OutputError: when it cannot be written.
    """
    with output_folder(folder), replacing(folder / name) as (partial,):
        partial.write_text(text, encoding="utf-8")
    return folder / name
