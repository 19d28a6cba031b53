"""ZeroGPU lends a GPU to a function while it runs; elsewhere the function is called as it is.

https://huggingface.co/docs/hub/spaces-zerogpu
"""

import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

try:
    import spaces
except ImportError:
    spaces = None

# the Hub installs `spaces` in every Space and sets this variable where GPUs are lent
ON_ZERO_GPU = spaces is not None and os.environ.get("SPACES_ZERO_GPU", "").lower() in (
    "1",
    "t",
    "true",
)
# seconds that a call may take besides the music: loading to the GPU, listening, writing the take
OVERHEAD_SECONDS = 20.0

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def on_gpu(
    seconds: Callable[Arguments, float],
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Decorator: the function borrows a GPU while it runs, a generator until its end.

    Args:
        seconds: called with the same arguments; gives the seconds of music. A visitor's daily quota
            is counted in seconds, and a shorter request waits less.
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        if not ON_ZERO_GPU:
            return function
        lent: Callable[Arguments, Result] = spaces.GPU(duration=duration)(function)
        return lent

    def duration(*args: Arguments.args, **kwargs: Arguments.kwargs) -> float:
        return OVERHEAD_SECONDS + seconds(*args, **kwargs)

    return decorate
