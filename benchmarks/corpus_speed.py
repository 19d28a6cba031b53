"""Files a minute of a corpus build with one worker and with two, and the share of each stage.

    saxsolo benchmark corpus-speed --files 4 --seconds 60

The separator is an HTDemucs of the size of htdemucs_6s with random weights: what it makes is
noise, what it costs is right. One worker has one core, two have two, a thread each; the two take
turns, since other work may share the machine. Processor time does not depend on such work: shares
and the table on paper come from it. In select, thresholds are low enough that every window stays.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import save_file

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.build.report import measure
from saxsolo.corpus.stage_state import STAGES
from saxsolo.weights.loading import DEFAULT_CODEC

from .made_up_music import write_recording

SOURCES = ["drums", "bass", "other", "vocals", "guitar", "piano"]
CONFIG = """
sources: [{{path: music}}]
download: {{shortest_seconds: 2.0}}
separate: {{weights: weights, device: cpu, segment_seconds: 30.0}}
select: {{threshold: 0.0, frame_seconds: 2.0, shortest_seconds: 2.0, leakage: 1.0, voiced: 0.0}}
augment: {{semitones: [3]}}
tokenise: {{codec: "{codec}", device: cpu}}
"""
HOURS, KEPT, KEYS = 10_000, 0.5, 3
FLAC = 0.55  # of the size of the samples
CORE_HOUR_USD = 0.04


def random_htdemucs(folder: Path) -> None:
    """Weights of the size of htdemucs_6s, in the form in which the demucs project has them."""
    from demucs.htdemucs import HTDemucs

    torch.manual_seed(0)
    settings = {"sources": SOURCES, "bottom_channels": 0, "t_layers": 5, "t_heads": 8}
    settings |= {"samplerate": 44100, "segment": 7.8}
    model = HTDemucs(**settings)
    folder.mkdir()
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(settings)}
    tensors = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    save_file(tensors, folder / "random.safetensors", metadata)
    print(f"separator: {sum(one.numel() for one in model.parameters()) / 1e6:.1f} M weights")


def timed(config: Path, out: Path, workers: int) -> tuple[float, dict]:
    """Seconds of a build on as many cores as workers, and the figures of its report."""
    command = [sys.executable, "-m", "saxsolo", "corpus", "build", str(config)]
    command += ["--out", str(out), "--workers", str(workers)]
    began = time.monotonic()
    # a process takes the cores of the one that starts it
    os.sched_setaffinity(0, set(sorted(CORES)[:workers]))
    try:
        subprocess.run(command, check=True)
    finally:
        os.sched_setaffinity(0, CORES)
    return time.monotonic() - began, measure(out)


CORES = os.sched_getaffinity(0)


def on_paper(costs: dict[str, float]) -> list[str]:
    """The table for many hours, from processor seconds a second of what each stage is given."""
    given = dict.fromkeys(STAGES, HOURS) | {
        "augment": HOURS * KEPT * KEYS,
        "tokenise": HOURS * KEPT * KEYS,
    }
    lines = ["| stage | core hours |", "| --- | --- |"]
    lines += [f"| {stage} | {given[stage] * costs[stage]:.0f} |" for stage in STAGES]
    total = sum(given[stage] * costs[stage] for stage in STAGES)
    seconds = HOURS * 3600
    disk = {
        "recordings (FLAC, 44.1 kHz, stereo)": seconds * 44_100 * 4 * FLAC,
        "stems, with --keep-audio": seconds * SAMPLING_RATE * 4 * FLAC,
        "pairs, with --keep-audio": seconds * KEPT * KEYS * SAMPLING_RATE * 4 * FLAC,
        "codes, waiting and in shards": seconds * KEPT * KEYS * 1600,
    }
    lines += [f"| all | {total:.0f} = {total * CORE_HOUR_USD:.0f} USD |", ""]
    lines += ["| on disk | TB |", "| --- | --- |"]
    return lines + [f"| {name} | {size / 1e12:.2f} |" for name, size in disk.items()]


def main(
    files: Annotated[int, typer.Option(help="Recordings to build from.")] = 4,
    seconds: Annotated[float, typer.Option(help="Of each file.")] = 60.0,
    turns: Annotated[int, typer.Option(help="Builds with each number of workers.")] = 1,
    codec: Annotated[Path, typer.Option(help="Folder of the codec.")] = DEFAULT_CODEC,
) -> None:
    took: dict[int, float] = {1: 0.0, 2: 0.0}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        random_htdemucs(folder / "weights")
        for place in range(files):
            write_recording(folder / "music", f"r{place}", seconds, place)
        config = folder / "config.yaml"
        config.write_text(CONFIG.format(codec=codec.resolve()), encoding="utf-8")
        for turn in range(turns):
            for workers in took:
                spent, found = timed(config, folder / f"corpus-{turn}-{workers}", workers)
                took[workers] += spent
                print(f"{workers} worker(s): {spent:.0f} s", flush=True)
    built = files * turns
    rates = {workers: 60 * built / spent for workers, spent in took.items()}
    ratio = rates[2] / rates[1]
    print(f"files a minute: {rates[1]:.2f} and {rates[2]:.2f}, ratio {ratio:.2f}")
    print(f"load of the last minute: {os.getloadavg()[0]:.1f} on {len(CORES)} cores")
    music = files * seconds
    costs = {stage: found["processor_seconds"][stage] / music for stage in STAGES}
    total = sum(costs.values())
    print("\n| stage | processor s a second | share |\n| --- | --- | --- |")
    for stage, cost in costs.items():
        print(f"| {stage} | {cost:.4f} | {cost / total:.1%} |")
    print("\n" + "\n".join(on_paper(costs)))


if __name__ == "__main__":
    typer.run(main)
