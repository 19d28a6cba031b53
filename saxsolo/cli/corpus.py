"""`saxsolo corpus`: what the models learn from, from scores or recordings to token shards."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saxsolo.errors import SettingError

from .errors import needs
from .options import DeviceOption, ThreadsOption, listed, new_group, quiet_libraries, use_threads
from .publish import print_published

if TYPE_CHECKING:
    from collections.abc import Sequence

corpus = new_group("Make the corpus that the model learns from.")

EXTRAS = "corpus,recordings"

ConfigArgument = Annotated[
    Path, typer.Argument(metavar="CONFIG.yaml", help="Sources and stages; see docs/corpus.md.")
]
BuildOut = Annotated[Path, typer.Option(help="Folder of the build.")]
WorkersOption = Annotated[int, typer.Option(min=1, help="Processes.")]
KeepAudioOption = Annotated[
    bool, typer.Option("--keep-audio", help="Leave all stems and pairs on disk.")
]
RetryOption = Annotated[bool, typer.Option("--retry", help="Try what is in quarantine once more.")]
AcceptRightsOption = Annotated[
    bool,
    typer.Option(
        "--accept-rights",
        help="Take what has no stated licence too, on your own responsibility.",
    ),
]


class Stage(StrEnum):
    """The stages of a build."""

    download = "download"
    separate = "separate"
    select = "select"
    augment = "augment"
    tokenise = "tokenise"
    shard = "shard"


@corpus.command()
def fetch(
    out: Annotated[Path, typer.Option(help="Folder for the sources, one folder each.")],
    mirror: Annotated[
        str | None, typer.Option(help="Address that serves NAME/SHA256SUMS and what it lists.")
    ] = None,
    only: Annotated[str, typer.Option(help="Names with commas.", show_default="all")] = "",
) -> None:
    """Fetch the open data that the default weights learnt from; checked, resumed, licences shown.

    Without --mirror it checks what is there and says where to get the rest. Exit code: 1 where
    something is missing.
    """
    from saxsolo.corpus.render.sounds import SOUNDFONTS, Sounds
    from saxsolo.corpus.sources.fetch import chosen_sources, fetch

    names = listed(only, str, "--only") if only else []
    missing = fetch(chosen_sources(names), out, mirror, lambda line: print(line, flush=True))
    if not names:
        there = Sounds().available_soundfonts()
        for name, (file, package) in SOUNDFONTS.items():
            state = "there" if name in there else f"missing: apt-get install it, {package}"
            print(f"{file}: {state}")
    if missing:
        print(f"missing: {', '.join(source.name for source in missing)}", file=sys.stderr)
        sys.exit(1)


@corpus.command()
def sums(
    folder: Annotated[Path, typer.Argument(help="Folder of a source, for a mirror.")],
) -> None:
    """Write the list of checksums by which `saxsolo corpus fetch` reads a mirror."""
    from saxsolo.atomic import write_text
    from saxsolo.corpus.sources.checksums import SUMS, digest_of, sums_of

    text = sums_of(folder)
    write_text(folder / SUMS, text)
    print(f"{folder / SUMS}: {len(text.splitlines())} files, SHA-256 {digest_of(text)}")


class Basses(StrEnum):
    """What the bass of a pair plays."""

    estimated = "estimated"
    walking = "walking"


@corpus.command()
@needs(EXTRAS)
def render(
    out: Annotated[Path, typer.Option(help="Folder for the pairs.")],
    weimar_dir: Annotated[
        Path | None,
        typer.Option(
            help="Weimar Jazz Database: solos.csv, notes.csv.gz, beats.csv.gz.",
            show_default="the scores built into this project",
        ),
    ] = None,
    samples_dir: Annotated[
        Path | None, typer.Option(help="Folder that holds mtg_solo_sax/ and meatbass_pizz/.")
    ] = None,
    keys: Annotated[str, typer.Option(help="Semitones of transposition: -3,0,4.")] = "0",
    tempi: Annotated[str, typer.Option(help="Factors of the tempo: 0.9,1.0.")] = "1.0",
    splits: Annotated[str, typer.Option(help="Which splits.")] = "train,validation,test",
    limit: Annotated[
        int | None, typer.Option(help="Only the first so many pairs.", show_default="all")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what the band plays and of the room.")] = 0,
    basses: Annotated[
        Basses,
        typer.Option(
            help="As they were estimated from the recordings, or a bassist who walks over the "
            "chords."
        ),
    ] = Basses.estimated,
    workers: WorkersOption = 2,
) -> None:
    """Render scores as pairs of backing and solo audio."""
    from saxsolo.corpus.render.pairs import render_corpus
    from saxsolo.corpus.render.sounds import Sounds
    from saxsolo.corpus.scores.builtin import builtin_scores
    from saxsolo.corpus.scores.weimar import read_weimar

    transpositions = listed(keys, int, "--keys")
    factors = listed(tempi, float, "--tempi")
    rows = render_corpus(
        builtin_scores() if weimar_dir is None else read_weimar(weimar_dir),
        out,
        Sounds(samples_dir),
        keys=transpositions,
        tempi=factors,
        splits=listed(splits, str, "--splits"),
        limit=limit,
        seed=seed,
        basses=basses.value,
        workers=workers,
        progress=lambda line: print(line, flush=True),
    )
    hours = sum(row["seconds"] for row in rows) / 3600
    print(f"{len(rows)} pairs, {hours:.2f} hours in {out}")


@corpus.command()
@needs(EXTRAS)
def solos(
    out: Annotated[Path, typer.Option(help="Folder for the solos.")],
    samples_dir: Annotated[Path, typer.Option(help="Folder that holds mtg_solo_sax/ and band/.")],
    weimar_dir: Annotated[
        Path, typer.Option(help="Weimar Jazz Database: solos.csv, notes.csv.gz, beats.csv.gz.")
    ],
    hours: Annotated[float, typer.Option(min=0.01, help="Of training solos.")] = 4.0,
    held_out: Annotated[int, typer.Option(min=1, help="Solos in each held-out set.")] = 12,
    seconds: Annotated[float, typer.Option(min=5.0, help="Of each solo.")] = 60.0,
    sets: Annotated[str, typer.Option(help="Which sets.")] = "train,validation,test,unseen,font",
    seed: Annotated[int, typer.Option(help="Of stretches, horns and players.")] = 0,
    pitch: Annotated[
        bool, typer.Option(help="Also the pitch every 5 ms: a codec needs it, tokens do not.")
    ] = True,
    workers: WorkersOption = 1,
) -> None:
    """Render saxophones alone at 44.1 kHz, with the truth about each note."""
    from saxsolo.corpus.render.solos import render_solos
    from saxsolo.corpus.render.sounds import Sounds
    from saxsolo.corpus.scores.weimar import read_weimar

    rows = render_solos(
        read_weimar(weimar_dir),
        out,
        Sounds(samples_dir),
        hours=hours,
        held_out=held_out,
        seconds=seconds,
        sets=listed(sets, str, "--sets"),
        seed=seed,
        workers=workers,
        pitch=pitch,
        progress=lambda line: print(line, flush=True),
    )
    total = sum(row["seconds"] for row in rows) / 3600
    print(f"{len(rows)} solos, {total:.2f} hours in {out}")


class Arranger(StrEnum):
    """Who arranges the charts."""

    own = "own"
    mma = "mma"
    transcribed = "transcribed"


@corpus.command()
@needs(EXTRAS)
def accompany(
    out: Annotated[Path, typer.Option(help="Folder for the accompaniments.")],
    charts_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder with irealpro_changes.csv.gz (parkR).",
            show_default="progressions written for this project",
        ),
    ] = None,
    samples_dir: Annotated[
        Path | None, typer.Option(help="Folder that holds band/ and meatbass_pizz/.")
    ] = None,
    weimar_dir: Annotated[
        Path | None,
        typer.Option(help="Weimar Jazz Database: titles of held-out solos are never played."),
    ] = None,
    arranger: Annotated[
        Arranger,
        typer.Option(
            help="mma renders the validation set of the second arranger; transcribed plays the "
            "beats, chords and basses of --weimar-dir."
        ),
    ] = Arranger.own,
    hours: Annotated[float, typer.Option(help="Of music, by our own arranger.")] = 1.0,
    count: Annotated[int, typer.Option(help="Items, by mma.")] = 60,
    seconds: Annotated[float, typer.Option(min=8, help="Of each item, by mma.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Other seeds render other music.")] = 0,
    workers: WorkersOption = 2,
) -> None:
    """Render accompaniments without a soloist, with the truth of chords, beats and tuning.

    What is there already is not rendered again. An ear learns from them (saxsolo train-ear).
    """
    from saxsolo.corpus.accompany.band import TRAINING_FONTS, Studio
    from saxsolo.corpus.accompany.build import render_accompaniments
    from saxsolo.corpus.accompany.foreign import FOREIGN_FONT, ForeignOptions, render_validation
    from saxsolo.corpus.render.sounds import Sounds
    from saxsolo.corpus.scores.splits import held_out_titles
    from saxsolo.corpus.scores.weimar import read_weimar

    scores = read_weimar(weimar_dir) if weimar_dir else []
    if arranger is Arranger.transcribed and not scores:
        raise SettingError("--weimar-dir is missing: its tunes are what is played")
    titles = held_out_titles(scores)
    band = samples_dir / "band" if samples_dir else None
    fonts = (FOREIGN_FONT,) if arranger is Arranger.mma else TRAINING_FONTS
    studio = Studio(Sounds(samples_dir, soundfont_names=fonts), band, fonts)

    def progress(line: str) -> None:
        print(line, flush=True)

    if arranger is not Arranger.mma:
        rows = render_accompaniments(
            out,
            charts_dir,
            studio,
            hours=hours,
            held_out_titles=titles,
            transcribed=scores if arranger is Arranger.transcribed else (),
            seed=seed,
            workers=workers,
            progress=progress,
        )
    elif charts_dir is None:
        raise SettingError("--charts-dir is missing: mma plays tunes that are kept for it")
    else:
        rows = render_validation(
            out,
            charts_dir,
            studio,
            held_out_titles=titles,
            seed=seed,
            options=ForeignOptions(count=count, seconds=seconds),
            progress=progress,
        )
    print(f"{len(rows)} accompaniments in {out}")


@corpus.command()
@needs(EXTRAS)
def examples(
    out: Annotated[Path, typer.Option(help="Folder for the FLAC files.")],
) -> None:
    """Render the four backing tracks of examples/: built-in charts on Debian's sound fonts."""
    from saxsolo.corpus.render.examples import render_examples

    for path, seconds in render_examples(out):
        print(f"{path}: {seconds:.1f} s", flush=True)


