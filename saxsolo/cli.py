"""The command line. A person's mistake ends in one line on standard error and exit code 2.

torch is imported inside the commands, so that --help and mistakes answer at once.
"""

import importlib
import json
import logging
import os
import signal
import sys
import warnings
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .errors import SaxsoloError

app = typer.Typer(
    help="A saxophone that improvises over a backing track.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
corpus = typer.Typer(help="Make the corpus that the model learns from.", no_args_is_help=True)
app.add_typer(corpus, name="corpus")

CORPUS_COMMANDS = {
    "render": ("saxsolo.corpus.render.command", "scores -> pairs of backing and solo audio"),
    "build": ("saxsolo.corpus.build.build", "recordings -> token shards, all stages"),
    "download": ("saxsolo.corpus.build.build", "links and folders -> checked recordings"),
    "separate": ("saxsolo.corpus.build.build", "recordings -> backing and solo"),
    "select": ("saxsolo.corpus.build.build", "backing and solo -> windows worth learning from"),
    "augment": ("saxsolo.corpus.build.build", "windows -> pairs in several keys and tempi"),
    "tokenise": ("saxsolo.corpus.tokens.tokenise", "pairs -> token shards"),
    "report": ("saxsolo.corpus.build.report", "what a build took in, kept and left out"),
    "push": ("saxsolo.corpus.tokens.push", "token shards -> the Hub"),
}
# one stage each of the module that builds all
SINGLE_STAGES = ("download", "separate", "select", "augment")


class Instrument(StrEnum):
    """The saxophones."""

    soprano = "soprano"
    alto = "alto"
    tenor = "tenor"
    baritone = "baritone"


CodecOption = Annotated[
    str | None, typer.Option(help="Folder or Hub id of the codec.", show_default="the default")
]


class Format(StrEnum):
    """The formats of sound that are written."""

    wav = "wav"
    flac = "flac"
    ogg = "ogg"
    mp3 = "mp3"


@app.command()
def improvise(
    out: Annotated[
        Path, typer.Option(help="Folder for solo, mix and run.json; of several, for their folders.")
    ],
    backings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="BACKING...",
            help="WAV, FLAC, OGG or MP3; folders of them; - is standard input.",
        ),
    ] = None,
    playlist: Annotated[
        Path | None,
        typer.Option(help="JSON list of backings, each with its own settings and folder."),
    ] = None,
    takes: Annotated[int, typer.Option(help="Of each backing, seeds one after another.")] = 1,
    seconds: Annotated[
        float | None, typer.Option(help="Length of the solo.", show_default="the backing's")
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
    instrument: Annotated[Instrument, typer.Option(help="Which saxophone.")] = Instrument.tenor,
    feel: Annotated[
        str | None,
        typer.Option(
            help="swing, latin, funk, ballad, twobeat or waltz.", show_default="what it hears"
        ),
    ] = None,
    audio_format: Annotated[Format, typer.Option("--format", help="Of solo and mix.")] = Format.wav,
    midi: Annotated[bool, typer.Option("--midi", help="Write solo.mid too.")] = False,
    musicxml: Annotated[
        bool, typer.Option("--musicxml", help="Write the lead sheet solo.musicxml too.")
    ] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Write the picture solo.png too.")] = False,
    checkpoint: Annotated[
        str | None, typer.Option(help="Folder or Hub id.", show_default="the default")
    ] = None,
    codec: CodecOption = None,
    force: Annotated[bool, typer.Option("--force", help="Play over silence too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say what was played as JSON on standard output.")
    ] = False,
) -> None:
    """Play a saxophone solo over each BACKING.

    Exit code: 0 when all were played; 2 when something of yours was wrong (what can be played is
    played, the rest is listed with its reason); 1 for a defect; 130 when interrupted.
    """
    from saxsolo.playing.requests import Outcome, collect_jobs
    from saxsolo.playing.take_files import check_extras

    from .atomic import output_folder

    saving = {
        "audio_format": audio_format.value,
        "midi": midi,
        "musicxml": musicxml,
        "plot": plot,
    }
    check_extras(**saving)
    settings = {
        "seed": seed,
        "seconds": seconds,
        "temperature": temperature,
        "top_k": top_k,
        "guidance": guidance,
        "instrument": instrument.value,
        "force": force,
        "feel": feel,
    }
    jobs = collect_jobs(backings or [], playlist, out, takes, settings)
    if not any(job.source for job in jobs):
        _report([Outcome(job, reason=job.reason) for job in jobs], as_json)
        return
    # where nothing can be written, or all goes wrong, no folder stays behind
    with output_folder(out):
        outcomes = _play(jobs, saving, checkpoint, codec, quiet, quiet or as_json)
        _report(outcomes, as_json)


