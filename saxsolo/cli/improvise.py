"""`saxsolo improvise`: a solo over each backing, and what became of it."""

import json
import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saxsolo.errors import SaxsoloError, SettingError

from .options import (
    ArticulationOption,
    CheckpointOption,
    CodecOption,
    Device,
    DeviceOption,
    print_notes,
    quiet_libraries,
)

if TYPE_CHECKING:
    from saxsolo.playing.requests import Outcome, TakeRequest


class Instrument(StrEnum):
    """The saxophones."""

    soprano = "soprano"
    alto = "alto"
    tenor = "tenor"
    baritone = "baritone"


class TradeStart(StrEnum):
    """Who begins to trade."""

    solo = "solo"
    band = "band"


class Format(StrEnum):
    """The formats of sound that are written."""

    wav = "wav"
    flac = "flac"
    ogg = "ogg"
    mp3 = "mp3"


def improvise(
    out: Annotated[
        Path, typer.Option(help="Folder for solo, mix and run.json; of several, for their folders.")
    ],
    backings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="BACKING...",
            help="WAV, FLAC, OGG, MP3, M4A, ...; folders of them; - is standard input.",
        ),
    ] = None,
    playlist: Annotated[
        Path | None,
        typer.Option(help="JSON list of backings, each with its own settings and folder."),
    ] = None,
    takes: Annotated[int, typer.Option(help="Of each backing, seeds one after another.")] = 1,
    at_once: Annotated[
        int, typer.Option(min=1, max=64, help="Takes that are played side by side.")
    ] = 8,
    seconds: Annotated[
        float | None, typer.Option(help="Length of the solo.", show_default="the backing's")
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(
            help="Second at which the solo may begin.",
            show_default="with the band, after a count-in",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed plays the same solo.")] = 0,
    temperature: Annotated[
        float | None, typer.Option(help="Over 1 wilder, under 1 tamer.", show_default="the model's")
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(help="Choose among the k likeliest only.", show_default="the model's"),
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(help="Over 1 closer to the backing; 1 is none.", show_default="the model's"),
    ] = None,
    harmony: Annotated[
        float | None,
        typer.Option(
            help="How far pitches lean to the chords: 0 ignores them, 1 as trained, more stricter.",
            show_default="the model's",
        ),
    ] = None,
    time: Annotated[
        float | None,
        typer.Option(
            help="How far onsets keep to the beat: 0 floats free, 1 as trained, to 1.5 stricter.",
            show_default="1",
        ),
    ] = None,
    density: Annotated[
        float | None, typer.Option(help="Notes a second.", show_default="the model's")
    ] = None,
    space: Annotated[
        float | None,
        typer.Option(help="Share of the time without a note, 0 to 1.", show_default="the model's"),
    ] = None,
    pitch_range: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="LOW-HIGH",
            help="Lowest and highest note as they sound: Bb3-F5, or MIDI 58-77.",
            show_default="the instrument's",
        ),
    ] = None,
    solo: Annotated[
        str | None,
        typer.Option(
            help='Where it plays: "0:08-0:40, bars 9-24, choruses 2-3".', show_default="everywhere"
        ),
    ] = None,
    trade: Annotated[
        int | None, typer.Option(help="Trade so many bars with the band.", show_default="no")
    ] = None,
    trade_start: Annotated[
        TradeStart, typer.Option(help="Who plays the first bars of a trade.")
    ] = TradeStart.solo,
    motif: Annotated[
        Path | None,
        typer.Option(help="MIDI or MusicXML: its notes are played, and played on from."),
    ] = None,
    motif_at: Annotated[int, typer.Option(help="Bar in which the motif's bar 1 lies.")] = 1,
    line: Annotated[
        Path | None,
        typer.Option(help="MIDI or MusicXML: a whole line is voiced as it stands."),
    ] = None,
    articulation: ArticulationOption = None,
    instrument: Annotated[Instrument, typer.Option(help="Which saxophone.")] = Instrument.tenor,
    timbre: Annotated[
        str | None,
        typer.Option(
            help="Whose sound: mtg, weresax, bear, bear_subtone, bear_growl or iowa.",
            show_default="the model's",
        ),
    ] = None,
    feel: Annotated[
        str | None,
        typer.Option(
            help="swing, latin, funk, ballad, twobeat or waltz.", show_default="what it hears"
        ),
    ] = None,
    chords: Annotated[
        str | None,
        typer.Option(
            help='The chart: "F7 | Bb7 | F7 | Cm7 F7", or a link irealb://...',
            show_default="what it hears",
        ),
    ] = None,
    chart: Annotated[
        Path | None,
        typer.Option(
            help="File with the chart: text, iReal Pro, MusicXML, ChordPro, .lab, MIDI, JSON."
        ),
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(help="Which tune of an iReal Pro playlist.", show_default="the first"),
    ] = None,
    first_bar: Annotated[
        float | None,
        typer.Option(help="Second at which the chart begins.", show_default="what it hears"),
    ] = None,
    tempo: Annotated[
        float | None,
        typer.Option(help="Beats a minute of the chart.", show_default="what it hears"),
    ] = None,
    metre: Annotated[
        str | None, typer.Option(help="Of the chart, such as 3/4.", show_default="the chart's")
    ] = None,
    choruses: Annotated[
        int | None,
        typer.Option(
            help="Without a BACKING: how often a rendered band plays the chart.", show_default="1"
        ),
    ] = None,
    audio_format: Annotated[Format, typer.Option("--format", help="Of solo and mix.")] = Format.wav,
    bit_depth: Annotated[int, typer.Option(help="Of WAV and FLAC: 16 or 24.")] = 16,
    lufs: Annotated[
        float | None,
        typer.Option(
            help="Loudness of the mix, -14 say, as far as a true peak of -1 dBTP allows.",
            show_default="as loud as the backing is",
        ),
    ] = None,
    stems: Annotated[
        bool,
        typer.Option("--stems", help="Write the parts of the mix too; they sum to it."),
    ] = False,
    midi: Annotated[bool, typer.Option("--midi", help="Write solo.mid too.")] = False,
    musicxml: Annotated[
        bool, typer.Option("--musicxml", help="Write the lead sheet solo.musicxml too.")
    ] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Write the picture solo.png too.")] = False,
    checkpoint: CheckpointOption = None,
    codec: CodecOption = None,
    device: DeviceOption = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Play over silence, and over what is there of a file that breaks off."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say what was played as JSON on standard output.")
    ] = False,
) -> None:
    """Play a saxophone solo over each BACKING.

    Without one, a band is rendered from the chart (--chords, --chart) and played over. A MIDI file
    is rendered too.

    Exit code: 0 when all were played; 2 when something of yours was wrong (what can be played is
    played, the rest is listed with its reason); 1 for a defect; 130 when interrupted.
    """
    from saxsolo.atomic import output_folder
    from saxsolo.audio.names import printable
    from saxsolo.playing.requests import (
        Outcome,
        collect_jobs,
        jobs_of_band,
        rendered_band,
        without_overwriting,
    )
    from saxsolo.playing.settings import Settings
    from saxsolo.playing.take_files import check_extras

    saving: dict[str, Any] = {
        "audio_format": audio_format.value,
        "midi": midi,
        "musicxml": musicxml,
        "plot": plot,
        "bit_depth": bit_depth,
        "lufs": lufs,
        "stems": stems,
    }
    check_extras(**saving)
    settings = Settings(
        seed=seed,
        seconds=seconds,
        start=start,
        temperature=temperature,
        top_k=top_k,
        guidance=guidance,
        instrument=instrument.value,
        timbre=timbre,
        force=force,
        feel=feel,
        chords=_chords(chords, chart, tune),
        first_bar=first_bar,
        tempo=tempo,
        metre=metre,
        harmony=harmony,
        time=time,
        density=density,
        space=space,
        solo=solo,
        trade=trade,
        trade_start=trade_start.value,
        motif=_given(motif),
        motif_at=motif_at,
        line=_given(line, timed=True),
        articulation=articulation,
        **_range(pitch_range),
    )
    band = rendered_band(backings or [], playlist, settings, choruses)
    if band is None:
        jobs = collect_jobs(backings or [], playlist, out, takes, settings)
    else:
        jobs = jobs_of_band(band, out, takes)
    jobs = without_overwriting(jobs, playlist, saving)
    if not quiet:
        print_notes(n for job in jobs if job.source for n in job.source.notes)
    if not any(job.source for job in jobs):
        _report([Outcome(job, reason=job.reason) for job in jobs], as_json)
        return
    # where nothing can be written, or all goes wrong, no folder stays behind
    with output_folder(out):
        if band is not None:
            written = band.save(out)
            if not (quiet or as_json):
                print("\n".join(printable(path) for path in written))
        outcomes = _play(jobs, saving, checkpoint, codec, device, at_once, quiet, quiet or as_json)
        _report(outcomes, as_json)


