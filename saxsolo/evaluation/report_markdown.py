"""The report as text: report.md, and the results table of a model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES
from saxsolo.atomic import replacing

from .case_metrics import METRICS, RANKING
from .cases import EvaluationError

NAMES = {
    "saxsolo": "saxsolo",
    "human": "human",
    "human_codec": "human, through the codec",
    "human_wrong_backing": "human, wrong backing",
    "retrieval": "retrieval",
    "random_walk": "random walk in the scale",
    "held_note": "one held note",
    "noise": "noise",
    "silence": "silence",
}
GROUPS = {
    "listens": (
        "Does it listen?",
        "P(a solo fits its own backing better than another tune's), for each way to measure fit. "
        "0.5 is a player that does not listen.",
    ),
    "harmony": (
        "Fit to harmony",
        "Notes against the chord that sounds at their onset. More than the human is not better.",
    ),
    "time": (
        "Fit to time",
        "Concentration of the onsets' phase in the beat, the eighth and the triplet (0 spread "
        "evenly, 1 all at one place); whether they lean to the beat (1) or the offbeat (-1); swing "
        "ratio of the eighths; how late onsets are.",
    ),
    "playing": ("Playing", "How much is played, and whether the horn has these notes."),
    "mix": (
        "The mix as a whole",
        "APA-style (Grachten and Nistal's formula, on the project's own embedding unless "
        "--embedding names another): how near a set of mixes is to the human's, and how far from "
        "mixes that do not match. Dropped as a measure of following: on that embedding one held "
        "note scores as high as a human.",
    ),
    "originality": (
        "Originality",
        "Longest run of notes with the intervals and rhythm of a training solo, and the share of "
        "short runs that occur in one.",
    ),
}
# what the model card shows
CARD = (
    "auc_chord_tones",
    "chord_tones",
    "scale_tones",
    "beat_concentration",
    "voiced_share",
    "notes_a_second",
    "in_range",
    "longest_copy",
)
# after the heading of a metric that fails the check of ranking
MARK = " (!)"
BEGIN, END = "<!-- report -->", "<!-- /report -->"


def report_text(report: dict[str, Any], pictures: Sequence[str]) -> str:
    """report.md.

    Args:
        report: what report.json holds.
        pictures: file names in pictures/.
    """
    parts = ["# Does it listen?", head(report)]
    for group, (title, text) in GROUPS.items():
        names = [name for name, metric in METRICS.items() if metric.group == group]
        parts += [f"## {title}", text, table(report, names)]
        if group == "listens":
            parts += ["### Do these metrics rank?", ranking_text(report)]
    parts += ["## Resemblance to humans", resemblance_text(report)]
    parts += ["## Codec", codec_text(report["codec_figures"])]
    parts += ["## Likelihood", likelihood_text(report["likelihood"])]
    if pictures:
        parts += ["## Pictures", *(f"![{name}](pictures/{name})" for name in pictures)]
    parts += ["## Players", bullets({NAMES[n]: s["what"] for n, s in report["systems"].items()})]
    parts += ["## Cases", cases_text(report)]
    return "\n\n".join(parts) + "\n"


def head(report: dict[str, Any]) -> str:
    """Command, seed and what was evaluated, in a few lines."""
    count = len(report["cases"])
    weights = report["checkpoint"]
    played = f"weights {weights['sha256'][:12]}" if weights else "given takes"
    return (
        f"`{report['command']}`\n\n"
        f"{count} held-out cases ({report['split']}) of {report['seconds']:g} s, seed "
        f"{report['seed']}, {played}, codec {report['codec']['sha256'][:12]}. Each cell: mean over "
        "the cases, 95 % bootstrap interval (cases drawn again), and n where it is not the number "
        f"of cases. Notes of every player are tracked in its sound ({report['tracker']}); "
        f"retrieval and random walk are played by the sampler ({report['sampler']})."
    )


def cell(figure: dict[str, Any] | None, digits: int = 2, cases: int | None = None) -> str:
    """`0.55 [0.52, 0.58]`, with n where it is not `cases`; `none` without a value."""
    if figure is None or figure["value"] is None:
        return "none"
    text = f"{figure['value']:.{digits}f}"
    if figure.get("interval"):
        low, high = figure["interval"]
        text += f" [{low:.{digits}f}, {high:.{digits}f}]"
    if cases is not None and figure["n"] != cases:
        text += f" n {figure['n']}"
    return text


def table(
    report: dict[str, Any], metrics: Sequence[str], players: Sequence[str] | None = None
) -> str:
    """A Markdown table, players down and metrics across; the last row says what to aim at."""
    count = len(report["cases"])
    fails = [m for m in metrics if not report["ranking"].get(m, {"holds": True})["holds"]]
    mixed = len({METRICS[m].group for m in metrics}) > 1
    titles = [heading(m, mixed) + (MARK if m in fails else "") for m in metrics]
    lines = [
        "| player | " + " | ".join(titles) + " | n |",
        "| --- " * (len(metrics) + 2) + "|",
    ]
    for name in players or report["systems"]:
        figures = report["systems"][name]["figures"]
        row = [cell(figures.get(m), METRICS[m].digits, count) for m in metrics]
        lines.append(f"| {NAMES[name]} | " + " | ".join(row) + f" | {count} |")
    lines.append("| *better* | " + " | ".join(f"*{METRICS[m].target}*" for m in metrics) + " | |")
    missing = reasons(report, metrics, players)
    notes = [f"none: {missing}."] if missing else []
    if fails:
        notes.append(f"{MARK.strip()} does not rank on these cases: no measure of following.")
    return "\n\n".join(["\n".join(lines), *notes])


def heading(metric: str, mixed: bool) -> str:
    """A column's title; among columns of other tables it says what it was the title of."""
    shown, title = METRICS[metric], METRICS[metric].title
    if not mixed:
        return title
    return {
        "listens": f"fits its own backing better than another's ({title})",
        "time": f"concentration ({title})",
    }.get(shown.group, title)


