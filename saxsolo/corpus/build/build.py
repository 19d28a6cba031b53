"""Recordings -> token corpus, all stages.

    saxsolo corpus build CONFIG.yaml --out CORPUS [--workers N] [--resume]

CORPUS gets, beside what the stages leave in state/ and stems/:

    recordings.jsonl    what the sources came to      quarantine.jsonl   what was left out, and why
    pairs/              backing and solo, for `saxsolo corpus tokenise`
    tokens/             the token corpus, for `saxsolo train` and `saxsolo corpus push`

A run that broke off goes on with --resume; nothing is done twice. --only names a single stage.
Stems and pairs are deleted as soon as no later stage needs them, but for three recordings of which
the report draws pictures; --keep-audio keeps all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, SAMPLING_RATE
from saxsolo.atomic import remove_partial, write_json, write_text
from saxsolo.corpus.config import CorpusConfig
from saxsolo.corpus.pairs_folder import MANIFEST, write_manifest
from saxsolo.corpus.recordings.sources import (
    Recording,
    list_recordings,
    read_recordings,
    write_recordings,
)
from saxsolo.corpus.scores.splits import EXCLUDED, assign_splits, hashed_split
from saxsolo.corpus.stage_state import (
    STAGES,
    StageRecord,
    fingerprint,
    need_room,
    read_record,
)

from .stages import DEFECT, BuildPlan, drop_spent, prints_of

SHARD = "shard"
SAMPLES = 3  # recordings whose audio stays
# bytes a second of a recording: both stems as float and as FLAC at most; both of a pair as FLAC at
# most; 4 codes of 2 bytes, 50 times, of both, waiting and in shards
RAW_STEM_BYTES = SAMPLING_RATE * 2 * (4 + 2)
PAIR_BYTES = SAMPLING_RATE * 2 * 2
CODE_BYTES = 4 * 2 * FRAME_RATE * 2 * 2


class BuildError(ValueError):
    """A build that cannot begin or go on as it was asked for."""


def build(
    config: CorpusConfig,
    out: Path,
    *,
    workers: int = 1,
    resume: bool = False,
    only: Sequence[str] = (*STAGES, SHARD),
    accept_rights: bool = False,
    retry: bool = False,
    keep_audio: bool = False,
) -> dict[str, Any]:
    """Builds the corpus, or goes on with it; returns counts for a person to read.

    Args:
        only: stages to run; those before them must have been run.
        accept_rights: take recordings whose licence nobody has stated.
        retry: try again what is in quarantine.
        keep_audio: leave all stems and pairs on disk.

    Raises:
        BuildError: `out` holds something else or, without `resume`, an earlier build.
        RecordingsError, DiskFullError, SetupError: see there.
    """
    recordings = _begin(config, out, resume)
    plan = BuildPlan(out, config, accept_rights, keep_audio=keep_audio)
    if retry:
        _forget_failed(plan, recordings)
    from .engine import preload, run_stages

    preload(only)

    if "download" in only:
        run_stages(plan, ["download"], recordings, workers)
    plan, left_out = _with_splits(plan, recordings)
    chosen = [recording for recording in recordings if recording.id in (plan.splits or {})]
    stages = [stage for stage in STAGES[1:] if stage in only]
    if stages:
        need_room(out, room_wanted(plan, chosen, workers))
        run_stages(plan, stages, chosen, workers)
        _drop_leftovers(plan, chosen)
    records = {recording.id: _records(plan, recording) for recording in recordings}
    failed = _quarantine(plan, recordings, records, left_out)
    rows = [
        row
        for recording in chosen
        if not any(record.failed for record in records[recording.id].values())
        for row in records[recording.id]
        .get("augment", StageRecord("", "", ""))
        .result.get("rows", [])
    ]
    if "augment" in only:
        _list_pairs(plan, rows)
    sharded = SHARD in only and bool(rows) and _shard(plan)
    return {
        "recordings": len(recordings),
        "quarantined": len(failed),
        "defects": sum(row["reason"].startswith(DEFECT) for row in failed),
        "pairs": len(rows),
        "hours": sum(row["seconds"] for row in rows) / 3600,
        "sharded": sharded,
    }


def _begin(config: CorpusConfig, out: Path, resume: bool) -> list[Recording]:
    """The recordings: listed now, or as an earlier run listed them from the same sources."""
    note = out / "config.json"
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not note.exists())):
        raise BuildError(f"{out} is not empty and holds no build; choose another --out")
    listed = out / "recordings.jsonl"
    if listed.exists() and not resume:
        raise BuildError(f"{out} holds a build already; go on with --resume, or choose another")
    out.mkdir(parents=True, exist_ok=True)
    need_room(out, 0)
    write_json(note, config.model_dump())
    links = any(source.link for source in config.sources)
    key = fingerprint(config.sources)
    known = out / "state" / "sources.json"
    # folders are looked through again; playlists are not asked twice
    if links and listed.exists() and known.exists() and json.loads(known.read_text()) == key:
        return read_recordings(listed)
    recordings = list_recordings(config)
    write_recordings(listed, recordings)
    write_json(known, key)
    return recordings


def room_wanted(plan: BuildPlan, recordings: Sequence[Recording], workers: int) -> int:
    """Bytes that the stages after download may take for what is not tokenised yet: audio of one
    recording a worker and of the samples (of all with `keep_audio`), codes and shards of all."""
    seconds, kept = [], []
    for recording in recordings:
        prints = prints_of(plan, recording)
        if read_record(plan.out, "tokenise", recording.id, prints["tokenise"]) is None:
            seconds.append(_result_seconds(plan, recording))
            kept.append(plan.keep_audio or recording.id in plan.samples)
    augment = plan.config.augment
    versions = len(augment.semitones) * sum(1 / tempo for tempo in augment.tempi)
    passing = sorted(s for s, stays in zip(seconds, kept, strict=True) if not stays)[-workers:]
    staying = sum(s for s, stays in zip(seconds, kept, strict=True) if stays)
    audio = sum(passing) * (RAW_STEM_BYTES + PAIR_BYTES * versions)
    audio += staying * PAIR_BYTES * (1 + versions)
    return round(audio + sum(seconds) * CODE_BYTES * versions)


def _result_seconds(plan: BuildPlan, recording: Recording) -> float:
    record = read_record(plan.out, "download", recording.id)
    return record.result.get("seconds", 0.0) if record else 0.0


def _drop_leftovers(plan: BuildPlan, recordings: Sequence[Recording]) -> None:
    """Deletes what a worker was killed over, and audio that an earlier run was told to keep."""
    for recording in recordings:
        for record in _records(plan, recording).values():
            drop_spent(plan, record)
    for folder in (plan.stems, *plan.pairs.glob("*/"), *plan.out.glob("state/*/")):
        remove_partial(folder)


def _forget_failed(plan: BuildPlan, recordings: Sequence[Recording]) -> None:
    for recording in recordings:
        for stage in STAGES:
            record = read_record(plan.out, stage, recording.id)
            if record is not None and record.failed:
                (plan.out / "state" / stage / f"{recording.id}.json").unlink()
    shutil.rmtree(plan.out / "logs", ignore_errors=True)


def _with_splits(
    plan: BuildPlan, recordings: Sequence[Recording]
) -> tuple[BuildPlan, dict[str, str]]:
    """The plan with a split for every recording that is to be used, and why the others are not."""
    from saxsolo.corpus.recordings.fingerprints import decode, find_duplicates

    fetched = {}
    for recording in recordings:
        record = read_record(
            plan.out, "download", recording.id, prints_of(plan, recording)["download"]
        )
        if record is not None and not record.failed:
            fetched[recording.id] = record.result
    left_out = {
        again: f"duplicate of {first} (chroma alike to {likeness:.2f})"
        for again, (first, likeness) in find_duplicates(
            (
                (key, decode(result["chroma"], result["landmarks"]))
                for key, result in fetched.items()
            ),
            plan.config.download.duplicate,
        ).items()
    }
    played = [
        recording.changed(
            performer=recording.performer or recording.id,
            title=recording.title or recording.id,
        )
        for recording in recordings
        if recording.id in fetched and recording.id not in left_out
    ]
    splits = assign_splits(played, hashed_split)
    for name, split in list(splits.items()):
        if split == EXCLUDED:
            left_out[name] = "its title is also in a held-out split"
            del splits[name]
    samples = frozenset(sorted(splits, key=fingerprint)[:SAMPLES])
    return replace(plan, splits=splits, samples=samples), left_out


def _records(plan: BuildPlan, recording: Recording) -> dict[str, StageRecord]:
    prints = prints_of(plan, recording)
    records = {stage: read_record(plan.out, stage, recording.id, prints[stage]) for stage in STAGES}
    return {stage: record for stage, record in records.items() if record is not None}


def _quarantine(
    plan: BuildPlan,
    recordings: Sequence[Recording],
    records: dict[str, dict[str, StageRecord]],
    left_out: dict[str, str],
) -> list[dict[str, Any]]:
    rows = []
    for recording in recordings:
        where = recording.path or recording.link
        for stage, record in records[recording.id].items():
            if record.failed:
                rows.append(
                    {"id": recording.id, "from": where, "stage": stage, "reason": record.failed}
                )
        if recording.id in left_out:
            rows.append(
                {
                    "id": recording.id,
                    "from": where,
                    "stage": "split",
                    "reason": left_out[recording.id],
                }
            )
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_text(plan.out / "quarantine.jsonl", text)
    return rows


def _list_pairs(plan: BuildPlan, rows: list[dict[str, Any]]) -> None:
    """The manifest of the pairs, in an order in which every beginning is a fair sample; folders of
    pairs that are in it no more go."""
    rows.sort(key=lambda row: fingerprint(row["pair_id"]))
    write_manifest(plan.pairs, rows)
    wanted = {f"{row['split']}/{row['pair_id']}" for row in rows}
    for folder in plan.pairs.glob("*/*"):
        if folder.is_dir() and f"{folder.parent.name}/{folder.name}" not in wanted:
            shutil.rmtree(folder)


def _shard(plan: BuildPlan) -> bool:
    """The token corpus, unless the one there is of the same pairs and codec."""
    from saxsolo.corpus.tokens.checks import sha256_of

    manifest = sha256_of(plan.pairs / MANIFEST)
    prints = [record.fingerprint for record in _tokenised(plan)]
    key = fingerprint(manifest, plan.config.tokenise.codec, sorted(prints))
    note = plan.out / "state" / "shard.json"
    if (plan.tokens / "tokens.json").exists() and note.exists():
        if json.loads(note.read_text()) == key:
            return False
    from saxsolo.corpus.tokens.tokenise import tokenise

    from .stages import codec_of, ear_of

    size = sum(path.stat().st_size for path in (plan.out / "tokens.partial").rglob("*.npz"))
    need_room(plan.out, 8 * size)
    config = plan.config.tokenise
    tokenise(plan.pairs, codec_of(config), plan.tokens, ear_of(config))
    write_json(note, key)
    return True


def _tokenised(plan: BuildPlan) -> list[StageRecord]:
    names = sorted(path.stem for path in (plan.out / "state" / "tokenise").glob("*.json"))
    return [record for name in names if (record := read_record(plan.out, "tokenise", name))]
