"""Votes of a blind listening test against its key.

saxsolo measure votes votes-*.json --key KIT/key.json
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from .blind_kit import SIDES
from .cases import EvaluationError


@dataclass(frozen=True)
class Share:
    """So many of so many votes, the share with its exact 95 % interval (Clopper and Pearson 1934),
    and the chance of a share at least as far from one half by guessing (two-sided binomial test).

    Votes of one listener are not independent: with few listeners the interval is too narrow.
    """

    hits: int
    votes: int
    interval: tuple[float, float]
    p: float


@dataclass(frozen=True)
class Votes:
    """What listeners said.

    Attributes:
        right: who took the human for the human; by listener; in each case.
        ours_preferred: who liked ours better; None where nobody was asked.
    """

    right: Share
    by_listener: dict[str, Share]
    by_case: dict[str, Share]
    ours_preferred: Share | None


def count_votes(paths: Sequence[Path], key: Path) -> Votes:
    """Counts votes; a pair that somebody left open is no vote.

    Raises:
        EvaluationError: files that are no votes or no key, votes of another kit, the same file of
            votes twice, or no vote at all.
    """
    truth = _read(key, "pairs")
    sides = {row["pair"]: row for row in truth["pairs"]}
    rights: dict[tuple[str, str], list[bool]] = {}
    ours: list[bool] = []
    seen: dict[str, Path] = {}
    for path in paths:
        sheet = _read(path, "votes")
        if sheet.get("kit") != truth.get("kit"):
            raise EvaluationError(
                f"{path} has votes on kit {sheet.get('kit')!r}, {key} is of {truth.get('kit')!r}"
            )
        text = json.dumps(sheet, sort_keys=True)
        if text in seen:
            raise EvaluationError(f"{path} and {seen[text]} have the same votes; give them once")
        seen[text] = path
        listener = str(sheet.get("listener") or "") or path.stem
        for vote in sheet["votes"]:
            row = sides.get(vote.get("pair"))
            choices = [vote.get(name) for name in ("human", "preferred")]
            if row is None or any(choice not in (None, *SIDES) for choice in choices):
                raise EvaluationError(f"{path}: {vote} is no vote on a pair of {key}")
            if choices[0]:
                rights.setdefault((listener, row["case"]), []).append(row[choices[0]] == "human")
            if choices[1]:
                ours.append(row[choices[1]] == "ours")
    if not rights:
        raise EvaluationError(f"no votes in {', '.join(map(str, paths))}")
    return Votes(
        _share([right for some in rights.values() for right in some]),
        _by(rights, 0),
        _by(rights, 1),
        _share(ours) if ours else None,
    )


def _share(hits: Sequence[bool]) -> Share:
    test = binomtest(sum(hits), len(hits), 0.5)
    low, high = test.proportion_ci(0.95, "exact")
    return Share(sum(hits), len(hits), (float(low), float(high)), float(test.pvalue))


def _by(rights: dict[tuple[str, str], list[bool]], place: int) -> dict[str, Share]:
    names = sorted({who[place] for who in rights})
    return {
        name: _share([hit for who, some in rights.items() if who[place] == name for hit in some])
        for name in names
    }


def _read(path: Path, wanted: str) -> dict[str, Any]:
    try:
        sheet = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from error
    if not isinstance(sheet, dict) or not isinstance(sheet.get(wanted), list):
        raise EvaluationError(f"{path} holds no {wanted!r}: it is no file of this test")
    return sheet


def votes_text(votes: Votes) -> str:
    """As Markdown."""
    rows = [("all votes", votes.right)]
    rows += [(f"listener {name}", share) for name, share in votes.by_listener.items()]
    rows += [(f"case {name}", share) for name, share in votes.by_case.items()]
    lines = ["| human recognised | right | share, 95 % | p |", "| --- | --- | --- | --- |"]
    lines += [f"| {name} | {_cells(share)} |" for name, share in rows]
    if votes.ours_preferred is not None:
        lines.append(f"| ours preferred | {_cells(votes.ours_preferred)} |")
    return "\n".join(lines)


def _cells(share: Share) -> str:
    low, high = share.interval
    return (
        f"{share.hits} of {share.votes} | {share.hits / share.votes:.2f} [{low:.2f}, {high:.2f}] | "
        f"{share.p:.3f}"
    )
