"""The levels of a mix: the solo is balanced with the backing, then one gain moves everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf, log10
from typing import Any

import numpy as np

from modeling_saxsolo.loudness_saxsolo import LoudnessMeter
from saxsolo.audio.true_peak import TruePeakMeter
from saxsolo.audio.writing import PEAK

# the soloist stands a little in front of the band
SOLO_ABOVE_BACKING = 1.0
# beyond this, in either direction, it is no balance that is wrong but a sound
MAX_GAIN = 1e4
# LUFS: a mix with a quieter backing is raised until the backing is so loud
QUIET_BACKING = -40.0
# a mix is so many LU from what was asked for before a note says so
NEAR = 0.1

# the solo (n, 1) and the backing (n, channels), side by side
Pairs = Iterable[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class MixLevels:
    """Factors, and what they make of the mix: mix = whole * (solo * the solo + the backing).

    Attributes:
        solo: of the solo, before the whole.
        whole: of everything.
        lufs: integrated loudness of the mix (ITU-R BS.1770-4); None for silence.
        true_peak: of the mix, 1 is full scale.
        asked: LUFS that were asked for.
        raised: whether a quiet backing raised the mix.
    """

    solo: float
    whole: float
    lufs: float | None
    true_peak: float
    asked: float | None = None
    raised: bool = False

    def describe(self) -> dict[str, Any]:
        """For run.json: the gains of solo and backing, and loudness and peak of the mix."""
        peak = decibels(self.true_peak)
        return {
            "mix_decibels": {
                "solo": round(decibels(self.solo * self.whole), 2),
                "backing": round(decibels(self.whole), 2),
            },
            "mix": {
                "gain_decibels": round(decibels(self.whole), 4),
                "lufs": None if self.lufs is None else round(self.lufs, 2),
                "true_peak_decibels": None if peak == -inf else round(peak, 2),
                "lufs_asked": self.asked,
            },
        }

    def notes(self) -> list[str]:
        """What a person should know, one line each."""
        if self.raised and self.whole > 1.01:
            by = decibels(self.whole)
            return [f"the backing is quiet: it was raised by {by:.0f} dB in the mix"]
        if self.asked is None or self.lufs is None or self.lufs > self.asked - NEAR:
            return []
        return [
            f"the mix is {self.lufs:.1f} LUFS, not {self.asked:g}: any louder, its true peak would "
            "pass -1 dBTP"
        ]


def levels_of(
    pairs: Callable[[], Pairs],
    sampling_rate: int,
    channels: int,
    solo_above: float = 0.0,
    lufs: float | None = None,
) -> MixLevels:
    """Levels at which the solo stands in front of the backing and the true peak is at most -1 dBTP.

    Without `lufs` the backing keeps its level, unless the peak lowers it or it is quieter than
    `QUIET_BACKING`. With it the whole mix is as loud as that, or as the peak allows.

    Args:
        pairs: gives the blocks of solo and backing; called twice.
        sampling_rate: samples a second of both.
        channels: of the backing.
        solo_above: dB by which the solo is louder than balanced; below 0 quieter.
        lufs: integrated loudness of the mix.
    """
    band_meter = LoudnessMeter(sampling_rate, channels)
    solo_meter = LoudnessMeter(sampling_rate, channels)
    for solo, band in pairs():
        band_meter.push(band)
        solo_meter.push(np.repeat(solo, channels, axis=1))
    backing = band_meter.loudness
    gain = balance(solo_meter.loudness, backing) * 10 ** (solo_above / 20)
    mix_meter = LoudnessMeter(sampling_rate, channels)
    peak_meter = TruePeakMeter(sampling_rate, channels)
    for solo, band in pairs():
        mix = gain * solo + band
        mix_meter.push(mix)
        peak_meter.push(mix)
    loudness, peak = mix_meter.loudness, peak_meter.finish()
    wanted = raise_of(backing)
    if lufs is not None:
        wanted = 1.0 if loudness is None else 10 ** ((lufs - loudness) / 20)
    whole = wanted * PEAK / max(wanted * peak, PEAK)
    return MixLevels(
        solo=gain,
        whole=whole,
        lufs=None if loudness is None else loudness + decibels(whole),
        true_peak=whole * peak,
        asked=lufs,
        raised=lufs is None,
    )


def decibels(factor: float) -> float:
    """20 log10 of a factor; minus infinity of 0."""
    return 20 * log10(factor) if factor > 0 else -inf


def balance(solo: float | None, backing: float | None) -> float:
    """Factor for the solo that puts it `SOLO_ABOVE_BACKING` over the backing, whatever its level.

    Args:
        solo, backing: LUFS, None for silence, which leaves the solo as it is.
    """
    if solo is None or backing is None:
        return 1.0
    gain = 10 ** ((backing + SOLO_ABOVE_BACKING - solo) / 20)
    return min(max(gain, 1 / MAX_GAIN), MAX_GAIN)


def raise_of(backing: float | None) -> float:
    """Factor, at least 1, that brings a quiet backing to `QUIET_BACKING`.

    Args:
        backing: LUFS, None for silence.
    """
    return 1.0 if backing is None else max(1.0, 10 ** ((QUIET_BACKING - backing) / 20))
