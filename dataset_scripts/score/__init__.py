"""Scores: the notes of a solo on the beats and chords of its rhythm section."""

from .builtin import builtin_scores
from .chords import Chord, ChordError, parse_chord, transpose_chord
from .labels import LABEL_SIZES, frame_labels, score_tokens, tokens_to_notes
from .score import INSTRUMENTS, Beat, Note, Score, ScoreError
from .weimar import read_weimar

__all__ = [
    "INSTRUMENTS",
    "LABEL_SIZES",
    "Beat",
    "Chord",
    "ChordError",
    "Note",
    "Score",
    "ScoreError",
    "builtin_scores",
    "frame_labels",
    "parse_chord",
    "read_weimar",
    "score_tokens",
    "tokens_to_notes",
    "transpose_chord",
]
