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
from saxsolo.music.frame_labels import tokens_to_notes
from saxsolo.playing.performance import Performance
from saxsolo.playing.settings import Settings
from saxsolo.weights.loading import Player

from . import harmony, timing
from .ear_listeners import Listener
from .ear_report import Track
from .notes import SoloNotes

FIGURES = (
    ("chord_tones", harmony.fit),
    ("scale_tones", harmony.fit),
    ("beat_concentration", timing.fit),
)


def fit_to_tracks(
    player: Player, tracks: Sequence[Track], seconds: float, seed: int = 1
) -> dict[str, dict[str, float]]:
    """Plays over the beginning of each track and judges each solo over all of them.

    Args:
        tracks: with chords and beats. seconds: of each. seed: of every solo.

    Returns:
        Figure -> "own" and "others" (means over the own track and over the others), "matched" (how
        often the own track fits better than another: `harmony.matched_against_shuffled`).
    """
    solos = [_notes(player, track, seconds, seed) for track in tqdm(tracks, disable=None)]
    labels = [track_labels(track, seconds) for track in tracks]
    result = {}
    for name, measure in FIGURES:
        scores = harmony.fit_matrix(solos, labels, name, measure)
        apart = ~np.eye(len(scores), dtype=bool)
        matched = harmony.matched_against_shuffled(scores)
        result[name] = {
            "own": float(np.nanmean(np.diag(scores))),
            "others": float(np.nanmean(scores[apart])) if len(scores) > 1 else float("nan"),
            "matched": float("nan") if matched is None else matched,
        }
    return result


def judged_from_outside(track: Track, judge: Listener, seconds: float) -> Track:
    """The track with chords and beats as a judge hears them in its first seconds; no bars."""
    sound = open_sound(track.path)
    rate, length = sound.sampling_rate, round(seconds * sound.sampling_rate)
    (audio,) = sound.blocks(length, rate, length, mono=False)
    heard = judge(audio.T, rate)
    return Track(track.name, track.path, heard.chords, heard.beats, None)


def _notes(player: Player, track: Track, seconds: float, seed: int) -> SoloNotes:
    settings = Settings(seed=seed, seconds=seconds)
    performance = Performance(player, open_sound(track.path), settings)
    for _ in performance:
        pass
    notes = tokens_to_notes(np.concatenate(performance.frames, axis=-1)[0])
    onsets = np.array([note.onset for note in notes])
    ends = onsets + np.array([note.duration for note in notes])
    pitches = np.array([note.pitch for note in notes], int)
    sounding = float(np.sum(ends - onsets)) / seconds
    return SoloNotes(onsets, ends, pitches, np.full(len(notes), np.nan), seconds, sounding)


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
