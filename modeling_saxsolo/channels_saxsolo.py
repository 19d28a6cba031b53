"""Channels: many to two, and which mono of two is heard.

    5.1, 7.1, ...  -> left and right by the places of the speakers (ITU-R BS.775)
    left and right -> one: their mean, unless that loses what is there

Where one channel is inverted, or a widener turned the bass around, left and right cancel in their
mean. `ChannelMeter` measures, band by band over the whole sound, what each mono keeps, and how far
off zero the samples lie.
"""

import math

import numpy as np

HALF_POWER = math.sqrt(0.5)
# what of each channel goes left, in the order of WAVE_FORMAT_EXTENSIBLE; right is its mirror image.
# F front, C centre, L low-frequency (left out), S or B surround or back
_LEFT = {
    3: (1, 0, HALF_POWER),
    4: (1, 0, HALF_POWER, 0),
    5: (1, 0, HALF_POWER, HALF_POWER, 0),
    6: (1, 0, HALF_POWER, 0, HALF_POWER, 0),
    7: (1, 0, HALF_POWER, 0, 0.5, HALF_POWER, 0),
    8: (1, 0, HALF_POWER, 0, HALF_POWER, 0, HALF_POWER, 0),
}
_RIGHT = {
    3: (0, 1, HALF_POWER),
    4: (0, 1, 0, HALF_POWER),
    5: (0, 1, HALF_POWER, 0, HALF_POWER),
    6: (0, 1, HALF_POWER, 0, 0, HALF_POWER),
    7: (0, 1, HALF_POWER, 0, 0.5, 0, HALF_POWER),
    8: (0, 1, HALF_POWER, 0, 0, HALF_POWER, 0, HALF_POWER),
}
# the mono that is heard: factors of left and right, the mean first
MONOS = {"mean": (0.5, 0.5), "difference": (0.5, -0.5), "left": (1.0, 0.0), "right": (0.0, 1.0)}

FFT_SAMPLES = 4096
# one frame of so many is measured
EVERY = 4
BANDS = 8
# the mean is heard unless the difference has this factor more, on average over the bands
CLEARLY = 1.5
# of the energy of a band that the better channel has: a channel alone is heard where less is kept
# of some band, and the channel keeps so many times as much of its worst one
KEPT, BETTER = 0.1, 4.0
# bands below this share of the whole count for nothing
COUNTS = 0.01
# an offset below -60 dBFS is left in: nobody hears it, and most sounds stay what they are
LEAST_OFFSET = 1e-3


def stereo_matrix(channels: int) -> np.ndarray:
    """(channels, 2) float32 factors; of more than eight channels each goes to both sides."""
    if channels in _LEFT:
        return np.array([_LEFT[channels], _RIGHT[channels]], np.float32).T
    return np.full((channels, 2), 1 / channels, np.float32)


class ChannelMeter:
    """Measures one or two channels by blocks; what they say may be asked for at any time.

    The energies of left, right and their product are summed in bands of an octave, over frames of a
    fixed size, so they do not depend on the blocks.
    """

    def __init__(self) -> None:
        self._total, self._count = np.zeros(1), 0
        self._lowest, self._highest = np.full(1, np.inf), np.full(1, -np.inf)
        self._held = np.zeros((0, 2), np.float32)
        self._window = np.hanning(FFT_SAMPLES).astype(np.float32)[:, None]
        self._sums = np.zeros((3, BANDS))
        bins = np.arange(FFT_SAMPLES // 2 + 1)
        octave = np.floor(np.log2(np.maximum(bins, 1))).astype(int) - 3
        self._band = np.clip(octave, 0, BANDS - 1)

    def push(self, samples: np.ndarray) -> None:
        """Take the next samples (n, 1 or 2) float32."""
        self._total = self._total + samples.sum(0, dtype=np.float64)
        self._count += len(samples)
        if len(samples):
            self._lowest = np.minimum(self._lowest, samples.min(0))
            self._highest = np.maximum(self._highest, samples.max(0))
        if samples.shape[1] == 1:
            return
        held = np.concatenate([self._held, samples])
        step = EVERY * FFT_SAMPLES
        whole = len(held) // step * step
        if whole:
            self._sums += self._energies(held[:whole].reshape(-1, step, 2)[:, :FFT_SAMPLES])
        self._held = held[whole:].copy()

    @property
    def offset(self) -> tuple[float, ...]:
        """The mean of each channel; 0 where it is below -60 dBFS."""
        means = self._total / max(1, self._count)
        return tuple(float(mean) if abs(mean) >= LEAST_OFFSET else 0.0 for mean in means)

    @property
    def peak(self) -> float:
        """How far from its offset the farthest sample lies."""
        offset = np.array(self.offset)
        return float(max(0, *(self._highest - offset), *(offset - self._lowest)))

    @property
    def mono(self) -> str:
        """Name of the mono that keeps what is there, one of `MONOS`."""
        rest = np.zeros((1, FFT_SAMPLES, 2), np.float32)
        rest[0, : len(self._held)] = self._held[:FFT_SAMPLES]
        left, right, both = self._sums + self._energies(rest)
        there = np.maximum(left, right)
        counts = there > COUNTS * there.sum()
        if not counts.any():
            return "mean"
        kept = {
            name: (a * a * left + b * b * right + 2 * a * b * both)[counts] / there[counts]
            for name, (a, b) in MONOS.items()
        }
        worst = {name: float(shares.min()) for name, shares in kept.items()}
        average = {
            name: float(np.exp(np.log(np.maximum(shares, 1e-9)).mean()))
            for name, shares in kept.items()
        }
        choice = "difference" if average["difference"] > CLEARLY * average["mean"] else "mean"
        channel = max(("left", "right"), key=lambda name: worst[name])
        if worst[choice] < KEPT and worst[channel] > BETTER * worst[choice]:
            return channel
        return choice

    def _energies(self, frames: np.ndarray) -> np.ndarray:
        """(3, BANDS) of left, right and their product, of frames (k, FFT_SAMPLES, 2)."""
        spectra = np.fft.rfft(frames * self._window, axis=1)
        left, right = spectra[..., 0], spectra[..., 1]
        powers = (left * left.conj(), right * right.conj(), left * right.conj())
        sums = [power.real.sum(0, dtype=np.float64) for power in powers]
        return np.array([np.bincount(self._band, one, minlength=BANDS) for one in sums])
