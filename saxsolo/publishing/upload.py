"""Sending a folder to the Hub in one commit; each way to fail in one line."""

import os
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import httpx

from saxsolo.errors import PublishError

REASONS = {
    401: "it does not know the token; `hf auth login`, or put a valid one into HF_TOKEN",
    403: "the token may not write there; make one with write access to it",
    404: "there is no such place, or the token may not see it",
}


def need_token() -> None:
    """Makes sure, before the work, that there is a token.

    Raises:
        PublishError: when there is none.
    """
    if not get_token():
        raise PublishError("there is no token for the Hub; `hf auth login`, or set HF_TOKEN")


def upload(
    folder: Path,
    repository: str,
    kind: str,
    files: dict[str, int],
    stale: list[str],
    private: bool = False,
    revision: str | None = None,
) -> str:
    """Makes the repository where it is missing, sends the folder, sees that all of it arrived.

    Args:
        kind: "model", "dataset" or "space".
        files: paths that must be there in the end.
        stale: patterns of files of an earlier commit that go unless they are sent anew.
        private, revision: see `publish`.

    Returns:
        The URL of the commit.

    Raises:
        PublishError: with what the Hub said.
    """
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=get_token())
    where: dict[str, Any] = {"repo_id": repository, "repo_type": kind}
    try:
        sdk: dict[str, Any] = {"space_sdk": "gradio"} if kind == "space" else {}
        # private=None leaves the choice to the account's own default
        api.create_repo(**where, private=private or None, exist_ok=True, **sdk)
        if revision is not None:
            api.create_branch(**where, branch=revision, exist_ok=True)
        commit = api.upload_folder(
            **where,
            folder_path=folder,
            revision=revision,
            commit_message=f"Publish the {kind}",
            delete_patterns=stale,
        )
        there = set(api.list_repo_files(**where, revision=revision))
    except HfHubHTTPError as error:
        raise PublishError(f"the Hub refused {repository}: {_reason(error)}") from error
    except (httpx.HTTPError, OSError) as error:
        raise PublishError(
            f"the Hub was not reached to the end ({error or type(error).__name__}); "
            f"{repository} is as it was before, or whole: publish again"
        ) from error
    except ValueError as error:
        # what the Hub's check of the metadata says
        raise PublishError(f"the Hub refused {repository}: {error}") from error
    missing = sorted(set(files) - there)
    if missing:
        raise PublishError(f"{repository} lacks {missing[0]} after the upload; publish again")
    return str(commit.commit_url)


def _reason(error: HfHubHTTPError) -> str:
    status = error.response.status_code if error.response is not None else None
    if status in REASONS:
        return f"{REASONS[status]} ({status})"
    return f"{error.server_message or error} ({status})"
