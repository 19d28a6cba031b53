"""`saxsolo measure voicing`: whether solos sound the notes that were planned."""

from pathlib import Path
from typing import Annotated

import typer

from .errors import needs
from .options import CheckpointOption, CodecOption, SecondsOption, quiet_libraries


@needs("evaluate")
def voicing(
    tracks: Annotated[
        Path, typer.Option(help="Folder of tracks, as `saxsolo measure fit` takes them.")
    ],
    checkpoint: CheckpointOption = None,
    codec: CodecOption = None,
    limit: Annotated[int, typer.Option(help="Tracks, evenly spaced; 0 takes all.")] = 6,
    seconds: SecondsOption = 20.0,
    seed: Annotated[int, typer.Option(help="Of every solo.")] = 1,
) -> None:
    """Whether solos sound the notes that were planned, and rest where none was."""
    quiet_libraries()
    import torch

    from saxsolo.evaluation.ear_report import evenly_spaced, read_sounds
    from saxsolo.evaluation.voicing import voicing_over_tracks, voicing_table
    from saxsolo.weights.loading import load_player

    torch.set_num_threads(1)
    chosen = evenly_spaced(read_sounds(tracks), limit)
    rows = voicing_over_tracks(load_player(checkpoint, codec), chosen, seconds, seed)
    print(f"{len(rows)} tracks of {seconds:g} s\n")
    print(voicing_table(rows))
