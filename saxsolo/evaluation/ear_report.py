"""How well listeners hear a folder of tracks with known chords and beats, as tables.

A folder holds items as rendered (NAME/backing.flac with NAME/truth.json, at any depth), or sounds
with NAME.lab (chords: start, end, Harte label a line) and NAME.beats (seconds and beat of the bar a
line) beside them; either of the two may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mir_eval
import numpy as np
import soundfile

from saxsolo.intervals import percentile_interval, resamples

from .damage import DAMAGES, TUNINGS, Damage, detuned
from .ear_listeners import Hearing, Listener
from .ear_metrics import (
    BEAT_METRICS,
    CHORD_METRICS,
    ChordTrack,
    beat_metrics,
    calibration_error,
    chord_metrics,
    chord_track,
    root_confusions,
)

_SOUNDS = (".wav", ".flac", ".ogg", ".mp3")


@dataclass(frozen=True)
class Track:
    """A sound and what is known of it; times in seconds.

    Attributes:
        chords, beats, places: None where unknown; places count from 1.
        tuning_cents: None where unknown.
    """

    name: str
    path: Path
    chords: ChordTrack | None
    beats: np.ndarray | None
    places: np.ndarray | None
    tuning_cents: float | None = None

    def slower(self, factor: float) -> Track:
        """The truth of the same sound played `factor` times as fast."""
        chords = self.chords
        if chords is not None:
            chords = ChordTrack(chords.intervals / factor, chords.labels)
        beats = None if self.beats is None else self.beats / factor
        return Track(self.name, self.path, chords, beats, self.places)


def read_tracks(folder: Path) -> list[Track]:
    """All tracks below a folder that something is known of.

    Raises:
        ValueError: where there are none.
    """
    tracks = [_rendered(path.parent) for path in sorted(folder.rglob("truth.json"))]
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SOUNDS):
        if any(path.with_suffix(kind).exists() for kind in (".lab", ".beats")):
            tracks.append(_annotated(path))
    if not tracks:
        raise ValueError(
            f"{folder} holds no tracks with truth: expected NAME/truth.json beside "
            "NAME/backing.flac, or NAME.lab or NAME.beats beside a sound"
        )
    return tracks


def read_sounds(folder: Path) -> list[Track]:
    """All sounds below a folder as tracks of which nothing is known.

    Raises:
        ValueError: where there are none.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SOUNDS]
    if not paths:
        raise ValueError(f"{folder} holds no sound ({', '.join(_SOUNDS)})")
    return [
        Track(path.parent.name if path.stem == "backing" else path.stem, path, None, None, None)
        for path in paths
    ]


