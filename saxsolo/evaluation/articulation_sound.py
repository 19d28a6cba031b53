"""What is heard of how a note is played: one figure for each kind of articulation.

Pitch is `fine_f0`'s, every 5 ms, in cents from the note; the level is that of 10 ms. Each figure is
of one note in a sound of one voice, nan where the note is too short or no pitch is heard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import signal

from saxsolo.audio.fine_pitch import HOP, fine_f0

# a pitch further off is another note's
FARTHEST = 250.0
VIBRATO_HERTZ = np.arange(4.0, 7.01, 0.25)
GROWL_HERTZ = (60.0, 150.0)
# growl beats below the pitch: of lower notes the pitch itself would be heard
GROWL_LOWEST = 200.0
DARK_HERTZ = 2000.0


@dataclass(frozen=True)
class Place:
    """A note: seconds, MIDI pitch, that of the note before (its own where there is none)."""

    onset: float
    end: float
    pitch: int
    before: int


class HeardSolo:
    """Pitch and level of a solo.

    Args:
        audio: (n,) float32 of one voice.
        rate: samples a second.
    """

    def __init__(self, audio: np.ndarray, rate: int):
        self.audio, self.rate = audio, rate

    @cached_property
    def hertz(self) -> np.ndarray:
        """(F,) every 5 ms, 0 = none."""
        return fine_f0(self.audio, self.rate)

    @cached_property
    def level(self) -> np.ndarray:
        """(F,) dB every 5 ms."""
        size = round(0.01 * self.rate)
        power = np.concatenate([[0.0], np.cumsum(self.audio.astype(np.float64) ** 2)])
        middle = np.round(np.arange(int(len(self.audio) / self.rate / HOP) + 1) * HOP * self.rate)
        first = np.clip(middle.astype(int) - size // 2, 0, len(self.audio))
        last = np.clip(first + size, 0, len(self.audio))
        energy = (power[last] - power[first]) / size
        return np.asarray(10 * np.log10(np.maximum(energy, 1e-12)))

    def cents(self, note: Place, first: float, last: float) -> np.ndarray:
        """Cents from the note's pitch between two seconds; nan where another pitch is heard."""
        hertz = self.hertz[round(first / HOP) : max(round(first / HOP) + 1, round(last / HOP))]
        cents = 1200 * np.log2(np.maximum(hertz, 1.0) / 440) - 100 * (note.pitch - 69)
        return np.where((hertz > 0) & (np.abs(cents) < FARTHEST), cents, np.nan)

    def samples(self, first: float, last: float) -> np.ndarray:
        """Samples between two seconds, float64."""
        cut = self.audio[max(0, round(first * self.rate)) : round(last * self.rate)]
        return np.asarray(cut, np.float64)


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) >= 3 else float("nan")


def _median(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) >= 3 else float("nan")


def scoop(heard: HeardSolo, note: Place) -> float:
    """Cents of the first 15 to 60 ms above the rest of the note."""
    length = note.end - note.onset
    steady = heard.cents(note, note.onset + min(0.15, 0.6 * length), note.end - 0.02)
    return _median(heard.cents(note, note.onset + 0.015, note.onset + 0.06)) - _median(steady)


def fall(heard: HeardSolo, note: Place) -> float:
    """Cents of the last 70 ms above the first half of the note."""
    half = 0.5 * (note.onset + note.end)
    steady = _median(heard.cents(note, note.onset + 0.03, half))
    return _mean(heard.cents(note, note.end - 0.075, note.end - 0.005)) - steady


def bend(heard: HeardSolo, note: Place) -> float:
    """Cents of the lowest tenth of the middle of the note above its median."""
    cents = heard.cents(note, note.onset + 0.06, note.end - 0.05)
    cents = cents[np.isfinite(cents)]
    if len(cents) < 20:
        return float("nan")
    return float(np.quantile(cents, 0.1) - np.median(cents))


