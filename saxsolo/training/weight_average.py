"""A running average of the weights: what is evaluated and kept of a run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch


class WeightAverage:
    """An exponential moving average of a model's parameters.

    Args:
        model: whose parameters it starts from.
        decay: largest share of the average that stays at each step. Young averages forget faster,
            else the random start would linger: (1 + step) / (10 + step).

    Attributes:
        tensors: name of the parameter -> average, in the order of the parameters.
    """

    def __init__(self, model: torch.nn.Module, decay: float):
        self.decay = decay
        self.tensors = {name: p.detach().clone() for name, p in model.named_parameters()}

    def update(self, model: torch.nn.Module, step: int) -> None:
        """Takes in the weights after a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        weights = {name: p.detach() for name, p in model.named_parameters()}
        averages = [self.tensors[name] for name in weights]
        torch._foreach_lerp_(averages, list(weights.values()), 1 - decay)

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Goes on from saved averages; files have an order of their own, this one keeps its."""
        self.tensors = {
            name: tensors[name].to(average.device) for name, average in self.tensors.items()
        }

    @contextmanager
    def applied(self, model: torch.nn.Module) -> Iterator[None]:
        """The model computes with the averages inside, with its own weights again after."""
        parameters = dict(model.named_parameters())
        own = {name: parameter.data for name, parameter in parameters.items()}
        try:
            for name, value in self.tensors.items():
                parameters[name].data = value
            yield
        finally:
            for name, value in own.items():
                parameters[name].data = value
