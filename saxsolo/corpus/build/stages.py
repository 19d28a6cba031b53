"""The stages as one kind of thing: each takes a recording and leaves a record (stage_state.py).

    download -> separate -> select -> augment -> tokenise

`run_stage` is all that an engine calls. It does nothing where the record is there already, puts
bad recordings into quarantine, and lets only those errors out that stop everything.
"""

from __future__ import annotations

import errno
import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saxsolo.atomic import remove_folder
from saxsolo.corpus.config import CorpusConfig, SeparateConfig, TokeniseConfig
from saxsolo.corpus.recordings.sources import Recording
from saxsolo.corpus.stage_state import (
    STAGES,
    DiskFullError,
    ItemError,
    StageRecord,
    fingerprint,
    is_disk_full,
    read_record,
    write_record,
)
from saxsolo.extras import missing_extra

if TYPE_CHECKING:
    from saxsolo.corpus.recordings.separators import Separator

# a recording during which so many workers died is what kills them
MOST_ATTEMPTS = 8
_LITTLE_ROOM = 8 * 2**20
DEFECT = "defect: "


class SetupError(ValueError):
    """What no recording is to blame for: weights, codec or packages that are not there."""


@dataclass(frozen=True)
class BuildPlan:
    """A build: where, how, and into which split each recording goes (known after download)."""

    out: Path
    config: CorpusConfig
    accept_rights: bool = False
    splits: dict[str, str] | None = None
    keep_audio: bool = False
    samples: frozenset[str] = frozenset()  # recordings whose audio stays for the report

    @property
    def stems(self) -> Path:
        """Folder of the stems."""
        return self.out / "stems"

    @property
    def pairs(self) -> Path:
        """Folder of the pairs."""
        return self.out / "pairs"

    @property
    def tokens(self) -> Path:
        """Folder of the token corpus."""
        return self.out / "tokens"


def prints_of(plan: BuildPlan, recording: Recording) -> dict[str, str]:
    """Fingerprint of the inputs of every stage, each covering those before it."""
    config = plan.config
    described = {key: value for key, value in recording.model_dump().items() if key != "path"}
    split = (plan.splits or {}).get(recording.id, "")
    parts: dict[str, list[Any]] = {
        "download": [recording.inputs, described, config.download, plan.accept_rights],
        "separate": [config.separate],
        "select": [config.select],
        "augment": [config.augment, split, config.seed],
        "tokenise": [config.tokenise.codec],
    }
    prints: dict[str, str] = {}
    before = ""
    for stage in STAGES:
        before = prints[stage] = fingerprint(before, *parts[stage])
    return prints


def run_stage(stage: str, recording: Recording, plan: BuildPlan) -> StageRecord:
    """The record of a stage for a recording, made now unless it is there already.

    Raises:
        DiskFullError, SetupError: the run has to stop; nothing is wrong with the recording.
    """
    wanted = prints_of(plan, recording)[stage]
    record = read_record(plan.out, stage, recording.id, wanted)
    if record is not None:
        return record
    record = StageRecord(stage, recording.id, wanted)
    attempts = plan.out / "state" / "attempts" / f"{stage}-{recording.id}"
    began, worked = time.monotonic(), time.process_time()
    try:
        if _count_attempt(attempts) > MOST_ATTEMPTS:
            raise ItemError(f"{MOST_ATTEMPTS} workers died over it")
        result, losses = _WORK[stage](recording, plan)
        record = replace(record, result=result, losses=losses)
    except (DiskFullError, SetupError):
        attempts.unlink(missing_ok=True)
        raise
    except Exception as error:
        if is_disk_full(error) or shutil.disk_usage(plan.out).free < _LITTLE_ROOM:
            attempts.unlink(missing_ok=True)
            raise DiskFullError(
                errno.ENOSPC, f"{plan.out} has no room left ({error}); make room, then add --resume"
            ) from error
        record = replace(record, failed=_reason(error))
    record = replace(
        record,
        seconds=round(time.monotonic() - began, 3),
        processor_seconds=round(time.process_time() - worked, 3),
    )
    write_record(plan.out, record)
    attempts.unlink(missing_ok=True)
    drop_spent(plan, record)
    return record


def drop_spent(plan: BuildPlan, record: StageRecord) -> None:
    """Deletes the audio that after this record no stage of the recording needs any more. Should
    another setting want it again, it is made again (`_stems_of`, `_pairs_of`)."""
    if plan.keep_audio or record.id in plan.samples:
        return
    spent = []
    if record.stage == "augment" or record.failed:
        spent.append(plan.stems / record.id)
    if record.stage == "tokenise" or record.failed:
        spent += plan.pairs.glob(f"*/{record.id}_*")
    for folder in spent:
        remove_folder(folder)


def prepare(stages: list[str], plan: BuildPlan) -> None:
    """Loads the models of these stages, so that what is wrong with them is known before the
    first recording. Raises `SetupError`."""
    if "separate" in stages:
        _separator(plan.config.separate)
    if "tokenise" in stages:
        codec_of(plan.config.tokenise)


