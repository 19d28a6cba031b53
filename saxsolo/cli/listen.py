"""`saxsolo listen`: what is heard in a track."""

from pathlib import Path
from typing import Annotated

import typer

from saxsolo.errors import SettingError

from .errors import needs
from .options import print_notes, quiet_libraries


@needs("listen")
def listen(
    track: Annotated[Path, typer.Argument(metavar="TRACK", help="WAV, FLAC, OGG, MP3, M4A, ...")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    lab: Annotated[bool, typer.Option("--lab", help="Chords as MIREX .lab.")] = False,
    chordpro: Annotated[bool, typer.Option("--chordpro", help="A ChordPro chord grid.")] = False,
    ireal: Annotated[bool, typer.Option("--ireal", help="A link that iReal Pro opens.")] = False,
    chart: Annotated[
        bool, typer.Option("--chart", help="Plain text that improvise --chart reads.")
    ] = False,
    jams: Annotated[
        bool, typer.Option("--jams", help="Chords, beats, tempo, key as JAMS.")
    ] = False,
    musicxml: Annotated[
        bool, typer.Option("--musicxml", help="A lead sheet without notes: TRACK.musicxml.")
    ] = False,
    plot: Annotated[
        bool, typer.Option("--plot", help="Chords and beats over the spectrum: TRACK.png.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the files.",
            show_default="text on standard output, files in the working folder",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Hear what is there of a file that breaks off.")
    ] = False,
    horn: Annotated[
        str,
        typer.Option(
            help="Write charts and MusicXML for: concert, bb (soprano, tenor) or eb "
            "(alto, baritone)."
        ),
    ] = "concert",
    ear: Annotated[
        str | None, typer.Option(help="Folder of the ear.", show_default="the default")
    ] = None,
) -> None:
    """Hear the key, tempo, metre, tuning, bars and chords of TRACK.

    Without an option a chart to read is printed, with how sure each part of it is.
    """
    from saxsolo.atomic import refuse_overwriting
    from saxsolo.audio.files import open_sound
    from saxsolo.listening.horns import horn_of

    formats = {"json": as_json, "lab": lab, "chordpro": chordpro, "ireal": ireal, "txt": chart,
               "jams": jams}  # fmt: skip
    texts = [name for name, wanted in formats.items() if wanted]
    if len(texts) > 1 and out is None:
        raise SettingError(
            f"--{texts[0]} and --{texts[1]} cannot share standard output; give --out"
        )
    horn_of(horn)
    source = open_sound(track, partial=force)
    print_notes(source.notes)
    folder = out or Path()
    wanted = texts if out is not None else []
    endings = [*wanted, *(["musicxml"] if musicxml else []), *(["png"] if plot else [])]
    refuse_overwriting((folder / f"{track.stem}.{ending}" for ending in endings), [track])
    quiet_libraries(lean=True)
    from saxsolo.listening import exports
    from saxsolo.listening.sheets import write_lead_sheet, write_picture
    from saxsolo.listening.track import listen as hear
    from saxsolo.weights.loading import load_ear

    heard = hear(source, load_ear(ear))
    paths = []
    for name in texts:
        text = exports.text_of(heard, name, horn)
        if out is None:
            print(text, end="")
        else:
            paths.append(exports.write(text, out, f"{track.stem}.{name}"))
    if musicxml:
        paths.append(write_lead_sheet(heard, folder / f"{track.stem}.musicxml", horn))
    if plot:
        paths.append(write_picture(heard, source, folder / f"{track.stem}.png"))
    if not texts and not musicxml and not plot:
        print(exports.as_text(heard, horn), end="")
    for path in paths:
        print(path)
