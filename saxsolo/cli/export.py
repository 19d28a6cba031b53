"""`saxsolo export`: a finished run as a folder to share."""

from pathlib import Path
from typing import Annotated

import typer

from .options import assigned, quiet_libraries


def export(
    final: Annotated[Path, typer.Argument(metavar="FINAL", help="The final/ folder of a run.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make or to replace.")],
    codec: Annotated[str, typer.Option(help="Folder of the codec as seen from OUT.")] = (
        "../saxcodec-32khz"
    ),
    ear: Annotated[str, typer.Option(help="Folder of the ear as seen from OUT.")] = (
        "../saxsolo-ear"
    ),
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="How to sample, into generation_config.json; may be repeated.",
        ),
    ] = None,
) -> None:
    """Turn a finished run into one folder: weights, code, processor, figures, how to sample.

    The weights are one bf16 safetensors file; the processor refers to codec and ear in place of
    copies. For example: saxsolo export runs/mine/final checkpoints/mine --set temperature=1.0
    --set guidance_scale=2.0 --set plan_frames=150.
    """
    sampling = assigned(values or [])
    quiet_libraries()
    from saxsolo.training.export import export_run

    print(export_run(final, out, codec, sampling, ear))
