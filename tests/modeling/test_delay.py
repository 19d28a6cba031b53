"""The delay pattern and its inverse."""

import pytest
import torch

from modeling_saxsolo import apply_delay, undo_delay


def test_the_drawn_example():
    codes = torch.tensor([[[10, 11, 12, 13], [20, 21, 22, 23], [30, 31, 32, 33]]])
    delayed = apply_delay(codes, [0, 1, 2], pad=-1)
    assert delayed.tolist() == [
        [
            [10, 11, 12, 13, -1, -1],
            [-1, 20, 21, 22, 23, -1],
            [-1, -1, 30, 31, 32, 33],
        ]
    ]


@pytest.mark.parametrize("frames", [1, 2, 7])
@pytest.mark.parametrize(
    "delays", [[0], [3], [0, 0, 0], [0, 1, 2], [2, 0, 1], [0, 1, 2, 3], [0, 2, 3, 4, 5]]
)
def test_round_trip(delays, frames):
    codes = torch.randint(0, 2048, (2, len(delays), frames))
    delayed = apply_delay(codes, delays, pad=-100)
    assert delayed.shape == (2, len(delays), frames + max(delays))
    assert (delayed == -100).sum() == 2 * len(delays) * max(delays)
    assert torch.equal(undo_delay(delayed, delays), codes)


def test_every_code_stands_at_frame_plus_delay():
    delays = [1, 0, 4]
    codes = torch.arange(3 * 5).view(1, 3, 5)
    delayed = apply_delay(codes, delays, pad=-1)
    for stream, delay in enumerate(delays):
        for frame in range(5):
            assert delayed[0, stream, frame + delay] == codes[0, stream, frame]


def test_wrong_delays_are_refused_with_both_values():
    codes = torch.zeros(1, 4, 3, dtype=torch.long)
    with pytest.raises(ValueError, match=r"4 streams but 2 delays \(\[0, 1\]\)"):
        apply_delay(codes, [0, 1], pad=0)
    with pytest.raises(ValueError, match=r">= 0, got \[0, 1, -2, 3\]"):
        undo_delay(codes, [0, 1, -2, 3])
    with pytest.raises(ValueError, match="3 steps hold no whole frame with a largest delay of 4"):
        undo_delay(codes, [0, 0, 0, 4])
