"""The pitch of a monophonic sound, every 5 ms and within a few cents: for vibrato and bends.

SwiftF0 decides what the pitch is, in classes 17 cents apart and every 16 ms; on a tone with vibrato
of 10 cents it reports between 6 and 13. Each frame is therefore measured again: the frequencies of
the first harmonics around SwiftF0's pitch, by reassignment (Auger and Flandrin 1995,
doi:10.1109/78.382394): in the spectrum X of a windowed frame the energy near w has the frequency
w - Im(X' conj(X)) / |X|^2, where X' is taken with the window's derivative.

Where one note follows another without a gap, SwiftF0's change lies up to two of its frames off: it
is put where the sound ceases to repeat after the one period and begins to repeat after the other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .pitch import HOP_SECONDS, SURE, track_pitch

HOP = 0.005
PERIODS = 4.0
WINDOWS = (0.025, 0.04, 0.065)
HARMONICS = 8
HIGHEST = 6000.0
# a harmonic further from the coarse pitch is another note's, or noise
NEAR_CENTS = 70.0
# a change of note: further than this, and steady for so many frames on both sides
CHANGE_OCTAVES = 1 / 20
STEADY_FRAMES = 4
SEARCH_FRAMES = 5
COMPARED_SECONDS = 0.008
Floats = npt.NDArray[np.floating]


def fine_f0(audio: npt.NDArray[np.float32], sampling_rate: int) -> Floats:
    """Pitch at 0, 5, 10, ... ms: (F,) hertz, 0 where there is none.

    Args:
        audio: (n,) float32, finite, n >= 1.
        sampling_rate: samples a second.
    """
    coarse = coarse_f0(audio, sampling_rate)
    fine = coarse.copy()
    sizes = np.array([round(seconds * sampling_rate) for seconds in WINDOWS])
    wanted = PERIODS * sampling_rate / np.maximum(coarse, 1.0)
    choice = np.searchsorted(sizes[:-1], wanted)
    for number, size in enumerate(sizes):
        frames = np.flatnonzero((coarse > 0) & (choice == number))
        for part in np.array_split(frames, len(frames) // 1024 + 1):
            if len(part):
                fine[part] = _measured(audio, sampling_rate, part, coarse[part], int(size))
    return sharpened(fine, audio, sampling_rate)


def sharpened(f0: Floats, audio: npt.NDArray[np.float32], sampling_rate: int) -> Floats:
    """The pitch (F,) with its changes of note where they sound, within 25 ms of where they were."""
    moved = f0.copy()
    logs = np.log2(np.maximum(f0, 1.0))
    jumps = np.flatnonzero((np.abs(np.diff(logs)) > CHANGE_OCTAVES) & (f0[1:] > 0) & (f0[:-1] > 0))
    for jump in jumps + 1:
        before, after = f0[jump - STEADY_FRAMES : jump - 1], f0[jump + 1 : jump + STEADY_FRAMES]
        if jump < 3 * SEARCH_FRAMES or jump > len(f0) - 3 * SEARCH_FRAMES:
            continue
        if not all(part.min() > 0 and part.max() < 1.06 * part.min() for part in (before, after)):
            continue
        pitches = float(np.median(before)), float(np.median(after))
        frames = np.arange(jump - SEARCH_FRAMES, jump + SEARCH_FRAMES)
        first, second = (
            np.array([_repeats(audio, sampling_rate, int(frame), hertz) for frame in frames])
            for hertz in pitches
        )
        # the earliest of the best splits: an octave above repeats after the lower period too
        gain = np.concatenate([[0.0], np.cumsum(first - second)])
        split = int(frames[0] + np.argmax(gain))
        moved[frames[0] : split] = _held(f0[frames[0] : split], pitches[0])
        moved[split : frames[-1] + 1] = _held(f0[split : frames[-1] + 1], pitches[1])
    return moved


def _held(f0: Floats, hertz: float) -> Floats:
    """The values that are near to `hertz`, and `hertz` in place of the others."""
    far = np.abs(np.log2(np.maximum(f0, 1.0) / hertz)) > CHANGE_OCTAVES
    held: Floats = np.where(far, hertz, f0)
    return held


def _repeats(audio: npt.NDArray[np.float32], rate: int, frame: int, hertz: float) -> float:
    """How alike the sound is around a frame to itself a period later, -1..1."""
    period = round(rate / hertz)
    size = max(round(COMPARED_SECONDS * rate), period)
    start = round(frame * HOP * rate) - (size + period) // 2
    if start < 0 or start + size + period > len(audio):
        return 0.0
    a, b = audio[start : start + size], audio[start + period : start + period + size]
    return float(a @ b / (np.sqrt((a @ a) * (b @ b)) + 1e-9))


def coarse_f0(audio: npt.NDArray[np.float32], sampling_rate: int) -> Floats:
    """SwiftF0's pitch at 0, 5, 10, ... ms: (F,) hertz, 0 where there is none."""
    track = track_pitch(audio, sampling_rate)
    wanted = np.arange(int(len(audio) / sampling_rate / HOP) + 1) * HOP
    place = np.clip(wanted / HOP_SECONDS, 0, len(track.hertz) - 1)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, len(track.hertz) - 1)
    share = place - before
    logs = np.log(np.maximum(track.hertz, 1.0))
    steady = np.abs(logs[before] - logs[after]) < 0.06
    between = np.exp((1 - share) * logs[before] + share * logs[after])
    nearest = np.where(share < 0.5, before, after)
    hertz = np.where(steady, between, track.hertz[nearest])
    return np.where(track.confidence[nearest] >= SURE, hertz, 0.0)


def _measured(
    audio: npt.NDArray[np.float32], rate: int, frames: npt.NDArray[np.int_], near: Floats, size: int
) -> Floats:
    """Pitch of the frames, (f,) hertz, from windows of `size` samples around them."""
    centres = np.round(frames * HOP * rate).astype(int)
    padded = np.pad(audio, size)
    rows = padded[(centres + size - size // 2)[:, None] + np.arange(size)]
    turn = 2 * np.pi * np.arange(size, dtype=np.float32) / size
    window = 0.5 - 0.5 * np.cos(turn)
    slope = np.float32(np.pi / size) * np.sin(turn)
    length = 1 << (size - 1).bit_length()
    spectrum = np.fft.rfft(rows * window, length)
    sloped = np.fft.rfft(rows * slope, length)
    numbers = np.arange(1, HARMONICS + 1)
    bins = np.round(near[:, None] * numbers * length / rate).astype(int)
    inside = (near[:, None] * numbers < HIGHEST) & (bins < spectrum.shape[1])
    bins = np.minimum(bins, spectrum.shape[1] - 1)
    here = np.take_along_axis(spectrum, bins, 1)
    power = np.abs(here) ** 2
    shift = -np.imag(np.take_along_axis(sloped, bins, 1) * here.conj()) / np.maximum(power, 1e-20)
    hertz = (bins / length + shift / (2 * np.pi)) * rate / numbers
    cents = 1200 * np.log2(np.maximum(hertz, 1.0) / near[:, None])
    # the higher the harmonic, the finer it tells the pitch, until noise covers it
    weight = np.where(inside & (np.abs(cents) < NEAR_CENTS), power * numbers**2, 0.0)
    total = weight.sum(1)
    mean = (weight * cents).sum(1) / np.maximum(total, 1e-30)
    return near * 2 ** (np.where(total > 0, mean, 0.0) / 1200)
