"""Reads the saxophone solos of the Weimar Jazz Database (ODbL 1.0) from three CSV files:
`solos.csv`, `notes.csv.gz` and `beats.csv.gz` in one folder."""

from __future__ import annotations

import csv
import gzip
import math
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np

from saxsolo.music.score import Beat, Note, Score, ScoreError

SOURCE = "Weimar Jazz Database"
LICENCE = "ODbL-1.0"
ATTRIBUTION = "The Jazzomat Research Project, Liszt School of Music Weimar, jazzomat.hfm-weimar.de"
LEAD_IN = 0.5

_INSTRUMENTS = {"ss": "soprano", "as": "alto", "ts": "tenor", "ts-c": "tenor", "bs": "baritone"}
_MISSING_LOUDNESS = 0.6
Row = dict[str, str]


class WeimarError(ScoreError):
    """The folder is not a readable export of the Weimar Jazz Database."""


def read_weimar(folder: Path | str, other_horns: bool = False) -> list[Score]:
    """All solos of the folder, in the order of `solos.csv`.

    With `other_horns`, solos of other instruments are read as if a tenor had played them; their
    pitches stay as they are.

    Times are shifted so that the first beat or note starts at 0.5 s. Loudness comes from
    `loud_median`: the solo's 5th..95th percentile maps to 0.2..1.0, 0.6 where it was not measured:
    it says nothing about how loud the recording was. Raises `WeimarError` for missing or broken
    files.
    """
    folder = Path(folder)
    solos = _read_rows(folder / "solos.csv")
    notes, beats = (_by_solo(_read_rows(folder / f"{name}.csv.gz")) for name in ("notes", "beats"))
    try:
        return [
            _read_solo(row, notes[row["solo_id"]], beats[row["solo_id"]], other_horns)
            for row in solos
        ]
    except KeyError as error:
        raise WeimarError(f"{folder}: column {error} is missing; check its CSV files") from error


def _read_rows(path: Path) -> list[Row]:
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise WeimarError(
            f"cannot read {path} ({error}); the folder needs solos.csv, notes.csv.gz and "
            f"beats.csv.gz of the Weimar Jazz Database (jazzomat.hfm-weimar.de)"
        ) from error


def _by_solo(rows: list[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["solo_id"]].append(row)
    return grouped


def _read_solo(solo: Row, note_rows: list[Row], beat_rows: list[Row], other_horns: bool) -> Score:
    name = solo["solo_id"]
    if not note_rows or not beat_rows:
        raise WeimarError(f"{name} has {len(note_rows)} notes and {len(beat_rows)} beats")
    if solo["instrument"] not in _INSTRUMENTS and not other_horns:
        raise WeimarError(
            f"{name}: instrument {solo['instrument']!r} is not a saxophone ({sorted(_INSTRUMENTS)})"
        )
    first = min(float(rows[0]["onset"]) for rows in (note_rows, beat_rows))
    sections = _section_bars(beat_rows)
    beats = tuple(
        _read_beat(row, first - LEAD_IN, bar) for row, bar in zip(beat_rows, sections, strict=True)
    )
    bar_lengths = Counter(beat.beats_per_bar for beat in beats)
    # some name the feel of each part of the form: A:LATIN/B:SWING
    feel = solo["rhythmfeel"].split("/")[0].split(":")[-1].lower()
    if bar_lengths.most_common(1)[0][0] == 3:
        feel = "waltz"
    return Score(
        id=name,
        performer=solo["performer"],
        title=solo["title"],
        instrument=_INSTRUMENTS.get(solo["instrument"], "tenor"),
        style=solo["style"].lower(),
        feel=feel,
        notes=_read_notes(note_rows, beats, first - LEAD_IN),
        beats=beats,
        source=SOURCE,
        licence=LICENCE,
        attribution=ATTRIBUTION,
    )


def _section_bars(rows: list[Row]) -> list[int]:
    """The bar of its section of each beat, -1 in front of the form and without one."""
    bars, start, section = [], 0, ("", "")
    for row in rows:
        here = (row["form"], row["chorus_id"])
        if here != section:
            start, section = int(row["bar"]), here
        # I is an introduction; what is no part of the form has no name
        known = row["form"] and not row["form"].startswith("I") and int(row["bar"]) >= 1
        bars.append(int(row["bar"]) - start if known else -1)
    return bars


def _read_beat(row: Row, shift: float, section_bar: int) -> Beat:
    return Beat(
        onset=float(row["onset"]) - shift,
        bar=int(row["bar"]),
        beat=int(row["beat"]),
        beats_per_bar=int(row["signature"].split("/")[0]),
        chord=row["chord"] or "NC",
        bass=int(float(row["bass"])) if row["bass"] else None,
        section_bar=section_bar,
    )


def _read_notes(rows: list[Row], beats: tuple[Beat, ...], shift: float) -> tuple[Note, ...]:
    loudness = _relative_loudness([row["loud_median"] for row in rows])
    onsets = [float(row["onset"]) - shift for row in rows]
    spans = {
        (beat.bar, beat.beat): (beat.onset, after.onset - beat.onset)
        for beat, after in pairwise(beats)
    }
    notes = []
    for index, row in enumerate(rows):
        # One saxophone plays one note at a time: what overlaps ends where the next begins.
        room = onsets[index + 1] - onsets[index] if index + 1 < len(rows) else math.inf
        duration = min(float(row["duration"]), room)
        if duration > 0:
            written = _written(row, spans)
            pitch = int(row["pitch"])
            notes.append(Note(onsets[index], duration, pitch, loudness[index], written))
    return tuple(notes)


def _written(row: Row, spans: dict[tuple[int, int], tuple[float, float]]) -> float | None:
    """Where the metre has a note: which part (`tatum`) of so many (`division`) of its beat."""
    span = spans.get((int(row["bar"]), int(row["beat"])))
    if span is None or not row["tatum"] or not row["division"]:
        return None
    return span[0] + span[1] * (int(row["tatum"]) - 1) / int(row["division"])


def _relative_loudness(texts: list[str]) -> list[float]:
    # Empty, nan and values below 0 dB (a sentinel of -66 dB for "silent") were not measured.
    values = np.array([float(text) if text else np.nan for text in texts])
    values[~(values > 0)] = np.nan
    known = values[np.isfinite(values)]
    if known.size < 2:
        return [_MISSING_LOUDNESS] * len(texts)
    low, high = np.percentile(known, [5, 95])
    if high <= low:
        return [_MISSING_LOUDNESS] * len(texts)
    scaled = np.clip(0.2 + 0.8 * (values - low) / (high - low), 0.2, 1.0)
    return np.where(np.isfinite(scaled), scaled, _MISSING_LOUDNESS).tolist()
