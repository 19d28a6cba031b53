"""Splits by performer: whoever trains is never judged, and no tune is in two splits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Protocol

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


def hashed_split(performer: str, held_out: float = 0.06) -> str:
    """As `split_of_performer`; of the others a share of `held_out` goes to `test` and as much to
    `validation`, by a hash of the name, so that new recordings never move old ones."""
    split = split_of_performer(performer)
    if split != "train":
        return split
    digest = hashlib.sha256(title_key(performer).encode()).digest()
    place = int.from_bytes(digest[:4], "big") / 2**32
    return "test" if place < held_out else "validation" if place < 2 * held_out else "train"


class Played(Protocol):
    """What has a split: a score or a recording."""

    @property
    def id(self) -> str: ...

    @property
    def performer(self) -> str: ...

    @property
    def title(self) -> str: ...


def assign_splits(
    scores: Iterable[Played], split_of: Callable[[str], str] = split_of_performer
) -> dict[str, str]:
    """Id -> `train`, `validation`, `test` or `excluded`.

    Performers decide (`split_of`). A score whose title also occurs further out (train < validation
    < test) is excluded, so that no tune of a held-out split was heard in training.
    """
    scores = list(scores)
    splits = {score.id: split_of(score.performer) for score in scores}
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


def held_out_titles(scores: Iterable[Played]) -> list[str]:
    """Titles of the validation and test solos, sorted: tunes that training must not play."""
    scores = list(scores)
    split_of = assign_splits(scores)
    return sorted({score.title for score in scores if split_of[score.id] in SPLITS[1:]})
