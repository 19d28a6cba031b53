"""What the processes of one run say to each other; on one process all of it is the identity."""

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast


class Processes:
    """The processes that an accelerator started.

    Args:
        accelerator: of this process.
    """

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator
        self.alone = accelerator.num_processes == 1

    def total(self, value: float) -> float:
        """The sum of every process's value."""
        if self.alone:
            return value
        tensor = torch.tensor([float(value)], device=self.accelerator.device)
        return float(self.accelerator.reduce(tensor, "sum").item())

    def of_first(self, value: float) -> float:
        """The first process's value."""
        if self.alone:
            return value
        return float(broadcast(torch.tensor([value], device=self.accelerator.device)).item())

    def agree(self, elapsed: float, stop: bool) -> tuple[float, bool]:
        """The first process's clock and wish to stop: all must take the same steps."""
        if self.alone:
            return elapsed, stop
        # MPS has no float64, but it has one process too
        said = torch.tensor([elapsed, float(stop)], dtype=torch.float64)
        elapsed, wish = broadcast(said.to(self.accelerator.device)).tolist()
        return elapsed, wish > 0
