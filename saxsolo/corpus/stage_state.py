"""What every stage leaves on disk for every recording: one small JSON file, written atomically.

    OUT/state/<stage>/<recording id>.json

A file says that the stage is through with the recording: with a result, or with the reason why the
recording is in quarantine. It counts only while the inputs are the same: `fingerprint` covers the
settings of the stage and of all before it. No file, or another fingerprint: the stage is to do.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from saxsolo.atomic import write_json
from saxsolo.config_model import ConfigModel

STAGES = ("download", "separate", "select", "augment", "tokenise")
SPARE_BYTES = 64 * 2**20


class ItemError(ValueError):
    """A recording that a stage cannot take; it goes into quarantine with this reason."""


class DiskFullError(OSError):
    """No room left: nobody's fault but the disk's, so the run stops and goes on later."""


class EngineError(RuntimeError):
    """Workers that die, again and again, before they get anything done."""


@dataclass(frozen=True)
class StageRecord:
    """What a stage made of a recording.

    Attributes:
        fingerprint: of its inputs. failed: reason, where it is in quarantine.
        result: what later stages read. losses: [[seconds, reason], ...] left out here.
        seconds: wall time that the stage took. processor_seconds: of all its threads.
    """

    stage: str
    id: str
    fingerprint: str
    failed: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    losses: list[Any] = field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0


def fingerprint(*parts: object) -> str:
    """16 hex digits over JSON-able settings (dataclasses and config models too)."""
    plain = json.dumps(parts, sort_keys=True, default=_plain)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _plain(settings: Any) -> dict[str, Any]:
    return settings.model_dump() if isinstance(settings, ConfigModel) else asdict(settings)


def read_record(out: Path, stage: str, item: str, wanted: str | None = None) -> StageRecord | None:
    """The record, or None where there is none, a torn one, or one of other inputs than `wanted`."""
    try:
        record = StageRecord(**json.loads((out / "state" / stage / f"{item}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return record if wanted is None or record.fingerprint == wanted else None


def write_record(out: Path, record: StageRecord) -> None:
    """Writes the record beside its place and renames it there."""
    write_json(out / "state" / record.stage / f"{record.id}.json", asdict(record))


def need_room(folder: Path, wanted: int) -> None:
    """Raises `DiskFullError` unless `wanted` bytes, and some spare, are free below `folder`."""
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE_BYTES:
        raise DiskFullError(
            errno.ENOSPC,
            f"{folder} has {free / 2**20:.0f} MB free but {(wanted + SPARE_BYTES) / 2**20:.0f} MB "
            f"are needed; make room, then run the same command with --resume",
        )


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or one that caused it, says that the disk (or quota) is full.

    libsndfile has no error number for a write that failed: only its text tells.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "No space left" in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