@corpus.command()
def build(
    config: ConfigArgument,
    out: BuildOut,
    workers: WorkersOption = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in --out.")] = False,
    only: Annotated[Stage | None, typer.Option(help="One stage.", show_default="all")] = None,
    keep_audio: KeepAudioOption = False,
    retry: RetryOption = False,
    accept_rights: AcceptRightsOption = False,
) -> None:
    """Build a token corpus from recordings: download, separate, select, augment, tokenise, shard.

    OUT gets recordings.jsonl (what the sources came to), quarantine.jsonl (what was left out, and
    why), pairs/ and tokens/. A run that broke off goes on with --resume; nothing is done twice.
    Stems and pairs are deleted as soon as no later stage needs them, but for three recordings of
    which the report draws pictures. Exit code: 1 where a stage has a defect.
    """
    stages = (only,) if only else tuple(Stage)
    _build(config, out, workers, resume, stages, keep_audio, retry, accept_rights)


@corpus.command()
def download(
    config: ConfigArgument,
    out: BuildOut,
    workers: WorkersOption = 1,
    retry: RetryOption = False,
    accept_rights: AcceptRightsOption = False,
) -> None:
    """Fetch links and search folders, and check the recordings: the first stage of a build."""
    _build(config, out, workers, True, (Stage.download,), False, retry, accept_rights)