def vibrato(heard: HeardSolo, note: Place) -> float:
    """Cents either way of the strongest sine of 4 to 7 Hz from 0.25 s after the onset on."""
    cents = heard.cents(note, note.onset + 0.25, note.end - 0.03)
    place = np.flatnonzero(np.isfinite(cents))
    if len(place) < 50 or len(place) < 0.8 * len(cents):
        return float("nan")
    time, values = place * HOP, cents[place]
    depths = []
    for hertz in VIBRATO_HERTZ:
        turn = 2 * np.pi * hertz * time
        columns = np.stack([np.sin(turn), np.cos(turn), np.ones_like(time), time], axis=1)
        found = np.linalg.lstsq(columns, values, rcond=None)[0]
        depths.append(float(np.hypot(found[0], found[1])))
    return max(depths)


def glide(heard: HeardSolo, note: Place) -> float:
    """Cents of the first 40 ms towards the note before."""
    towards = np.sign(note.before - note.pitch)
    steady = _median(heard.cents(note, note.onset + 0.06, note.end - 0.01))
    return float(towards * (_median(heard.cents(note, note.onset, note.onset + 0.04)) - steady))


def level(heard: HeardSolo, note: Place) -> float:
    """dB of the loudest 10 ms."""
    frames = heard.level[round(note.onset / HOP) : max(1, round(note.end / HOP))]
    return float(frames.max()) if len(frames) else float("nan")


def roughness(heard: HeardSolo, note: Place) -> float:
    """Per cent by which the envelope beats at 60 to 150 Hz."""
    audio = heard.samples(note.onset + 0.04, note.end - 0.02)
    hertz = 440 * 2 ** ((note.pitch - 69) / 12)
    if hertz < GROWL_LOWEST or len(audio) < 0.09 * heard.rate:
        return float("nan")
    envelope = np.abs(np.asarray(signal.hilbert(audio)))
    band = signal.butter(2, GROWL_HERTZ, "bandpass", fs=heard.rate, output="sos")
    beating = signal.sosfiltfilt(band, envelope)
    return float(100 * beating.std() / max(envelope.mean(), 1e-9))


def brightness(heard: HeardSolo, note: Place) -> float:
    """dB of what lies above 2 kHz, against what lies below."""
    audio = heard.samples(note.onset + 0.03, note.end - 0.02)
    if len(audio) < 0.05 * heard.rate:
        return float("nan")
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2
    hertz = np.fft.rfftfreq(len(audio), 1 / heard.rate)
    above, below = power[hertz >= DARK_HERTZ].sum(), power[hertz < DARK_HERTZ].sum()
    return float(10 * np.log10(max(above, 1e-12) / max(below, 1e-12)))


def connection(heard: HeardSolo, note: Place) -> float:
    """dB of the softest 10 ms within 40 ms of the onset, against the softer of the notes it
    connects: 0 = no gap."""
    at = round(note.onset / HOP)
    if at < 20 or at + 20 > len(heard.level):
        return float("nan")
    around = heard.level[at - 8 : at + 9].min()
    sides = heard.level[at - 18 : at - 8].mean(), heard.level[at + 9 : at + 18].mean()
    return float(around - min(sides))


#: kind -> (its figure, the unit and what it is of, the sign by which the kind moves it)
FIGURES: dict[str, tuple[Callable[[HeardSolo, Place], float], str, int]] = {
    "slurred": (connection, "dB at the onset, against the notes around", 1),
    "vibrato": (vibrato, "cents either way at 4 to 7 Hz", 1),
    "scoop": (scoop, "cents in the first 15 to 60 ms", -1),
    "fall": (fall, "cents in the last 70 ms", -1),
    "bend": (bend, "cents, the lowest tenth", -1),
    "glide": (glide, "cents towards the note before, first 40 ms", 1),
    "ghost": (level, "dB, the loudest 10 ms", -1),
    "growl": (roughness, "per cent of beating at 60 to 150 Hz", 1),
    "subtone": (brightness, "dB above 2 kHz against below", -1),
}
