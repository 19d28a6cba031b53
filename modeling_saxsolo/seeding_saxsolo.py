"""Repeatable sampling: each solo of a batch from a seed or a generator of its own.

A batch is played row by row, each as long as it is. In one pass of torch the sums of a row depend
in their last bits on the rows beside it, and one bit is enough to draw another note. Rows that
`FastDecoder` plays are played side by side: what it computes for one does not depend on others.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

Seed = int | torch.Generator
_RANDOM_STATE = threading.RLock()
# threads of one call; more rows in a step of decoding gain little (docs/performance.md)
MOST_AT_ONCE = 16
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
    # torch has one random state for the process: two solos at once would disturb each other's
    with _RANDOM_STATE, torch.random.fork_rng(cuda):
        if not isinstance(seed, torch.Generator):
            torch.manual_seed(seed)
            yield
            return
        _check_device(seed, device)
        if cuda:
            torch.cuda.set_rng_state(seed.get_state(), device)
            yield
            seed.set_state(torch.cuda.get_rng_state(device))
        else:
            torch.set_rng_state(seed.get_state())
            yield
            seed.set_state(torch.get_rng_state())


def drawn_by_torch(
    play: Callable[..., torch.Tensor], device: torch.device, seed: Seed, **inputs: Any
) -> torch.Tensor:
    """Plays with torch's global generators at a seed, which is not given on."""
    with seeded(seed, device):
        return play(**inputs)


def generator_of(seed: Seed, device: torch.device) -> torch.Generator:
    """What draws from a seed as torch's global generator would; a generator is itself.

    Raises:
        ValueError: for a generator of another device.
    """
    if not isinstance(seed, torch.Generator):
        return torch.Generator(device).manual_seed(seed)
    _check_device(seed, device)
    return seed


def _check_device(seed: torch.Generator, device: torch.device) -> None:
    if seed.device.type != device.type:
        raise ValueError(f"a generator on {seed.device} for a model on {device}: make it there")


def own_seed(device: torch.device, random: torch.Generator | None = None) -> int:
    """A seed drawn from a generator on a device, torch's global one there when None."""
    return int(torch.randint(2**62, (1,), device=device, generator=random))


def undrawn(device: torch.device) -> AbstractContextManager[None]:
    """Leaves torch's global generators as they were, whatever is drawn inside."""
    context: AbstractContextManager[None] = torch.random.fork_rng(
        [device.index or 0] if device.type == "cuda" else []
    )
    return context


def seed_ahead(random: torch.Generator | None = None) -> int:
    """A seed from a generator, torch's global one when None, which is left as it was: who draws
    from it draws beside the solo, not from it."""
    ahead = torch.Generator()
    ahead.set_state(torch.get_rng_state() if random is None else random.get_state())
    return int(torch.randint(2**62, (1,), generator=ahead))


def checked_seeds(seed: Seed | Sequence[Seed], count: int) -> list[Seed]:
    """A seed for each of `count` solos; one for all of them is repeated.

    Raises:
        ValueError: for another number of seeds than solos, or what is no seed.
    """
    given: list[Any] = list(seed) if isinstance(seed, (list, tuple)) else [seed] * count
    if len(given) != count:
        raise ValueError(f"seed has {len(given)} values for {count} solos.")
    for one in given:
        if not isinstance(one, torch.Generator) and (isinstance(one, bool) or one != int(one)):
            raise ValueError(f"seed is {one!r}: give whole numbers or torch generators.")
    return given


def play_each(
    play: Callable[..., torch.Tensor],
    seeds: Sequence[Seed],
    inputs: dict[str, torch.Tensor | None],
    at_once: int,
    pad: int,
) -> torch.Tensor:
    """Solos over a batch, each equal to its solo alone.

    Args:
        play: plays inputs of one row from a seed.
        seeds: one for each solo, as many to a row.
        inputs: of `generate`, with B rows each; "attention_mask" says how long a row is.
        at_once: solos that are played side by side, each in a thread.
        pad: what follows a shorter solo.

    Returns:
        (solos, N, T) codes.
    """
    codes = inputs["backing_codes"]
    assert codes is not None, "a backing is no option"
    copies = len(seeds) // len(codes)
    threads, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()

    def played(number: int) -> torch.Tensor:
        # torch's modes and its number of threads are those of a thread
        torch.set_num_threads(threads)
        with torch.inference_mode(inference):
            return play(seed=seeds[number], **_row(inputs, number // copies))[0]

    # a generator that several share goes on from one to the next
    shared = len({id(seed) for seed in seeds if isinstance(seed, torch.Generator)}) < sum(
        isinstance(seed, torch.Generator) for seed in seeds
    )
    if at_once == 1 or shared:
        solos = [played(number) for number in range(len(seeds))]
    else:
        with ThreadPoolExecutor(at_once, thread_name_prefix="saxsolo-play") as threads_of_solos:
            solos = list(threads_of_solos.map(played, range(len(seeds))))
    whole = codes.new_full((len(seeds), solos[0].shape[0], max(s.shape[-1] for s in solos)), pad)
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
