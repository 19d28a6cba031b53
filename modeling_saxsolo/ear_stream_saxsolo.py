"""The ear on a sound that comes in blocks, in bounded memory: it hears what it hears of the whole.

blocks of 16 kHz -> features, 64 tokens at a time -> windows of 48 s -> probabilities
"""

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch.nn import functional as F

from .ear_saxsolo import CONTEXT, FRAMES_PER_TOKEN, WINDOW, SaxsoloEar
from .ear_spectrum_saxsolo import (
    BASS_WINDOW,
    BLOCK,
    HOP,
    EarFeatures,
    ear_features,
    num_tokens,
)
from .vocabulary_saxsolo import LABEL_SIZES

# a window begins so many tokens after the one before
_STEP = WINDOW - 2 * CONTEXT
# tokens before a token into which its longest window reaches
_REACH = -(-(BASS_WINDOW // 2 - HOP // 2) // HOP)
# what a frame says of the band counts for a part, since neighbours say nearly the same; and what it
# must say in sum before any of the track is taken for a count-in, or for silence: nats
_BAND_TRUST, _BAND_COST = 0.1, 4.0
#: the solo model's frame labels and the ear's names for them, in the order of the columns
EAR_NAMES = dict(zip(LABEL_SIZES, ("root", "quality", "phase", "place"), strict=True))


@torch.inference_mode()
def hear_blocks(
    ear: SaxsoloEar, blocks: Iterable[torch.Tensor], cents: float
) -> Iterator[dict[str, torch.Tensor]]:
    """What `SaxsoloEar.hear` hears, by stretches of any length.

    Args:
        blocks: (n,) mono float32 samples at 16 kHz, one after the other.
        cents: how the track is tuned.

    Yields:
        name -> (f, classes) probabilities on the CPU, one stretch after the other.
    """
    windows = _Windows(ear)
    for features in _feature_blocks(blocks, cents, ear.device):
        windows.push(features)
        while windows.held >= WINDOW:
            yield from windows.hear()
    while windows.wants_more:
        yield from windows.hear()
    yield from windows.rest


class _Windows:
    """The windows of `ear_saxsolo.windows`, one after the other as their features arrive."""

    def __init__(self, ear: SaxsoloEar):
        self.ear = ear
        self.rest: list[dict[str, torch.Tensor]] = []  # what the last window heard, its end too
        self._features: EarFeatures | None = None
        self._start = 0  # token with which the next window begins

    def push(self, features: EarFeatures) -> None:
        known = self._features
        self._features = features if known is None else known.followed_by(features)

    @property
    def held(self) -> int:
        """Tokens from the next window's first on."""
        return 0 if self._features is None else self._features.harmony.shape[1]

    @property
    def wants_more(self) -> bool:
        """Whether the end of the track asks for another window."""
        first = self._start == 0
        return self.held > (0 if first else CONTEXT) and (first or self._start + self.held > WINDOW)

    def hear(self) -> Iterator[dict[str, torch.Tensor]]:
        """Hears the next window; gives what the one before it heard, up to where this one begins
        to be kept."""
        assert self._features is not None
        for heard in self.rest:
            kept = (_STEP if self._start > _STEP else _STEP + CONTEXT) * FRAMES_PER_TOKEN
            # a view would hold all that the window heard
            yield {name: values[:kept].clone() for name, values in heard.items()}
        first, size = CONTEXT if self._start else 0, min(WINDOW, self.held)
        self.rest = [self.ear.hear_window(self._features.part(0, size), first, size - first)]
        self._features = self._features.part(_STEP, self.held)
        self._start += _STEP


def _feature_blocks(
    blocks: Iterable[torch.Tensor], cents: float, device: torch.device
) -> Iterator[EarFeatures]:
    """Features of `BLOCK` tokens each, the last fewer; those of `ear_features` of the whole."""
    samples = torch.zeros(0, device=device)
    base = done = 0  # tokens before the first sample held; tokens with features
    level = None
    for block in blocks:
        samples = torch.cat([samples, block.to(device)])
        while (base * HOP) + len(samples) >= (done + BLOCK - 1) * HOP + HOP // 2 + BASS_WINDOW // 2:
            features = ear_features(samples[None], cents, done - base, BLOCK, level)
            yield features
            level, done = features.level, done + BLOCK
            keep = max(base, done - _REACH)
            samples, base = samples[(keep - base) * HOP :], keep
    while (rest := base + num_tokens(len(samples)) - done) > 0:
        features = ear_features(samples[None], cents, done - base, min(BLOCK, rest), level)
        yield features
        level, done = features.level, done + features.harmony.shape[1]


def label_posteriors(heard: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Probabilities of the solo model's frame labels, all side by side: (41, F) float32.

    Args:
        heard: as `hear_blocks` or `SaxsoloEar.hear` name it, (F, classes) each.
    """
    parts = [heard[name] for name in EAR_NAMES.values()]
    rows = parts[0].new_empty(sum(part.shape[1] for part in parts), len(parts[0]))
    torch.cat([part.T for part in parts], out=rows)
    return rows


def band_frames(activity: torch.Tensor) -> tuple[int, int]:
    """Where the band begins and ends: first frame and last + 1, (0, F) where nothing says other.

    Before it may come silence or a count-in, after it silence: the likeliest split in three.

    Args:
        activity: (F, 3) probabilities of nothing, a count-in, the band.
    """
    frames = len(activity)
    band = activity[:, 2].double().clamp(1e-3, 1 - 1e-3)
    odds = F.pad(_BAND_TRUST * (band.log() - (1 - band).log()), (1, 0)).cumsum(0)
    # (0, s) are not the band and (e, F) neither: odds[e] - odds[s] is what (s, e) says for it
    cost = torch.full((frames + 1,), _BAND_COST, dtype=torch.float64)
    begin, end = -odds - cost, odds - cost
    begin[0], end[frames] = -odds[0], odds[frames]
    best, first = begin.cummax(dim=0)
    last = int((best + end).argmax())
    start = int(first[last])
    return (start, last) if start < last else (0, frames)
