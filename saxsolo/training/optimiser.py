"""The optimiser of the solo model, and its learning rate."""

import math

import torch

from .settings import TrainSettings

LONGEST_WARMUP = 0.05


def make_optimizer(model: torch.nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW; vectors and embedding tables do not decay (rare rows would only shrink)."""
    tables = {
        id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)
    }
    parameters = [p for p in model.parameters() if p.requires_grad]
    still = [p for p in parameters if p.dim() < 2 or id(p) in tables]
    decaying = [p for p in parameters if not (p.dim() < 2 or id(p) in tables)]
    groups = [
        {"params": decaying, "weight_decay": settings.weight_decay},
        {"params": still, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)


def progress(settings: TrainSettings, step: int, elapsed: float) -> float:
    """Share of the run that is done, 1 at its end: by steps or by minutes, whichever is more.

    Args:
        elapsed: seconds of training so far.
    """
    minutes = settings.max_minutes
    by_time = elapsed / (60 * minutes) if minutes else 0.0
    return max(step / settings.max_steps, by_time)


def learning_rate(settings: TrainSettings, step: int, elapsed: float) -> float:
    """Linear warm-up over `warmup_steps` or a twentieth of the run, whichever is shorter, then a
    cosine over the run's steps or minutes, whichever end first."""
    done = progress(settings, step, elapsed)
    warm = (step + 1) / max(1, settings.warmup_steps)
    warm = min(1.0, max(warm, done / LONGEST_WARMUP))
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    span = settings.learning_rate - settings.final_learning_rate
    return warm * (settings.final_learning_rate + span * fall)