@corpus.command()
def separate(
    config: ConfigArgument,
    out: BuildOut,
    workers: WorkersOption = 1,
    keep_audio: KeepAudioOption = False,
    retry: RetryOption = False,
    accept_rights: AcceptRightsOption = False,
) -> None:
    """Separate recordings into backing and solo: the second stage of a build."""
    _build(config, out, workers, True, (Stage.separate,), keep_audio, retry, accept_rights)


@corpus.command()
def select(
    config: ConfigArgument,
    out: BuildOut,
    workers: WorkersOption = 1,
    keep_audio: KeepAudioOption = False,
    retry: RetryOption = False,
    accept_rights: AcceptRightsOption = False,
) -> None:
    """Choose the windows that are worth learning from: the third stage of a build."""
    _build(config, out, workers, True, (Stage.select,), keep_audio, retry, accept_rights)


@corpus.command()
def augment(
    config: ConfigArgument,
    out: BuildOut,
    workers: WorkersOption = 1,
    keep_audio: KeepAudioOption = False,
    retry: RetryOption = False,
    accept_rights: AcceptRightsOption = False,
) -> None:
    """Make pairs of the windows in several keys and tempi: the fourth stage of a build."""
    _build(config, out, workers, True, (Stage.augment,), keep_audio, retry, accept_rights)


