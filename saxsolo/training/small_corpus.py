"""A corpus too small to come with a split: some of its recordings are held out."""

import hashlib
from collections.abc import Sequence

from saxsolo.corpus.scores.splits import title_key
from saxsolo.corpus.tokens.score_rows import Row

# of the recordings, and one at least
HELD_OUT = 0.1


def recording_of(row: Row) -> str:
    """The recording that a clip is of, as far as performer and title tell: its keys, tempi and
    windows are one."""
    return f"{row['performer']}\n{title_key(str(row['title']))}"


def split_by_recording(rows: Sequence[Row], split: str = "validation") -> list[Row]:
    """The rows, each in the split "train" or `split`: whole recordings, a tenth and at least one.

    The same recordings are held out every time. A single one is trained on; nothing is held out.

    Args:
        rows: of a corpus without that split.
    """
    names = sorted({recording_of(row) for row in rows}, key=_shuffled)
    held_out = set(names[: max(1, round(HELD_OUT * len(names)))] if len(names) > 1 else [])
    return [{**row, "split": split if recording_of(row) in held_out else "train"} for row in rows]


def _shuffled(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
