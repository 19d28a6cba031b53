"""Which model the Space plays: the one in checkpoints/, or one on the Hub at a fixed revision.

A Space that is laid out without weights holds model.json beside app.py:

    {"repo": "owner/name", "revision": "40 hexadecimal digits"}
"""

import json
import re
from pathlib import Path

from huggingface_hub import snapshot_download

from saxsolo.assets import asset
from saxsolo.errors import CheckpointError

MODEL = asset("model.json")
PATTERNS = ["*.json", "*.safetensors", "codec/*.json", "codec/*.safetensors"]


def place_of_model(described: Path = MODEL) -> Path | None:
    """Folder of the model; None for the default one.

    Args:
        described: the file that names model and revision.

    Raises:
        CheckpointError: a revision that can move (a branch, a tag), or a Hub that does not answer.
    """
    if not described.is_file():
        return None
    try:
        wanted = json.loads(described.read_text(encoding="utf-8"))
        repo, revision = wanted["repo"], wanted["revision"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{described.name} names no repo and revision") from error
    if not re.fullmatch(r"[0-9a-f]{40}", str(revision)):
        raise CheckpointError(
            f"{described.name}: revision {revision!r} may move; write the commit's 40 digits"
        )
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=PATTERNS))
    except Exception as error:
        # the Hub's client has many errors of its own
        raise CheckpointError(f"the Hub did not give {repo}: {type(error).__name__}") from error