def _count_attempt(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(b".")
        return file.tell()


def _reason(error: Exception) -> str:
    if isinstance(error, ItemError):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"{DEFECT}{type(error).__name__}: {error} ({place})"


def _download(recording: Recording, plan: BuildPlan) -> tuple[dict[str, Any], list[Any]]:
    from saxsolo.corpus.recordings.download import download_recording

    fetched = download_recording(
        recording, plan.out / "recordings", plan.config.download, accept_rights=plan.accept_rights
    )
    return {**asdict(fetched), "path": str(fetched.path)}, []


def _separate(recording: Recording, plan: BuildPlan) -> tuple[dict[str, Any], list[Any]]:
    from saxsolo.corpus.recordings.separate import separate_recording

    path = Path(_result(plan, "download", recording)["path"])
    folder = plan.stems / recording.id
    folder.parent.mkdir(parents=True, exist_ok=True)
    stems = separate_recording(path, _separator(plan.config.separate), folder, plan.config.separate)
    return asdict(stems), []


def _select(recording: Recording, plan: BuildPlan) -> tuple[dict[str, Any], list[Any]]:
    from saxsolo.corpus.recordings.select import select_windows

    windows, losses, levels = select_windows(_stems_of(recording, plan), plan.config.select)
    return {"windows": windows, "levels": levels}, losses


def _augment(recording: Recording, plan: BuildPlan) -> tuple[dict[str, Any], list[Any]]:
    from saxsolo.corpus.recordings.augment import write_versions

    windows = _result(plan, "select", recording)["windows"]
    described = {
        "id": recording.id,
        "split": (plan.splits or {})[recording.id],
        "performer": recording.performer or "unknown",
        "title": recording.title,
        "instrument": recording.instrument,
        "style": recording.style,
        "feel": "",
        "tempo": 0.0,
        "timbre": "recording",
        "source": recording.source,
        "licence": _result(plan, "download", recording)["licence"] or "not stated",
        "attribution": recording.attribution or recording.performer or recording.link,
    }
    plan.pairs.mkdir(parents=True, exist_ok=True)
    rows = []
    if windows:
        stems = _stems_of(recording, plan)
        config = plan.config
        rows = write_versions(stems, windows, plan.pairs, described, config.augment, config.seed)
    return {"rows": rows}, []


def _tokenise(recording: Recording, plan: BuildPlan) -> tuple[dict[str, Any], list[Any]]:
    from saxsolo.corpus.tokens.tokenise import codes_folder, encode_pairs

    rows = _pairs_of(recording, plan)
    work = codes_folder(plan.tokens)
    for row in rows:
        # codes of other inputs under the same name
        (work / f"{row['pair_id']}.npz").unlink(missing_ok=True)
    codec, ear = codec_of(plan.config.tokenise), ear_of(plan.config.tokenise)
    sha256 = encode_pairs(plan.pairs, rows, codec, work, ear, quiet=True)
    return {"pairs": len(rows), "codec_sha256": sha256}, []


_WORK: dict[str, Callable[[Recording, BuildPlan], tuple[dict[str, Any], list[Any]]]] = {
    "download": _download,
    "separate": _separate,
    "select": _select,
    "augment": _augment,
    "tokenise": _tokenise,
}


def _stems_of(recording: Recording, plan: BuildPlan) -> Path:
    """The folder of the stems, separated again where they were deleted."""
    _result(plan, "separate", recording)
    folder = plan.stems / recording.id
    if not folder.is_dir():
        _separate(recording, plan)
    return folder


def _pairs_of(recording: Recording, plan: BuildPlan) -> list[dict[str, Any]]:
    """The manifest rows of the pairs, which are written again where they were deleted."""
    rows = _result(plan, "augment", recording)["rows"]
    if not all((plan.pairs / row["split"] / row["pair_id"]).is_dir() for row in rows):
        _augment(recording, plan)
    return rows


def _result(plan: BuildPlan, stage: str, recording: Recording) -> dict[str, Any]:
    record = read_record(plan.out, stage, recording.id, prints_of(plan, recording)[stage])
    if record is None or record.failed:
        raise ItemError(f"{stage} has not been done with the same settings; run it first")
    return record.result


@lru_cache(maxsize=1)
def _separator(config: SeparateConfig) -> Separator:
    from saxsolo.corpus.recordings.separators import SeparatorError, make_separator

    try:
        return make_separator(config)
    except SeparatorError as error:
        raise SetupError(str(error)) from error
    except ModuleNotFoundError as error:
        raise SetupError(missing_extra(str(error.name), "recordings")) from error


@lru_cache(maxsize=1)
def _device(config: TokeniseConfig) -> str:
    import torch

    if config.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return config.device


def ear_of(config: TokeniseConfig) -> Any:
    """The ear on its device. Raises `SetupError` where it cannot be had."""
    from saxsolo.errors import CheckpointError
    from saxsolo.weights.loading import load_ear

    try:
        return load_ear(config.ear, _device(config)).model
    except CheckpointError as error:
        raise SetupError(f"ear: {error}") from error


def codec_of(config: TokeniseConfig) -> Any:
    """The codec on its device. Raises `SetupError` where it cannot be had."""
    from modeling_saxsolo.codec_adapter_saxsolo import load_codec

    try:
        codec: Any = load_codec(config.codec)
        return codec.to(_device(config))
    except (OSError, ValueError) as error:
        raise SetupError(f"codec {config.codec}: {error}") from error
