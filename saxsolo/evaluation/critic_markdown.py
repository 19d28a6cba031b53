"""A critic's verdict in words and tables."""

from __future__ import annotations

from .critic import Verdict

#: a critic counts if it tells humans from humans no better than this
NULL_LIMITS = (0.45, 0.55)


def verdict_text(verdict: Verdict, seconds: float, rows: int) -> str:
    """Markdown: the AUC, what humans against humans give, groups of figures, and `rows` figures.

    Args:
        seconds: of a stretch.
    """
    low, high = verdict.interval
    null_low, null_high = verdict.null_range
    fair = NULL_LIMITS[0] <= verdict.null <= NULL_LIMITS[1]
    lines = [
        f"AUC {verdict.auc:.3f} [{low:.3f}, {high:.3f}], human from machine "
        f"({verdict.stretches} stretches of {seconds:g} s on each side, {verdict.tunes} tunes)",
        f"AUC {verdict.patterns:.3f} [{verdict.patterns_interval[0]:.3f}, "
        f"{verdict.patterns_interval[1]:.3f}], human from machine, by counts of short patterns",
        f"AUC {verdict.null:.3f} [{null_low:.3f}, {null_high:.3f}], human from human"
        + ("" if fair else ": outside 0.45 to 0.55, this critic does not count"),
        "",
        "| figures | AUC alone | AUC without |",
        "| --- | --- | --- |",
    ]
    groups = sorted(verdict.groups.items(), key=lambda item: -item[1][0])
    lines += [f"| {name} | {alone:.3f} | {without:.3f} |" for name, (alone, without) in groups]
    lines += ["", "| figure | human | machine | weight |", "| --- | --- | --- | --- |"]
    for name, (weight, human, machine) in list(verdict.weights.items())[:rows]:
        lines.append(f"| {name} | {human:.3f} | {machine:.3f} | {weight:+.2f} |")
    return "\n".join(lines)
