"""Does a solo follow the chart that it is given, and not the track under it?

Over the beginning of each track the model plays with the tune's own chart, with another tune's, and
with none. Each solo is judged by both charts where they lie: chord tones and scale tones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.audio.files import open_sound
from saxsolo.music.charts.text import write_text
from saxsolo.music.frame_labels import tokens_to_notes
from saxsolo.playing.performance import Performance
from saxsolo.playing.settings import Settings
from saxsolo.weights.loading import Player

from . import harmony
from .chart_accuracy import ChartCase, other_charts
from .notes import SoloNotes

KINDS = ("own chart", "another tune's", "no chart")
NAMES = ("chord_tones", "scale_tones")


def measure_control(
    player: Player, cases: Sequence[ChartCase], seconds: float, seed: int = 1
) -> dict[str, dict[str, float]]:
    """Figures of each kind of solo, means over the tracks.

    Args:
        cases: tracks with their charts. seconds: of each solo. seed: of every solo.

    Returns:
        Kind -> "chord_tones by own", "chord_tones by other", "scale_tones by own", ...
    """
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for number, case in enumerate(cases):
        other = next(other_charts(cases, number), None)
        if other is None:
            continue
        texts = dict(zip(KINDS, (write_text(case.chart), write_text(other), None), strict=True))
        solos, labels = {}, {}
        for kind, text in texts.items():
            settings = Settings(seed=seed, seconds=seconds, chords=text)
            performance = Performance(player, open_sound(case.path), settings)
            for _ in performance:
                pass
            solos[kind] = _notes(performance, seconds)
            if performance.heard is not None and performance.heard.placed is not None:
                frames = round(seconds * FRAME_RATE)
                labels[kind] = performance.heard.placed.labels(frames).astype(int)
        for kind, solo in solos.items():
            row = {}
            for word, told in (("own", labels[KINDS[0]]), ("other", labels[KINDS[1]])):
                fits = harmony.fit(solo, told)
                for name in NAMES:
                    value = fits[name]
                    row[f"{name} by {word}"] = np.nan if value is None else float(value)
            rows[kind].append(row)
    return {
        kind: {name: float(np.nanmean([row[name] for row in found])) for name in found[0]}
        for kind, found in rows.items()
        if found
    }


def _notes(performance: Performance, seconds: float) -> SoloNotes:
    notes = tokens_to_notes(np.concatenate(performance.frames, axis=-1)[0])
    onsets = np.array([note.onset for note in notes])
    ends = onsets + np.array([note.duration for note in notes])
    pitches = np.array([note.pitch for note in notes], int)
    sounding = float(np.sum(ends - onsets)) / seconds
    return SoloNotes(onsets, ends, pitches, np.full(len(notes), np.nan), seconds, sounding)
