"""The tree of commands."""

from typing import Annotated

import typer

from . import (
    benchmark,
    chart,
    corpus,
    evaluate,
    export,
    improvise,
    info,
    judge,
    listen,
    live,
    measure,
    measure_articulations,
    measure_plans,
    measure_voicing,
    measure_votes,
    page,
    publish,
    refine_planner,
    train,
)
from .options import new_group

app = new_group("A saxophone that improvises over a backing track.")


def _show_version(wanted: bool) -> None:
    if wanted:
        import saxsolo

        print(f"saxsolo {saxsolo.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """A saxophone that improvises over a backing track."""


app.command()(improvise.improvise)
app.command()(listen.listen)
app.command()(chart.chart)
app.command()(live.live)
app.command()(judge.judge)
app.command()(info.codec)
app.command()(info.info)
app.command(name="app")(page.open_app)
app.add_typer(corpus.corpus, name="corpus")
app.command()(train.train)
app.command(name="train-codec")(train.train_codec)
app.command(name="train-ear")(train.train_ear)
app.command(name="train-planner")(train.train_planner)
app.command(name="refine-planner")(refine_planner.refine_planner)
app.command()(export.export)
app.command()(evaluate.evaluate)
measure.measure.command()(measure_voicing.voicing)
measure.measure.command()(measure_articulations.articulations)
measure.measure.command()(measure_plans.plan)
measure.measure.command()(measure_plans.critic)
measure.measure.command()(measure_plans.distances)
measure.measure.command()(measure_plans.planners)
measure.measure.command()(measure_plans.decoders)
measure.measure.command()(measure_plans.chorus)
measure.measure.command()(measure_votes.votes)
app.add_typer(measure.measure, name="measure")
app.command()(publish.publish)
app.add_typer(benchmark.benchmark, name="benchmark")
