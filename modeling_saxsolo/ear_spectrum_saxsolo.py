"""What the ear reads of a sound: three log-frequency spectra on one clock, and the tuning.

Chords want a long window, beats a short one, so the ear gets both (all windows are Hann):

| part | window at 16 kHz | rate | bins |
| --- | --- | --- | --- |
| harmony | 512 ms | 12.5 a second | 3 a semitone, six octaves from MIDI 24 |
| bass | 1024 ms: semitones apart from MIDI 36 on | 12.5 a second | the lowest three octaves |
| rhythm | 64 ms | 100 a second | 40 bands, 40 Hz to 7.6 kHz |

A token is one column of harmony and bass with the eight columns of rhythm inside its 80 ms. Every
magnitude is divided by the running level of the harmony part, so that the features do not depend
on how loud the sound is. The level looks back only. Every column is centred on its own time and
depends on the sound within half a window of it and on the level so far: a track heard in blocks
gives exactly the features of the whole.

Bins are placed for a given tuning, so that what follows may take A for 440 Hz.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.nn import functional as F

SAMPLING_RATE = 16_000
TOKEN_RATE = 12.5
HOP = 1_280
HARMONY_WINDOW, BASS_WINDOW, RHYTHM_WINDOW = 8_192, 16_384, 1_024
RHYTHM_COLUMNS = 8
LOWEST_PITCH = 24
BINS_PER_SEMITONE = 3
SEMITONES, BASS_SEMITONES = 72, 36
HARMONY_BINS, BASS_BINS = BINS_PER_SEMITONE * SEMITONES, BINS_PER_SEMITONE * BASS_SEMITONES
RHYTHM_BANDS = 40
RHYTHM_LOW, RHYTHM_HIGH = 40.0, 7_600.0
#: how far a column of the longest window reads past its middle, seconds
REACH = BASS_WINDOW / 2 / SAMPLING_RATE
# log1p(GAIN * magnitude / level): what lies 20 dB below the level still counts
GAIN = 10.0
# the level forgets to 1/e in four seconds
_DECAY = math.exp(-1 / (4.0 * TOKEN_RATE))
# -140 dBFS: below it everything is silence
_FLOOR = 1e-7
#: tokens whose spectra are made at once: fixed, since the last bits of a product depend on it
BLOCK = 64


@dataclass
class EarFeatures:
    """Features of T tokens.

    Attributes:
        harmony: (B, T, 216). bass: (B, T, 108). rhythm: (B, 8 T, 40). All log1p, none negative.
        level: (B, 2) float64 on the CPU, state of the running level: sum and weight.
    """

    harmony: torch.Tensor
    bass: torch.Tensor
    rhythm: torch.Tensor
    level: torch.Tensor

    def part(self, start: int, end: int) -> "EarFeatures":
        """Those of the tokens from `start` to `end`."""
        columns = slice(start * RHYTHM_COLUMNS, end * RHYTHM_COLUMNS)
        harmony, bass = self.harmony[:, start:end], self.bass[:, start:end]
        return EarFeatures(harmony, bass, self.rhythm[:, columns], self.level)

    def followed_by(self, other: "EarFeatures") -> "EarFeatures":
        """These and those of the tokens that come after them."""
        return EarFeatures(
            torch.cat([self.harmony, other.harmony], dim=1),
            torch.cat([self.bass, other.bass], dim=1),
            torch.cat([self.rhythm, other.rhythm], dim=1),
            other.level,
        )


def num_tokens(num_samples: int) -> int:
    """Tokens of a sound at 16 kHz: the last one may be cut short."""
    return -(-num_samples // HOP)


def ear_features(
    audio: torch.Tensor,
    cents: float = 0.0,
    first: int = 0,
    count: int | None = None,
    level: torch.Tensor | None = None,
) -> EarFeatures:
    """Features of a sound, or of `count` tokens of it from token `first` on.

    Args:
        audio: (B, n) at 16 kHz; what lies outside counts as silence.
        cents: how much sharper than A = 440 Hz the sound is tuned.
        first, count: which tokens; all that follow `first` without `count`.
        level: `EarFeatures.level` of the tokens before `first`; None at the beginning.

    Raises:
        ValueError: for audio of another shape.
    """
    if audio.dim() != 2:
        raise ValueError(f"audio has shape {tuple(audio.shape)}; pass (batch, samples) at 16 kHz")
    count = num_tokens(audio.shape[1]) - first if count is None else count
    parts = []
    for start in range(first, first + count, BLOCK):
        size = min(BLOCK, first + count - start)
        parts.append(_magnitudes(audio, cents, start, size))
    harmony, bass, rhythm = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
    levels, level = _running_level(harmony.mean(dim=2), level)
    scale = (GAIN / levels)[..., None]
    return EarFeatures(
        torch.log1p(harmony * scale),
        torch.log1p(bass * scale),
        torch.log1p(rhythm * scale.repeat_interleave(RHYTHM_COLUMNS, dim=1)),
        level,
    )


def _magnitudes(
    audio: torch.Tensor, cents: float, start: int, count: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    device = audio.device
    cents = round(float(cents))
    pitched = (_pitch_filters(n, bins, cents).to(device) for n, bins in _PITCHED)
    harmony_filters, bass_filters = pitched
    harmony = _spectrum(audio, HARMONY_WINDOW, HOP, start, count)
    bass = _spectrum(audio, BASS_WINDOW, HOP, start, count, len(bass_filters))
    rhythm = _spectrum(
        audio, RHYTHM_WINDOW, HOP // RHYTHM_COLUMNS, start * RHYTHM_COLUMNS, count * RHYTHM_COLUMNS
    )
    return (
        harmony[..., : len(harmony_filters)] @ harmony_filters,
        bass @ bass_filters,
        rhythm @ _band_filters().to(device),
    )


def _spectrum(
    audio: torch.Tensor, window: int, hop: int, start: int, count: int, bins: int | None = None
) -> torch.Tensor:
    """(B, count, bins) magnitudes: column t is centred on sample hop * t + hop / 2.

    A sine of amplitude 1 has magnitude 1 at its peak, whatever the window.
    """
    left = hop * start + hop // 2 - window // 2
    right = left + hop * (count - 1) + window
    inside = audio[:, max(0, left) : max(0, min(audio.shape[1], right))]
    padded = F.pad(inside, (max(0, -left), 0))
    padded = F.pad(padded, (0, right - left - padded.shape[1]))
    hann = _hann(window).to(audio.device)
    spectrum = torch.fft.rfft(padded.unfold(1, window, hop) * hann)[..., :bins]
    # twice as fast as abs(), which guards against squares that no sound reaches
    magnitudes: torch.Tensor = (spectrum.real.square() + spectrum.imag.square()).sqrt()
    return magnitudes


@lru_cache(maxsize=8)
def _hann(window: int) -> torch.Tensor:
    shape = torch.hann_window(window)
    return shape * (2 / shape.sum())


def pitch_frequencies(num_bins: int, cents: float = 0.0) -> torch.Tensor:
    """Middle frequencies of the log-frequency bins, hertz: three a semitone, the middle one on it.

    Bin 1 is MIDI 24 itself, bins 0 and 2 are a third of a semitone below and above.
    """
    bins = torch.arange(num_bins, dtype=torch.float64)
    pitch = LOWEST_PITCH + (bins - 1) / BINS_PER_SEMITONE + cents / 100
    return 440.0 * 2 ** ((pitch - 69) / 12)


_PITCHED = ((HARMONY_WINDOW, HARMONY_BINS), (BASS_WINDOW, BASS_BINS))


@lru_cache(maxsize=32)
def _pitch_filters(window: int, num_bins: int, cents: int) -> torch.Tensor:
    middles = pitch_frequencies(num_bins, cents)
    # a triangle reaches to its neighbours' middles, at least one bin of the transform
    reach = middles * (2 ** (1 / (12 * BINS_PER_SEMITONE)) - 1)
    return _triangles(window, middles, reach)


@lru_cache(maxsize=1)
def _band_filters() -> torch.Tensor:
    edges = torch.logspace(
        math.log10(RHYTHM_LOW), math.log10(RHYTHM_HIGH), RHYTHM_BANDS, dtype=torch.float64
    )
    reach = edges * ((RHYTHM_HIGH / RHYTHM_LOW) ** (1 / (RHYTHM_BANDS - 1)) - 1)
    filters = _triangles(RHYTHM_WINDOW, edges, reach)
    return F.pad(filters, (0, 0, 0, RHYTHM_WINDOW // 2 + 1 - len(filters)))


def _triangles(window: int, middles: torch.Tensor, reach: torch.Tensor) -> torch.Tensor:
    """(bins of the transform that are used, filters): triangles with weights that sum to 1."""
    step = SAMPLING_RATE / window
    used = min(window // 2 + 1, math.ceil(float(middles[-1] + reach[-1]) / step) + 2)
    frequencies = torch.arange(used, dtype=torch.float64)[:, None] * step
    distance = (frequencies - middles).abs() / reach.clamp(min=step)
    weights = (1 - distance).clamp(min=0)
    return (weights / weights.sum(dim=0)).float()


def _running_level(
    loudness: torch.Tensor, state: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean of (B, T) over the past, forgetting slowly: (B, T) and the state (B, 2).

    The sum of weights is kept beside the weighted sum, so the first tokens are divided by what has
    been heard so far and not by zero.
    """
    states = [[0.0, 0.0]] * len(loudness) if state is None else state.tolist()
    levels, last = [], []
    # plain numbers: six hundred steps of small tensors take as long as a transform
    for row, (total, weight) in zip(loudness.tolist(), states, strict=True):
        means = []
        for now in row:
            total, weight = total * _DECAY + now, weight * _DECAY + 1
            means.append(total / weight)
        levels.append(means)
        last.append([total, weight])
    return loudness.new_tensor(levels).clamp(min=_FLOOR), torch.tensor(last, dtype=torch.float64)


