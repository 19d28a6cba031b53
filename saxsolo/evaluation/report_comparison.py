"""Reports of one product at several times, beside each other: before and after.

saxsolo measure compare first=OLD/report.json second=NEW/report.json --out docs/progress.md
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

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


def progress_text(reports: dict[str, dict]) -> str:
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


def _player_rows(reports: dict[str, dict], last: str) -> list[list[str]]:
    rows = []
    for name in SHOWN:
        metric = METRICS[name]
        title = f"own against others, {metric.title}" if name.startswith("auc_") else metric.title
        found = [r["systems"]["saxsolo"]["figures"].get(name) for r in reports.values()]
        found.append(reports[last]["systems"]["human"]["figures"].get(name))
        rows.append([title, *(cell(one, metric.digits) for one in found)])
    return rows


def _shape_rows(reports: dict[str, dict]) -> list[list[str]]:
    shapes = [r["resemblance"]["saxsolo"]["shape"] for r in reports.values()]
    names = dict.fromkeys(name for shape in shapes for name in shape)
    return [
        [name.replace("_", " "), *(cell(shape.get(name), 3) for shape in shapes)] for name in names
    ]


def _codec_rows(reports: dict[str, dict]) -> list[list[str]]:
    codecs = [r["codec_figures"] for r in reports.values()]
    names = ("pitch_agreement", "log_mel_distance", "multi_resolution_stft", "si_sdr")
    return [[n.replace("_", " "), *(cell(codec.get(n), 3) for codec in codecs)] for n in names]


def _table(corner: str, columns: list[str], rows: list[list[str]]) -> str:
    lines = [[corner, *columns], ["---"] * (len(columns) + 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _weights(report: dict) -> str:
    codec = report["codec"]["sha256"][:12]
    if not report["checkpoint"]:
        return f"given takes, codec {codec}"
    return f"weights {report['checkpoint']['sha256'][:12]}, codec {codec}"


def main(argv: list[str] | None = None) -> None:
    """The command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reports", nargs="+", metavar="NAME=REPORT.json")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    reports = {}
    for text in args.reports:
        name, _, path = text.partition("=")
        if not path:
            raise EvaluationError(f"{text!r} names no report; write NAME=REPORT.json")
        reports[name] = json.loads(Path(path).read_text("utf-8"))
    with replacing(args.out) as (fresh,):
        fresh.write_text(progress_text(reports), "utf-8")
    print(args.out)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError) as error:
        print(f"progress: {error}", file=sys.stderr)
        sys.exit(2)
