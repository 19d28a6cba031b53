"""Asked vibrato, bends and scoops as a contour that the pitch codes lean towards.

The decoder is told with a bit how a note is played (articulation_saxsolo). What has to be kept up
over many codes, each drawn by chance, does not come of one bit: so while such a kind is asked, the
logits of the first codebook lean towards note plus contour. How likely a pitch is at all stays as
the model has it, and so do all other codes. Where none of these kinds is asked nothing changes.

The shapes are those of `player_saxsolo.PlayedNote.cents`, with which the training solos were
rendered (sources there), of what has been played so far alone: block by block the same solo comes
out. Vibrato is of 5 to 6 Hz and grows with the note; how fast and how deep follows from the note.

B rows, T frames, S steps, V codebook size. NumPy, but for what `generate` needs of the library.
"""

from typing import Any

import numpy as np
import torch
from transformers.generation import LogitsProcessor

from .configuration_saxsolo import SaxsoloConfig
from .intonation_saxsolo import note_codes
from .vocabulary_saxsolo import (
    ARTICULATIONS,
    FRAME_RATE,
    HOLD,
    NUM_PITCHES,
    ONSET,
    SCORE_VOCAB_SIZE,
)

Array = np.ndarray[Any, np.dtype[Any]]

VIBRATO, SCOOP, BEND = (1 << ARTICULATIONS.index(name) for name in ("vibrato", "scoop", "bend"))
#: cents; how far the training solos go: the middle of what `player_saxsolo` draws
SCOOP_CENTS, BEND_CENTS = 110.0, 95.0
#: seconds from the first cents to the last
SCOOP_SECONDS, BEND_SECONDS = 0.1, 0.08
#: cents either way: at first, and how many more after a second
SHALLOW, DEEPER = 22.0, 18.0
SWELL_SECONDS = 0.25
#: cents: how closely the codes follow
CLOSENESS = 4.0


class _Line:
    """What is known of a solo while its frames pass: the note, since when, and what is asked."""

    def __init__(self) -> None:
        self._begin(-1)

    def _begin(self, pitch: int) -> None:
        """A note, or a rest: -1."""
        self.pitch = pitch
        self.age = 0  # frames
        self.waved = -1  # frames since vibrato began
        self.bent = 0.0
        self.nature = 0.0

    def cents(self, token: int, mask: int) -> float:
        """Cents from the note's pitch in the next frame, nan where nothing is asked."""
        pitch = (token - ONSET) % NUM_PITCHES if ONSET <= token < HOLD + NUM_PITCHES else -1
        if pitch < 0:
            self._begin(-1)
            return np.nan
        if token < HOLD or pitch != self.pitch:
            self._begin(pitch)
        asked = self._contour(mask)
        self.age += 1
        return asked

    def _contour(self, mask: int) -> float:
        seconds = self.age / FRAME_RATE
        parts = []
        self.waved = self.waved + 1 if mask & VIBRATO else -1
        if mask & VIBRATO:
            if self.waved == 0:
                # each note's own, and the same however the solo is cut
                self.nature = (0.618 * self.pitch + 0.382 * self.age) % 1
            parts.append(_vibrato(self.waved / FRAME_RATE, self.nature))
        step = 1 / (BEND_SECONDS * FRAME_RATE)
        self.bent = min(1.0, self.bent + step) if mask & BEND else max(0.0, self.bent - step)
        if self.bent:
            parts.append(-BEND_CENTS * np.sin(0.5 * np.pi * self.bent) ** 2)
        if mask & SCOOP and seconds < SCOOP_SECONDS:
            parts.append(-SCOOP_CENTS * (1 - seconds / SCOOP_SECONDS) ** 1.5)
        return float(sum(parts)) if parts else np.nan


def _vibrato(since: float, nature: float) -> float:
    depth = (SHALLOW + DEEPER * min(1.0, since)) * (0.75 + 0.5 * nature)
    swell = min(1.0, since / SWELL_SECONDS)
    return float(depth * swell * np.sin(2 * np.pi * (5.0 + nature) * since))


def contours(score: Array, masks: Array) -> Array:
    """Score tokens and masks of articulations (B, T), 0 = nothing -> cents from the notes (B, T),
    nan where nothing of these kinds is asked."""
    cents = np.full(score.shape, np.nan)
    asked = masks & (VIBRATO | SCOOP | BEND) > 0
    for row in np.flatnonzero(asked.any(axis=1)):
        line = _Line()
        told = zip(score[row].tolist(), masks[row].tolist(), strict=True)
        cents[row] = [line.cents(token, mask) for token, mask in told]
    return cents


def asked_codes(
    config: SaxsoloConfig, score: torch.Tensor, masks: torch.Tensor | None
) -> Array | None:
    """The pitch codes that are asked for in each step, nan = none; None where none is in any.

    Args:
        score: (B, S) tokens of the score stream, others than its own are rests.
        masks: (B, T) of articulations; None = nothing is told.

    Returns:
        (B, S): column s is of the frame whose first code is chosen in step s.
    """
    if masks is None or config.pitch_range is None or config.score_vocab_size != SCORE_VOCAB_SIZE:
        return None
    frames = min(score.shape[1], masks.shape[1])
    tokens = score[:, :frames].cpu().numpy()
    heard = sum(1 << ARTICULATIONS.index(name) for name in config.articulations or [])
    cents = contours(tokens, masks[:, :frames].clamp(min=0).cpu().numpy() & heard)
    if np.isnan(cents).all():
        return None
    notes = note_codes(config).numpy()
    around = notes[np.where(np.isnan(cents), 0, tokens)].astype(float)
    lowest, highest = config.pitch_range
    codes_a_cent = (config.codebook_size - 2) / (1200 * np.log2(highest / lowest))
    targets = np.where(around > 0, around + cents * codes_a_cent, np.nan)
    delay = config.stream_delays[1]
    asked = np.full(score.shape, np.nan)
    asked[:, delay : delay + frames] = targets[:, : score.shape[1] - delay]
    return asked


def follow(logits: Array, target: float, config: SaxsoloConfig) -> None:
    """Leans logits (>= V,) of the first codebook, in place, towards a pitch code.

    Code 0, no pitch, stays as likely as it was: a normal distribution around the target multiplies
    the chances of the pitches among themselves.
    """
    assert config.pitch_range is not None, "asked_codes gives targets to no other model"
    pitches = logits[1 : config.codebook_size]
    lowest, highest = config.pitch_range
    codes_a_cent = (config.codebook_size - 2) / (1200 * np.log2(highest / lowest))
    away = (np.arange(1, config.codebook_size) - target) / (CLOSENESS * codes_a_cent)
    before = _log_sum(pitches)
    pitches -= (0.5 * away * away).astype(pitches.dtype)
    pitches += before - _log_sum(pitches)


def _log_sum(logits: Array) -> Any:
    top = logits.max()
    return top + np.log(np.exp(logits - top).sum())


class AskedPitch(LogitsProcessor):
    """`follow` for the library's loop.

    Args:
        asked: (B, S) of `asked_codes`; column s is decoder step s.
    """

    def __init__(self, config: SaxsoloConfig, asked: Array):
        self.config, self.asked = config, asked

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        targets = self.asked[:, input_ids.shape[-1] - 1]
        for row in np.flatnonzero(~np.isnan(targets)):
            place = row * self.config.num_streams + 1
            logits = scores[place].cpu().numpy().copy()
            follow(logits, targets[row], self.config)
            scores[place] = torch.from_numpy(logits).to(scores)
        return scores
