"""Recordings -> token corpus, all stages.

    saxsolo corpus build CONFIG.yaml --out CORPUS [--workers N] [--resume]

CORPUS gets, beside what the stages leave in state/ and stems/:

    recordings.jsonl    what the sources came to      quarantine.jsonl   what was left out, and why
    pairs/              backing and solo, for `saxsolo corpus tokenise`
    tokens/             the token corpus, for train.py and `saxsolo corpus push`

A run that broke off goes on with --resume; nothing is done twice. --only names a single stage.
Stems and pairs are deleted as soon as no later stage needs them, but for three recordings of which
the report draws pictures; --keep-audio keeps all.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, SAMPLING_RATE
from saxsolo.atomic import remove_partial, write_json, write_text
from saxsolo.corpus.config import CorpusConfig, read_config
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
    EngineError,
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
) -> dict:
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
    chosen = [one for one in recordings if one.id in plan.splits]
    stages = [stage for stage in STAGES[1:] if stage in only]
    if stages:
        need_room(out, room_wanted(plan, chosen, workers))
        run_stages(plan, stages, chosen, workers)
        _drop_leftovers(plan, chosen)
    records = {one.id: _records(plan, one) for one in recordings}
    failed = _quarantine(plan, recordings, records, left_out)
    rows = [
        row
        for one in chosen
        if not any(record.failed for record in records[one.id].values())
        for row in records[one.id].get("augment", StageRecord("", "", "")).result.get("rows", [])
    ]
    if "augment" in only:
        _list_pairs(plan, rows)
    sharded = SHARD in only and bool(rows) and _shard(plan)
    return {
        "recordings": len(recordings),
        "quarantined": len(failed),
        "defects": sum(one["reason"].startswith(DEFECT) for one in failed),
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
    write_json(note, asdict(config))
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
    for one in recordings:
        prints = prints_of(plan, one)
        if read_record(plan.out, "tokenise", one.id, prints["tokenise"]) is None:
            seconds.append(_result_seconds(plan, one))
            kept.append(plan.keep_audio or one.id in plan.samples)
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
    for one in recordings:
        for record in _records(plan, one).values():
            drop_spent(plan, record)
    for folder in (plan.stems, *plan.pairs.glob("*/"), *plan.out.glob("state/*/")):
        remove_partial(folder)


def _forget_failed(plan: BuildPlan, recordings: Sequence[Recording]) -> None:
    for one in recordings:
        for stage in STAGES:
            record = read_record(plan.out, stage, one.id)
            if record is not None and record.failed:
                (plan.out / "state" / stage / f"{one.id}.json").unlink()
    shutil.rmtree(plan.out / "logs", ignore_errors=True)


def _with_splits(
    plan: BuildPlan, recordings: Sequence[Recording]
) -> tuple[BuildPlan, dict[str, str]]:
    """The plan with a split for every recording that is to be used, and why the others are not."""
    from saxsolo.corpus.recordings.fingerprints import decode, find_duplicates

    fetched = {}
    for one in recordings:
        record = read_record(plan.out, "download", one.id, prints_of(plan, one)["download"])
        if record is not None and not record.failed:
            fetched[one.id] = record.result
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
        replace(one, performer=one.performer or one.id, title=one.title or one.id)
        for one in recordings
        if one.id in fetched and one.id not in left_out
    ]
    splits = assign_splits(played, hashed_split)
    for one, split in list(splits.items()):
        if split == EXCLUDED:
            left_out[one] = "its title is also in a held-out split"
            del splits[one]
    samples = frozenset(sorted(splits, key=fingerprint)[:SAMPLES])
    return replace(plan, splits=splits, samples=samples), left_out


def _records(plan: BuildPlan, recording: Recording) -> dict[str, StageRecord]:
    prints = prints_of(plan, recording)
    found = {stage: read_record(plan.out, stage, recording.id, prints[stage]) for stage in STAGES}
    return {stage: record for stage, record in found.items() if record is not None}


def _quarantine(
    plan: BuildPlan,
    recordings: Sequence[Recording],
    records: dict[str, dict[str, StageRecord]],
    left_out: dict[str, str],
) -> list[dict]:
    rows = []
    for one in recordings:
        where = one.path or one.link
        for stage, record in records[one.id].items():
            if record.failed:
                rows.append({"id": one.id, "from": where, "stage": stage, "reason": record.failed})
        if one.id in left_out:
            rows.append({"id": one.id, "from": where, "stage": "split", "reason": left_out[one.id]})
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_text(plan.out / "quarantine.jsonl", text)
    return rows


def _list_pairs(plan: BuildPlan, rows: list[dict]) -> None:
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

    from .stages import codec_of

    size = sum(one.stat().st_size for one in (plan.out / "tokens.partial").rglob("*.npz"))
    need_room(plan.out, 8 * size)
    tokenise(plan.pairs, codec_of(plan.config.tokenise), plan.tokens)
    write_json(note, key)
    return True


def _tokenised(plan: BuildPlan) -> list[StageRecord]:
    names = sorted(one.stem for one in (plan.out / "state" / "tokenise").glob("*.json"))
    return [one for name in names if (one := read_record(plan.out, "tokenise", name))]


def main(argv: list[str] | None = None, only: str | None = None) -> int:
    """The command line. Returns 0; 1 where a stage has a defect; 2 after one line on bad input."""
    parser = argparse.ArgumentParser(
        prog=f"saxsolo corpus {only or 'build'}",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, metavar="CONFIG.yaml")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--resume", action="store_true", help="go on with what is in --out")
    parser.add_argument("--keep-audio", action="store_true", help="leave all stems and pairs")
    parser.add_argument("--retry", action="store_true", help="try what is in quarantine again")
    parser.add_argument(
        "--accept-rights",
        action="store_true",
        help="take recordings whose licence nobody has stated, on your own account",
    )
    if only is None:
        parser.add_argument("--only", choices=(*STAGES, SHARD), help="one stage")
    arguments = parser.parse_args(argv)
    chosen = only or arguments.only
    try:
        if arguments.workers < 1:
            raise BuildError(f"--workers {arguments.workers}: at least 1 is needed")
        found = build(
            read_config(arguments.config),
            arguments.out,
            workers=arguments.workers,
            resume=arguments.resume or only is not None,
            only=(chosen,) if chosen else (*STAGES, SHARD),
            accept_rights=arguments.accept_rights,
            retry=arguments.retry,
            keep_audio=arguments.keep_audio,
        )
    except (ValueError, OSError, EngineError) as error:
        text = getattr(error, "strerror", None) or str(error)
        print(f"saxsolo corpus: {' '.join(str(text).split())}", file=sys.stderr)
        return 2
    print(
        f"{found['recordings']} recordings, {found['quarantined']} in quarantine "
        f"({arguments.out / 'quarantine.jsonl'}), {found['pairs']} pairs, {found['hours']:.2f} h"
    )
    return 1 if found["defects"] else 0


if __name__ == "__main__":
    sys.exit(main())
