"""A token corpus as it stands on the Hub: the Parquet shards as they are, with their data card."""

from pathlib import Path

from ..errors import PublishError
from .folder import copy_files

DATASET_FILES = ["data/*.parquet"]


def lay_out_dataset(folder: Path, source: Path | None) -> None:
    """Fills `folder` with the shards that tokens.json names, each checked against its sha256.

    Args:
        source: what `saxsolo corpus tokenise` wrote.

    Raises:
        PublishError: no corpus, a missing or damaged shard.
    """
    if source is None:
        raise PublishError("--from is missing: name the folder of tokens (saxsolo corpus tokenise)")
    from dataset_scripts.token_checks import TokensError, read_layout, sha256_of

    try:
        layout = read_layout(source)
        shards = [name for split in layout.rows for name in layout.shards(split, source)]
        for name in shards:
            if sha256_of(source / name) != layout.sha256[name]:
                raise PublishError(f"{source / name} is damaged; make the tokens again")
    except (TokensError, OSError) as error:
        raise PublishError(str(error)) from error
    copy_files(source, folder, ["README.md", "tokens.json", *shards])
