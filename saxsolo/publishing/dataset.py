"""A token corpus as it stands on the Hub: the Parquet shards as they are, with their data card."""

from pathlib import Path

from saxsolo.errors import PublishError

from .folder import copy_files

DATASET_FILES = ["data/*.parquet"]


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
    from saxsolo.corpus.tokens.checks import TokensError
    from saxsolo.corpus.tokens.push import PushError, files_to_send

    try:
        tokens, names = files_to_send(source, accept_rights)
    except (TokensError, PushError, OSError) as error:
        raise PublishError(str(error)) from error
    copy_files(tokens, folder, names)
