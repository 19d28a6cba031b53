"""How a jazz saxophonist shapes a line: what is drawn for every note.

The corpus renders its solos with these habits, and the solo model is told how its own notes are
played by the same ones, so that it hears nothing that it was not taught. NumPy alone.

What a transcription does not tell is drawn here: tongued or slurred (Hofmann and Goebl 2014,
doi:10.3389/fpsyg.2014.00690), vibrato that begins late, slides into notes, falls at their ends (the
kinds that Abesser and others annotate in jazz solos, ISMIR 2015, "Score-informed analysis of
intonation and pitch modulation in jazz solos"), bends by the vocal tract (Scavone and others 2008,
doi:10.1121/1.2839900), ghost notes, growl (the voice beats against the reed) and sub-tone (few
harmonics and much breath, low notes). How often each occurs varies from player to player.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from .vocabulary_saxsolo import ARTICULATIONS, FRAME_RATE

# cents by which a note may leave its pitch
BEND_LIMIT = 200.0


class Sounding(Protocol):
    """A note: seconds, MIDI pitch, loudness in [0, 1]."""

    @property
    def onset(self) -> float: ...
    @property
    def duration(self) -> float: ...
    @property
    def pitch(self) -> int: ...
    @property
    def loudness(self) -> float: ...


@dataclass(frozen=True)
class Player:
    """Habits of a player: depths in cents, rates in hertz, shares in [0, 1] of the notes that can
    have each kind. Whether a note is slurred or short follows from the notes around it; the share
    is how many of those are played so."""

    vibrato_depth: float
    vibrato_rate: float
    vibrato_share: float
    scoop_share: float
    fall_share: float
    bend_share: float
    ghost_share: float
    growl_share: float
    subtone_share: float
    glide_share: float
    tuning: float
    softest: int
    loudest: int
    slur_gap: float
    slurred_share: float = 1.0
    short_share: float = 1.0

    @classmethod
    def draw(cls, rng: np.random.Generator, feel: str) -> Player:
        """A player; ballads have more vibrato, scoops and sub-tone."""
        ballad = feel == "ballad"
        slow = 1.6 if ballad else 1.0
        return cls(
            vibrato_depth=float(rng.uniform(8, 32)) * (1.3 if ballad else 1.0),
            vibrato_rate=float(rng.uniform(4.5, 6.5)),
            vibrato_share=float(rng.uniform(0.5, 1.0)),
            scoop_share=float(rng.uniform(0.03, 0.25)) * slow,
            fall_share=float(rng.uniform(0.02, 0.25)),
            bend_share=float(rng.uniform(0.0, 0.12)) * slow,
            ghost_share=float(rng.uniform(0.0, 0.12)),
            growl_share=float(rng.uniform(0.05, 0.3)) if rng.random() < 0.25 else 0.0,
            subtone_share=float(rng.uniform(0.2, 0.7)) * (1.0 if ballad else 0.4),
            glide_share=float(rng.uniform(0.05, 0.5)),
            tuning=float(rng.normal(0, 6)),
            softest=int(rng.integers(40, 66)),
            loudest=int(rng.integers(108, 127)),
            slur_gap=float(rng.uniform(0.025, 0.06)),
        )


@dataclass(frozen=True)
class PlayedNote:
    """One note as it was played: the truth beside the audio.

    Attributes:
        onset, duration: seconds; pitch: MIDI number; velocity: of the key.
        attack: "tongued", "short" or "slurred".
        centre: cents from the pitch; vibrato and all that follows is added to it.
        vibrato_depth: cents either way, 0 = none; vibrato_rate: hertz; vibrato_start: seconds
            after the onset, from where it grows for a quarter of a second.
        scoop: cents below at the beginning; fall: cents below at the end; bend: cents below in the
            middle; glide: cents that are left of the note before; each with its length in seconds.
        ghost: dB below what the velocity says; swell: dB from beginning to end.
        growl: depth of the beating, 0..1; subtone: share, 0..1.
    """

    onset: float
    duration: float
    pitch: int
    velocity: int
    attack: str
    centre: float
    vibrato_depth: float = 0.0
    vibrato_rate: float = 0.0
    vibrato_start: float = 0.0
    scoop: float = 0.0
    scoop_length: float = 0.0
    fall: float = 0.0
    fall_length: float = 0.0
    bend: float = 0.0
    bend_start: float = 0.0
    bend_length: float = 0.0
    glide: float = 0.0
    glide_length: float = 0.0
    ghost: float = 0.0
    swell: float = 0.0
    growl: float = 0.0
    subtone: float = 0.0

    def cents(self, at: np.ndarray) -> np.ndarray:
        """Cents from the pitch, `at` seconds after the onset."""
        cents = np.full(len(at), self.centre)
        if self.vibrato_depth:
            since = np.maximum(0, at - self.vibrato_start)
            swell = np.clip(since / 0.25, 0, 1)
            cents += self.vibrato_depth * swell * np.sin(2 * np.pi * self.vibrato_rate * since)
        if self.scoop:
            cents -= self.scoop * (1 - np.clip(at / self.scoop_length, 0, 1)) ** 1.5
        if self.glide:
            cents += self.glide * (1 - np.clip(at / self.glide_length, 0, 1))
        if self.fall:
            since = at - self.duration + self.fall_length
            cents -= self.fall * np.clip(since / self.fall_length, 0, 1) ** 1.5
        if self.bend:
            inside = np.clip((at - self.bend_start) / self.bend_length, 0, 1)
            cents -= self.bend * np.sin(np.pi * inside) ** 2
        limited: np.ndarray = np.clip(cents, -BEND_LIMIT, BEND_LIMIT)
        return limited

    def row(self) -> dict[str, Any]:
        """For the truth: what is 0 is left out."""
        values = asdict(self)
        kept = ("onset", "duration", "pitch", "velocity", "attack")
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in values.items()
            if value or name in kept
        }


def interpret(
    notes: Sequence[Sounding], player: Player, rng: np.random.Generator
) -> list[PlayedNote]:
    """What the player makes of the notes."""
    played = []
    for index, note in enumerate(notes):
        before = notes[index - 1] if index else None
        after = notes[index + 1] if index + 1 < len(notes) else None
        played.append(interpreted(before, note, after, player, rng))
    return played


def interpreted(
    before: Sounding | None,
    note: Sounding,
    after: Sounding | None,
    player: Player,
    rng: np.random.Generator,
) -> PlayedNote:
    """What the player makes of one note between its neighbours, None where there is none."""
    gap = np.inf if before is None else note.onset - before.onset - before.duration
    rest = np.inf if after is None else after.onset - note.onset - note.duration
    velocity = player.softest + (player.loudest - player.softest) * note.loudness
    length = note.duration
    draws = rng.random(8)
    slurred = before is not None and gap < player.slur_gap and before.pitch != note.pitch
    slurred = slurred and draws[7] < player.slurred_share
    short = length < 0.09 and draws[7] < player.short_share
    attack = "slurred" if slurred else "short" if short else "tongued"
    more: dict[str, float] = {}
    start = float(rng.uniform(0.1, 0.3))
    if length > start + 0.15 and draws[0] < player.vibrato_share:
        more["vibrato_depth"] = player.vibrato_depth * float(rng.uniform(0.5, 1.4))
        more["vibrato_rate"] = player.vibrato_rate * float(rng.uniform(0.94, 1.06))
        more["vibrato_start"] = start
    if slurred and before is not None:
        interval = 100.0 * (before.pitch - note.pitch)
        if abs(interval) <= BEND_LIMIT and length > 0.1 and draws[1] < player.glide_share:
            more["glide"] = interval * float(rng.uniform(0.4, 0.9))
            more["glide_length"] = float(rng.uniform(0.02, 0.06))
    elif length > 0.14 and gap > 0.08 and draws[1] < player.scoop_share:
        more["scoop"] = float(rng.uniform(40, 190))
        more["scoop_length"] = min(float(rng.uniform(0.04, 0.14)), 0.6 * length)
    if length > 0.2 and rest > 0.15 and draws[2] < player.fall_share:
        more["fall"] = float(rng.uniform(80, 200))
        more["fall_length"] = min(0.5 * length, float(rng.uniform(0.08, 0.25)))
    elif length > 0.35 and draws[3] < player.bend_share:
        more["bend"] = float(rng.uniform(40, 150))
        more["bend_length"] = float(rng.uniform(0.12, min(0.3, length - 0.15)))
        more["bend_start"] = float(rng.uniform(0.05, length - 0.05 - more["bend_length"]))
    if length < 0.2 and draws[4] < player.ghost_share:
        more["ghost"] = float(rng.uniform(6, 16))
    if length > 0.4:
        more["swell"] = float(rng.normal(0, 3))
    if length > 0.15 and draws[5] < player.growl_share:
        more["growl"] = float(rng.uniform(0.2, 0.7))
    elif note.pitch < 62 and draws[6] < player.subtone_share:
        more["subtone"] = float(rng.uniform(0.4, 1.0))
    return PlayedNote(
        onset=note.onset,
        duration=max(length, 0.03),
        pitch=note.pitch,
        velocity=int(np.clip(velocity + rng.normal(0, 4), 25, 127)),
        attack=attack,
        centre=player.tuning + float(rng.normal(0, 4)),
        **more,
    )


def mark(frames: np.ndarray, note: PlayedNote) -> None:
    """Sets the bits of a note in its frames, in place, 50 a second.

    Vibrato, fall and bend are set where they are heard, since nothing else tells a model when a
    fall begins; all others over the whole note.
    """
    whole = (0.0, note.duration)
    spans = {
        "slurred": whole if note.attack == "slurred" else None,
        "short": whole if note.attack == "short" else None,
        "vibrato": (note.vibrato_start, note.duration) if note.vibrato_depth else None,
        "scoop": whole if note.scoop else None,
        "fall": (note.duration - note.fall_length, note.duration) if note.fall else None,
        "bend": (note.bend_start, note.bend_start + note.bend_length) if note.bend else None,
        "glide": whole if note.glide else None,
        "ghost": whole if note.ghost else None,
        "growl": whole if note.growl else None,
        "subtone": whole if note.subtone else None,
    }
    for name, span in spans.items():
        if span is None:
            continue
        first, last = (round(second * FRAME_RATE) for second in span)
        # rounding must not lose a fall in the last frame
        first = min(first, len(frames) - 1)
        last = len(frames) if span[1] == note.duration else max(first + 1, last)
        frames[first:last] |= 1 << ARTICULATIONS.index(name)
