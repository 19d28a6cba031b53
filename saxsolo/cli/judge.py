"""`saxsolo judge`: what a teacher would point at in a solo."""

import json
from pathlib import Path
from typing import Annotated

import typer

from saxsolo.errors import SettingError

from .errors import needs
from .options import print_notes, quiet_libraries


@needs("notes")
def judge(
    solo: Annotated[
        Path, typer.Argument(metavar="SOLO", help="The horn alone (a sound), or MIDI.")
    ],
    backing: Annotated[Path, typer.Option(help="What it was played over.")],
    chords: Annotated[
        str | None, typer.Option(help="The chart as text.", show_default="what it hears")
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="File with the chart.")] = None,
    first_bar: Annotated[
        float | None,
        typer.Option(help="Second at which the chart begins.", show_default="what it hears"),
    ] = None,
    tempo: Annotated[
        float | None,
        typer.Option(help="Beats a minute of the chart.", show_default="what it hears"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a picture (PNG) too.")] = None,
    ear: Annotated[
        str | None, typer.Option(help="Folder of the ear.", show_default="the default")
    ] = None,
) -> None:
    """Describe SOLO against its backing: changes, time, range, space and licks.

    SOLO and backing begin at the same moment. Beside each figure stands what held-out masters of
    the Weimar Jazz Database do. It describes, and does not grade.
    """
    from saxsolo.atomic import refuse_overwriting

    if chords is not None and chart is not None:
        raise SettingError("--chords and --chart are both given; give one chart")
    if plot is not None:
        refuse_overwriting([plot], [solo, backing])
    from saxsolo.music.charts.reading import chart_of_text, read_chart

    changes = None
    if chart is not None:
        changes = read_chart(chart)
    elif chords is not None:
        changes = chart_of_text(chords)
    quiet_libraries()
    from saxsolo.listening import judging
    from saxsolo.listening.judged_solo import judge_solo, judged_picture
    from saxsolo.weights.loading import load_ear

    by_ear = changes is None or first_bar is None or tempo is None
    judged = judge_solo(
        solo,
        backing,
        changes,
        first_bar=first_bar,
        tempo=tempo,
        ear=load_ear(ear) if by_ear else None,
    )
    print_notes(judged.remarks)
    if plot is not None:
        from saxsolo.notation.pictures import save_picture

        save_picture(judged_picture(judged, solo.name), plot)
    if as_json:
        print(json.dumps(judging.as_dict(judged.judgement), indent=1))
    else:
        print(judging.as_text(judged.judgement), end="")