def evenly_spaced(tracks: list[Track], limit: int) -> list[Track]:
    """At most `limit` of the tracks, from the whole list; 0 takes all."""
    return tracks[:: max(1, len(tracks) // limit)][:limit] if limit else tracks


def _rendered(folder: Path) -> Track:
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    beats = np.array(truth["beats"], np.float64).reshape(-1, 3)
    return Track(
        folder.name,
        folder / "backing.flac",
        chord_track(truth["chords"]),
        beats[:, 0],
        beats[:, 1].astype(int),
        truth.get("tuning_cents"),
    )


def _annotated(path: Path) -> Track:
    chords = beats = places = None
    if path.with_suffix(".lab").exists():
        intervals, labels = mir_eval.io.load_labeled_intervals(str(path.with_suffix(".lab")))
        chords = ChordTrack(intervals, labels)
    if path.with_suffix(".beats").exists():
        rows = np.loadtxt(path.with_suffix(".beats"), ndmin=2)
        beats = rows[:, 0]
        places = rows[:, 1].astype(int) if rows.shape[1] > 1 else None
    return Track(path.stem, path, chords, beats, places)


@dataclass
class TrackFigures:
    """What one listener got right in one track, and how long the track is."""

    name: str
    seconds: float
    figures: dict[str, float]
    confusions: np.ndarray
    confidence: np.ndarray
    right: np.ndarray


def judge(track: Track, heard: Hearing, seconds: float) -> TrackFigures:
    """Compares what was heard in a track with what is known of it; NaN where nothing is."""
    figures = dict.fromkeys((*CHORD_METRICS, *BEAT_METRICS), float("nan"))
    confusions, confidence, right = np.zeros(14), np.zeros(0), np.zeros(0)
    if track.chords is not None and heard.chords is not None:
        figures |= chord_metrics(track.chords, heard.chords)
        confusions = root_confusions(track.chords, heard.chords)
        confidence, right = _confidence(track.chords, heard)
    if track.beats is not None and (
        len(heard.beats) or heard.chords is None or _hears_beats(heard)
    ):
        places = track.places if track.places is not None else np.zeros(len(track.beats), int)
        figures |= beat_metrics(track.beats, places, heard.beats, heard.places)
        if track.places is None or (len(heard.places) and not heard.places.any()):
            figures["downbeat_f1"] = figures["steady_bars"] = float("nan")
    if track.tuning_cents is not None and heard.tuning_cents is not None:
        off = heard.tuning_cents - track.tuning_cents
        figures["tuning_error"] = abs((off + 50) % 100 - 50)
    return TrackFigures(track.name, seconds, figures, confusions, confidence, right)


def _hears_beats(heard: Hearing) -> bool:
    """Our own ear always names beats; a listener of chords alone gives no tuning either."""
    return heard.tuning_cents is not None


def _confidence(truth: ChordTrack, heard: Hearing) -> tuple[np.ndarray, np.ndarray]:
    """How sure of its chord the listener was, and whether root and third were right, ten times a
    second."""
    assert heard.chords is not None
    if not len(heard.chord_confidence):
        return np.zeros(0), np.zeros(0)
    times = np.arange(0.05, truth.intervals.max(), 0.1)
    heard_at = np.searchsorted(heard.chords.intervals[:, 0], times, side="right") - 1
    true_at = np.searchsorted(truth.intervals[:, 0], times, side="right") - 1
    inside = (heard_at >= 0) & (true_at >= 0)
    true_labels = [truth.labels[index] for index in true_at[inside]]
    said_labels = [heard.chords.labels[index] for index in heard_at[inside]]
    right = mir_eval.chord.thirds(true_labels, said_labels)
    known = right >= 0
    return heard.chord_confidence[heard_at[inside]][known], right[known]


def listen_to(
    tracks: Sequence[Track],
    listener: Listener,
    damage: Damage | None = None,
    tuning_cents: float | None = None,
) -> Iterator[TrackFigures]:
    """Plays every track to a listener, at times damaged, and judges what it says.

    Args:
        damage: keeps the track's times.
        tuning_cents: from A = 440 Hz, where the tape speed is to bring every track, wherever it
            was before; a track of unknown tuning counts as tuned to 440 Hz.
    """
    for track in tracks:
        audio, rate = soundfile.read(track.path, dtype="float32", always_2d=True)
        sound = np.ascontiguousarray(audio.T)
        if damage is not None:
            sound = damage(sound, rate)
        known = track
        if tuning_cents is not None:
            cents = tuning_cents - (track.tuning_cents or 0.0)
            sound = detuned(cents)(sound, rate)
            known = track.slower(2 ** (cents / 1200))
        yield judge(known, listener(sound, rate), sound.shape[1] / rate)


def summary(results: Sequence[TrackFigures]) -> dict[str, float]:
    """Means: of chords weighted by the tracks' lengths, of beats and tuning over tracks."""
    means = {}
    for name in (*CHORD_METRICS, *BEAT_METRICS, "tuning_error"):
        values = np.array([result.figures.get(name, np.nan) for result in results])
        weights = np.array([result.seconds for result in results])
        known = np.isfinite(values)
        if not known.any():
            means[name] = float("nan")
        elif name in CHORD_METRICS:
            means[name] = float(np.average(values[known], weights=weights[known]))
        else:
            means[name] = float(values[known].mean())
    confidence = np.concatenate([np.zeros(0), *(result.confidence for result in results)])
    right = np.concatenate([np.zeros(0), *(result.right for result in results)])
    means["calibration_error"] = calibration_error(confidence, right)
    return means


def confusion_list(results: Sequence[TrackFigures]) -> str:
    """Where wrong roots lie: share of the time by interval above the true root."""
    total = sum((result.confusions for result in results), np.zeros(14))
    names = [f"+{step}" for step in range(12)] + ["said none", "said a chord where none is"]
    wrong = sorted(range(1, 14), key=lambda index: -total[index])
    share = total / max(1e-9, total.sum())
    return ", ".join(f"{names[index]}: {share[index]:.1%}" for index in wrong if share[index] > 0)


def comparison_table(tracks: Sequence[Track], listeners: Mapping[str, Listener]) -> str:
    """All listeners side by side, as a Markdown table."""
    columns = (*CHORD_METRICS, *BEAT_METRICS, "calibration_error", "tuning_error")
    lines = _head(("listener", *columns))
    for name, listener in listeners.items():
        means = summary(list(listen_to(tracks, listener)))
        lines.append(_row(name, [means[column] for column in columns]))
    return "\n".join(lines)


def difference_table(
    tracks: Sequence[Track], now: Listener, before: Listener, draws: int = 2_000
) -> str:
    """What a listener gains over another, track by track, as a Markdown table.

    A figure of chords counts by the seconds of a track, as in `summary`. Intervals are of 95 %,
    over tracks drawn again `draws` times.
    """
    pairs = list(zip(listen_to(tracks, now), listen_to(tracks, before), strict=True))
    seconds = np.array([result.seconds for result, _ in pairs])
    lines = _head(("figure", "gain", "from", "to"))
    for name in (*CHORD_METRICS, *BEAT_METRICS):
        gain = np.array([a.figures[name] - b.figures[name] for a, b in pairs])
        known = np.isfinite(gain)
        if not known.any():
            continue
        weights = seconds[known] if name in CHORD_METRICS else np.ones(int(known.sum()))
        drawn = resamples(len(weights), draws, 0)
        means = (gain[known] * weights)[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
        low, high = percentile_interval(means)
        lines.append(_row(name, [float(np.average(gain[known], weights=weights)), low, high]))
    return "\n".join(lines)


def robustness_table(
    tracks: Sequence[Track],
    listener: Listener,
    more: Mapping[str, Damage] | None = None,
) -> str:
    """One listener under each damage and at each tuning, as a Markdown table.

    Args:
        more: further damages by name.
    """
    columns = ("root", "majmin", "beat_f1", "downbeat_f1")
    cases: list[tuple[str, Damage | None, float | None]] = [
        (name, damage, None) for name, damage in (DAMAGES | dict(more or {})).items()
    ]
    cases[1:1] = [(f"tuned to {cents:+d} cents", None, cents) for cents in TUNINGS]
    lines = _head(("damage", *columns))
    for name, damage, cents in cases:
        means = summary(list(listen_to(tracks, listener, damage, cents)))
        lines.append(_row(name, [means[column] for column in columns]))
    return "\n".join(lines)


def _head(names: Sequence[str]) -> list[str]:
    readable = [name.replace("_", " ") for name in names]
    return ["| " + " | ".join(readable) + " |", "| " + " | ".join("---" for _ in names) + " |"]


def _row(name: str, values: Sequence[float]) -> str:
    cells = ["-" if not np.isfinite(value) else f"{value:.3f}" for value in values]
    return "| " + " | ".join((name, *cells)) + " |"