def _chords(chords: str | None, chart: Path | None, tune: str | None) -> str | None:
    """The chart of the options as text."""
    from saxsolo.playing.chart_placing import chart_text

    if chords is not None and chart is not None:
        raise SettingError("--chords and --chart are both given; give one chart")
    if chart is None:
        return chords
    return chart_text(chart, tune)


def _given(path: Path | None, timed: bool = False) -> str | None:
    """The notes of a file as text."""
    from saxsolo.music.given_notes import notes_of_file

    return None if path is None else notes_of_file(path, timed)


def _range(text: str | None) -> dict[str, Any]:
    """Lowest and highest of `--range`."""
    from saxsolo.music.pitch_names import pitch_range

    if text is None:
        return {}
    try:
        lowest, highest = pitch_range(text)
    except ValueError as error:
        raise SettingError(f"--range {error}") from None
    return {"lowest": lowest, "highest": highest}


def _play(
    jobs: list["TakeRequest"],
    saving: dict[str, Any],
    checkpoint: str | None,
    codec: str | None,
    device: Device | None,
    at_once: int,
    quiet: bool,
    mute: bool,
) -> list["Outcome"]:
    """Plays jobs and says what was written, line by line as it is done."""
    quiet_libraries(lean=True)
    from saxsolo.audio.names import printable
    from saxsolo.device import checked_device
    from saxsolo.playing.batch import play_jobs, write_takes
    from saxsolo.progress_bar import Progress
    from saxsolo.weights.loading import load_player

    place = checked_device(device)
    outcomes = []
    for outcome in play_jobs(
        jobs,
        lambda: load_player(checkpoint, codec, place),
        saving,
        (lambda word: nullcontext()) if quiet else Progress,
        at_once,
    ):
        outcomes.append(outcome)
        if not quiet and outcome.job.source is not None:
            print_notes(
                n for n in outcome.run.get("notes", ()) if n not in outcome.job.source.notes
            )
        if outcome.reason or mute:
            continue
        run = outcome.run
        print("\n".join(outcome.files))
        print(
            f"{run['audio_seconds']:.1f} s of saxophone in {run['generation_seconds']:.1f} s: "
            f"{run['real_time_factor']:.2f} times as fast as it plays",
            flush=True,
        )
    for folder, rows in write_takes(outcomes):
        if not mute:
            print(f"takes in {printable(folder)}, the best fit to the chords first:")
            print("\n".join(_fit_line(row) for row in rows), flush=True)
    return outcomes


