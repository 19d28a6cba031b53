"""A seed of its own for each of many solos.

Solos that are all drawn from one seed share their random numbers: chance that pulls one of them
pulls all, and a mean over them keeps it.
"""

import hashlib

_SEEDS = 2**32


def seed_of(seed: int, name: str) -> int:
    """The seed of the solo over `name`, the same in every run and whatever else is measured."""
    said = f"{seed}/{name}".encode()
    return int.from_bytes(hashlib.sha256(said).digest()[:8], "big") % _SEEDS
