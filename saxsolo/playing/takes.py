"""Several takes over one backing, the best fit to its chords first."""

from __future__ import annotations

from typing import Any

from saxsolo.audio.files import Sound
from saxsolo.device import checked_device
from saxsolo.errors import SettingError
from saxsolo.weights.loading import Place, Player, load_player

from .performance import improvise
from .rendered_band import RenderedBand
from .take import Take


def improvise_takes(
    backing: Sound | RenderedBand,
    takes: int,
    *,
    checkpoint: Place | None = None,
    codec: Place | None = None,
    device: str | None = None,
    player: Player | None = None,
    **arguments: Any,
) -> list[Take]:
    """Several takes with seeds one after another, the one that fits its chords best first.

    Each is what `improvise` plays with its seed; `take.run["fit"]["value"]` is what they are sorted
    by, see `take_fit`.

    Args:
        backing: as in `improvise`, a path where there are several takes of one file.
        takes: how many.
        checkpoint, codec, device, player, **arguments: as in `improvise`.

    Raises:
        SaxsoloError: as `improvise`.
    """
    if takes < 1:
        raise SettingError(f"{takes} takes: give 1 or more")
    player = player or load_player(checkpoint, codec, checked_device(device))
    seed = int(arguments.pop("seed", 0))
    played = [
        improvise(backing, player=player, seed=seed + number, **arguments)
        for number in range(takes)
    ]
    return sorted(played, key=lambda take: -take.run["fit"]["value"] if take.run["fit"] else 9.0)
