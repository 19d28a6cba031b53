"""`saxsolo codec` and `saxsolo info`: what the codec does to a sound, and what is installed."""

import json
from pathlib import Path
from typing import Annotated

import typer

from .options import CheckpointOption, CodecOption, DeviceOption, print_notes, quiet_libraries


def codec(
    sound: Annotated[Path, typer.Argument(metavar="IN", help="WAV, FLAC, OGG, MP3, M4A, ...")],
    out: Annotated[Path, typer.Option(help="WAV file to write.")],
    codec: CodecOption = None,
    device: DeviceOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take what is there of a file that breaks off.")
    ] = False,
) -> None:
    """Encode and decode IN: what the codec alone does to a sound."""
    from saxsolo.atomic import refuse_overwriting
    from saxsolo.audio.files import open_sound
    from saxsolo.progress_bar import Progress

    source = open_sound(sound, partial=force)
    print_notes(source.notes)
    refuse_overwriting([out], [sound])
    quiet_libraries()
    from saxsolo.device import checked_device
    from saxsolo.playing.round_trip import round_trip

    place = checked_device(device)
    with Progress("coding") as progress:
        print(round_trip(source, out, codec=codec, device=place, progress=progress))


def info(
    checkpoint: CheckpointOption = None,
    codec: CodecOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What is installed, which model and codec play, on what, under which licences."""
    quiet_libraries()
    from saxsolo.playing.info import as_text, gather

    facts = gather(checkpoint, codec)
    print(json.dumps(facts, indent=2) if as_json else as_text(facts))
