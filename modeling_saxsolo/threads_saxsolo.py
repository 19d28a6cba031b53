"""How many threads torch computes on while the model plays on a processor.

The matrices of one frame are small: on an idle machine a second thread gains nothing, and on a busy
one each of a thousand operations a frame waits until the other thread is given a core.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# what torch, OpenMP and MKL read when they start
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_AT_IMPORT = torch.get_num_threads()


def chosen_by_user() -> bool:
    """Whether somebody told torch how many threads to use, by a variable or a call.

    A call before this module was imported shows where the number is not one that torch takes by
    itself: that of the cores it may use, or half of them where each runs two threads.
    """
    if any(os.environ.get(name) for name in _VARIABLES):
        return True
    if torch.get_num_threads() != _AT_IMPORT:
        return True
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return _AT_IMPORT not in (cores, max(1, cores // 2), os.cpu_count())


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """Torch computes on one thread, and afterwards on as many as before.

    Nothing changes on other devices than the processor, nor where the user chose a number.
    """
    before = torch.get_num_threads()
    if device.type != "cpu" or before == 1 or chosen_by_user():
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
