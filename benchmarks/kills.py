"""Workers killed again and again, the disk full once, bad files: what is left in the end?

    mount -t tmpfs -o size=400m tmpfs /mnt/small
    saxsolo benchmark kills --disk /mnt/small --recordings 200 --every 5

Makes recordings and ten bad files, and builds a corpus of them with two workers, all of which are
killed by SIGKILL every so many seconds. When a quarter is tokenised the disk is filled up; when
that has stopped the build, room is made and it goes on with --resume, with kills. Then once more,
without. It fails unless every good recording is there exactly once with sound shards, every bad one
is in quarantine with its reason, and the last run changed no file. tests/corpus/test_build.py has a
small edition.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import psutil
import torch
import typer

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from saxsolo.corpus.tokens.checks import read_layout
from saxsolo.corpus.tokens.shards import load_tokens

from .made_up_music import write_bad_files, write_recording

CONFIG = """
sources: [{path: music}]
download: {shortest_seconds: 2.0}
separate: {separator: oracle, segment_seconds: 5.0, context_seconds: 0.5}
select: {frame_seconds: 2.0, shortest_seconds: 4.0}
tokenise: {codec: codec, device: cpu}
"""


def tiny_codec(folder: Path) -> None:
    """A codec of the right layout that knows nothing."""
    torch.manual_seed(0)
    config = SaxcodecConfig(
        codebook_size=64, encoder_size=16, encoder_layers=1, decoder_size=16, decoder_layers=1
    )
    SaxcodecModel(config).save_pretrained(folder)


def run(command: list[str], out: Path, every: float, ballast: Path | None, most: int) -> dict:
    """One build; `ballast` is filled when `most` recordings are tokenised."""
    began, kills, filled = time.monotonic(), 0, False
    build = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    watched = psutil.Process(build.pid)
    due = began + every
    while build.poll() is None:
        time.sleep(0.1)
        if ballast and not filled and len(list(out.glob("state/tokenise/*.json"))) >= most:
            filled = True
            fill(ballast)
        if every and time.monotonic() >= due:
            due = time.monotonic() + every
            kills += kill_workers(watched)
    last = (build.stderr.read().strip().splitlines() or [""])[-1]
    seconds = round(time.monotonic() - began)
    return {"exit": build.returncode, "kills": kills, "seconds": seconds, "said": last}


def kill_workers(build: psutil.Process) -> int:
    """SIGKILL to every worker: the children of the server that forks them."""
    count = 0
    try:
        workers = [one for server in build.children() for one in server.children()]
    except psutil.NoSuchProcess:
        return 0
    for one in workers:
        try:
            one.kill()
            count += 1
        except psutil.NoSuchProcess:
            pass
    return count


def fill(path: Path) -> None:
    """Leaves no room on the disk of `path`."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**20))
        except OSError:
            pass


def stamps(out: Path) -> dict[str, int]:
    """Time of change of every file."""
    return {str(one): one.stat().st_mtime_ns for one in out.rglob("*") if one.is_file()}


def check(out: Path, count: int, reasons: dict[str, str]) -> list[str]:
    """What is wrong with the corpus; sentences."""
    layout = read_layout(out / "tokens")
    rows = [row for split in layout.rows for row in load_tokens(out / "tokens", split)]
    seen = Counter(row["pair_id"].split("_")[0] for row in rows)
    lines = (out / "quarantine.jsonl").read_text("utf-8").splitlines()
    told = {Path(one["from"]).name: one["reason"] for one in map(json.loads, lines)}
    wrong = [f"r{i:03} is there {seen[f'r{i:03}']} times" for i in range(count)]
    wrong = [one for one in wrong if not one.endswith("there 1 times")]
    wrong += [f"{name}: {told.get(name)}" for name in reasons if reasons[name] not in str(told)]
    wrong += [f"{name} in quarantine: {told[name]}" for name in set(told) - set(reasons)]
    wrong += [f"left over: {one}" for one in out.rglob(".*.partial")]
    return wrong


def main(
    disk: Annotated[Path, typer.Option(help="An empty, small tmpfs.")],
    recordings: Annotated[int, typer.Option(help="Good recordings to make.")] = 200,
    seconds: Annotated[float, typer.Option(help="Of each recording.")] = 6.0,
    every: Annotated[float, typer.Option(help="Seconds between kills.")] = 5.0,
) -> None:
    if not disk.is_dir() or any(disk.iterdir()):
        raise typer.BadParameter(f"{disk} is not an empty folder")
    count = recordings
    for place in range(count):
        write_recording(disk / "music", f"r{place:03}", seconds, place)
    reasons = write_bad_files(disk / "music")
    tiny_codec(disk / "codec")
    (disk / "config.yaml").write_text(CONFIG, encoding="utf-8")
    out, ballast = disk / "corpus", disk / "ballast"
    command = [sys.executable, "-m", "saxsolo", "corpus", "build", "--workers", "2", "--resume"]
    command += [str(disk / "config.yaml"), "--out", str(out)]

    print("| run | exit | kills | seconds | said |\n| --- | --- | --- | --- | --- |")
    plan = [("disk full midway", every, ballast), ("room made", every, None)]
    for name, pause, filling in [*plan, ("once more", 0.0, None)]:
        before = stamps(out)
        found = run(command, out, pause, filling, count // 4)
        ballast.unlink(missing_ok=True)
        cells = (found[key] for key in ("exit", "kills", "seconds", "said"))
        print(f"| {name} | {' | '.join(str(one) for one in cells)} |", flush=True)
    after = stamps(out)
    changed = [one for one in before if before[one] != after.get(one)]
    wrong = check(out, count, reasons)
    wrong += [f"changed by the last run: {one}" for one in changed]
    print(f"{count} recordings, {len(reasons)} bad files; wrong: {len(wrong)}")
    print("\n".join(wrong))
    if wrong:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
