"""Which model the page plays: the one in checkpoints/, or one on the Hub at a fixed revision.

A Space without weights of its own holds model.json beside app.py:

    {"repo": "owner/name", "revision": "40 hexadecimal digits"}
"""

import json
import re
from pathlib import Path

from huggingface_hub import snapshot_download

from saxsolo.errors import CheckpointError

MODEL = Path(__file__).resolve().parents[1] / "model.json"
PATTERNS = ["*.json", "*.safetensors", "codec/*.json", "codec/*.safetensors"]


def place_of_model(described: Path = MODEL) -> Path | None:
    """Folder of the model; None for the default one.

    Args:
        described: the file that names the model and its revision.

    Raises:
        CheckpointError: the revision is a branch or a tag, or the Hub cannot be reached.
    """
    if not described.is_file():
        return None
    try:
        model = json.loads(described.read_text(encoding="utf-8"))
        repo, revision = model["repo"], model["revision"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{described.name} does not name repo and revision") from error
    if not re.fullmatch(r"[0-9a-f]{40}", str(revision)):
        raise CheckpointError(
            f"{described.name}: revision {revision!r} is not a commit; "
            "write its 40 hexadecimal digits"
        )
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=PATTERNS))
    except Exception as error:
        # the Hub's client has many errors of its own
        raise CheckpointError(
            f"cannot download {repo} from the Hub: {type(error).__name__}"
        ) from error
