"""What a build took in, kept and left out.

    saxsolo corpus report CORPUS

writes CORPUS/report/report.md and report.json, and pictures: RMS of both stems, waveforms and
spectrograms of a few pairs.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from saxsolo.atomic import write_json, write_text
from saxsolo.corpus.pairs_folder import MANIFEST
from saxsolo.corpus.recordings.separate import STEMS
from saxsolo.corpus.recordings.sources import read_recordings
from saxsolo.corpus.stage_state import STAGES, StageRecord, read_record

from .build import SAMPLES, BuildError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAMPLE_SECONDS = 10


def report(out: Path, samples: int = SAMPLES) -> Path:
    """Writes the report of a build; returns the path of report.md.

    Raises:
        BuildError: `out` holds no build. RecordingsError: its list of recordings is damaged.
    """
    if not (out / "config.json").exists():
        raise BuildError(f"{out} holds no build; make one with `saxsolo corpus build`")
    figures = measure(out)
    folder = out / "report"
    folder.mkdir(exist_ok=True)
    pictures = _pictures(out, folder, figures["levels"], samples)
    write_json(
        folder / "report.json", {key: one for key, one in figures.items() if key != "levels"}
    )
    write_text(folder / "report.md", _text(figures, pictures))
    return folder / "report.md"


def measure(out: Path) -> dict[str, Any]:
    """The figures: hours in and out, losses [stage, reason, count, hours], time of each stage."""
    recordings = read_recordings(out / "recordings.jsonl")
    records: dict[str, list[StageRecord]] = {
        stage: [record for r in recordings if (record := read_record(out, stage, r.id))]
        for stage in STAGES
    }
    quarantined = _lines(out / "quarantine.jsonl")
    lengths = {record.id: record.result.get("seconds", 0.0) for record in records["download"]}
    lost: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0.0])
    for row in quarantined:
        place = lost[row["stage"], _kind(row["reason"], row["from"])]
        place[0] += 1
        place[1] += lengths.get(row["id"], 0.0)
    for record in records["select"]:
        for seconds, reason in record.losses:
            lost["select", reason][0] += 1
            lost["select", reason][1] += seconds
    rows = _lines(out / "pairs" / MANIFEST)
    versions = Counter((row["recording"], row["start"]) for row in rows)
    unique = sum(
        row["seconds"] * row["tempo_factor"] / versions[row["recording"], row["start"]]
        for row in rows
    )
    return {
        "recordings": len(recordings),
        "hours_in": sum(lengths.values()) / 3600,
        "pairs": len(rows),
        "hours_of_music": unique / 3600,
        "hours_of_pairs": sum(row["seconds"] for row in rows) / 3600,
        "splits": dict(Counter(row["split"] for row in rows)),
        "licences": dict(Counter(row["licence"] for row in rows)),
        "sources": dict(Counter(row["source"] for row in rows)),
        "losses": [
            [stage, reason, count, seconds / 3600]
            for (stage, reason), (count, seconds) in sorted(lost.items())
        ],
        "duplicates": [row for row in quarantined if row["reason"].startswith("duplicate")],
        "stage_seconds": {
            stage: sum(record.seconds for record in records[stage]) for stage in STAGES
        },
        "processor_seconds": {
            stage: sum(record.processor_seconds for record in records[stage]) for stage in STAGES
        },
        "leakage": [
            w["leakage"] for record in records["select"] for w in record.result.get("windows", [])
        ],
        "levels": [
            pair for record in records["select"] for pair in record.result.get("levels", [])
        ],
    }


def _kind(reason: str, where: str) -> str:
    """The reason without the name of the file, so that like ones count together."""
    return reason.replace(where, "").strip(" :") if where else reason


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _text(figures: dict[str, Any], pictures: list[str]) -> str:
    worked = figures["processor_seconds"]
    total = sum(worked.values()) or 1.0
    lines = [
        "# Corpus report",
        "",
        f"{figures['recordings']} recordings, {figures['hours_in']:.2f} hours readable; "
        f"{figures['hours_of_music']:.2f} hours of them were kept, which make "
        f"{figures['pairs']} pairs of {figures['hours_of_pairs']:.2f} hours with all keys and "
        "tempi.",
        "",
        "| left out at | reason | times | hours |",
        "| --- | --- | --- | --- |",
        *(f"| {s} | {_cell(r)} | {n} | {h:.3f} |" for s, r, n, h in figures["losses"]),
        "",
        "| stage | seconds | of a processor | share |",
        "| --- | --- | --- | --- |",
        *(
            f"| {s} | {t:.1f} | {worked[s]:.1f} | {worked[s] / total:.0%} |"
            for s, t in figures["stage_seconds"].items()
        ),
        "",
    ]
    for title in ("splits", "licences", "sources"):
        lines += [f"| {title} | pairs |", "| --- | --- |"]
        lines += [f"| {_cell(name)} | {count} |" for name, count in sorted(figures[title].items())]
        lines.append("")
    if figures["leakage"]:
        lines += [f"Correlation of the stems, median: {np.median(figures['leakage']):.3f}.", ""]
    lines += [f"{len(figures['duplicates'])} duplicates were found.", ""]
    lines += [f"- {duplicate['id']}: {duplicate['reason']}" for duplicate in figures["duplicates"]]
    lines += ["", *(f"![{Path(name).stem}]({name})" for name in pictures), ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def _pictures(out: Path, folder: Path, levels: list[Any], samples: int) -> list[str]:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = []
    if levels:
        figure, axes = plt.subplots(figsize=(7, 3))
        for column, label in zip(np.array(levels).T, STEMS, strict=True):
            axes.hist(column, bins=50, alpha=0.6, label=label)
        axes.set(xlabel="RMS of full scale", ylabel="frames")
        axes.legend()
        names.append(_save(figure, folder, "rms.png"))
    rows = _lines(out / "pairs" / MANIFEST)
    folders = [out / "pairs" / row["split"] / row["pair_id"] for row in rows]
    for folder_of_pair in list(filter(Path.is_dir, folders))[:samples]:
        figure, axes = plt.subplots(2, 2, figsize=(10, 5), sharex=True)
        for column, name in enumerate(STEMS):
            path = folder_of_pair / f"{name}.flac"
            rate = soundfile.info(path).samplerate
            sound, _ = soundfile.read(path, frames=_SAMPLE_SECONDS * rate, dtype="float32")
            axes[0, column].plot(np.arange(len(sound)) / rate, sound, linewidth=0.3)
            axes[0, column].set_title(name)
            # dither: the logarithm of a silent frame is no colour
            dither = 1e-6 * np.random.default_rng(0).standard_normal(len(sound))
            axes[1, column].specgram(sound + dither, NFFT=2048, Fs=rate, noverlap=1024)
            axes[1, column].set(xlabel="s", ylabel="Hz")
        names.append(_save(figure, folder, f"{folder_of_pair.name}.png"))
    return names


def _save(figure: Figure, folder: Path, name: str) -> str:
    import matplotlib.pyplot as plt

    figure.tight_layout()
    figure.savefig(folder / name, dpi=80)
    plt.close(figure)
    return name
