"""What a solo has to beat: players that know less of the backing, or nothing.

- `retrieve`: the passage of a training solo whose chords are most similar, moved to the key
  and the beat.
- `random_walk`: swung eighths that walk at random through the scale of the chord.
- `noise`, `held_note`, `silence`.
- the human over a wrong backing needs no sound of its own: see report.py.

Retrieved and random notes are played by the corpus's own renderer where its sound font is
installed (FluidR3), and by a plain sum of sines elsewhere; the report says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, INSTRUMENT_RANGES, SAMPLING_RATE
from saxsolo.corpus.pairs_folder import read_labels, read_manifest
from saxsolo.music.chord_symbols import SCALES
from saxsolo.music.frame_labels import tokens_to_notes
from saxsolo.music.score import Note, Score

from .cases import ROW_NAMES, Case
from .timing import beats_of_labels

SWING = 0.62
REST_CHANCE = 0.2
# a passage at more than this ratio of tempi is no passage for this tune
STRETCH = 1.5
NOISE_LEVEL = 0.05
MIN_WINDOW_NOTES = 1.0


@dataclass(frozen=True)
class ChordTrack:
    """What sounds on each beat.

    Attributes:
        times: (n,) seconds.
        roots, qualities, places: (n,) chord root, chord quality, beat of the bar; see frame labels.
    """

    times: np.ndarray
    roots: np.ndarray
    qualities: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray) -> ChordTrack:
        """The chords of frame labels (T, 4)."""
        times = np.asarray(beats_of_labels(labels), dtype=float)
        # a little into the beat: its first frame may still belong to the chord before
        frames = np.clip((times * FRAME_RATE + 1.5).astype(int), 0, max(len(labels) - 1, 0))
        columns = labels[frames] if len(times) else np.zeros((0, 4), int)
        return cls(times, columns[:, 0], columns[:, 1], columns[:, 3])


@dataclass(frozen=True)
class TrainingSolo:
    """A training solo: its notes over its own chords."""

    name: str
    track: ChordTrack
    notes: list[Note]


def read_training(pairs: Path) -> list[TrainingSolo]:
    """The training solos of a corpus in their own keys, with the notes of their scores."""
    rows = [
        r
        for r in read_manifest(pairs, needed=ROW_NAMES)
        if r["split"] == "train" and r["semitones"] == 0
    ]
    solos = []
    for row in sorted(rows, key=lambda row: row["pair_id"]):
        arrays = read_labels(pairs / "train" / row["pair_id"])
        track = ChordTrack.of(arrays["frame_labels"])
        solos.append(TrainingSolo(row["pair_id"], track, tokens_to_notes(arrays["score"])))
    return solos


def retrieve(
    labels: np.ndarray, instrument: str, solos: Sequence[TrainingSolo]
) -> tuple[list[Note], str] | None:
    """The notes of the training passage whose chords are most similar to those of `labels`.

    Similarity of two beats: half for the same root, a quarter for the same root and quality, a
    quarter for the same beat of the bar; a passage's is the mean over all beats, over all twelve
    keys. The notes are transposed, and moved from the passage's beats to these.

    Returns:
        notes in the instrument's range, and which solo they are from; None where no training solo
        is long enough and near enough in tempo.
    """
    here = ChordTrack.of(labels)
    count = len(here.times)
    if count < 2:
        return None
    best: tuple[float, TrainingSolo, int, int] | None = None
    for solo in solos:
        likest = _likest(here, solo)
        if likest is not None and (best is None or likest[0] > best[0]):
            best = (likest[0], solo, *likest[1:])
    if best is None:
        return None
    _, solo, start, key = best
    beats = solo.track.times[start : start + count]
    notes = []
    for note in solo.notes:
        if beats[0] <= note.onset < beats[-1]:
            onset, end = np.interp([note.onset, note.onset + note.duration], beats, here.times)
            notes.append(Note(float(onset), max(float(end - onset), 0.05), note.pitch + key, 0.6))
    return into_range(notes, instrument), solo.name


def _likest(here: ChordTrack, solo: TrainingSolo) -> tuple[float, int, int] | None:
    """Likeness, first beat and transposition of a solo's best passage."""
    count, there = len(here.times), solo.track
    if len(there.times) < count:
        return None
    windows = np.lib.stride_tricks.sliding_window_view
    spans = there.times[count - 1 :] - there.times[: len(there.times) - count + 1]
    ratio = spans / (here.times[-1] - here.times[0])
    onsets = np.array([note.onset for note in solo.notes])
    inside = np.searchsorted(onsets, there.times[count - 1 :]) - np.searchsorted(
        onsets, there.times[: len(there.times) - count + 1]
    )
    usable = (ratio < STRETCH) & (ratio > 1 / STRETCH) & (inside >= MIN_WINDOW_NOTES * spans)
    if not usable.any():
        return None
    known = (here.roots >= 0) & (here.roots < 12)
    roots = windows(there.roots, count)
    same_quality = windows(there.qualities, count) == here.qualities
    same_place = (windows(there.places, count) == here.places).mean(axis=1)
    is_chord = (roots >= 0) & (roots < 12) & known
    best = None
    for key in range(-5, 7):
        same = is_chord & ((roots + key) % 12 == here.roots)
        score = 0.5 * same.mean(axis=1) + 0.25 * (same & same_quality).mean(axis=1)
        score = np.where(usable, score + 0.25 * same_place, -1.0)
        start = int(score.argmax())
        if best is None or score[start] > best[0]:
            best = (float(score[start]), start, key)
    return best


