"""The notes of a solo: from its sound, or from its score.

    saxsolo measure notes --pairs PAIRS [--split test] [--limit 16] [--seconds 30] [--midi]

says how well the trackers do on rendered solos, whose notes are known; with --midi what was tracked
is written as a MIDI file with pitch bends first and read back from it.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.audio.note_segmentation import segment
from saxsolo.audio.pitch import SURE, PitchTrack, track_pitch
from saxsolo.corpus.pairs_folder import read_labels
from saxsolo.music.frame_labels import tokens_to_notes

TRACKERS = ("swift_f0", "pyin")
_RATE, _HOP = 16000, 256
_LOWEST, _HIGHEST = 46.875, 2093.75
_SILENCE = 1e-3


class NotesError(ValueError):
    """Sound or tokens that no notes can be read from."""


@dataclass(frozen=True)
class SoloNotes:
    """Notes of a solo, in the order of their onsets.

    Attributes:
        onsets, ends: (N,) seconds.
        pitches: (N,) int, MIDI.
        loudness: (N,) dB (of full scale, from sound); NaN where it is not known.
        seconds: length of the solo.
        voiced_share: share of its time with a pitch, 0..1.
    """

    onsets: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray
    loudness: np.ndarray
    seconds: float
    voiced_share: float

    def __post_init__(self) -> None:
        sizes = [len(a) for a in (self.onsets, self.ends, self.pitches, self.loudness)]
        if len(set(sizes)) > 1:
            raise NotesError(f"onsets, ends, pitches, loudness have lengths {sizes}; need one")

    def __len__(self) -> int:
        return len(self.onsets)


def track_notes(audio: np.ndarray, sampling_rate: int, tracker: str = "swift_f0") -> SoloNotes:
    """Notes of a monophonic sound; silence has none.

    A pitch tracker (SwiftF0, arXiv:2508.18440, or librosa's pYIN, Mauch and Dixon 2014) gives
    pitch and confidence every 16 ms; swift-f0's segmentation by dynamic programming makes notes of
    either. `note_f1` on 16 clean renders of 30 s: see `main`.

    Args:
        audio: (n,) float32, finite.
        sampling_rate: samples a second.
        tracker: "swift_f0", or "pyin" (needs librosa; some twenty times slower).

    Raises:
        NotesError: the sound is empty, no single channel or not finite, or the tracker unknown.
    """
    audio = np.asarray(audio, dtype=np.float32)
    if audio.ndim != 1:
        raise NotesError(f"a solo is mono, (n,); this sound has shape {audio.shape}: mix it down")
    if not len(audio):
        raise NotesError("a sound of 0 samples has no notes to track; give at least one")
    if not np.isfinite(audio).all():
        bad = int((~np.isfinite(audio)).sum())
        raise NotesError(f"{bad} of {len(audio)} samples are NaN or infinite; repair the sound")
    if tracker not in TRACKERS:
        raise NotesError(f"tracker {tracker!r} is unknown; take one of {', '.join(TRACKERS)}")
    track = (track_pitch if tracker == "swift_f0" else _pyin)(audio, sampling_rate)
    notes = segment(track)
    return SoloNotes(
        onsets=np.array([note.onset for note in notes]),
        ends=np.array([note.end for note in notes]),
        pitches=np.array([note.pitch for note in notes], dtype=int),
        loudness=np.array([note.level for note in notes]),
        seconds=len(audio) / sampling_rate,
        voiced_share=float((track.confidence >= SURE).mean()),
    )


def notes_of_score(tokens: np.ndarray) -> SoloNotes:
    """Notes of a score stream, exact to its frames of 20 ms; their loudness is unknown (NaN).

    Args:
        tokens: (T,) int, 0 rest, 1..60 onsets, 61..120 holds; -100 (unknown) is refused.

    Raises:
        ScoreError: tokens outside 0..120.
        NotesError: no tokens.
    """
    tokens = np.asarray(tokens)
    if not len(tokens):
        raise NotesError("a score of 0 frames has no notes; give at least one frame")
    notes = tokens_to_notes(tokens)
    onsets = np.array([note.onset for note in notes])
    return SoloNotes(
        onsets=onsets,
        ends=onsets + np.array([note.duration for note in notes]),
        pitches=np.array([note.pitch for note in notes], dtype=int),
        loudness=np.full(len(notes), np.nan),
        seconds=len(tokens) / FRAME_RATE,
        voiced_share=float((tokens > 0).mean()),
    )


def through_midi(notes: SoloNotes, audio: np.ndarray, sampling_rate: int) -> SoloNotes:
    """The same notes after they were written as a MIDI file, bent as they sound, and read back.

    Args:
        notes: of a solo.
        audio: (n,) float32, its sound.
        sampling_rate: samples a second.
    """
    from saxsolo.music.score import Note
    from saxsolo.notation.midi import bends_of, read_midi, with_loudness, write_midi

    track = track_pitch(audio, sampling_rate)
    spans = zip(notes.onsets, notes.ends, notes.pitches, strict=True)
    plain = [Note(float(a), float(b - a), int(p), 0.5) for a, b, p in spans]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "solo.mid"
        write_midi(path, with_loudness(plain, track), bends=bends_of(plain, track))
        back = read_midi(path)
    onsets = np.array([note.onset for note in back])
    return SoloNotes(
        onsets=onsets,
        ends=onsets + np.array([note.duration for note in back]),
        pitches=np.array([note.pitch for note in back], dtype=int),
        loudness=np.full(len(back), np.nan),
        seconds=notes.seconds,
        voiced_share=notes.voiced_share,
    )


def note_f1(reference: SoloNotes, estimate: SoloNotes) -> float | None:
    """F1 of `estimate` against `reference`, 0..1, 1 is best; None if both have no notes.

    Two notes match when their onsets are within 50 ms and their pitches within 50 cents; ends do
    not count. F1 = 2 * matches / (notes + notes), each note matched once (mir_eval.transcription,
    Raffel and others 2014).
    """
    from mir_eval.transcription import match_notes

    total = len(reference) + len(estimate)
    if not total:
        return None
    if not len(reference) or not len(estimate):
        return 0.0
    sides = [
        (np.stack([n.onsets, np.maximum(n.ends, n.onsets + 1e-3)], 1), _hertz(n.pitches))
        for n in (reference, estimate)
    ]
    matches = match_notes(
        *sides[0], *sides[1], onset_tolerance=0.05, pitch_tolerance=50.0, offset_ratio=None
    )
    return 2 * len(matches) / total


def _hertz(pitches: np.ndarray) -> np.ndarray:
    return 440.0 * 2.0 ** ((pitches - 69) / 12)


def _pyin(audio: np.ndarray, rate: int) -> PitchTrack:
    """`track_pitch` by pYIN; no pitch (0) where it says unvoiced."""
    try:
        import librosa
    except ImportError as error:
        raise NotesError("the tracker pyin needs librosa: pip install librosa") from error
    audio = librosa.resample(audio, orig_sr=rate, target_sr=_RATE)
    pitch, voiced, _ = librosa.pyin(
        audio, fmin=_LOWEST, fmax=_HIGHEST, sr=_RATE, frame_length=1024, hop_length=_HOP
    )
    level = librosa.feature.rms(y=audio, frame_length=2 * _HOP, hop_length=_HOP)[0]
    frames = min(len(pitch), len(level))
    pitch, voiced, level = pitch[:frames], voiced[:frames], level[:frames]
    # pYIN's own decision: its probability is spread over candidates and says little at one frame
    sure = np.where(voiced & (level > _SILENCE), 0.95, 0.0)
    hertz = np.where(voiced, pitch, 0.0)
    return PitchTrack(hertz, sure, 20 * np.log10(np.maximum(level, 1e-7)))


def measure_trackers(
    pairs: Path,
    *,
    trackers: Sequence[str] = TRACKERS,
    split: str = "test",
    limit: int = 16,
    seconds: float = 30.0,
    midi: bool = False,
) -> dict[str, dict[str, float]]:
    """How well trackers read the notes of rendered solos, whose notes are known.

    Measured on 16 test pairs of 30 s, `saxsolo measure notes --pairs PAIRS`:

        swift_f0: note F1 0.921, least 0.784, onsets +8 ms
        pyin:     note F1 0.937, least 0.809, onsets +12 ms

    Most of what is missed are octaves of the baritone and notes of 60 ms.

    Args:
        trackers: some of `TRACKERS`.
        midi: through a MIDI file and back.

    Returns:
        Tracker -> mean and least note F1, median milliseconds by which onsets are late, solos.

    Raises:
        EvaluationError: no such pairs. NotesError: a tracker that is not installed.
    """
    from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE

    from .cases import choose_cases

    scores: dict[str, list[float]] = {tracker: [] for tracker in trackers}
    shifts: dict[str, list[float]] = {tracker: [] for tracker in trackers}
    for case in tqdm(choose_cases(pairs, split, limit, seconds), desc="notes", disable=None):
        audio, tokens = case.human(), read_labels(case.folder)["score"]
        truth = notes_of_score(tokens[: case.frames])
        for tracker in trackers:
            tracked = track_notes(audio, SAMPLING_RATE, tracker)
            if midi:
                tracked = through_midi(tracked, audio, SAMPLING_RATE)
            score = note_f1(truth, tracked)
            if score is not None:
                scores[tracker].append(score)
            shifts[tracker].append(_shift(truth, tracked))
    return {
        tracker: {
            "f1": float(np.mean(values)),
            "least_f1": float(np.min(values)),
            "late_ms": float(np.nanmedian(shifts[tracker])),
            "solos": len(values),
        }
        for tracker, values in scores.items()
    }


def _shift(truth: SoloNotes, tracked: SoloNotes) -> float:
    """Median ms by which found onsets follow the true ones nearest to them (within 50 ms)."""
    if not len(truth) or not len(tracked):
        return math.nan
    gaps = tracked.onsets[:, None] - truth.onsets
    nearest = gaps[np.arange(len(tracked)), np.abs(gaps).argmin(axis=1)]
    nearest = nearest[np.abs(nearest) <= 0.05]
    return 1000 * float(np.median(nearest)) if len(nearest) else math.nan
