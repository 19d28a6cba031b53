"""What was heard in a track, as an answer to an assistant: facts, chart, bars, chords."""

from typing import Any

from saxsolo.listening.exports import as_dict
from saxsolo.listening.heard import Bar, Listening, symbol


def answered(heard: Listening, seconds: float) -> dict[str, Any]:
    """Facts about a track as JSON can hold them; None or empty where nothing was heard.

    Args:
        heard: the whole track.
        seconds: bars and chords that begin later are left out; key, tempo, metre and tuning are
            those of the whole.
    """
    facts = as_dict(heard)
    bars = [bar for bar in heard.bars if bar.start < seconds]
    chords = [chord for chord in heard.music.chords if chord.start < seconds]
    kept = ("key", "key_confidence", "tempo", "tempo_spread", "metre", "metre_confidence")
    return {
        **{name: facts[name] for name in kept},
        "tuning_cents": facts["tuning_cents"],
        "beat_confidence": facts["beat_confidence"],
        "beats_per_bar": heard.music.metre,
        "first_bar": round(bars[0].start, 2) if bars else None,
        "chart": chart(bars),
        "bars": [_bar(number, bar) for number, bar in enumerate(bars, 1)],
        "chords": [
            {
                "start": round(chord.start, 2),
                "end": round(min(chord.end, seconds), 2),
                "name": symbol(chord),
                "confidence": round(chord.confidence, 2),
            }
            for chord in chords
        ],
    }


def _bar(number: int, bar: Bar) -> dict[str, Any]:
    return {
        "number": number,
        "start": round(bar.start, 2),
        "beats": bar.beats,
        "chords": [
            {
                "beat": beat + 1,
                "name": symbol(chord),
                "confidence": round(chord.confidence, 2),
            }
            for beat, chord in bar.chords
        ],
    }


def chart(bars: list[Bar]) -> str:
    """The chords of each bar as on a lead sheet, "| F7 | Bb7 Bdim | % |"; "%" repeats a bar."""
    texts = [" ".join(symbol(chord) for _, chord in bar.chords) or "N.C." for bar in bars]
    shown = [
        "%" if text == before else text for before, text in zip(["", *texts], texts, strict=False)
    ]
    return f"| {' | '.join(shown)} |" if shown else ""
