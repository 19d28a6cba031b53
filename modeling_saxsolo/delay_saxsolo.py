"""The delay pattern: stream n of frame t is predicted at decoder step t + delays[n].

One step can thus predict all streams at once although the streams of a frame depend on each other
(MusicGen, Copet et al. 2023, section 2.1). Two pure functions, each the inverse of the other.

    T = 4 frames, delays = [0, 1, 2], "." = pad, S = T + max(delays) = 6 steps

    frames          0  1  2  3          steps           0  1  2  3  4  5
    stream 0        a0 a1 a2 a3         stream 0        a0 a1 a2 a3 .  .
    stream 1        b0 b1 b2 b3   ->    stream 1        .  b0 b1 b2 b3 .
    stream 2        c0 c1 c2 c3         stream 2        .  .  c0 c1 c2 c3
"""

from collections.abc import Sequence

import torch


def apply_delay(codes: torch.Tensor, delays: Sequence[int], pad: int) -> torch.Tensor:
    """Shift every stream right by its delay.

    Args:
        codes: (B, N, T), any integer type.
        delays: N delays in frames, each >= 0.
        pad: what fills the steps without a frame (-100 in labels, the pad token in inputs).

    Returns:
        (B, N, S) with S = T + max(delays).

    Raises:
        ValueError: when the number of delays is not N, or one is negative.
    """
    batch, num_streams, frames = codes.shape
    _check_delays(num_streams, delays)
    delayed = codes.new_full((batch, num_streams, frames + max(delays)), pad)
    for stream, delay in enumerate(delays):
        delayed[:, stream, delay : delay + frames] = codes[:, stream]
    return delayed


def undo_delay(delayed: torch.Tensor, delays: Sequence[int]) -> torch.Tensor:
    """Collect the frames again: the inverse of `apply_delay`.

    Args:
        delayed: (B, N, S).
        delays: the N delays it was made with.

    Returns:
        (B, N, T) with T = S - max(delays): the frames whose every stream is there.

    Raises:
        ValueError: when the number of delays is not N, one is negative, or S < max(delays).
    """
    _, num_streams, steps = delayed.shape
    _check_delays(num_streams, delays)
    frames = steps - max(delays)
    if frames < 0:
        raise ValueError(
            f"{steps} steps hold no whole frame with a largest delay of {max(delays)}: "
            "give at least as many steps as the largest delay."
        )
    return torch.stack([delayed[:, n, d : d + frames] for n, d in enumerate(delays)], dim=1)


def _check_delays(num_streams: int, delays: Sequence[int]) -> None:
    if len(delays) != num_streams:
        raise ValueError(
            f"{num_streams} streams but {len(delays)} delays ({list(delays)}): give one a stream."
        )
    if min(delays) < 0:
        raise ValueError(f"delays must be >= 0, got {list(delays)}.")
