"""Do solos fit the tracks that they are played over, on tracks with known chords and beats?

The tracks may come from anywhere (see ear_report.read_tracks); the notes are those of the score
stream, before they are sound, so what is judged is hearing and harmony, not the horn.
"""

from __future__ import annotations

from collections.abc import Sequence

import mir_eval
import numpy as np
from tqdm import tqdm

from modeling_saxsolo.vocabulary_saxsolo import (
    AUGMENTED,
    BEAT_PHASES,
    DIMINISHED,
    DOMINANT,
    FRAME_RATE,
    HALF_DIMINISHED,
    IRREGULAR_BAR,
    LABEL_SIZES,
    MAJOR,
    MINOR,
    NO_CHORD,
    NO_ROOT,
    SUSPENDED,
    UNKNOWN,
)
from saxsolo.audio.files import open_sound
from saxsolo.playing.performance import Performance
from saxsolo.playing.settings import Settings
from saxsolo.weights.loading import Player

from . import harmony, timing
from .ear_listeners import Listener
from .ear_report import Track
from .notes import SoloNotes, notes_of_score
from .seeds import seed_of

FIGURES = (
    ("chord_tones", harmony.fit),
    ("scale_tones", harmony.fit),
    ("beat_concentration", timing.fit),
    ("eighth_concentration", timing.fit),
    ("triplet_concentration", timing.fit),
)
# a rest at least this long counts as a pause, seconds
PAUSE = 0.4


def fit_to_tracks(
    player: Player,
    tracks: Sequence[Track],
    seconds: float,
    seed: int = 1,
    notes_only: bool = False,
) -> dict[str, dict[str, float]]:
    """Plays over the beginning of each track and judges each solo over all of them.

    Args:
        tracks: with chords and beats. seconds: of each.
        seed: from which each solo has one of its own, see `seed_of`.
        notes_only: only plan the notes, for a model that plans by events; they are the same.

    Returns:
        Figure -> "own" and "others" (means over the own track and over the others), "matched" (how
        often the own track fits better than another: `harmony.matched_against_shuffled`). Those of
        `solo_figures` have "own" alone.
    """
    solos = [
        _notes(player, track, seconds, seed, notes_only) for track in tqdm(tracks, disable=None)
    ]
    labels = [track_labels(track, seconds) for track in tracks]
    return fit_of_solos(solos, labels)


def fit_of_solos(
    solos: Sequence[SoloNotes], labels: Sequence[np.ndarray]
) -> dict[str, dict[str, float]]:
    """As `fit_to_tracks`, of solos that are there."""
    result: dict[str, dict[str, float]] = {}
    for name, measure in FIGURES:
        scores = harmony.fit_matrix(list(solos), list(labels), name, measure)
        apart = ~np.eye(len(scores), dtype=bool)
        matched = harmony.matched_against_shuffled(scores)
        result[name] = {
            "own": float(np.nanmean(np.diag(scores))),
            "others": float(np.nanmean(scores[apart])) if len(scores) > 1 else float("nan"),
            "matched": float("nan") if matched is None else matched,
        }
    rows = [solo_figures(notes) for notes in solos]
    for name in rows[0]:
        result[name] = {"own": float(np.mean([row[name] for row in rows]))}
    return result


def judged_from_outside(track: Track, judge: Listener, seconds: float) -> Track:
    """The track with chords and beats as a judge hears them in its first seconds; no bars."""
    sound = open_sound(track.path)
    rate, length = sound.sampling_rate, round(seconds * sound.sampling_rate)
    (audio,) = sound.blocks(length, rate, length, mono=False)
    heard = judge(audio.T, rate)
    return Track(track.name, track.path, heard.chords, heard.beats, None)


def solo_figures(notes: SoloNotes) -> dict[str, float]:
    """Notes a second, share of the time with a note, share of the time in rests of 0.4 s or more
    between notes, and seconds of the longest note."""
    rests = notes.onsets[1:] - notes.ends[:-1]
    lengths = notes.ends - notes.onsets
    return {
        "notes_a_second": len(notes) / notes.seconds,
        "voiced": notes.voiced_share,
        "pauses": float(rests[rests >= PAUSE].sum()) / notes.seconds,
        "longest_note": float(lengths.max(initial=0.0)),
    }


def _notes(player: Player, track: Track, seconds: float, seed: int, notes_only: bool) -> SoloNotes:
    settings = Settings(seed=seed_of(seed, track.name), seconds=seconds)
    performance = Performance(player, open_sound(track.path), settings)
    if notes_only:
        return notes_of_score(performance.plan())
    for _ in performance:
        pass
    return notes_of_score(np.concatenate(performance.frames, axis=-1)[0])


def track_labels(track: Track, seconds: float) -> np.ndarray:
    """Frame labels (T, 4) of the first seconds of a track, -100 where nothing is known."""
    middles = (np.arange(round(seconds * FRAME_RATE)) + 0.5) / FRAME_RATE
    labels = np.full((len(middles), len(LABEL_SIZES)), UNKNOWN)
    if track.chords is not None:
        for (start, end), name in zip(track.chords.intervals, track.chords.labels, strict=True):
            labels[(middles >= start) & (middles < end), :2] = root_and_quality(name)
    if track.beats is not None and len(track.beats) > 1:
        index = np.searchsorted(track.beats, middles, side="right") - 1
        inside = (index >= 0) & (index < len(track.beats) - 1)
        index = index[inside]
        lengths = np.diff(track.beats)[index]
        phase = BEAT_PHASES * (middles[inside] - track.beats[index]) / lengths
        labels[inside, 2] = np.clip(phase, 0, BEAT_PHASES - 1)
        if track.places is not None:
            labels[inside, 3] = np.minimum(track.places[index] - 1, IRREGULAR_BAR)
    return labels


def root_and_quality(label: str) -> tuple[int, int]:
    """A chord in Harte's notation as frame labels."""
    root, tones, _ = mir_eval.chord.encode(label)
    if root < 0 or not tones.any():
        return NO_ROOT, NO_CHORD
    if tones[4]:
        quality = DOMINANT if tones[10] else AUGMENTED if tones[8] and not tones[7] else MAJOR
    elif tones[3] and tones[6] and not tones[7]:
        quality = HALF_DIMINISHED if tones[10] else DIMINISHED
    elif tones[3]:
        quality = MINOR
    else:
        quality = SUSPENDED if tones[5] or tones[2] else MAJOR
    return int(root), quality