def reasons(
    report: dict[str, Any], metrics: Sequence[str], players: Sequence[str] | None = None
) -> str:
    """Why cells of a table are empty, each reason once with its players."""
    silent: dict[str, list[str]] = {}
    for name in players or report["systems"]:
        figures = report["systems"][name]["figures"]
        for metric in metrics:
            reason = figures.get(metric, {}).get("reason")
            if reason and NAMES[name] not in silent.setdefault(reason, []):
                silent[reason].append(NAMES[name])
    return "; ".join(f"{reason} ({', '.join(names)})" for reason, names in silent.items())


def ranking_text(report: dict[str, Any]) -> str:
    """Which metrics rank the players as they have to on these cases."""
    if not report["ranking"]:
        return "Not checked: it needs cases of two tunes."
    order = " > ".join(NAMES[name] for name in RANKING)
    lines = [
        f"A metric that claims to measure following has to rank {order} on these cases. Where it "
        "is about time retrieval is left out: a human's solo too, put on this tune's beats. A "
        "player without notes ranks last.",
        "",
        "| metric | " + " | ".join(NAMES[name] for name in RANKING) + " | ranks |",
        "| --- " * (len(RANKING) + 2) + "|",
    ]
    for name, row in report["ranking"].items():
        known = dict(zip(row["players"], row["values"], strict=True))
        values = [_value(known[n]) if n in known else "" for n in RANKING]
        verdict = "yes" if row["holds"] else "no: " + ", ".join(_named(b) for b in row["broken"])
        others = ", own against others" if name.startswith("auc_") else ""
        title = METRICS[name].title + others
        lines.append(f"| {title} | " + " | ".join(values) + f" | {verdict} |")
    failed = sum(not row["holds"] for row in report["ranking"].values())
    lines += [
        "",
        "All of them rank."
        if not failed
        else f"{failed} of {len(report['ranking'])} do not, and are marked{MARK} in the tables: "
        "descriptions, no measures of following.",
    ]
    return "\n".join(lines)


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _named(text: str) -> str:
    for name, shown in sorted(NAMES.items(), key=lambda item: -len(item[0])):
        text = text.replace(name, shown) if "_" in name else text
    return text


def resemblance_text(report: dict[str, Any]) -> str:
    """Distances of sets of solos to the humans'."""
    rows = report["resemblance"]
    names = list(next((row["shape"] for row in rows.values() if row["shape"]), {}))
    lines = [
        "Jensen-Shannon divergence in bits between the distributions of a player's and of the "
        "human solos (0 alike, 1 nothing in common; lower is better), and the Frechet distance on "
        "log-mel statistics of the sound (no VGGish). The human's row is one half of the humans "
        "against the other: what is left to chance at that size.",
        "",
        "| player | " + " | ".join(n.replace("_", " ") for n in names) + " | sound | n |",
        "| --- " * (len(names) + 3) + "|",
    ]
    for name, row in rows.items():
        cells = [cell(row["shape"].get(n)) for n in names]
        count = row["frechet_log_mel"]["n"] or max([f["n"] for f in row["shape"].values()] or [0])
        sound = cell(row["frechet_log_mel"], 1)
        lines.append(f"| {NAMES[name]} | " + " | ".join(cells) + f" | {sound} | {count} |")
    return "\n".join(lines)


