"""`saxsolo chart`: a chart from one format to others, for any horn."""

from pathlib import Path
from typing import Annotated

import typer

from saxsolo.errors import SettingError


def chart(
    given: Annotated[
        str,
        typer.Argument(
            metavar="CHART",
            help='A file (text, iReal Pro, MusicXML, ChordPro, .lab, MIDI, JSON), or "F7 | Bb7".',
        ),
    ],
    ireal: Annotated[bool, typer.Option("--ireal", help="A link that iReal Pro opens.")] = False,
    chordpro: Annotated[bool, typer.Option("--chordpro", help="A ChordPro chord grid.")] = False,
    lab: Annotated[bool, typer.Option("--lab", help="Chords in seconds, one chorus.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    musicxml: Annotated[
        bool, typer.Option("--musicxml", help="A lead sheet without notes: CHART.musicxml.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the files.",
            show_default="text on standard output, MusicXML in the working folder",
        ),
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(help="Which tune of an iReal Pro playlist.", show_default="the first"),
    ] = None,
    horn: Annotated[
        str,
        typer.Option(help="Write it for: concert, bb (soprano, tenor) or eb (alto, baritone)."),
    ] = "concert",
) -> None:
    """Read CHART and write it in other formats; without an option as plain text.

    MusicXML is read by MuseScore and iReal Pro, and holds repeats, endings and jumps.
    """
    from saxsolo.atomic import output_folder, refuse_overwriting, replacing
    from saxsolo.listening.horns import horn_of
    from saxsolo.music.charts.reading import WRITERS, chart_of_text, read_chart
    from saxsolo.notation.chart_sheet import write_chart_sheet
    from saxsolo.notation.chart_spelling import spelled

    wanted = {"ireal": ireal, "chordpro": chordpro, "lab": lab, "json": as_json}
    texts = [name for name, there in wanted.items() if there]
    texts = texts or ([] if musicxml else ["txt"])
    if len(texts) > 1 and out is None:
        raise SettingError(
            f"--{texts[0]} and --{texts[1]} cannot share standard output; give --out"
        )
    reader = horn_of(horn)
    is_text = "|" in given or "\n" in given or "://" in given
    read = chart_of_text(given, title=tune) if is_text else read_chart(Path(given), tune)
    name = "chart" if is_text else Path(given).stem
    folder = out or Path()
    endings = [*(texts if out is not None else []), *(["musicxml"] if musicxml else [])]
    files = {ending: folder / f"{name}.{ending}" for ending in endings}
    if not is_text:
        refuse_overwriting(files.values(), [Path(given)])
    # as it is written where nothing moves
    moved = spelled(read.transpose(reader.semitones)) if reader.semitones else read
    written = []
    for ending in texts:
        text = WRITERS[ending](moved).rstrip("\n") + "\n"
        if out is None:
            print(text, end="")
            continue
        with output_folder(folder), replacing(files[ending]) as (partial,):
            partial.write_text(text, encoding="utf-8")
        written.append(files[ending])
    if musicxml:
        with output_folder(folder):
            written.append(write_chart_sheet(files["musicxml"], read, reader.semitones))
    for path in written:
        print(path)