@needs(EXTRAS)
def _build(
    config: Path,
    out: Path,
    workers: int,
    resume: bool,
    stages: "Sequence[Stage]",
    keep_audio: bool,
    retry: bool,
    accept_rights: bool,
) -> None:
    from saxsolo.corpus.build.build import build
    from saxsolo.corpus.config import read_config

    counts = build(
        read_config(config),
        out,
        workers=workers,
        resume=resume,
        only=[stage.value for stage in stages],
        accept_rights=accept_rights,
        retry=retry,
        keep_audio=keep_audio,
    )
    print(
        f"{counts['recordings']} recordings, {counts['quarantined']} in quarantine "
        f"({out / 'quarantine.jsonl'}), {counts['pairs']} pairs, {counts['hours']:.2f} h"
    )
    if counts["defects"]:
        sys.exit(1)


@corpus.command()
@needs(EXTRAS)
def tokenise(
    pairs: Annotated[Path, typer.Option(help="Folder of pairs, with manifest.jsonl.")],
    codec: Annotated[str, typer.Option(help="Folder or Hub id of the codec.")],
    out: Annotated[Path, typer.Option(help="Folder for the Parquet shards and their data card.")],
    ear: Annotated[
        str | None,
        typer.Option(
            help="Folder or Hub id of the ear that listens to the backings.",
            show_default="the default one; none for solos alone",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Only the first so many pairs.", show_default="all")
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, help="Pairs encoded at once; more than 1 helps on a GPU.")
    ] = 1,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
) -> None:
    """Encode pairs, or solos alone, as the token corpus: codes, and what the ear hears.

    The codes of a pair wait in OUT.partial until all are there: a run that was broken off goes on.
    """
    quiet_libraries()
    from torch.nn import Module

    from modeling_saxsolo.codec_adapter_saxsolo import load_codec
    from saxsolo.corpus.pairs_folder import is_alone, read_manifest
    from saxsolo.corpus.tokens.tokenise import tokenise as write_tokens
    from saxsolo.device import chosen_device
    from saxsolo.weights.loading import load_ear

    use_threads(threads)
    model = load_codec(codec)
    Module.to(model, chosen_device(device))
    alone = any(is_alone(pairs, row) for row in read_manifest(pairs)[:1])
    listener = None
    if ear is not None or not alone:
        listener = load_ear(ear, str(chosen_device(device))).model
    write_tokens(pairs, model, out, listener, limit=limit, batch=batch)


@corpus.command()
@needs(EXTRAS)
def silent_codes(
    tokens: Annotated[Path, typer.Argument(metavar="TOKENS", help="Folder of a token corpus.")],
    into: Annotated[Path, typer.Option(help="Checkpoint whose config.json is told.")],
) -> None:
    """Tell a solo model the codes that silence has and notes do not: a note cannot fall silent."""
    from saxsolo.corpus.tokens.silent_codes import tell_silent_codes

    print(f"{len(tell_silent_codes(tokens, into))} codes of the first codebook, {into}")


@corpus.command()
@needs(EXTRAS)
def report(
    build: Annotated[Path, typer.Argument(metavar="BUILD", help="Folder of a build.")],
    samples: Annotated[int, typer.Option(help="Pairs to draw, of those on disk.")] = 3,
) -> None:
    """Write what a build took in, kept and left out, and why."""
    from saxsolo.corpus.build.report import report as write_report

    print(write_report(build, samples))


@corpus.command()
@needs(EXTRAS)
def push(
    tokens: Annotated[Path, typer.Argument(metavar="TOKENS", help="Folder of a token corpus.")],
    repository: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hub.")],
    private: Annotated[bool, typer.Option("--private", help="If it is made now.")] = False,
    revision: Annotated[str | None, typer.Option(help="Branch.", show_default="main")] = None,
    accept_rights: AcceptRightsOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, and send nothing.")] = False,
) -> None:
    """Send a token corpus to the Hub; the same as `saxsolo publish dataset REPO --from TOKENS`."""
    quiet_libraries()
    from saxsolo.publishing import publish

    print_published(
        publish(
            "dataset",
            repository,
            tokens,
            dry_run=dry_run,
            private=private,
            revision=revision,
            accept_rights=accept_rights,
        )
    )