def codec_text(figures: dict[str, Any]) -> str:
    """What the codec does to the human solos."""
    shown = {
        "pitch_agreement": ("voiced frames within 50 cents", 3),
        "log_mel_distance": ("log-mel distance, nepers", 3),
        "multi_resolution_stft": ("multi-resolution STFT distance", 3),
        "si_sdr": ("SI-SDR, dB", 1),
    }
    lines = ["| what | figure | n |", "| --- | --- | --- |"]
    for name, (title, digits) in shown.items():
        if name in figures:
            lines.append(f"| {title} | {cell(figures[name], digits)} | {figures[name]['n']} |")
    used = " / ".join(f"{100 * share:.0f} %" for share in figures["codes_used"])
    bits = " / ".join(f"{value:.1f}" for value in figures["entropy_bits"])
    lines += [
        f"| codes used, codebook by codebook | {used} | |",
        f"| entropy, bits | {bits} | |",
        f"| bits a second, as written / as its entropy needs | {figures['bits_a_second']:.0f} / "
        f"{figures['bits_a_second_needed']:.0f} | |",
    ]
    return "\n".join(lines)


def likelihood_text(figures: dict[str, Any]) -> str:
    """Held-out loss per stream; or why there is none."""
    if "reason" in figures:
        return figures["reason"] + "."
    lines = [
        f"Nats a token, {figures['clips']} clips of {figures['solos']} solos. A gap above 0 means "
        "that the own backing helps; intervals draw whole solos.",
        "",
        "| stream | own backing | another tune's | none | gap to another's | gap to none |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for stream in ["", *figures["streams"]]:
        end = f"_{stream}" if stream else ""
        if f"loss_own{end}" not in figures:
            continue
        losses = [f"{figures[f'loss_{case}{end}']:.4f}" for case in ("own", "other", "none")]
        gaps = []
        for case in ("other", "none"):
            low, high = figures[f"gap_{case}{end}_95"]
            gaps.append(f"{figures[f'gap_{case}{end}']:.4f} [{low:.4f}, {high:.4f}]")
        title = stream.replace("_", " ") or "mean of all"
        lines.append(f"| {title} | " + " | ".join(losses + gaps) + " |")
    ear = [
        f"{name.replace('_', ' ')} in {100 * figures[f'accuracy_{name}']:.0f} %"
        for name in LABEL_SIZES
        if f"accuracy_{name}" in figures
    ]
    if ear:
        lines += ["", f"Its ear is right on {', '.join(ear)} of these frames."]
    return "\n".join(lines)


def cases_text(report: dict[str, Any]) -> str:
    """One line a case."""
    lines = ["| case | performer | instrument | feel | tempo | retrieved from |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for case, source in zip(report["cases"], report["retrieved_from"], strict=True):
        row = [str(case.get(name, "")) for name in ("name", "performer", "instrument", "feel")]
        tempo = f"{case['tempo']:.0f}" if "tempo" in case else ""
        lines.append(f"| {' | '.join([*row, tempo, source or 'none'])} |")
    return "\n".join(lines)


def bullets(texts: dict[str, str]) -> str:
    """- name: text."""
    return "\n".join(f"- {name}: {text}" for name, text in texts.items())


def card_text(report: dict[str, Any]) -> str:
    """The results of a report for a model card: command, table, ranking, likelihood."""
    players = [name for name in report["systems"] if name != "silence"]
    parts = [head(report), table(report, CARD, players)]
    ranking = report["ranking"]
    if ranking:
        good = [METRICS[n].title for n, row in ranking.items() if row["holds"]]
        parts.append(
            f"{len(good)} of {len(ranking)} metrics that claim to measure following rank "
            f"{' > '.join(NAMES[n] for n in RANKING)} on these cases (those about time without "
            "retrieval); report.md names them. "
            "The random walk plays right notes in time and no music: more than the human is not "
            "better."
        )
    if "reason" not in report["likelihood"]:
        parts += ["Likelihood of held-out solos:", likelihood_text(report["likelihood"])]
    parts += ["The codec, on the human solos of these cases:", codec_text(report["codec_figures"])]
    return "\n\n".join(parts)


def write_card(card: Path, report: Path) -> None:
    """Rewrites what stands between `<!-- report -->` and `<!-- /report -->` in a model card.

    Raises:
        EvaluationError: where the report is none, or the card lacks the two marks.
    """
    try:
        content = json.loads(report.read_text("utf-8"))
        tables = card_text(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"{report} is not a report.json: {error}") from error
    if not card.is_file():
        raise EvaluationError(f"{card}: no such file")
    text = card.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise EvaluationError(f"{card} needs one line {BEGIN} and below it one line {END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with replacing(card) as (fresh,):
        fresh.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", "utf-8")
