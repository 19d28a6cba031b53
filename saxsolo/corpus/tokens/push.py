"""A token corpus -> the Hub: Parquet shards as they are, with their data card.

    saxsolo corpus push CORPUS user/jazz-sax-tokens [--private] [--revision main] [--dry-run]

CORPUS is what `saxsolo corpus build` or `saxsolo corpus tokenise` wrote. Every shard is checked
against tokens.json before anything is sent, and what the Hub then lists is checked after.
`push_to_hub` of datasets is not used: it would write the shards anew, without page checksums.
"""

from __future__ import annotations

from pathlib import Path

_UNSTATED = ("not stated", "")
_DESCRIBING = ("README.md", "tokens.json")


class PushError(ValueError):
    """A corpus that must not be, or cannot be, published."""


def push(
    corpus: Path,
    repository: str,
    *,
    private: bool = False,
    revision: str | None = None,
    accept_rights: bool = False,
    dry_run: bool = False,
) -> str:
    """Sends the corpus in one commit; returns its URL.

    Args:
        repository: user/name. accept_rights: publish rows whose licence nobody has stated.
        dry_run: check all, send nothing, and return what would be sent.

    Raises:
        TokensError: no corpus, a damaged or missing shard.
        PushError: rows without a licence, or a Hub that says no.
    """
    folder, sent = files_to_send(corpus, accept_rights)
    if dry_run:
        lines = [f"{name}  {(folder / name).stat().st_size} bytes" for name in sent]
        return "\n".join([f"{folder} is whole; to {repository} would go:", *lines])
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    api = HfApi()
    try:
        api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            revision=revision,
            allow_patterns=sent,
            # shards of an earlier corpus must not stay beside these
            delete_patterns=["data/*.parquet"],
            commit_message="Token corpus",
        )
        listed = api.list_repo_files(repository, repo_type="dataset", revision=revision)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise PushError(
            f"the Hub did not take {repository}: {error}; log in with `hf auth login`, or give "
            f"HF_TOKEN a token that may write"
        ) from error
    missing = sorted(set(sent) - set(listed))
    if missing:
        raise PushError(f"{repository} lacks {missing[0]} after the push; push again")
    return str(commit.commit_url)


def files_to_send(corpus: Path, accept_rights: bool) -> tuple[Path, list[str]]:
    """The folder of tokens, and the files in it that may be published, all checked.

    Raises:
        TokensError: no corpus, a damaged or missing shard.
        PushError: rows without a licence.
    """
    folder = corpus / "tokens" if (corpus / "tokens" / "tokens.json").exists() else corpus
    names = check_shards(folder)
    unstated = unstated_rows(folder, names)
    if unstated and not accept_rights:
        raise PushError(
            f"{folder}: {unstated} rows come from recordings whose licence nobody has stated; "
            f"leave them out, or publish on your own account with --accept-rights"
        )
    return folder, [*_DESCRIBING, *names]


def check_shards(folder: Path) -> list[str]:
    """Names of all shards, each with the sha256 that tokens.json names. Raises `TokensError`."""
    from .checks import TokensError, read_layout, sha256_of

    layout = read_layout(folder)
    names = [name for split in layout.rows for name in layout.shards(split, folder)]
    for name in names:
        if sha256_of(folder / name) != layout.sha256[name]:
            raise TokensError(f"{folder / name} is damaged; build the corpus again")
    return names


def unstated_rows(folder: Path, names: list[str]) -> int:
    """How many rows have no stated licence; all of a shard that has no such column."""
    import pyarrow.parquet as pq

    count = 0
    for name in names:
        shard = pq.ParquetFile(folder / name)
        if "licence" in shard.schema_arrow.names:
            licences = shard.read(columns=["licence"])["licence"].to_pylist()
            count += sum(one in _UNSTATED for one in licences)
        else:
            count += shard.metadata.num_rows
    return count