def _fit_line(row: dict[str, Any]) -> str:
    fit = row["fit"]
    shown = (
        "no chords to fit"
        if fit is None
        else (f"fit {fit['value']:.3f} ({fit['chord_tones']:.0%} chord tones)")
    )
    return f"  {row['folder']}, seed {row['seed']}: {shown}"


def _report(outcomes: list["Outcome"], as_json: bool) -> None:
    """Lists what was not played and why; ends with 2 if anything was not, with 1 for a defect."""
    failed = [outcome for outcome in outcomes if outcome.reason]
    if as_json:
        played = [outcome.describe() for outcome in outcomes if not outcome.reason]
        facts = {"takes": played, "failed": [outcome.describe() for outcome in failed]}
        print(json.dumps(facts, indent=2), flush=True)
    if not failed:
        return
    if len(outcomes) == 1 and as_json:
        # the JSON has said it already
        print(f"saxsolo: {' '.join(failed[0].reason.split())}", file=sys.stderr)
        sys.exit(2)
    if len(outcomes) == 1:
        raise SaxsoloError(failed[0].reason)
    print(
        f"saxsolo: {len(outcomes) - len(failed)} of {len(outcomes)} played, not played:",
        file=sys.stderr,
    )
    for outcome in failed:
        name = "" if outcome.job.name in outcome.reason else f"{outcome.job.name}: "
        print(f"  {name}{' '.join(outcome.reason.split())}", file=sys.stderr)
    sys.exit(1 if any(outcome.defect for outcome in failed) else 2)
