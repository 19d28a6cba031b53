"""`saxsolo export`: a finished run as a folder to share."""

from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from saxsolo.errors import SettingError

from .options import CheckpointOption, assigned, quiet_libraries


class Format(StrEnum):
    """What is made."""

    checkpoint = "checkpoint"
    onnx = "onnx"


def export(
    final: Annotated[
        Path | None, typer.Argument(metavar="FINAL", help="The final/ folder of a run.")
    ] = None,
    out: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="Folder to make or to replace.")
    ] = None,
    codec: Annotated[str, typer.Option(help="Folder of the codec as seen from OUT.")] = (
        "../saxcodec-44khz"
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
    to: Annotated[
        Format, typer.Option("--format", help="A checkpoint, or graphs that play without torch.")
    ] = Format.checkpoint,
    onnx_out: Annotated[
        Path | None, typer.Option("--out", help="With --format onnx: folder to make.")
    ] = None,
    checkpoint: CheckpointOption = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="With --format onnx: matrices in eight bits.")
    ] = False,
) -> None:
    """Turn a finished run into one folder: weights, code, processor, figures, how to sample.

    The weights are one bf16 safetensors file; the processor refers to codec and ear in place of
    copies. For example: saxsolo export runs/mine/final checkpoints/mine --set temperature=1.0
    --set guidance_scale=2.0 --set plan_frames=150.

    --format onnx --out DIR writes the model of --checkpoint as ONNX graphs with programs that play
    from that folder alone: python DIR/play.py BACKING --out solo.wav.
    """
    if to is Format.onnx:
        _onnx(onnx_out or out or final, checkpoint, int8)
        return
    if final is None or out is None:
        raise SettingError("export needs the final/ folder of a run and a folder to make")
    sampling = assigned(values or [])
    quiet_libraries()
    from saxsolo.training.export import export_run

    print(export_run(final, out, codec, sampling, ear))


def _onnx(out: Path | None, checkpoint: str | None, int8: bool) -> None:
    if out is None:
        raise SettingError("export --format onnx needs a folder to make: give --out DIR")
    quiet_libraries()
    from saxsolo.extras import missing_extra
    from saxsolo.publishing.onnx_export import export_onnx
    from saxsolo.weights.loading import load_player

    for library in ("onnx", "onnxruntime"):
        if find_spec(library) is None:
            raise SettingError(missing_extra(library, "onnx"))
    graphs = export_onnx(load_player(checkpoint, device="cpu"), out, int8)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {len(graphs)} graphs, {size / 1e6:.1f} MB")
