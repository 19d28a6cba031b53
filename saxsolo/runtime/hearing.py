"""What is heard in a backing: the ear's probabilities, beats, bars and chords, the band."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modeling_saxsolo.ear_decoding_saxsolo import decode
from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet, sheet_of_inputs, sheet_of_music
from modeling_saxsolo.loudness_saxsolo import LoudnessMeter
from saxsolo.music.placed_chart import PlacedChart

from .charts import GivenChart, told
from .spectra import Array, pulses, spectra, tuning

FRAME_RATE, FRAMES_PER_TOKEN = 50, 4
WINDOW, CONTEXT = 600, 120
LONGEST_FADE = 4.0
NAMES = ("chord", "phase", "place", "beats", "metre", "activity", "root", "quality")
LABELS = ("root", "quality", "phase", "place")


@dataclass(frozen=True)
class Heard:
    """A backing of T frames.

    Attributes:
        posteriors: (1, 41, T) float32. sheet: beats and chords. cents: the tuning, in steps of 5.
        first, last: where the band begins and ends, frames.
        placed: the chart that a person gave; None where none was given.
    """

    posteriors: Array
    sheet: LeadSheet
    cents: float
    first: int
    last: int
    placed: PlacedChart | None = None


def hear(session: Any, audio: Array, progressions: Array, chart: GivenChart | None = None) -> Heard:
    """Listens to (n,) float32 at 16 kHz; where a chart says something, it is told, not heard.

    Raises:
        ValueError: for a chart that has no place in it.
    """
    cents = 5.0 * round(tuning(audio) / 5.0)
    whole = spectra(audio, cents)
    spans = _windows(len(whole.harmony))
    ends = [first for _, first, _ in spans[1:]] + [spans[-1][2]]
    parts: dict[str, list[Array]] = {name: [] for name in NAMES}
    for (start, first, end), last in zip(spans, ends, strict=True):
        kept = slice((first - start) * FRAMES_PER_TOKEN, (last - start) * FRAMES_PER_TOKEN)
        part = whole.part(start, end)
        inputs = {
            "harmony": part.harmony[None],
            "bass": part.bass[None],
            "rhythm": part.rhythm[None],
            "swinging": pulses(part.rhythm)[None],
            "mask": np.ones((end - start, end - start), bool),
        }
        for name, values in zip(NAMES, session.run(list(NAMES), inputs), strict=True):
            parts[name].append(values[kept])
    frames = -(-len(audio) * FRAME_RATE // 16_000)
    heard = {name: np.concatenate(part)[:frames] for name, part in parts.items()}
    music = decode(heard, None, cents, progressions)
    first, last = _band(heard["activity"])
    last = max(first + 1, _until_it_fades(audio, last))
    posteriors = np.concatenate([heard[name] for name in LABELS], axis=1).T[None]
    # `generate` is given the beats in single precision
    sheet = sheet_of_inputs(sheet_of_music(music, frames / FRAME_RATE).inputs())
    alone = Heard(np.ascontiguousarray(posteriors), sheet, cents, first, last)
    if chart is None:
        return alone
    placed = chart.placed(len(audio) / 16_000, lambda: (heard, music))
    labels = placed.labels(frames).T.astype(np.int64)
    posteriors = told(alone.posteriors[0], labels)[None]
    return replace(alone, posteriors=posteriors, sheet=sheet.told(labels), placed=placed)


def _windows(tokens: int) -> list[tuple[int, int, int]]:
    """(start, first kept, end) as in `ear_saxsolo.windows`."""
    if tokens <= WINDOW:
        return [(0, 0, tokens)]
    starts = range(0, tokens - CONTEXT, WINDOW - 2 * CONTEXT)
    return [(s, s + CONTEXT if s else 0, min(tokens, s + WINDOW)) for s in starts]


def _until_it_fades(audio: Array, last: int) -> int:
    """The last frame as `SaxsoloProcessor.rests` has it: a last chord is not played over where it
    fades."""
    meter = LoudnessMeter(16_000, 1)
    meter.push(audio[:, None])
    faded = meter.fades_from
    if faded is None or last - round(faded * FRAME_RATE) > LONGEST_FADE * FRAME_RATE:
        return last
    return min(last, round(faded * FRAME_RATE))


def _band(activity: Array) -> tuple[int, int]:
    """As `ear_stream_saxsolo.band_frames`."""
    frames = len(activity)
    band = np.clip(activity[:, 2].astype(np.float64), 1e-3, 1 - 1e-3)
    odds = np.pad((0.1 * (np.log(band) - np.log(1 - band))).cumsum(), (1, 0))
    begin, end = -odds - 4.0, odds - 4.0
    begin[0], end[frames] = -odds[0], odds[frames]
    best = np.maximum.accumulate(begin)
    last = int((best + end).argmax())
    first = int(np.flatnonzero(begin[: last + 1] == best[last])[-1])
    return (first, last) if first < last else (0, frames)
