"""Repeatable sampling: each solo of a batch from a seed or a generator of its own.

A batch is played row by row, each as long as it is. In one pass the sums of a row depend in their
last bits on the rows beside it, and one bit is enough to draw another note.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

Seed = int | torch.Generator
# inputs of `generate` whose last axis is not the backing's frames
WITHOUT_FRAMES = ("condition_ids", "prompt_codes", "beat_times", "beat_places", "beat_chords")


@contextmanager
def seeded(seed: Seed, device: torch.device) -> Iterator[None]:
    """torch's global generators drawn from a seed or a generator, and left as they were.

    Args:
        seed: a generator goes on from where it is, and is left where the sampling ends.
        device: where is sampled.

    Raises:
        ValueError: for a generator of another device.
    """
    cuda = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(cuda):
        if not isinstance(seed, torch.Generator):
            torch.manual_seed(seed)
            yield
            return
        if seed.device.type != device.type:
            raise ValueError(f"a generator on {seed.device} for a model on {device}: make it there")
        if cuda:
            torch.cuda.set_rng_state(seed.get_state(), device)
            yield
            seed.set_state(torch.cuda.get_rng_state(device))
        else:
            torch.set_rng_state(seed.get_state())
            yield
            seed.set_state(torch.get_rng_state())


def own_seed(device: torch.device) -> int:
    """A seed drawn from torch's global generator of a device."""
    return int(torch.randint(2**62, (1,), device=device))


def undrawn(device: torch.device) -> AbstractContextManager[None]:
    """Leaves torch's global generators as they were, whatever is drawn inside."""
    context: AbstractContextManager[None] = torch.random.fork_rng(
        [device.index or 0] if device.type == "cuda" else []
    )
    return context


def seed_ahead() -> int:
    """A seed from torch's global generator, which is left as it was: who draws from it draws beside
    the solo, not from it."""
    ahead = torch.Generator()
    ahead.set_state(torch.get_rng_state())
    return int(torch.randint(2**62, (1,), generator=ahead))


def play_each(
    play: Callable[..., torch.Tensor],
    seeds: Seed | Sequence[Seed],
    inputs: dict[str, torch.Tensor | None],
    copies: int,
    pad: int,
) -> torch.Tensor:
    """Solos over a batch, each equal to its solo alone.

    Args:
        play: plays inputs of one row.
        seeds: one for each solo; a single one for each of them in turn.
        inputs: of `generate`, with B rows each; "attention_mask" says how long a row is.
        copies: solos over each row.
        pad: what follows a shorter solo.

    Returns:
        (B * copies, N, T) codes.

    Raises:
        ValueError: for another number of seeds than solos, or what is no seed.
    """
    codes = inputs["backing_codes"]
    assert codes is not None, "a backing is no option"
    count = len(codes) * copies
    given: list[Any] = list(seeds) if isinstance(seeds, (list, tuple)) else [seeds] * count
    if len(given) != count:
        raise ValueError(f"seed has {len(given)} values for {count} solos.")
    for seed in given:
        if not isinstance(seed, torch.Generator) and (isinstance(seed, bool) or seed != int(seed)):
            raise ValueError(f"seed is {seed!r}: give whole numbers or torch generators.")
    solos = []
    for number, seed in enumerate(given):
        with seeded(seed, codes.device):
            solos.append(play(**_row(inputs, number // copies))[0])
    whole = codes.new_full((count, solos[0].shape[0], max(s.shape[-1] for s in solos)), pad)
    for row, solo in zip(whole, solos, strict=True):
        row[:, : solo.shape[-1]] = solo
    return whole


def _row(inputs: dict[str, torch.Tensor | None], number: int) -> dict[str, torch.Tensor | None]:
    """One row of each input, without the frames that pad it."""
    mask = inputs["attention_mask"]
    length = None if mask is None else int(mask[number].sum())
    row: dict[str, torch.Tensor | None] = {}
    for name, value in inputs.items():
        cut = value is not None and name not in WITHOUT_FRAMES
        one = None if value is None else value[number : number + 1]
        row[name] = one[..., :length] if cut and one is not None else one
    return row
