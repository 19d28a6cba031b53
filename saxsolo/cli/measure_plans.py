"""`saxsolo measure plan`, `critic` and `distances`: the notes that a model plans over the tunes of
held-out humans, beside those humans."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import needs
from .options import CheckpointOption, SecondsOption, Split, SplitOption, quiet_libraries

if TYPE_CHECKING:
    import numpy as np

    from saxsolo.evaluation.held_out_plans import Tune


class Planned(StrEnum):
    """Who decides the notes, as in `generate(plan=...)`."""

    events = "events"
    frames = "frames"


WeimarOption = Annotated[Path, typer.Option(help="Weimar Jazz Database, with notes.csv.gz.")]
PlannedOption = Annotated[Planned, typer.Option(help="Who decides the notes.")]
TunesOption = Annotated[int, typer.Option(help="Tunes, evenly spaced; 0 takes all.")]
PlanSeedOption = Annotated[int, typer.Option(help="From which each plan has its own.")]
KeepOption = Annotated[Path | None, typer.Option(help="Folder for plans, not to be made again.")]


@needs("evaluate")
def plan(
    weimar: Annotated[Path, typer.Option(help="Weimar Jazz Database, with notes.csv.gz.")],
    checkpoint: CheckpointOption = None,
    split: SplitOption = Split.test,
    limit: Annotated[int, typer.Option(help="Tunes, evenly spaced; 0 takes all.")] = 0,
    seconds: SecondsOption = 60.0,
    seed: PlanSeedOption = 1,
) -> None:
    """What the planner decides over the tunes of held-out humans, beside what they played."""
    quiet_libraries()
    import torch

    from saxsolo.evaluation.plan_fit import plans_beside_humans
    from saxsolo.weights.loading import load_player

    torch.set_num_threads(1)
    solo = load_player(checkpoint, None, "cpu").solo
    count, figures = plans_beside_humans(solo, weimar, split.value, seconds, limit, seed)
    print(f"{count} tunes of {seconds:g} s\n")
    print("| | humans | own fits better | planner | own fits better |")
    print("| --- | --- | --- | --- | --- |")
    for name in figures["human"]:
        cells = [
            f"{figures[who][name][column]:.3f}" if column in figures[who][name] else ""
            for who in ("human", "plan")
            for column in ("own", "matched")
        ]
        print(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")


@needs("evaluate")
def critic(
    weimar: WeimarOption,
    checkpoint: CheckpointOption = None,
    plan: PlannedOption = Planned.events,
    limit: TunesOption = 0,
    seconds: SecondsOption = 60.0,
    stretch: Annotated[float, typer.Option(help="Seconds that the critic sees at once.")] = 20.0,
    seed: PlanSeedOption = 1,
    keep: KeepOption = None,
    rows: Annotated[int, typer.Option(help="Figures to name, heaviest first.")] = 25,
) -> None:
    """Whether a classifier tells the model's notes from those of held-out humans, and by what."""
    from saxsolo.evaluation.critic import judge, paired_stretches
    from saxsolo.evaluation.critic_markdown import verdict_text

    tunes, plans = _plans(weimar, checkpoint, plan, limit, seconds, stretch, seed, keep)
    print(verdict_text(judge(paired_stretches(tunes, plans, stretch)), stretch, rows))


@needs("evaluate")
def distances(
    weimar: WeimarOption,
    checkpoint: CheckpointOption = None,
    plan: PlannedOption = Planned.events,
    limit: TunesOption = 0,
    seconds: SecondsOption = 60.0,
    seed: PlanSeedOption = 1,
    keep: KeepOption = None,
) -> None:
    """How the model's notes differ from those of held-out humans: intervals, phrases, form."""
    from saxsolo.evaluation.line_distances import differences_of, distances_of, distances_text

    tunes, plans = _plans(weimar, checkpoint, plan, limit, seconds, 20.0, seed, keep)
    print(distances_text(distances_of(tunes, plans), differences_of(tunes, plans), len(tunes)))


@needs("evaluate")
def chorus(
    weimar: WeimarOption,
    tune: Annotated[str, typer.Option(help="Id of a held-out solo in the database.")],
    out: Annotated[Path, typer.Option(help="A PNG.")],
    checkpoint: CheckpointOption = None,
    bars: Annotated[int, typer.Option(min=1, help="From the bar of its first note on.")] = 32,
    seed: PlanSeedOption = 1,
) -> None:
    """Draw a chorus of a held-out human, and what the model plans over its chords and beats."""
    quiet_libraries()
    import torch

    from saxsolo.evaluation.chorus_picture import draw_chorus
    from saxsolo.weights.loading import load_player

    torch.set_num_threads(1)
    solo = load_player(checkpoint, None, "cpu").solo
    print(draw_chorus(solo, weimar, out, tune=tune, bars=bars, seed=seed))


@needs("evaluate")
def planners(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="NAME=RUN...", help="Runs of train-planner, the default's first."),
    ],
) -> None:
    """Held-out losses of planners beside the first one's, with intervals over solos."""
    from saxsolo.evaluation.planner_runs import read_run, runs_text

    named = [run.rpartition("=") for run in runs]
    print(runs_text({name or Path(run).name: read_run(Path(run)) for name, _, run in named}))


@needs("evaluate")
def decoders(
    runs: Annotated[
        list[str], typer.Argument(metavar="NAME=RUN...", help="Runs of train, the default's first.")
    ],
) -> None:
    """Held-out losses of solo models beside the first one's, with intervals over solos."""
    from saxsolo.evaluation.decoder_runs import decoders_text, read_decoder_run

    named = [run.rpartition("=") for run in runs]
    print(
        decoders_text(
            {name or Path(run).name: read_decoder_run(Path(run)) for name, _, run in named}
        )
    )


def _plans(
    weimar: Path,
    checkpoint: str | None,
    plan: Planned,
    limit: int,
    seconds: float,
    least: float,
    seed: int,
    keep: Path | None,
) -> tuple[list["Tune"], list["np.ndarray"]]:
    """Held-out tunes of `least` seconds or more, and what the model plans over them."""
    quiet_libraries()
    import torch
    from tqdm import tqdm

    from saxsolo.evaluation.held_out_plans import held_out_tunes, planned_streams
    from saxsolo.weights.loading import load_player

    torch.set_num_threads(1)
    tunes = held_out_tunes(weimar, seconds, limit=limit, least=least)
    solo = load_player(checkpoint, None, "cpu").solo
    plans = planned_streams(solo, tunes, plan.value, seed, keep)
    return tunes, list(tqdm(plans, total=len(tunes), desc="planning", disable=None))
