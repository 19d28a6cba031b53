"""Refines a trained planner on lines of its own, against a critic that is trained anew each round.

A round: the planner plays several lines over each of some windows of the training tunes, as it
plays in the product. A critic that tells the latest rounds' lines from what humans played says how
human each stretch of them is. Choices of a stretch that is more human than the others over the same
bars become likelier, those of the others less likely: policy gradient with the mean of the other
lines as baseline (Williams 1992; Kool and others 2019, "Buy 4 REINFORCE samples, get a baseline for
free!"). The usual likelihood of human solos is learnt beside it, and a leash keeps the planner near
to the one that the run began with (a penalty on their Kullback-Leibler divergence: Jaques and
others 2017, "Sequence Tutor"), so that it does not drift.

Whom the critic takes for its humans is a choice: those of their stretches in the steadiest time.
The log odds of a critic estimate the log ratio of the two densities, so what falls is the
divergence between plans and humans; they are taken as they are, so that a critic that can hardly
tell teaches hardly anything. New critics keep the planner from pleasing an old one. What is
kept is the mean of many steps, and may lie between the weights of the beginning and of the end
(Wortsman and others 2022, "Robust fine-tuning of zero-shot models"). Whether it worked, only
critics of held-out humans say (`saxsolo measure critic`), the second of which knows none of these
figures.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from modeling_saxsolo.note_events_saxsolo import TICKS
from modeling_saxsolo.planner_features_saxsolo import control_classes
from modeling_saxsolo.planner_saxsolo import SaxsoloPlanner
from modeling_saxsolo.planning_saxsolo import PlanSettings
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.atomic import write_text
from saxsolo.config_model import ConfigModel, read_yaml, with_overrides, within

from .errors import SettingsError
from .planner import append_row, evaluate, losses_of, save_planner, total
from .planner_data import Excerpts, Noise, Solo, collated, excerpt_batch, whole_excerpts
from .planner_losses import Choices, planner_choices
from .planner_sampling import Window, sample_lines, stream_of
from .settings import Count, NotNegative, Positive, Share

# advantages beyond this many nats are cut
_WIDEST = 3.0
# beats of the lead sheet around a line
_MARGIN = 16


class Leash(ConfigModel):
    """What a nat of distance counts, choice by choice."""

    mistake: ClassVar[type[ValueError]] = SettingsError

    step: NotNegative
    ending: NotNegative
    pitch: NotNegative
    length: NotNegative
    offset: NotNegative


class PlannerRefinement(ConfigModel):
    """One run; configs/planner-refine.yaml says what each value is good for.

    Attributes:
        rounds: of playing, judging and learning.
        windows: of the training tunes that are played over in a round. lines: over each.
        stretch: seconds that the critic sees at once.
        steadiest: share of the humans' stretches that the critic learns from: those in the
            steadiest time.
        critics: rounds whose lines a critic learns from.
        epochs: how often a round's lines are learnt from.
        batch_size: lines a step.
        learning_rate: of Adam.
        leash: name of each choice, see `planner_choices` -> what a nat of its distance from the
            planner that the run began with counts, an event.
        human_weight: what the loss of human solos counts beside the lines' own.
        human_batch: excerpts of human solos a step. events: of such an excerpt.
        weight_average: of the averaged weights, a step.
        share: of the refined weights in those that are kept in the end; the rest is the origin's.
        evaluate_every: rounds.
        seed: of windows, lines and noise.
        noise: fields of `Noise`, for the human solos.

    Raises:
        SettingsError: an unknown name, one that is missing, a value of another kind or out of its
            range.
    """

    mistake: ClassVar[type[ValueError]] = SettingsError

    rounds: Positive
    windows: Positive
    lines: Positive
    stretch: NotNegative
    steadiest: Annotated[float, within(0, 1, above=True)]
    critics: Positive
    epochs: Positive
    batch_size: Positive
    learning_rate: NotNegative
    leash: Leash
    human_weight: NotNegative
    human_batch: Positive
    events: Positive
    weight_average: Share
    share: Share
    evaluate_every: Positive
    seed: Count
    noise: dict[str, float]


@dataclass(frozen=True)
class Passage:
    """A window of a training tune, and how a human played there.

    Attributes:
        window: the part of the tune.
        human: (S, F) the critic's figures of each stretch; NaN where there is too little to say.
        steadiness: (S,) how steady the human's time is in it.
    """

    window: Window
    human: np.ndarray
    steadiness: np.ndarray


#: name -> values, as `state_dict` has them
Weights = dict[str, torch.Tensor]
#: a score stream over a window, and the second in which a stretch begins -> (F,) figures; None for
#: too few notes
Figures = Callable[[Window, np.ndarray, float], np.ndarray | None]
#: figures (N, F) -> (N,) log odds that a machine played
Critic = Callable[[np.ndarray], np.ndarray]
#: figures of humans (N, F), of machines (M, F) -> a critic
TrainCritic = Callable[[np.ndarray, np.ndarray], Critic]


def read_refinement_settings(
    path: Path, overrides: dict[str, Any] | None = None
) -> PlannerRefinement:
    """Settings of a YAML file, with `overrides` in place of its values; "leash.NAME" is one
    of the leash's.

    Raises:
        SettingsError: no such file, or as `PlannerRefinement`.
    """
    values = read_yaml(path, SettingsError)
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds a {type(values).__name__}; expected names and values")
    return PlannerRefinement.parse(with_overrides(values, overrides or {}), str(path))


class Refinement:
    """A run of `refine_planner`.

    Args:
        planner: is changed.
        passages: of the training tunes.
        solos: training solos for the loss of human solos.
        figures, train_critic: see `Figures`, `TrainCritic`.
        plan: how lines are drawn; what the planner learns holds for this way of playing.
        settings: of the run.
    """

    def __init__(
        self,
        planner: SaxsoloPlanner,
        passages: Sequence[Passage],
        solos: Sequence[Solo],
        figures: Figures,
        train_critic: TrainCritic,
        plan: PlanSettings,
        settings: PlannerRefinement,
    ):
        self.planner, self.passages, self.solos = planner, passages, solos
        self.figures, self.train_critic = figures, train_critic
        self.plan, self.settings = plan, settings
        self.rng = np.random.default_rng(settings.seed)
        self.noise = Noise(**settings.noise)
        average = get_ema_multi_avg_fn(settings.weight_average)
        self.averaged = AveragedModel(planner, multi_avg_fn=average)
        self.before = copy.deepcopy(planner).requires_grad_(False).eval()
        self.optimiser = torch.optim.Adam(
            planner.parameters(), settings.learning_rate, betas=(0.9, 0.98)
        )
        self.human = _steadiest(passages, settings.steadiest)
        self.recent: list[np.ndarray] = []

    def play_and_learn(self) -> dict[str, float]:
        """One round; how human its lines are to its critic, and the losses."""
        windows, lines = self._play()
        figures, line, stretch = self._described(windows, lines)
        self.recent = [*self.recent, figures][-self.settings.critics :]
        critic = self.train_critic(self.human, np.concatenate(self.recent))
        human = -critic(figures)
        group = line // self.settings.lines * len(windows) + stretch
        worths = _advantages(human, group)
        weights = [np.zeros(len(events)) for events in lines]
        for at, first, worth in zip(line, stretch, worths, strict=True):
            begin = windows[at].start + first * self.settings.stretch
            seconds = windows[at].sheet.seconds_at(lines[at][:, 0] / TICKS)
            inside = (seconds >= begin) & (seconds < begin + self.settings.stretch)
            weights[at][inside] = worth
        losses = []
        for _ in range(self.settings.epochs):
            order = self.rng.permutation(len(lines))
            for start in range(0, len(order), self.settings.batch_size):
                some = order[start : start + self.settings.batch_size]
                batch = line_batch([lines[i] for i in some], [windows[i] for i in some])
                losses.append(self._learn(batch, _padded([weights[i] for i in some], batch)))
        return {
            "lines": float(human.mean()),
            "humans": float(-critic(self.human).mean()),
            "advantage": float(worths.std()),
            **{name: float(np.mean([loss[name] for loss in losses])) for name in losses[0]},
        }

    def _play(self) -> tuple[list[Window], list[np.ndarray]]:
        count = min(self.settings.windows, len(self.passages))
        chosen = self.rng.choice(len(self.passages), count, replace=False)
        windows = [self.passages[i].window for i in chosen for _ in range(self.settings.lines)]
        seed = int(self.rng.integers(2**31))
        return windows, sample_lines(self.planner, windows, self.plan, seed)

    def _described(
        self, windows: Sequence[Window], lines: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Figures (N, F) of stretches with enough notes, the line (N,) and the stretch of it."""
        rows, line, stretch = [], [], []
        for place, (window, events) in enumerate(zip(windows, lines, strict=True)):
            frames = round(window.end * FRAME_RATE)
            stream = stream_of(window.sheet, events, frames, self.plan, self.rng)
            for index in range(stretches_in(window, self.settings.stretch)):
                begin = window.start + index * self.settings.stretch
                row = self.figures(window, stream, begin)
                if row is not None:
                    rows.append(row)
                    line.append(place)
                    stretch.append(index)
        return np.array(rows), np.array(line), np.array(stretch)

    def _learn(self, batch: Excerpts, weight: torch.Tensor) -> dict[str, float]:
        """A step; the loss of its own lines, how far each choice has moved, the loss of humans."""
        own, moved = self._own_losses(batch, weight)
        self.planner.train()
        size = self.settings.human_batch
        humans = excerpt_batch(self.solos, size, self.settings.events, self.rng, self.noise)
        of_humans = total(losses_of(self.planner, humans))
        self.optimiser.zero_grad()
        held = [getattr(self.settings.leash, name) * nats for name, nats in moved.items()]
        loss = own + torch.stack(held).sum() + self.settings.human_weight * of_humans
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.planner.parameters(), 1.0)
        self.optimiser.step()
        self.averaged.update_parameters(self.planner)
        return {
            "own_loss": float(own.detach()),
            **{f"moved_{name}": float(nats.detach()) for name, nats in moved.items()},
            "human_loss": float(of_humans.detach()),
        }

    def _own_losses(
        self, batch: Excerpts, weight: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Nats of each event's choices, times what its stretch was worth, and for each choice the
        Kullback-Leibler divergence from the planner that the run began with, nats; all an event,
        without dropout, as the lines were drawn."""
        self.planner.eval()
        choices = _choices(self.planner, batch)
        with torch.no_grad():
            before = _choices(self.before, batch)
        events = batch.mask[:, 1:].sum()
        parts, moved = [], {}
        for name, (logits, chosen, counted) in choices.items():
            now = logits[counted].log_softmax(-1)
            then = before[name][0][counted].log_softmax(-1)
            nats = -now.gather(-1, chosen[counted][:, None])[:, 0]
            parts.append((nats * weight[:, 1:][counted]).sum() / events)
            moved[name] = (now.exp() * (now - then)).sum() / events
        return torch.stack(parts).sum(), moved


def refine_planner(
    run: Refinement,
    origin: Weights,
    validation: Sequence[Solo],
    out: Path,
    facts: dict[str, Any],
) -> dict[str, float]:
    """All rounds of a run; OUT/round-N keeps the averaged weights on the way and of the last round,
    OUT/best what lies between them and the origin.

    Args:
        origin: weights of the planner that plays so far.
        validation: solos whose loss is logged: it must not rise much.
        out: folder of the run, with log.jsonl.
        facts: as `save_planner`, without "figures".

    Returns:
        Held-out losses of OUT/best, as `train_planner`.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(run.settings.seed)
    held_out = whole_excerpts(validation, run.settings.events)
    began, figures = time.monotonic(), {}
    for number in range(1, run.settings.rounds + 1):
        row: dict[str, Any] = {"round": number, **run.play_and_learn()}
        last = number == run.settings.rounds
        if last or number % run.settings.evaluate_every == 0:
            figures = evaluate(run.averaged.module, held_out)
            row["validation"] = figures
            save_planner(
                run.averaged.module, out / f"round-{number}", {**facts, "figures": figures}
            )
        append_row(out, {**row, "minutes": round((time.monotonic() - began) / 60, 2)})
    kept = run.averaged.module
    kept.load_state_dict(between(origin, kept.state_dict(), run.settings.share))
    figures = evaluate(kept, held_out)
    save_planner(kept, out / "best", {**facts, "figures": figures})
    write_text(out / "settings.json", json.dumps(run.settings.model_dump(), indent=1) + "\n")
    return figures


def between(origin: Weights, refined: Weights, share: float) -> Weights:
    """`share` of the refined weights, the rest of the origin's."""
    return {name: torch.lerp(origin[name], value, share) for name, value in refined.items()}


def stretches_in(window: Window, seconds: float) -> int:
    """Whole stretches of so many seconds in a window."""
    return int((window.end - window.start) / seconds + 1e-6)


def _steadiest(passages: Sequence[Passage], share: float) -> np.ndarray:
    """(N, F) figures of the humans' stretches, `share` of them."""
    human = np.concatenate([passage.human for passage in passages])
    steadiness = np.concatenate([passage.steadiness for passage in passages])
    return human[steadiness >= np.quantile(steadiness, 1 - share)]


def _choices(planner: SaxsoloPlanner, batch: Excerpts) -> Choices:
    return planner_choices(
        planner, batch.events, batch.sheet, batch.controls, batch.mask, batch.line
    )


def _advantages(human: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(N,) log odds less the mean of the others of the group, nats; 0 alone.

    Not in standard deviations: the less the critic can tell, the less it shall teach.
    """
    worth = np.zeros(len(human))
    for number in np.unique(group):
        at = np.flatnonzero(group == number)
        if len(at) > 1:
            worth[at] = (human[at] - human[at].mean()) * len(at) / (len(at) - 1)
    return np.clip(worth, -_WIDEST, _WIDEST)


def line_batch(lines: Sequence[np.ndarray], windows: Sequence[Window]) -> Excerpts:
    """Lines side by side, as excerpts that nothing is changed in; what a line goes on from is not
    one of its choices."""
    rows = []
    for line, window in zip(lines, windows, strict=True):
        first = max(0, int(line[0, 0]) // TICKS - _MARGIN)
        last = int(line[-1, 0]) // TICKS + _MARGIN
        events = line.copy()
        events[:, 0] -= first * TICKS
        asked = np.array(control_classes(lowest=window.lowest, highest=window.highest))
        rows.append((events, events, window.table[first:last], asked))
    batch = collated(rows)
    for real, window in zip(batch.mask, windows, strict=True):
        real[: len(window.past)] = False
    return batch


def _padded(weights: Sequence[np.ndarray], batch: Excerpts) -> torch.Tensor:
    """(B, E) of the batch."""
    padded = torch.zeros(batch.mask.shape)
    for row, values in zip(padded, weights, strict=True):
        row[: len(values)] = torch.from_numpy(values).float()
    return padded
