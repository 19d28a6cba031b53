"""Compares reports of one product at several times: before and after.

saxsolo measure compare first=OLD/report.json second=NEW/report.json --out docs/progress.md
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saxsolo.atomic import replacing

from .case_metrics import METRICS
from .cases import EvaluationError
from .report_markdown import cell

SHOWN = (
    "auc_chord_tones",
    "auc_scale_tones",
    "auc_beat_concentration",
    "chord_tones",
    "scale_tones",
    "beat_concentration",
    "voiced_share",
    "notes_a_second",
    "in_range",
    "longest_copy",
)


def progress_text(reports: dict[str, dict[str, Any]]) -> str:
    """A Markdown page: one column a report, and the human's figures of the last.

    Args:
        reports: name -> what report.json holds, oldest first.

    Raises:
        EvaluationError: for fewer than two, or reports over different cases.
    """
    if len(reports) < 2:
        raise EvaluationError(f"{len(reports)} report: before and after are two")
    cases = {name: [case["name"] for case in r["cases"]] for name, r in reports.items()}
    last = list(reports)[-1]
    for name in reports:
        if cases[name] != cases[last] or reports[name]["seconds"] != reports[last]["seconds"]:
            raise EvaluationError(
                f"{name} and {last} evaluate different cases; make both with the same --split, "
                "--limit and --seconds"
            )
    head = (
        f"{len(cases[last])} held-out cases ({reports[last]['split']}) of "
        f"{reports[last]['seconds']:g} s, measured in the sound; mean and 95 % bootstrap interval."
    )
    columns = [*reports, "human"]
    return (
        "\n\n".join(
            [
                "# Before and after",
                head,
                _table("figure", columns, _player_rows(reports, last)),
                "## How far from the humans' distributions",
                "Jensen-Shannon divergence in bits (0 the same, 1 nothing in common).",
                _table("of", list(reports), _shape_rows(reports)),
                "## Codec",
                _table("figure", list(reports), _codec_rows(reports)),
                "## Made by",
                "\n".join(
                    f"- {name}: `{r['command']}`, {_weights(r)}" for name, r in reports.items()
                ),
            ]
        )
        + "\n"
    )


def _player_rows(reports: dict[str, dict[str, Any]], last: str) -> list[list[str]]:
    rows = []
    for name in SHOWN:
        metric = METRICS[name]
        title = f"own against others, {metric.title}" if name.startswith("auc_") else metric.title
        figures = [r["systems"]["saxsolo"]["figures"].get(name) for r in reports.values()]
        figures.append(reports[last]["systems"]["human"]["figures"].get(name))
        rows.append([title, *(cell(figure, metric.digits) for figure in figures)])
    return rows


def _shape_rows(reports: dict[str, dict[str, Any]]) -> list[list[str]]:
    shapes = [r["resemblance"]["saxsolo"]["shape"] for r in reports.values()]
    names = dict.fromkeys(name for shape in shapes for name in shape)
    return [
        [name.replace("_", " "), *(cell(shape.get(name), 3) for shape in shapes)] for name in names
    ]


def _codec_rows(reports: dict[str, dict[str, Any]]) -> list[list[str]]:
    codecs = [r["codec_figures"] for r in reports.values()]
    names = ("pitch_agreement", "log_mel_distance", "multi_resolution_stft", "si_sdr")
    return [[n.replace("_", " "), *(cell(codec.get(n), 3) for codec in codecs)] for n in names]


def _table(corner: str, columns: list[str], rows: list[list[str]]) -> str:
    lines = [[corner, *columns], ["---"] * (len(columns) + 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _weights(report: dict[str, Any]) -> str:
    codec = report["codec"]["sha256"][:12]
    if not report["checkpoint"]:
        return f"given takes, codec {codec}"
    return f"weights {report['checkpoint']['sha256'][:12]}, codec {codec}"


def compare_reports(reports: dict[str, Path], out: Path) -> Path:
    """Writes `progress_text` of report.json files.

    Args:
        reports: name -> report.json, oldest first.

    Raises:
        EvaluationError: for fewer than two, for reports over different cases, or a file that holds
            no report.
        OSError: one that cannot be read.
    """
    contents = {}
    for name, path in reports.items():
        try:
            contents[name] = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise EvaluationError(f"{path} is not a report.json: {error}") from error
    try:
        text = progress_text(contents)
    except (KeyError, TypeError) as error:
        raise EvaluationError(f"a report.json has no entry {error}; evaluate again") from error
    with replacing(out) as (fresh,):
        fresh.write_text(text, "utf-8")
    return out
