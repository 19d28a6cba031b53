"""`saxsolo refine-planner`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from saxsolo.errors import SettingError

from .errors import needs
from .options import ThreadsOption, assigned, quiet_libraries, use_threads


@needs("evaluate")
def refine_planner(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Settings, see configs/planner-refine.yaml.")
    ],
    checkpoint: Annotated[Path, typer.Option(help="Solo model whose planner is refined.")],
    weimar_dir: Annotated[Path, typer.Option(help="Folder of the Weimar Jazz Database's solos.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    other_horns: Annotated[
        list[Path] | None, typer.Option(help="As in train-planner; may be repeated.")
    ] = None,
    quantised: Annotated[
        list[Path] | None, typer.Option(help="As in train-planner; may be repeated.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Planner of a run to go on from, such as RUN/round-20.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="Solo model that the planner is put into in the end.")
    ] = None,
    threads: ThreadsOption = 1,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting in place of the config's."),
    ] = None,
) -> None:
    """Refine a planner against a critic that tells its lines from training humans'.

    Lines are drawn as CHECKPOINT plays: with its temperatures, guidance and phrasing,
    except that no phrase recalls an earlier one. OUT/best
    holds what lies between its planner and that of the last round, OUT/log.jsonl the losses.
    """
    quiet_libraries()
    import torch

    from modeling_saxsolo.plans_saxsolo import plan_settings
    from saxsolo.evaluation.refinement_critic import (
        stretch_figures,
        train_critic,
        training_passages,
    )
    from saxsolo.training.planner import install_planner, load_planner
    from saxsolo.training.planner_data import read_solos
    from saxsolo.training.planner_refinement import (
        Refinement,
        read_refinement_settings,
        refine_planner,
    )
    from saxsolo.weights.loading import load_player

    use_threads(threads)
    settings = read_refinement_settings(config, assigned(values or []))
    model = load_player(str(checkpoint), None, "cpu").solo.model
    if model.planner is None:
        raise SettingError(f"{checkpoint} has no planner: train one (saxsolo train-planner)")
    plan = plan_settings(model.generation_config, model.config)
    ranges = model.config.planner["ranges"]
    solos = read_solos([weimar_dir], other_horns or [], quantised or [])
    planner = model.planner.to(torch.float32)
    origin = {name: values.detach().clone() for name, values in planner.state_dict().items()}
    run = Refinement(
        (load_planner(start) if start else planner).requires_grad_(True),
        training_passages(weimar_dir, ranges, settings.stretch),
        solos["train"],
        stretch_figures(settings.stretch),
        train_critic,
        plan,
        settings,
    )
    facts = {"ranges": ranges, "without": []}
    print(json.dumps(refine_planner(run, origin, solos["validation"], out, facts)))
    if into is not None:
        install_planner(out / "best", into)
        print(into)