def _play(
    jobs: list, saving: dict, checkpoint: str | None, codec: str | None, quiet: bool, mute: bool
) -> list:
    """Plays jobs and says what was written, line by line as it is done."""
    from .progress_bar import Progress

    _quiet()
    from saxsolo.playing.batch import check_settings, play_jobs
    from saxsolo.playing.performance import load_player

    check_settings(jobs)
    outcomes = []
    for one in play_jobs(
        jobs,
        lambda: load_player(checkpoint, codec),
        saving,
        (lambda word: nullcontext()) if quiet else Progress,
    ):
        outcomes.append(one)
        if one.reason or mute:
            continue
        run = one.run
        print("\n".join(one.files))
        print(
            f"{run['audio_seconds']:.1f} s of saxophone in {run['generation_seconds']:.1f} s: "
            f"{run['real_time_factor']:.2f} times as fast as it plays",
            flush=True,
        )
    return outcomes


def _report(outcomes: list, as_json: bool) -> None:
    """Lists what was not played and why; ends with 2 if anything was not, with 1 for a defect."""
    failed = [one for one in outcomes if one.reason]
    if as_json:
        played = [one.describe() for one in outcomes if not one.reason]
        told = {"takes": played, "failed": [one.describe() for one in failed]}
        print(json.dumps(told, indent=2), flush=True)
    if not failed:
        return
    if len(outcomes) == 1:
        raise SaxsoloError(failed[0].reason)
    print(
        f"saxsolo: {len(outcomes) - len(failed)} of {len(outcomes)} played, not played:",
        file=sys.stderr,
    )
    for one in failed:
        name = "" if one.job.name in one.reason else f"{one.job.name}: "
        print(f"  {name}{' '.join(one.reason.split())}", file=sys.stderr)
    sys.exit(1 if any(one.defect for one in failed) else 2)


@app.command()
def codec(
    sound: Annotated[Path, typer.Argument(metavar="IN", help="WAV, FLAC, OGG or MP3.")],
    out: Annotated[Path, typer.Option(help="WAV file to write.")],
    codec: CodecOption = None,
) -> None:
    """Encode and decode IN: what the codec alone does to a sound."""
    from saxsolo.audio.files import open_sound

    from .progress_bar import Progress

    open_sound(sound)
    _quiet()
    from saxsolo.playing.round_trip import round_trip

    with Progress("coding") as progress:
        print(round_trip(sound, out, codec=codec, progress=progress))