def random_walk(labels: np.ndarray, instrument: str, swing: bool, seed: int = 0) -> list[Note]:
    """Eighths on the beat grid, a fifth of them rests, one or two steps at a time up or down the
    scale of the chord that sounds: right notes in time, and no music."""
    track, rng = ChordTrack.of(labels), np.random.default_rng(seed)
    low, high = INSTRUMENT_RANGES[instrument]
    offbeat = SWING if swing else 0.5
    notes, pitch = [], (low + high) // 2
    for beat in range(len(track.times) - 1):
        start, end = track.times[beat], track.times[beat + 1]
        root, quality = int(track.roots[beat]), int(track.qualities[beat])
        if not (0 <= root < 12 and 0 <= quality < len(SCALES)):
            continue
        middle = start + offbeat * (end - start)
        for onset, stop in ((start, middle), (middle, end)):
            if rng.random() < REST_CHANCE:
                continue
            scale = [p for p in range(low, high + 1) if (p - root) % 12 in SCALES[quality]]
            near = int(np.abs(np.array(scale) - pitch).argmin())
            step = int(rng.choice([-2, -1, 1, 2]))
            if not 0 <= near + step < len(scale):
                step = -step
            pitch = scale[near + step]
            notes.append(Note(float(onset), float(0.9 * (stop - onset)), pitch, 0.6))
    return notes


def into_range(notes: Sequence[Note], instrument: str) -> list[Note]:
    """The notes, all moved by the octaves that bring their middle nearest to the instrument's, and
    single ones folded where they still stick out."""
    low, high = INSTRUMENT_RANGES[instrument]
    if not notes:
        return []
    middle = float(np.median([note.pitch for note in notes]))
    shift = 12 * round(((low + high) / 2 - middle) / 12)
    moved = []
    for note in notes:
        pitch = note.pitch + shift
        while pitch < low:
            pitch += 12
        while pitch > high:
            pitch -= 12
        moved.append(Note(note.onset, note.duration, pitch, note.loudness))
    return moved


class Sampler:
    """Plays notes: by the corpus's renderer where the sound font FluidR3 is installed, else by sums
    of sines.

    Attributes:
        name: "fluidr3" or "sines"; what the report names.
    """

    def __init__(self, name: str | None = None):
        self._sounds = None
        if name != "sines":
            from saxsolo.corpus.render.sounds import Sounds

            sounds = Sounds()
            if sounds.soundfont_path("fluidr3") and _has_fluidsynth():
                self._sounds = sounds
        self.name = "fluidr3" if self._sounds else "sines"

    def play(self, notes: Sequence[Note], case: Case) -> np.ndarray:
        """The sound of the notes, (case.seconds * 32000,) float32."""
        samples = round(case.seconds * SAMPLING_RATE)
        notes = tuple(sorted(notes, key=lambda note: note.onset))
        if self._sounds is None or not notes:
            return sines(notes, samples)
        from saxsolo.corpus.render.pair import render_pair, seed_of

        score = Score(
            id=case.name,
            performer="baseline",
            title=str(case.row["title"]),
            instrument=case.instrument,
            style=str(case.row.get("style", "")),
            feel=str(case.row.get("feel", "swing")),
            notes=notes,
            beats=(),
            source="saxsolo baseline",
            licence="",
            attribution="",
        )
        solo = render_pair(score, seed_of("baseline", case.name), self._sounds, "fluidr3").solo
        return np.pad(solo[:samples], (0, max(0, samples - len(solo))))


def _has_fluidsynth() -> bool:
    try:
        import fluidsynth  # noqa: F401
    except (ImportError, AttributeError):
        return False
    return True


def sines(notes: Sequence[Note], samples: int) -> np.ndarray:
    """Eight harmonics a note with 10 ms of attack and release, (samples,) float32 at 32 kHz."""
    audio = np.zeros(samples, np.float32)
    for note in notes:
        start = round(note.onset * SAMPLING_RATE)
        length = min(round(note.duration * SAMPLING_RATE), samples - start)
        if start < 0 or length <= 0:
            continue
        time = np.arange(length) / SAMPLING_RATE
        hertz = 440 * 2 ** ((note.pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 9))
        edge = np.clip(np.minimum(time, time[-1] - time) / 0.01, 0, 1)
        audio[start : start + length] += (0.25 * note.loudness * edge * tone).astype(np.float32)
    return audio.clip(-1, 1)


def held_note(case: Case) -> np.ndarray:
    """One note in the middle of the instrument's range from the first sample to the last."""
    low, high = INSTRUMENT_RANGES[case.instrument]
    return _held((low + high) // 2, case.seconds).copy()


@lru_cache(maxsize=4)
def _held(pitch: int, seconds: float) -> np.ndarray:
    return sines([Note(0.0, seconds, pitch, 0.6)], round(seconds * SAMPLING_RATE))


def noise(case: Case, seed: int = 0) -> np.ndarray:
    """White noise at -26 dBFS."""
    samples = round(case.seconds * SAMPLING_RATE)
    drawn = np.random.default_rng(seed).standard_normal(samples, dtype=np.float32)
    return (NOISE_LEVEL * drawn).clip(-1, 1)


def silence(case: Case) -> np.ndarray:
    """Zeros."""
    return np.zeros(round(case.seconds * SAMPLING_RATE), np.float32)
