"""A token corpus as it stands on the Hub: the Parquet shards as they are, with their data card.

`push_to_hub` of datasets is not used: it would write the shards anew, without page checksums.
"""

from pathlib import Path

from saxsolo.errors import PublishError

from .folder import copy_files

# what an earlier commit may hold that this one replaces
DATASET_FILES = ["data/*.parquet"]
_DESCRIBING = ("README.md", "tokens.json")


def lay_out_dataset(folder: Path, source: Path | None, accept_rights: bool = False) -> None:
    """Fills `folder` with the shards that tokens.json names, each checked against its sha256.

    Args:
        source: what `saxsolo corpus build` or `saxsolo corpus tokenise` wrote.
        accept_rights: also rows whose licence nobody has stated.

    Raises:
        PublishError: no corpus, a missing or damaged shard, rows without a licence.
    """
    if source is None:
        raise PublishError("--from is missing: name the folder of tokens (saxsolo corpus tokenise)")
    from saxsolo.corpus.tokens.checks import TokensError, check_shards, unstated_rows

    tokens = source / "tokens" if (source / "tokens" / "tokens.json").exists() else source
    try:
        names = check_shards(tokens)
        unstated = unstated_rows(tokens, names)
    except (TokensError, OSError) as error:
        raise PublishError(str(error)) from error
    if unstated and not accept_rights:
        raise PublishError(
            f"{tokens}: {unstated} rows come from recordings whose licence nobody has stated; "
            "leave them out, or publish on your own account with --accept-rights"
        )
    copy_files(tokens, folder, [*_DESCRIBING, *names])
