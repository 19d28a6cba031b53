"""Is it new? The longest stretch copied from a training solo, whatever its key and tempo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .notes import SoloNotes

# a gap between onsets this many times the one before (or less than its inverse) changes the rhythm
_EDGES = np.log2([0.4, 0.7, 1.43, 2.5])
_WIDEST = 12
_END = 255


class Novelty:
    """Holds training solos, and finds passages of theirs in other solos.

    A solo is read as transitions: from each note to the next the interval (cut at an octave up or
    down) and how the time between onsets compares with the one before: much shorter, shorter, as
    long, longer, much longer (edges 0.4, 0.7, 1.43, 2.5). So neither key nor tempo hides a copy.
    Interval-rhythm n-grams as in Frieler and others 2018, "Two web applications for exploring
    melodic patterns in jazz solos", with five relative instead of absolute lengths.

    Args:
        training: solos that may not be copied.
        n: transitions in an n-gram of `seen_share`.
    """

    def __init__(self, training: Sequence[SoloNotes], n: int = 5):
        if n < 1:
            raise ValueError(f"n-grams of {n} transitions; n must be 1 or more")
        self.n = n
        # one letter a transition: a copy is a substring
        self._corpus = bytes([_END]).join(transitions(notes) for notes in training)

    def measure(self, notes: SoloNotes) -> dict[str, int | float | None]:
        """How much of a solo occurs in the training solos.

        longest_copy: notes in the longest stretch that occurs there (its transitions + 2), 0 if
            none does. Held-out humans median 8, at most 12; what is longer is worse.
        seen_share: share of the solo's n-grams that occur there; None for solos of less than
            n + 2 notes. Held-out humans 0.05 for n = 5. The human figure is the target.
        The human figures: `saxsolo measure humans --weimar FOLDER`, 30 s excerpts against all
        training solos.
        """
        letters = transitions(notes)
        longest = 0
        for start in range(len(letters)):
            while (
                start + longest < len(letters)
                and letters[start : start + longest + 1] in self._corpus
            ):
                longest += 1
        grams = [letters[i : i + self.n] for i in range(len(letters) - self.n + 1)]
        seen = float(np.mean([gram in self._corpus for gram in grams])) if grams else None
        return {"longest_copy": longest + 2 if longest else 0, "seen_share": seen}


def transitions(notes: SoloNotes) -> bytes:
    """One letter (0..124) for each note after the second: interval and rhythm class."""
    if len(notes) < 3:
        return b""
    intervals = np.clip(np.diff(notes.pitches), -_WIDEST, _WIDEST)[1:]
    gaps = np.maximum(np.diff(notes.onsets), 1e-3)
    rhythm = np.searchsorted(_EDGES, np.log2(gaps[1:] / gaps[:-1]))
    return bytes(((intervals + _WIDEST) * (len(_EDGES) + 1) + rhythm).astype(np.uint8))
