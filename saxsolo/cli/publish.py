"""`saxsolo publish`: a model, tokens or the Space to the Hub."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import quiet_libraries

if TYPE_CHECKING:
    from saxsolo.publishing import Published


class Kind(StrEnum):
    """What is published."""

    model = "model"
    dataset = "dataset"
    space = "space"


def publish(
    kind: Annotated[Kind, typer.Argument(metavar="model|dataset|space", help="What.")],
    repository: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hub.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder of a checkpoint, of tokens, of a Space.",
            show_default="the project's own",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Lay out and check, send nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Leave what is laid out in this new folder.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="If it is made now.")] = False,
    revision: Annotated[str | None, typer.Option(help="Branch.", show_default="main")] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card.", show_default="FROM's or the project's")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Hub id of the tokens the model learnt from, for its card.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="OWNER/NAME@COMMIT: what a Space plays.", show_default="the weights go along"
        ),
    ] = None,
    accept_rights: Annotated[
        bool, typer.Option("--accept-rights", help="Also rows whose licence nobody has stated.")
    ] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Of a model: graphs that play without torch too.")
    ] = False,
) -> None:
    """Lay out a folder as it will stand on the Hub, check it, send it in one commit."""
    quiet_libraries()
    from saxsolo.publishing import publish as send

    print_published(
        send(
            kind.value,
            repository,
            source,
            dry_run=dry_run,
            out=out,
            private=private,
            revision=revision,
            card=card,
            dataset=dataset,
            model=model,
            accept_rights=accept_rights,
            onnx=onnx,
        )
    )


def print_published(published: "Published") -> None:
    """Names and sizes of the files, and where they went."""
    for name, size in published.files.items():
        print(f"{size:>12,}  {name}")
    total = sum(published.files.values())
    print(f"{total:>12,}  bytes in {len(published.files)} files, checked", end="; ")
    print(published.url or "nothing was sent")
