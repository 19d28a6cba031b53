"""Sampled instruments (SFZ): every key is played once by sfizz and kept; parts are put together.

A part played by sfizz itself takes 5 to 30 s of processor time a minute of music (pedalled pianos,
ringing cymbals); put together from kept notes it takes a tenth of a second. What is lost: round
robins beyond two, hi-hats that silence each other, velocity layers between those kept.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.render.bar_plan import Stroke
from saxsolo.corpus.render.sounds import MissingSoundError

BLOCK = 1024
RELEASE = 0.12  # seconds in which a damped string falls by 60 dB
LOUDNESS = 1.6  # exponent of velocity between two kept layers: 32 log10(v / 127) dB


@dataclass(frozen=True)
class Sampling:
    """Which notes of an instrument are kept: keys, velocities, repetitions, longest seconds.

    `rings`: a struck note sounds to its end whatever the key does (drums).
    """

    low: int
    high: int
    velocities: tuple[int, ...]
    repeats: int
    seconds: float
    rings: bool = False


SAMPLINGS = {
    "bass_smolken": Sampling(26, 58, (40, 75, 110), 2, 3.0),
    "bass_sneaky": Sampling(26, 58, (80,), 3, 3.0),
    "piano_splendid": Sampling(36, 96, (50, 76, 95, 115), 1, 5.0),
    "piano_upright_kw": Sampling(36, 96, (60, 105), 1, 5.0),
    "guitar_shiny": Sampling(38, 84, (48, 80, 110), 1, 4.0),
    "vibes": Sampling(53, 90, (50, 95), 1, 4.0),
    "organ": Sampling(36, 96, (90,), 1, 9.0),
    "drums_swirly": Sampling(29, 59, (24, 48, 76, 108), 2, 2.5, True),
    "drums_virtuosity": Sampling(25, 59, (24, 48, 76, 108), 2, 3.0, True),
    "sax_alto_weresax": Sampling(47, 82, (50, 95), 1, 4.0),
    "sax_alto_iowa": Sampling(47, 82, (90,), 1, 4.0),
    "sax_soprano_iowa": Sampling(54, 89, (90,), 1, 4.0),
    "sax_baritone_bear": Sampling(36, 70, (50, 95), 1, 4.0),
}
_SWEEP_KEY = 39  # brushes are swept while the key is held


class SampledInstrument:
    """The kept notes of one SFZ instrument, in memory and, where `cache_dir` is given, on disk.

    Raises MissingSoundError where sfizz or the instrument is absent. Notes are played in a fixed
    order by a fresh synthesiser, so that every process keeps the same.
    """

    def __init__(self, path: Path, sampling: Sampling, cache_dir: Path | None = None) -> None:
        self.sampling = sampling
        cached = None if cache_dir is None else cache_dir / f"{path.stem}-{_mark(sampling)}.npz"
        if cached is None or not cached.is_file():
            self._notes = _play_notes(path, sampling)
            if cached is not None:
                self._keep(cached)
            return
        with np.load(cached) as stored:
            sound, ends = stored["sound"], stored["ends"]
        parts = np.split(sound, ends[:-1])
        self._notes = dict(zip(_order(sampling), parts, strict=True))

    def _keep(self, path: Path) -> None:
        parts = list(self._notes.values())
        path.parent.mkdir(parents=True, exist_ok=True)
        # several processes may write the same file: each beside it, the last one stays
        partial = path.with_name(f".{path.stem}.{os.getpid()}.npz")
        ends = np.cumsum([len(part) for part in parts])
        np.savez(partial, sound=np.concatenate(parts), ends=ends)
        os.replace(partial, path)

    def play(self, strokes: Sequence[Stroke], samples: int) -> np.ndarray:
        """Strokes in seconds -> float32 mono (samples,) at 32 kHz; keys out of range are silent."""
        sampling = self.sampling
        out = np.zeros(samples, dtype=np.float32)
        velocities = np.array(sampling.velocities)
        for turn, stroke in enumerate(strokes):
            nearest = int(velocities[np.argmin(np.abs(velocities - stroke.velocity))])
            note = self._notes.get((stroke.key, nearest, turn % sampling.repeats))
            start = round(stroke.time * SAMPLING_RATE)
            if note is None or start >= samples:
                continue
            gain = (stroke.velocity / nearest) ** LOUDNESS
            sound = note[: samples - start].astype(np.float32) * np.float32(gain)
            if not sampling.rings or stroke.key == _SWEEP_KEY:
                sound = _damped(sound, stroke.duration)
            out[start : start + len(sound)] += sound
        return out


def _damped(sound: np.ndarray, seconds: float) -> np.ndarray:
    """The note with the key let go after `seconds`."""
    release = int(RELEASE * SAMPLING_RATE)
    off = max(64, int(seconds * SAMPLING_RATE))
    if off >= len(sound):
        return sound
    sound = sound[: off + release]
    tail = np.arange(len(sound) - off) / release
    sound[off:] *= 10 ** (-3 * tail).astype(np.float32)
    return sound


def _order(sampling: Sampling) -> list[tuple[int, int, int]]:
    keys = range(sampling.low, sampling.high + 1)
    return list(itertools.product(keys, sampling.velocities, range(sampling.repeats)))


def _mark(sampling: Sampling) -> str:
    """A name for these notes: other settings have another."""
    return hashlib.sha256(f"{sampling} {SAMPLING_RATE} {BLOCK}".encode()).hexdigest()[:10]


def _play_notes(path: Path, sampling: Sampling) -> dict[tuple[int, int, int], np.ndarray]:
    """(key, velocity, repetition) -> float16 (samples,) at 32 kHz."""
    try:
        import pysfizz
    except ImportError as error:
        raise MissingSoundError("the SFZ player is missing: pip install pysfizz") from error
    player = pysfizz.Synth(sample_rate=SAMPLING_RATE, block_size=BLOCK)
    if not path.is_file() or not player.load_sfz_file(path):
        raise MissingSoundError(f"no SFZ instrument at {path}")
    return {
        (key, velocity, turn): _play_note(player._synth, key, velocity, sampling.seconds)
        for key, velocity, turn in _order(sampling)
    }


def _play_note(synth: Any, key: int, velocity: int, seconds: float) -> np.ndarray:
    """One note of `seconds`, or until it is 60 dB down, float16 (samples,)."""
    synth.note_on(0, key, velocity)
    blocks = []
    peak = 0.0
    for index in range(int(seconds * SAMPLING_RATE / BLOCK)):
        left, right = synth.render_block()[:2]
        block = 0.5 * (left + right)
        loud = float(np.abs(block).max())
        peak = max(peak, loud)
        blocks.append(block)
        if index > 8 and loud < 0.001 * peak + 1e-6:
            break
    synth.note_off(0, key, 0)
    synth.all_sound_off()
    synth.render_block()
    return np.concatenate(blocks).astype(np.float16)
