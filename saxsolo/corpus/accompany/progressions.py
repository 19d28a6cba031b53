"""Progressions written for the project: blues, rhythm changes, cadences, vamps, songs, and chords
by chance, so that no model can lean on the habits of standards alone."""

from __future__ import annotations

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import PITCH_NAMES
from saxsolo.music.chord_symbols import transpose_chord

from .charts import BarChords, Chart

# bars by "|", chords of one bar by spaces and of equal length
WRITTEN = {
    "blues in three chords": "C7 | C7 | C7 | C7 | F7 | F7 | C7 | C7 | G7 | F7 | C7 | G7",
    "blues": "C7 | F7 | C7 | G-7 C7 | F7 | F#o7 | C7 | A79b | D-7 | G7 | C7 A7 | D-7 G7",
    "bebop blues": "Cj7 | Bm7b5 E79b | A-7 D7 | G-7 C7 | F7 | F-7 Bb7 | E-7 A7 | Eb-7 Ab7 | D-7 |"
    " G7 | Cj7 A7 | D-7 G7",
    "minor blues": "C-7 | F-7 | C-7 | C7alt | F-7 | F-7 | C-7 | C-7 |"
    " Ab7 | G7alt | C-7 | Dm7b5 G79b",
    "minor blues six": "C-6 | C-6 | C-6 | C-6 | F-6 | F-6 | C-6 | C-6 | Dm7b5 | G79b | C-6 | G7",
    "waltz blues": "C-7 | C-7 | C-7 | C-7 | F-7 | F-7 | C-7 | C-7 | Ab7 | G7 | C-7 | C-7",
    "rhythm changes": "C6 A7 | D-7 G7 | E-7 A7 | D-7 G7 | C7 | F7 F#o7 | C6 A7 | D-7 G7 |"
    " E7 | E7 | A7 | A7 | D7 | D7 | G7 | G7",
    "two five one": "D-7 | G7 | Cj7 | Cj7",
    "minor two five one": "Dm7b5 | G79b | C-6 | C-6",
    "two fives down": "E-7 A7 | D-7 G7 | C-7 F7 | Bbj7 | Bb-7 Eb7 | Abj7 | G7sus7 | G7",
    "turnaround": "Cj7 A7 | D-7 G7 | E-7 A79b | D-7 Db711#",
    "major thirds": "Cj7 Eb7 | Abj7 B7 | Ej7 G7 | Cj7 | F#-7 B7 | Ej7 G7 | Cj7 Eb7 | Abj7",
    "modal": "D-7 | D-7 | D-7 | D-7 | D-7 | D-7 | D-7 | D-7 | Eb-7 | Eb-7 | Eb-7 | Eb-7 | D-7 |"
    " D-7 | D-7 | D-7",
    "minor ballad": "C-j7 | C-6 | Abj7 | G7alt | F-79 | Bb713 | Ebj7 | Dm7b5 G79b",
    "four chords": "C | G | A- | F",
    "song": "C | E- | F | G | C | A- | F | Gsus G",
    "song with basses": "C | G/B | A- | C/G | F | C/E | D-7 | Gsus7 G7",
    "andalusian": "A- | G | F | E7",
    "montuno": "D-7 | G7 | D-7 | G7",
    "montuno in minor": "C- | F-6 | G7 | G7 C-",
    "funk vamp": "E79 | E79 | E79 | E79 A713",
    "minor vamp": "C-7 | F7 | C-7 | F7",
    "lydian vamp": "Cj711# | Cj711# | D/C | D/C",
    "sus vamp": "Csus79 | Csus79 | Ebsus79 | Ebsus79 | Dbsus79 | Dbsus79 | Bbsus79 | Bbsus79",
    "bossa": "Cj79 | Cj79 | D7911# | D7911# | D-79 | G79b | Cj79 | Db711#",
    "samba": "C6 | C6 | C#o7 | D-7 | G7 | G7 | C6 | D-7 G7",
    "line cliche": "C- | C-j7 | C-7 | C-6 | Ab | Abj7 | F-6 | G+7",
    "diminished steps": "Cj7 | C#o7 | D-7 | D#o7 | E-7 | Ao7 | D-7 | G79b",
    "augmented": "C+ | F6 | G+7 | C6 | E+7 | A-7 | D+7 | G7",
    "gospel": "C | C7 | F | F#o7 | C/G | A7 | D7 G7 | C F",
    "circle": "C7 | F7 | Bb7 | Eb7 | Ab7 | Db7 | Gb7 | B7 | E7 | A7 | D7 | G7",
    "side steps": "C-7 | C-7 | Db-7 | Db-7 | C-7 | C-7 | B-7 | Bb-7",
    "triads over a pedal": "C | D/C | F/C | Db/C | C | Bb/C | Ab/C | G7sus7",
}  # fmt: skip
_ANY = ("j7", "", "6", "-7", "-", "-6", "-j7", "7", "79", "713", "7alt", "79b", "711#", "m7b5",
        "o7", "o", "sus7", "sus79", "sus", "+", "+7", "+j7", "j711#", "69", "-79")  # fmt: skip
