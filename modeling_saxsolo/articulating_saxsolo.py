"""How the notes of a batch of solos are played, while `generate()` plays them."""

from typing import Any

import numpy as np
import torch

from .configuration_saxsolo import SaxsoloConfig
from .habits_saxsolo import FREE_HABITS, PLAYER, Articulator, Habits
from .vocabulary_saxsolo import UNKNOWN_ARTICULATION


def checked_habits(config: SaxsoloConfig, text: str | None) -> Habits | None:
    """What is asked for, a player's habits where nothing is; None for nothing to tell.

    Raises:
        ValueError: for what cannot be read, and for kinds that the model does not know.
    """
    if not config.articulations:
        if text not in (None, FREE_HABITS):
            raise ValueError(
                f"articulation {text!r}: this model knows no articulations; leave it out."
            )
        return None
    habits = Habits.parse(PLAYER if text is None else text)
    unknown = [name for name in habits.shares if name not in config.articulations]
    if unknown:
        raise ValueError(
            f"articulation {', '.join(unknown)}: this model knows "
            f"{', '.join(config.articulations)} alone."
        )
    return None if habits.base == FREE_HABITS else habits


class Articulation:
    """Fills "articulation" (B, T) of the inputs of `generate`, where the caller left it open.

    Args:
        inputs: of `generate`, changed in place.
        seed: of the drawing, which is its own: notes and codes are drawn as without.
    """

    def __init__(self, config: SaxsoloConfig, habits: Habits, inputs: dict[str, Any], seed: int):
        codes, given = inputs["backing_codes"], inputs["articulation"]
        self.inputs = inputs
        if given is None:
            given = codes.new_full((len(codes), codes.shape[-1]), UNKNOWN_ARTICULATION)
        self.given = given
        self.masks = np.full(tuple(given.shape), UNKNOWN_ARTICULATION)
        inputs["articulation"] = given.clone()
        self.rows = [
            Articulator(habits, (seed, row), _feel(config, inputs["condition_ids"], row))
            for row in range(len(codes))
        ]

    def tell(self, score: torch.Tensor, step: int, stop: int) -> None:
        """Decides the notes that begin in [step, stop).

        Args:
            score: (B, t) score tokens, t >= stop, as far as they are known.
        """
        tokens = score[:, : self.masks.shape[1]].cpu().numpy()
        stop = min(stop, tokens.shape[1])
        for row, masks, notes in zip(self.rows, self.masks, tokens, strict=True):
            row.tell(masks, notes, step, stop)
        told = torch.from_numpy(self.masks).to(self.given)
        self.inputs["articulation"].copy_(torch.where(self.given >= 0, self.given, told))


def _feel(config: SaxsoloConfig, ids: torch.Tensor | None, row: int) -> str:
    names = list(config.conditions or {})
    if ids is None or "feel" not in names:
        return ""
    chosen = int(ids[row, names.index("feel")])
    return (config.conditions or {})["feel"][chosen] if chosen >= 0 else ""
