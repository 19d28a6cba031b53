"""`saxsolo measure articulations`: whether notes sound as they are asked to be played."""

from pathlib import Path
from typing import Annotated

import typer

from saxsolo.errors import SettingError

from .errors import needs
from .options import CheckpointOption, CodecOption, Split, SplitOption, quiet_libraries


@needs("evaluate")
def articulations(
    solos: Annotated[Path, typer.Option(help="Folder of `saxsolo corpus solos`.")],
    checkpoint: CheckpointOption = None,
    codec: CodecOption = None,
    split: SplitOption = Split.validation,
    limit: Annotated[int, typer.Option(help="Solos, evenly spaced; 0 takes all.")] = 4,
    seconds: Annotated[float, typer.Option(help="Of the beginning of each solo.")] = 30.0,
    kinds: Annotated[
        str | None, typer.Option(help="scoop,fall,...", show_default="all that are measured")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is asked for and of the codes.")] = 1,
    truth_only: Annotated[
        bool, typer.Option("--truth-only", help="The renders and the codec, not the model.")
    ] = False,
    save: Annotated[Path | None, typer.Option(help="JSON file for the model's figures.")] = None,
) -> None:
    """Whether a note that is asked to scoop, fall, vibrate ... does so in the sound.

    First in the renders, where it is known, then in what the codec makes of them, then in what the
    model plays: each note against itself without.
    """
    quiet_libraries()
    import torch

    from saxsolo.atomic import replacing
    from saxsolo.evaluation.articulation_effects import (
        effects_json,
        effects_table,
        model_effects,
        read_solos,
        truth_effects,
    )
    from saxsolo.evaluation.articulation_sound import FIGURES
    from saxsolo.weights.loading import load_player

    torch.set_num_threads(1)
    wanted = list(FIGURES) if kinds is None else [kind.strip() for kind in kinds.split(",")]
    for kind in wanted:
        if kind not in FIGURES:
            raise SettingError(f"--kinds {kind!r} is none of {', '.join(FIGURES)}")
    found = read_solos(solos, split.value, limit, seconds)
    print(f"{len(found)} solos of {seconds:g} s\n")
    print("\n".join(effects_table("render", truth_effects(found, wanted))), flush=True)
    player = load_player(checkpoint, codec)
    print()
    print("\n".join(effects_table("codec", truth_effects(found, wanted, player))), flush=True)
    if truth_only:
        return
    effects = model_effects(player, found, wanted, seed)
    print()
    print("\n".join(effects_table("model", effects)))
    if save is not None:
        with replacing(save) as (partial,):
            partial.write_text(effects_json(effects) + "\n", encoding="utf-8")
