"""Score to frames and back: one score token and four labels for each frame (50 a second)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import (
    BEAT_PHASES,
    FRAME_RATE,
    HIGHEST_PITCH,
    HOLD,
    IRREGULAR_BAR,
    LABEL_SIZES,
    LOWEST_PITCH,
    NO_ROOT,
    NUM_PITCHES,
    ONSET,
    REST,
    SCORE_VOCAB_SIZE,
    UNKNOWN,
)

from .chord_symbols import parse_chord
from .score import Note, Score, ScoreError

# A "beat" this many times longer than the median is a hole in the transcription, not a beat.
_LONGEST_BEAT = 2.5


def fold_pitch(pitch: int) -> int:
    """Moves a MIDI pitch by octaves into 40..99."""
    while pitch < LOWEST_PITCH:
        pitch += 12
    while pitch > HIGHEST_PITCH:
        pitch -= 12
    return pitch


def score_tokens(score: Score, num_frames: int) -> np.ndarray:
    """The score stream, (T,) int16: 0 = rest, 1 + (p - 40) = onset of MIDI pitch p, 61 + (p - 40) =
    p held.

    An onset falls into frame round(50 * onset). A second onset in the same frame moves to the next
    frame if that is free, and is dropped otherwise.
    """
    onsets: dict[int, Note] = {}
    wanted = [int(round(note.onset * FRAME_RATE)) for note in score.notes]
    taken = set(wanted)
    for frame, note in zip(wanted, score.notes, strict=True):
        if frame not in onsets:
            onsets[frame] = note
        elif frame + 1 not in taken and frame + 1 not in onsets:
            onsets[frame + 1] = note
    tokens = np.zeros(num_frames, dtype=np.int16)
    starts = sorted(onsets)
    for start, limit in pairwise([*starts, num_frames]):
        if not 0 <= start < num_frames:
            continue
        note = onsets[start]
        step = fold_pitch(note.pitch) - LOWEST_PITCH
        end = int(round((note.onset + note.duration) * FRAME_RATE))
        tokens[start] = ONSET + step
        tokens[start + 1 : max(start + 1, min(end, limit, num_frames))] = HOLD + step
    return tokens


def tokens_to_notes(tokens: Sequence[int] | np.ndarray, loudness: float = 0.6) -> list[Note]:
    """Notes of a score stream (T,): the inverse of `score_tokens` on the grid of frames.

    A held pitch that nothing started (a clip that begins inside a note) begins a note. Raises
    `ScoreError` for tokens outside 0..120.
    """
    array = np.asarray(tokens)
    if array.ndim != 1:
        raise ScoreError(f"score tokens have shape {array.shape}; expected (T,)")
    if array.size and (array.min() < 0 or array.max() >= SCORE_VOCAB_SIZE):
        raise ScoreError(
            f"score tokens span {array.min()}..{array.max()}; expected 0..{SCORE_VOCAB_SIZE - 1}"
        )
    spans: list[list[int]] = []  # first frame, end frame, pitch
    sounding = None
    for frame, token in enumerate(array.tolist()):
        if token == REST:
            sounding = None
            continue
        pitch = (token - 1) % NUM_PITCHES + LOWEST_PITCH
        if token >= HOLD and pitch == sounding:
            spans[-1][1] = frame + 1
        else:
            spans.append([frame, frame + 1, pitch])
            sounding = pitch
    return [
        Note(start / FRAME_RATE, (end - start) / FRAME_RATE, pitch, loudness)
        for start, end, pitch in spans
    ]


def frame_labels(score: Score, num_frames: int) -> np.ndarray:
    """Chord root, chord quality, beat phase and place in the bar, (T, 4) int16 in the order of
    `LABEL_SIZES`.

    A label describes the middle of its frame. -100 before the first beat, after the end of the last
    (which lasts as long as the one before it) and inside gaps of more than 2.5 median beats. Bars
    of one beat (the database's sign for "no metre") and of more than seven have `bar_beat` 7.
    """
    labels = np.full((num_frames, len(LABEL_SIZES)), UNKNOWN, dtype=np.int16)
    onsets = np.array([beat.onset for beat in score.beats], dtype=np.float64)
    if len(onsets) < 2:
        return labels
    lengths = np.diff(onsets)
    longest = _LONGEST_BEAT * statistics.median(lengths.tolist())
    last = lengths[-1] if lengths[-1] <= longest else longest / _LONGEST_BEAT
    lengths = np.append(lengths, last)
    middles = (np.arange(num_frames) + 0.5) / FRAME_RATE
    index = np.searchsorted(onsets, middles, side="right") - 1
    inside = (index >= 0) & (middles < onsets[-1] + lengths[-1])
    inside &= lengths[index] <= longest
    index = index[inside]

    chords = [parse_chord(beat.chord) for beat in score.beats]
    roots = np.array([NO_ROOT if c.root is None else c.root for c in chords], dtype=np.int16)
    qualities = np.array([c.quality for c in chords], dtype=np.int16)
    places = np.array(
        [
            beat.beat - 1
            if 1 < beat.beats_per_bar <= IRREGULAR_BAR and 1 <= beat.beat <= IRREGULAR_BAR
            else IRREGULAR_BAR
            for beat in score.beats
        ],
        dtype=np.int16,
    )
    phases = np.floor(BEAT_PHASES * (middles[inside] - onsets[index]) / lengths[index])
    labels[inside, 0] = roots[index]
    labels[inside, 1] = qualities[index]
    labels[inside, 2] = np.clip(phases, 0, BEAT_PHASES - 1).astype(np.int16)
    labels[inside, 3] = places[index]
    return labels


def transpose_tokens(tokens: np.ndarray, semitones: int) -> np.ndarray:
    """A score stream `semitones` higher, pitches folded back into 40..99 by octaves.

    Equals the tokens of the transposed score as long as no pitch had been folded before.
    """
    table = np.zeros(SCORE_VOCAB_SIZE, dtype=np.int16)
    for step in range(NUM_PITCHES):
        moved = fold_pitch(LOWEST_PITCH + step + semitones) - LOWEST_PITCH
        table[ONSET + step], table[HOLD + step] = ONSET + moved, HOLD + moved
    return table[tokens]


def transpose_labels(labels: np.ndarray, semitones: int) -> np.ndarray:
    """Frame labels (T, 4) with the chord root moved by `semitones`; the rest keeps."""
    moved = labels.copy()
    root = moved[:, 0]
    has_root = (root >= 0) & (root < NO_ROOT)
    moved[has_root, 0] = (root[has_root] + semitones) % 12
    return moved