@app.command()
def info(
    checkpoint: Annotated[
        str | None, typer.Option(help="Folder or Hub id.", show_default="the default")
    ] = None,
    codec: CodecOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What is installed, which model and codec play, on what, under which licences."""
    _quiet()
    from saxsolo.playing.info import as_text, gather

    facts = gather(checkpoint, codec)
    print(json.dumps(facts, indent=2) if as_json else as_text(facts))


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="Folder of pairs; see `saxsolo corpus render`.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json, report.md and pictures/.")],
    checkpoint: Annotated[
        str | None, typer.Option(help="Folder or Hub id.", show_default="the default")
    ] = None,
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
) -> None:
    """Does it listen? Play over held-out backings, measure, and compare with baselines."""
    try:
        from saxsolo.evaluation.cases import choose_cases, find_takes

        cases = choose_cases(data, split, limit, seconds)
        if takes is not None:
            find_takes(takes, cases)
        _quiet()
        from saxsolo.evaluation.report import Options
        from saxsolo.evaluation.report import evaluate as report
        from saxsolo.evaluation.report_markdown import write_card

        report(
            Options(
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
            )
        )
        if card is not None:
            write_card(card, out / "report.json")
    except ModuleNotFoundError as error:
        raise SaxsoloError(
            f"{error.name} is not installed; pip install 'saxsolo[evaluate]' brings it"
        ) from error
    except (ValueError, OSError) as error:
        raise SaxsoloError(str(error)) from error
    print("\n".join(str(path) for path in (out / "report.md", out / "report.json", card) if path))


class Kind(StrEnum):
    """What is published."""

    model = "model"
    dataset = "dataset"
    space = "space"


@app.command()
def publish(
    kind: Annotated[Kind, typer.Argument(metavar="model|dataset|space", help="What.")],
    repository: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hub.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder of a checkpoint, of tokens, of a Space.",
            show_default="the project's own",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Lay out and check, send nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Leave what is laid out in this new folder.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="If it is made now.")] = False,
    revision: Annotated[str | None, typer.Option(help="Branch.", show_default="main")] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card.", show_default="FROM's or the project's")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Hub id of the tokens the model learnt from, for its card.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="OWNER/NAME@COMMIT: what a Space plays.", show_default="the weights go along"
        ),
    ] = None,
    accept_rights: Annotated[
        bool, typer.Option("--accept-rights", help="Also rows whose licence nobody has stated.")
    ] = False,
) -> None:
    """Lay out a folder as it will stand on the Hub, check it, send it in one commit."""
    _quiet()
    from .publishing import publish as send

    done = send(
        kind.value,
        repository,
        source,
        dry_run=dry_run,
        out=out,
        private=private,
        revision=revision,
        card=card,
        dataset=dataset,
        model=model,
        accept_rights=accept_rights,
    )
    for name, size in done.files.items():
        print(f"{size:>12,}  {name}")
    print(f"{sum(done.files.values()):>12,}  bytes in {len(done.files)} files, checked", end="; ")
    print(done.url or "nothing was sent")


@app.command(name="app")
def open_app(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, show_default="the first free one from 7860")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is all of them.")
    ] = "127.0.0.1",
    share: Annotated[
        bool, typer.Option(help="Through a tunnel of Gradio's, for all the world.")
    ] = False,
) -> None:
    """Play in the browser: a page that streams the solo while it is made up."""
    try:
        from saxsolo.page.server import launch
    except ModuleNotFoundError as error:
        raise SaxsoloError(
            f"{error.name} is not installed; pip install 'saxsolo[app]' brings it"
        ) from error
    _quiet()
    launch(port, host, share)


def _forward(module: str, arguments: list[str], stage: str | None) -> None:
    try:
        command = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        raise SaxsoloError(
            f"{error.name} is not installed; pip install 'saxsolo[corpus,recordings]' brings it"
        ) from error
    sys.exit(command(arguments, stage) if stage else command(arguments))


def _add_corpus_command(name: str, module: str, text: str) -> None:
    # everything after the name belongs to the module's own argument parser, --help too
    settings = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

    @corpus.command(name, help=text, context_settings=settings)
    def command(context: typer.Context) -> None:
        _forward(module, context.args, name if name in SINGLE_STAGES else None)


for _name, (_module, _text) in CORPUS_COMMANDS.items():
    _add_corpus_command(_name, _module, _text)


def _quiet() -> None:
    """Keeps the libraries' chatter off the person's terminal; their errors still come."""
    warnings.filterwarnings("ignore")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


def main() -> None:
    """Runs the command line and ends the process."""
    # a killed run cleans up as an interrupted one does
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(app(prog_name="saxsolo", standalone_mode=False))
    except SaxsoloError as error:
        _fail(str(error))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        # what typer says of options and arguments
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            sys.exit(2)
        _fail(error.format_message())


def _fail(message: str) -> None:
    print(f"saxsolo: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)
