"""Splits by performer: whoever trains is never judged, and no tune is in two splits."""

from __future__ import annotations

from collections.abc import Iterable

from .score.score import Score

SPLITS = ("train", "validation", "test")
EXCLUDED = "excluded"
TEST_PERFORMERS = frozenset(
    {"Art Pepper", "Joe Lovano", "Steve Lacy", "Don Byas", "Gerry Mulligan", "Kenny Garrett"}
)
VALIDATION_PERFORMERS = frozenset(
    {"Hank Mobley", "Cannonball Adderley", "Joshua Redman", "Von Freeman"}
)


def title_key(title: str) -> str:
    """A title as it is compared: casefolded, letters and digits only."""
    return "".join(char for char in title.casefold() if char.isalnum())


def split_of_performer(performer: str) -> str:
    """`test`, `validation` or `train`, by the performer alone."""
    if performer in TEST_PERFORMERS:
        return "test"
    return "validation" if performer in VALIDATION_PERFORMERS else "train"


def assign_splits(scores: Iterable[Score]) -> dict[str, str]:
    """Score id -> `train`, `validation`, `test` or `excluded`.

    Performers decide. A score whose title also occurs further out (train < validation < test) is
    excluded, so that no tune of a held-out split was heard in training.
    """
    scores = list(scores)
    splits = {score.id: split_of_performer(score.performer) for score in scores}
    titles: dict[str, set[str]] = {split: set() for split in SPLITS}
    for score in scores:
        titles[splits[score.id]].add(title_key(score.title))
    outer = {
        "train": titles["validation"] | titles["test"],
        "validation": titles["test"],
        "test": set(),
    }
    for score in scores:
        if title_key(score.title) in outer[splits[score.id]]:
            splits[score.id] = EXCLUDED
    return splits
