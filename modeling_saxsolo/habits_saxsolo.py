"""How the notes of a solo are played, chosen note by note while the solo is made.

    "player"                  as a player's habits have it: drawn for the solo, as in training; but
                              sub-tone in ballads alone
    "none"                    tongued and slurred as the notes ask for, nothing else
    "free"                    the model is told nothing and does as it likes
    "scoop=0.3,vibrato=1"     a player's habits, but these kinds for so many of the notes that can
                              have them; "none,scoop=0.3": nothing but these

Each note is decided once, from the seed and the frame of its onset alone, so that the same solo
comes out whether it is played whole, window by window or block by block. NumPy alone.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .note_events_saxsolo import notes_of
from .player_saxsolo import Player, interpreted, mark
from .vocabulary_saxsolo import (
    ARTICULATIONS,
    FRAME_RATE,
    HOLD,
    LOWEST_PITCH,
    NUM_PITCHES,
    UNKNOWN_ARTICULATION,
)

PLAYER, NONE, FREE_HABITS = "player", "none", "free"
#: frames behind a window that its notes' ends and the rests after them may need
AHEAD = 4 * FRAME_RATE
# frames before a window in which a note is looked for that its first one may be slurred to
_BACK = FRAME_RATE
# these follow from the notes around; "none" keeps them
_OF_THE_NOTES = ("slurred", "short")


@dataclass(frozen=True)
class Habits:
    """What a solo is asked for.

    Attributes:
        base: "player", "none" or "free", for the kinds that `shares` does not name.
        shares: kind -> share of the notes that can have it, 0 to 1.
    """

    base: str = PLAYER
    shares: dict[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Habits":
        """Reads "player", "none", "free" or "scoop=0.3,fall=0.1", see above.

        Raises:
            ValueError: for an unknown word, and a share that is none.
        """
        words = [word.strip() for word in text.split(",")]
        base, shares = PLAYER, {}
        if words[0] in (PLAYER, NONE, FREE_HABITS):
            base = words.pop(0)
        for word in words:
            name, _, value = (part.strip() for part in word.partition("="))
            if name not in ARTICULATIONS:
                raise ValueError(
                    f"{word!r}: give player, none, free, or shares such as scoop=0.3 "
                    f"of {', '.join(ARTICULATIONS)}"
                )
            try:
                share = float(value)
            except ValueError:
                share = -1.0
            if not 0 <= share <= 1:
                raise ValueError(f"{word!r}: give a share from 0 to 1, such as {name}=0.3")
            if name in shares:
                raise ValueError(f"{name!r} is given twice; give it once")
            shares[name] = share
        if base == FREE_HABITS and shares:
            raise ValueError(f"{text!r}: free tells the model nothing; give none or player instead")
        return cls(base, shares)

    def __str__(self) -> str:
        """As `parse` reads it."""
        shares = [f"{name}={share!r}" for name, share in self.shares.items()]
        return ",".join([self.base, *shares])

    def player(self, rng: np.random.Generator, feel: str) -> Player:
        """A player with these habits."""
        player = Player.draw(rng, feel)
        shares = dict(self.shares)
        if feel != "ballad":
            # a single breathy note in a loud line sounds like a fault
            shares = {"subtone": 0.0} | shares
        if self.base == NONE:
            shares = {n: 0.0 for n in ARTICULATIONS if n not in _OF_THE_NOTES} | shares
        changed: dict[str, Any] = {f"{name}_share": share for name, share in shares.items()}
        return replace(player, **changed)


@dataclass(frozen=True)
class _Note:
    onset: float
    duration: float
    pitch: int
    loudness: float = 0.6


class Articulator:
    """Tells how the notes of one solo are played.

    Args:
        habits: other than "free".
        seed: whole numbers; the same ones play alike.
        feel: of the solo, "" = not known.
    """

    def __init__(self, habits: Habits, seed: tuple[int, ...], feel: str = ""):
        self.seed = seed
        self.player = habits.player(np.random.default_rng(seed), feel)

    def tell(
        self, masks: np.ndarray, score: np.ndarray, step: int, stop: int, origin: int = 0
    ) -> None:
        """Sets, in place, the masks (T,) of the notes that begin in [step, stop), to their ends,
        and of the rests between.

        Args:
            score: (t,) score tokens, t >= stop, as far behind `stop` as notes are known; other
                tokens than the score's are rests.
            origin: frames of the solo before the first of these.
        """
        first = max(0, step - _BACK)
        notes = [
            (first + note.start, first + note.end, note.pitch) for note in notes_of(score[first:])
        ]
        timed = [
            _Note((origin + start) / FRAME_RATE, (end - start) / FRAME_RATE, LOWEST_PITCH + pitch)
            for start, end, pitch in notes
        ]
        for index, (start, end, pitch) in enumerate(notes):
            if not step <= start < stop or score[start] == HOLD + pitch:
                continue
            rng = np.random.default_rng((*self.seed, origin + start))
            before = timed[index - 1] if index else None
            after = timed[index + 1] if index + 1 < len(timed) else None
            masks[start:end] = 0
            mark(masks[start:end], interpreted(before, timed[index], after, self.player, rng))
        for frame in np.flatnonzero(masks[step:stop] == UNKNOWN_ARTICULATION) + step:
            # a note that lasts longer than it was planned to goes on as it was
            held = frame > 0 and HOLD <= score[frame] < HOLD + NUM_PITCHES
            masks[frame] = masks[frame - 1] if held else 0
