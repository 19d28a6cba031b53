"""Loudness of a sound of any length, by blocks: ITU-R BS.1770-4, for any sampling rate.

The two filters of the K-weighting run as one convolution by FFT (overlap-save): their response has
faded by far more than 200 dB when it is cut, and blocks of a fixed size give the same bits however
the samples come in. Only the energies of 100 ms steps stay.
"""

import numpy as np

GATE_ABSOLUTE = -70.0
GATE_RELATIVE = -10.0
OFFSET = -0.691
STEPS_A_SECOND = 10
STEPS_IN_BLOCK = 4
RESPONSE_SECONDS = 0.15
# LU below the whole: what is left of a last chord
FADED = 12.0


class LoudnessMeter:
    """Integrated loudness and peak of samples that come in blocks.

    Args:
        sampling_rate: samples a second. At a rate that is not a multiple of 10 a step is the
            nearest whole number of samples to 100 ms.
        channels: how many; all of them count alike, as left and right do.
    """

    def __init__(self, sampling_rate: int, channels: int):
        self.peak = 0.0
        self._step = max(1, round(sampling_rate / STEPS_A_SECOND))
        self._taps = round(RESPONSE_SECONDS * sampling_rate)
        self._size = 1 << (4 * self._taps).bit_length()
        # whole steps of output a transform
        self._advance = (self._size - self._taps) // self._step * self._step
        self._response = _response(sampling_rate, self._taps, self._size)
        self._held = np.zeros((channels, self._taps))
        self._energies: list[float] = []

    def push(self, samples: np.ndarray) -> None:
        """Take the next samples (n, channels)."""
        if not len(samples):
            return
        self.peak = max(self.peak, float(np.abs(samples).max()))
        held = np.concatenate([self._held, samples.T], axis=1, dtype=np.float64)
        done = 0
        while held.shape[1] - done >= self._taps + self._advance:
            self._energies += self._step_energies(held[:, done:])
            done += self._advance
        self._held = held[:, done:].copy()

    @property
    def loudness(self) -> float | None:
        """LUFS of what has been pushed so far; None when all of it is below the gate (silence)."""
        steps = np.array(self._energies + self._step_energies(self._held))
        if len(steps) < STEPS_IN_BLOCK:
            return None
        blocks = np.convolve(steps, np.full(STEPS_IN_BLOCK, 1 / STEPS_IN_BLOCK), "valid")
        heard = blocks[_lufs(blocks) >= GATE_ABSOLUTE]
        if not len(heard):
            return None
        heard = heard[_lufs(heard) > _lufs(heard.mean()) + GATE_RELATIVE]
        return float(_lufs(heard.mean()))

    @property
    def fades_from(self) -> float | None:
        """Second from which on all is `FADED` LU quieter than the whole; None where it does not
        fade, and for silence."""
        loudness = self.loudness
        if loudness is None:
            return None
        steps = _lufs(np.array(self._energies + self._step_energies(self._held)))
        last = int(np.flatnonzero(steps >= loudness - FADED)[-1])
        return None if last == len(steps) - 1 else (last + 1) / STEPS_A_SECOND

    def _step_energies(self, held: np.ndarray) -> list[float]:
        """Of the whole steps after the first `taps` samples: (channels, taps + n), n any."""
        held = held[:, : self._taps + self._advance]
        whole = (held.shape[1] - self._taps) // self._step * self._step
        spectrum = np.fft.rfft(held, self._size, axis=1) * self._response
        weighted = np.fft.irfft(spectrum, self._size, axis=1)
        steps = weighted[:, self._taps : self._taps + whole].reshape(len(held), -1, self._step)
        return np.square(steps).mean(2).sum(0).tolist()


def _response(sampling_rate: int, taps: int, size: int) -> np.ndarray:
    """(size / 2 + 1,) spectrum of the K-weighting's impulse response, cut after `taps` samples."""
    circle = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    spectrum = np.ones(size // 2 + 1, complex)
    for numerator, denominator in k_weighting(sampling_rate):
        spectrum *= np.polyval(numerator[::-1], circle) / np.polyval(denominator[::-1], circle)
    return np.fft.rfft(np.fft.irfft(spectrum, size)[:taps], size)


def k_weighting(sampling_rate: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Coefficients (b, a) of the two biquads, the shelf and the high-pass.

    BS.1770-4 tabulates them for 48 kHz alone. These are the analogue prototypes that give that
    table, by the bilinear transform (B. De Man, "Evaluation of implementations of the EBU R128
    loudness measurement", AES 145, 2018).
    """
    gain, quality, hertz = 3.99984385397, 0.7071752369554193, 1681.9744509555319
    k = np.tan(np.pi * hertz / sampling_rate)
    high = 10 ** (gain / 20)
    band = high**0.4996667741545416
    scale = 1 + k / quality + k * k
    shelf = np.array(
        [high + band * k / quality + k * k, 2 * (k * k - high), high - band * k / quality + k * k]
    )
    shelf_poles = np.array([scale, 2 * (k * k - 1), 1 - k / quality + k * k])
    quality, hertz = 0.5003270373253953, 38.13547087613982
    k = np.tan(np.pi * hertz / sampling_rate)
    pass_poles = np.array([1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k])
    return [
        (shelf / scale, shelf_poles / scale),
        (np.array([1.0, -2.0, 1.0]), pass_poles / pass_poles[0]),
    ]


def _lufs(energy: np.ndarray) -> np.ndarray:
    return OFFSET + 10 * np.log10(np.maximum(energy, 1e-12))
