"""What a sampled horn lacks and is added to its sound: ghost notes, swells, growl, sub-tone, keys,
breath. Everything takes and returns float32 mono."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy import signal

from modeling_saxsolo.player_saxsolo import PlayedNote

from .sounds import MTG_FOLDER

STEP = 0.005


def shape(
    audio: np.ndarray, played: Sequence[PlayedNote], rate: int, rng: np.random.Generator
) -> np.ndarray:
    """The sound with the notes' ghosting, swells, vibrato of loudness, growl and sub-tone."""
    steps = int(len(audio) / rate / STEP) + 2
    gain, growl, subtone = np.zeros(steps), np.zeros(steps), np.zeros(steps)
    for note in played:
        first, last = int(note.onset / STEP), int((note.onset + note.duration) / STEP) + 1
        place = slice(min(first, steps), min(last, steps))
        at = (np.arange(place.start, place.stop) * STEP - note.onset).clip(0, note.duration)
        share = at / note.duration
        gain[place] += note.swell * (share - 0.5) - note.ghost
        if note.fall:
            since = at - note.duration + note.fall_length
            gain[place] -= 10 * np.clip(since / note.fall_length, 0, 1)
        if note.vibrato_depth:
            # the jaw moves loudness with pitch, a little
            wave = note.cents(at) - note.centre
            gain[place] += 0.03 * np.clip(wave, -40, 40)
        growl[place] = note.growl
        subtone[place] = note.subtone
    knots = np.arange(steps) * STEP
    time = np.arange(len(audio)) / rate
    loud = audio * np.interp(time, knots, 10 ** (gain / 20))
    if growl.any():
        loud = loud * (1 + np.interp(time, knots, growl) * _beating(len(audio), rate, rng))
    if subtone.any():
        share = np.interp(time, knots, subtone)
        loud = (1 - share) * loud + share * _breathy(loud, rate, rng)
    return loud.astype(np.float32)


def _beating(samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A hummed tone, slightly unsteady: (samples,) within -1..1."""
    hertz = rng.uniform(70, 140)
    steps = samples // (rate // 100) + 2
    wander = np.cumsum(rng.normal(0, 0.01, steps))
    wander -= np.linspace(0, wander[-1], steps)
    pitch = np.interp(np.arange(samples), np.arange(steps) * (rate // 100), hertz * 2**wander)
    turn = 2 * np.pi * np.cumsum(pitch) / rate
    beating: np.ndarray = (np.sin(turn) + 0.4 * np.sin(2 * turn + 0.7)) / 1.4
    return beating


def _breathy(audio: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Few harmonics and breath that follows the loudness."""
    low = signal.lfilter(*signal.butter(1, rng.uniform(500, 1200), fs=rate), audio)
    band = signal.butter(2, (900, min(7000.0, 0.45 * rate)), "bandpass", fs=rate, output="sos")
    breath = signal.sosfilt(band, rng.standard_normal(len(audio)))
    follower = signal.butter(1, 12.0, fs=rate)
    level = np.sqrt(np.maximum(signal.lfilter(*follower, low**2), 0))
    breathy: np.ndarray = 1.5 * low + rng.uniform(0.03, 0.12) * level * breath / breath.std()
    return breathy


def add_noises(
    audio: np.ndarray, played: Sequence[PlayedNote], instrument: str, samples_dir: Path,
    rate: int, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Mix MTG's keys at slurs and breath before phrases into the sound (in place)."""
    folder = samples_dir / MTG_FOLDER / "Samples"
    keys = sorted(folder.glob(f"{instrument[:3]}_k_*.flac"))
    breaths = sorted(folder.glob(f"{instrument[:3]}_b_*.flac"))
    loudness = float(np.sqrt(np.mean(np.square(audio)))) + 1e-9
    key_level, breath_share = float(rng.uniform(0, 0.05)), float(rng.uniform(0, 0.6))
    end = 0.0
    for note in played:
        if keys and note.attack == "slurred" and rng.random() < 0.4:
            click = _read(keys[int(rng.integers(len(keys)))], rate)[: rate // 10]
            _mix(audio, click, int((note.onset - 0.01) * rate), key_level * loudness, rng)
        rest = note.onset - end
        if breaths and rest > 0.5 and rng.random() < breath_share:
            breath = _read(breaths[int(rng.integers(len(breaths)))], rate)
            breath = breath[: int(min(rest - 0.1, 0.8) * rate)]
            start = int((note.onset - 0.04) * rate) - len(breath)
            _mix(audio, breath, start, 0.1 * loudness, rng)
        end = note.onset + note.duration


def _read(path: Path, rate: int) -> np.ndarray:
    sound, own = soundfile.read(path, dtype="float32", always_2d=True)
    read: np.ndarray = soxr.resample(sound.mean(1), own, rate)
    return read


def _mix(
    audio: np.ndarray, sound: np.ndarray, start: int, level: float, rng: np.random.Generator
) -> None:
    start = max(0, start)
    room = audio[start : start + len(sound)]
    if len(room) < 32:
        return
    sound = sound[: len(room)].copy()
    fade = min(len(sound), 1024)
    sound[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    loud = float(np.sqrt(np.mean(np.square(sound)))) + 1e-6
    room += np.float32(level * rng.uniform(0.4, 1.2) / loud) * sound
