"""`saxsolo measure votes`: what listeners said in a blind test."""

from pathlib import Path
from typing import Annotated

import typer

from .errors import needs


@needs("evaluate")
def votes(
    files: Annotated[list[Path], typer.Argument(metavar="VOTES.json...", help="As saved.")],
    key: Annotated[Path, typer.Option(help="key.json of the kit.")],
) -> None:
    """How often listeners of a blind test recognised the human, with exact intervals."""
    from saxsolo.evaluation.votes import count_votes, votes_text

    print(votes_text(count_votes(files, key)))