_ANY_CHANCES = np.array([5, 4, 2, 5, 4, 2, 1.5, 4, 2, 2, 1.5, 1.5, 1.5, 3.5, 3, 1.5, 2, 2, 1.5, 2,
                         1.5, 1, 1, 1, 2])  # fmt: skip


def written_chart(rng: np.random.Generator) -> Chart:
    """One of the written progressions in C, four beats a bar."""
    name = str(rng.choice(list(WRITTEN)))
    bars = []
    for text in WRITTEN[name].split("|"):
        symbols = [_spelled(symbol) for symbol in text.split()]
        bars.append(tuple((symbol, 4.0 / len(symbols)) for symbol in symbols))
    return Chart(f"written: {name}", 4, tuple(bars))


def _spelled(symbol: str) -> str:
    return symbol.replace("7sus7", "sus7")


def chance_chart(rng: np.random.Generator) -> Chart:
    """Sixteen bars of chords of any kind on roots that follow no rule, or a weak one."""
    root = int(rng.integers(12))
    bars: list[BarChords] = []
    pace = float(rng.choice((0.5, 1, 1, 2)))
    while len(bars) < 16:
        count = 2 if pace == 0.5 else 1
        chords = []
        for _ in range(count):
            root = (root + int(rng.choice((1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 10, 11)))) % 12
            quality = str(rng.choice(_ANY, p=_ANY_CHANCES / _ANY_CHANCES.sum()))
            symbol = PITCH_NAMES[root] + quality
            if rng.random() < 0.08:
                symbol += "/" + PITCH_NAMES[(root + int(rng.choice((3, 4, 7, 10, 2)))) % 12]
            chords.append((symbol, 4.0 / count))
        bars += [tuple(chords)] * (2 if pace == 2 else 1)
    return Chart("written: chance", 4, tuple(bars[:16]), (0, 8))


def reharmonise(chart: Chart, rng: np.random.Generator) -> Chart:
    """Tritone substitutes, other dominant colours, sixths for sevenths, sus before dominants."""
    bars = []
    for bar in chart.bars:
        chords: list[tuple[str, float]] = []
        for symbol, beats in bar:
            chords += _changed(symbol, beats, rng)
        bars.append(tuple(chords))
    return Chart(chart.title, chart.size, tuple(bars), chart.sections)


def _changed(symbol: str, beats: float, rng: np.random.Generator) -> list[tuple[str, float]]:
    root = symbol[:2] if symbol[1:2] in ("b", "#") else symbol[:1]
    rest = symbol[len(root) :]
    draw = rng.random()
    if rest in ("7", "79", "713", "79b"):
        if draw < 0.08:
            return [(transpose_chord(root, 6) + "711#", beats)]
        if draw < 0.2:
            return [(root + str(rng.choice(("79b", "713", "7alt", "79", "711#", "+7"))), beats)]
        if draw < 0.27 and beats >= 2:
            return [(root + "sus7", beats / 2), (symbol, beats / 2)]
    if rest == "j7" and draw < 0.25:
        return [(root + str(rng.choice(("6", "69", "j79", "j711#", ""))), beats)]
    if rest == "-7" and draw < 0.15:
        return [(root + str(rng.choice(("-79", "-711", "-6", "-"))), beats)]
    return [(symbol, beats)]
