"""`saxsolo evaluate`: the whole report."""

from pathlib import Path
from typing import Annotated

import typer

from .errors import needs
from .options import CheckpointOption, CodecOption, DeviceOption, quiet_libraries


@needs("evaluate")
def evaluate(
    data: Annotated[Path, typer.Option(help="Folder of pairs; see `saxsolo corpus render`.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json, report.md and pictures/.")],
    checkpoint: CheckpointOption = None,
    codec: CodecOption = None,
    split: Annotated[str, typer.Option(help="Split of the pairs.")] = "test",
    limit: Annotated[int, typer.Option(help="Cases, evenly spaced; 0 takes all.")] = 16,
    seconds: Annotated[float, typer.Option(help="Length of each case.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Of the playing, the baselines and intervals.")] = 0,
    temperature: Annotated[float | None, typer.Option(show_default="the model's")] = None,
    top_k: Annotated[int | None, typer.Option(show_default="the model's")] = None,
    guidance: Annotated[float | None, typer.Option(show_default="the model's")] = None,
    takes: Annotated[
        Path | None, typer.Option(help="Folder of CASE.wav to evaluate instead of playing.")
    ] = None,
    tokens: Annotated[
        Path | None, typer.Option(help="Token corpus: measures the likelihood too.")
    ] = None,
    tracker: Annotated[str, typer.Option(help="swift_f0 or pyin.")] = "swift_f0",
    embedding: Annotated[
        str | None,
        typer.Option(help="MODULE:FUNCTION that embeds a mix, for APA.", show_default="our own"),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card whose results are rewritten.")
    ] = None,
    blind: Annotated[
        int,
        typer.Option(
            min=0, help="Write a blind listening test of so many pairs instead of a report."
        ),
    ] = 0,
    device: DeviceOption = None,
) -> None:
    """Does it listen? Play over held-out backings, measure, and compare with baselines."""
    from saxsolo.evaluation.cases import choose_cases, find_takes

    cases = choose_cases(data, split, blind or limit, seconds)
    if takes is not None:
        find_takes(takes, cases)
    quiet_libraries()
    from saxsolo.device import checked_device
    from saxsolo.evaluation.report import Options
    from saxsolo.evaluation.report import evaluate as report
    from saxsolo.evaluation.report_markdown import write_card

    options = Options(
        data=data,
        out=out,
        checkpoint=checkpoint,
        codec=codec,
        split=split,
        limit=limit,
        seconds=seconds,
        seed=seed,
        temperature=temperature,
        top_k=top_k,
        guidance=guidance,
        takes=takes,
        tokens=tokens,
        tracker=tracker,
        embedding=embedding,
        device=checked_device(device),
    )
    if blind:
        from saxsolo.evaluation.blind_pairs import make_kit

        print("\n".join(str(path) for path in make_kit(options, blind)))
        return
    report(options)
    if card is not None:
        write_card(card, out / "report.json")
    print("\n".join(str(path) for path in (out / "report.md", out / "report.json", card) if path))