class TuningMeter:
    """How much sharper than A = 440 Hz a sound is tuned, measured block by block.

    Spectral peaks between 160 and 1200 Hz, placed by parabolic interpolation of log magnitude
    (Smith and Serra 1987), vote with the root of their magnitude for their distance from the
    nearest semitone; the vote is the circular mean over a semitone. Only what stands 13 dB above
    its surroundings votes: cymbals are full of peaks that say nothing.

    Args:
        sampling_rate: samples a second, at least 2,400.
        every: a window of 512 ms is looked at every so many tokens of 80 ms.
    """

    def __init__(self, sampling_rate: int = SAMPLING_RATE, every: int = 4):
        self._window = 2 * round(sampling_rate * HARMONY_WINDOW / SAMPLING_RATE / 2)
        self._hop = round(sampling_rate * every * HOP / SAMPLING_RATE)
        self._step = sampling_rate / self._window
        self._waiting = torch.zeros(0)
        self._total = torch.zeros((), dtype=torch.complex128)
        self._weight = 0.0

    def push(self, samples: torch.Tensor) -> None:
        """Take the next mono samples (n,) float32; windows that are complete vote."""
        samples = torch.cat([self._waiting, samples])
        count = (len(samples) - self._window) // self._hop + 1
        # few at a time, in a size that does not depend on the blocks
        for start in range(0, max(0, count), BLOCK):
            size = min(BLOCK, count - start)
            first = start * self._hop
            last = first + (size - 1) * self._hop + self._window
            self._vote(samples[first:last].unfold(0, self._window, self._hop))
        self._waiting = samples[max(0, count) * self._hop :]

    def _vote(self, windows: torch.Tensor) -> None:
        step = self._step
        low, high = round(160 / step), round(1_200 / step)
        spectrum = torch.fft.rfft(windows * _hann(self._window)).abs()
        spectrum = spectrum[:, low - 1 : high + 1].clamp(min=_FLOOR)
        around = F.avg_pool1d(spectrum[:, None], 49, 1, 24, count_include_pad=False)[:, 0]
        logs, surroundings = spectrum.log(), around.log()[:, 1:-1]
        before, peak, after = logs[:, :-2], logs[:, 1:-1], logs[:, 2:]
        loudest = logs.amax(dim=1, keepdim=True)
        # peaks within 40 dB of the loudest
        is_peak = (peak > before) & (peak >= after) & (peak > surroundings + 1.5)
        is_peak &= (peak > loudest - 4.6) & (peak > -11.5)
        offset = 0.5 * (before - after) / (before - 2 * peak + after).clamp(max=-1e-9)
        bins = torch.arange(low, high, dtype=torch.float64) + offset.double().clamp(-0.5, 0.5)
        semitones = 12 * torch.log2(bins * step / 440.0)
        weights = (0.5 * peak.double()).exp() * is_peak
        # one window at a time, so that the sum does not depend on the blocks
        for votes in (weights * torch.exp(2j * math.pi * semitones)).sum(dim=1):
            self._total = self._total + votes
        self._weight += float(weights.sum())

    @property
    def cents(self) -> float:
        """From -50 to 50, of all windows so far; 0 without any."""
        if self._weight == 0.0:
            return 0.0
        return float(torch.angle(self._total)) / (2 * math.pi) * 100

    @property
    def agreement(self) -> float:
        """How much the peaks agree, 0 to 1: the length of the mean vector."""
        return float(self._total.abs()) / self._weight if self._weight else 0.0


def estimate_tuning(audio: torch.Tensor, every: int = 4) -> tuple[float, float]:
    """How much sharper than A = 440 Hz a whole sound is tuned; see `TuningMeter`.

    Args:
        audio: (n,) at 16 kHz; what is shorter than a window is filled up with silence.

    Returns:
        Cents from -50 to 50, and how much the peaks agree, 0 to 1.
    """
    meter = TuningMeter(SAMPLING_RATE, every)
    meter.push(F.pad(audio, (0, max(0, HARMONY_WINDOW - len(audio)))))
    return meter.cents, meter.agreement
