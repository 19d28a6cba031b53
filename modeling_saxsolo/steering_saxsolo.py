"""Density and space of a plan, held to what is asked for while the notes are drawn.

The planner is told both as conditions, but learnt to lean on them only a little. So what has been
played so far is compared with what is asked for, and the next choices lean by the difference: the
odds of beginning a note against the notes that are missing, rests and lengths against the silence
that is missing (integral control: Astrom and Murray 2008, "Feedback Systems", chapter 10). The
planner still decides where in the beat and which pitch. NumPy alone.
"""

import numpy as np

from .note_events_saxsolo import LONGEST, STEPS, TICKS

#: logits for a second that the solo is behind or ahead of what is asked for
_OF_DENSITY, _OF_REST, _OF_LENGTH = 1.5, 2.0, 2.0
_MOST = 6.0
# what is missing is caught up with slowly: no burst of notes after a rest; a solo that is behind by
# more than a rest lasts hurries more
_FASTER, _HURRY, _REST_SECONDS = 1.5, 0.5, 2.0
# a step of more ticks is a rest between phrases
_REST = 3 * TICKS // 2


class Steering:
    """Leans choices towards a density and a space.

    Args:
        density: notes a second, None where it is not asked for.
        space: share of the time without a note, None likewise.
    """

    def __init__(self, density: float | None = None, space: float | None = None):
        self.density, self.space = density, space
        self.notes, self.seconds, self.sounding = 0, 0.0, 0.0

    def passed(self, seconds: float, sounding: float) -> None:
        """Counts a note, and the time from it to the next one, of which it sounds so long."""
        self.notes += 1
        self.seconds += seconds
        self.sounding += sounding

    def steps(self, logits: np.ndarray, waited: float = 0.0) -> np.ndarray:
        """Step logits (97,) leaning as is needed, so many seconds after the last note began."""
        if self.density is not None:
            behind = self.seconds + waited - self.notes / self.density
            most = _FASTER + _HURRY * max(0.0, behind - _REST_SECONDS)
            lean = min(_limited(_OF_DENSITY * behind), most)
            logits = with_onset_bias(logits, lean)
        if self.space is not None:
            long = np.arange(STEPS) > _REST
            logits = logits + _limited(_OF_REST * self._silence_missing) * long
        return logits

    def lengths(self, logits: np.ndarray) -> np.ndarray:
        """Length logits (97,) likewise."""
        if self.space is None:
            return logits
        ticks = np.maximum(np.arange(LONGEST + 1), 1)
        return logits - _limited(_OF_LENGTH * self._silence_missing) * np.log(ticks)

    @property
    def _silence_missing(self) -> float:
        """Seconds."""
        return (self.space or 0.0) * self.seconds - (self.seconds - self.sounding)


def _limited(lean: float) -> float:
    return min(max(lean, -_MOST), _MOST)


def with_onset_bias(logits: np.ndarray, bias: float) -> np.ndarray:
    """Step logits (..., 97) as if at every twelfth of a beat the logit of beginning a note, where
    none has begun, were higher by `bias`."""
    # chance of a step = chance of beginning there * chance of not having begun before
    later = np.logaddexp.accumulate(logits[..., ::-1], axis=-1)[..., ::-1]
    odds = logits[..., :-1] - later[..., 1:] + bias
    begun = -np.logaddexp(0, -odds)
    waited = -np.logaddexp(0, odds).cumsum(axis=-1)
    before = np.concatenate([np.zeros_like(waited[..., :1]), waited[..., :-1]], axis=-1)
    return np.concatenate([begun + before, waited[..., -1:]], axis=-1)
