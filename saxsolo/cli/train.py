"""`saxsolo train` and `saxsolo train-codec`; train.py and train_codec.py start the same."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from saxsolo.errors import SettingError

from .errors import needs
from .options import Device, DeviceOption, ThreadsOption, assigned, use_threads


class HeldOut(StrEnum):
    """The splits that nobody trains on."""

    validation = "validation"
    test = "test"


class Tracker(StrEnum):
    """Where figures go beside log.jsonl."""

    none = "none"
    tensorboard = "tensorboard"
    trackio = "trackio"
    wandb = "wandb"
    mlflow = "mlflow"


@needs("train")
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Settings, see configs/.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    tokens: Annotated[
        str | None, typer.Option(help="Folder or Hub id of the token corpus.")
    ] = None,
    weimar_dir: Annotated[
        Path | None, typer.Option(help="Folder of the Weimar Jazz Database: trains on scores.")
    ] = None,
    builtin: Annotated[
        bool, typer.Option("--builtin", help="Train on the built-in scores, for a look.")
    ] = False,
    codec: Annotated[
        str | None,
        typer.Option(help="Folder or Hub id of the codec that the tokens were made with."),
    ] = None,
    init_from: Annotated[
        Path | None, typer.Option(help="Folder of a run or of a model to begin with.")
    ] = None,
    max_steps: Annotated[int | None, typer.Option(show_default="the config's")] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(
            help="Of training; saves and evaluates after it.", show_default="the config's"
        ),
    ] = None,
    threads: ThreadsOption = None,
    seed: Annotated[int | None, typer.Option(show_default="the config's")] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting in place of the config's; model.NAME for one of the model's.",
        ),
    ] = None,
    evaluate_only: Annotated[
        bool, typer.Option("--evaluate-only", help="Evaluate OUT/final, train nothing.")
    ] = False,
    split: Annotated[HeldOut, typer.Option(help="Held-out performers.")] = HeldOut.validation,
    device: DeviceOption = None,
    trackers: Annotated[
        list[Tracker] | None,
        typer.Option(
            "--tracker",
            help="Where figures go beside OUT/log.jsonl; may be repeated.",
            show_default="tensorboard where it is installed",
        ),
    ] = None,
) -> None:
    """Train the solo model.

    Started again with the same --out, a run goes on from its newest whole checkpoint; batches and
    dropout follow from (seed, step), so that a resumed run equals an uninterrupted one. The
    averaged weights are evaluated on held-out performers with their own backing, another tune's,
    and none; the best are kept. SIGTERM saves and stops.

    OUT gets log.jsonl, checkpoint-*/ (to resume), best/, and final/ (a Hugging Face folder in bf16,
    with the processor and codec, and figures.json).

    On several GPUs: accelerate launch train.py CONFIG ...; on several cores:
    ACCELERATE_USE_CPU=true torchrun --nproc_per_node 2 train.py CONFIG ... --threads 1.
    """
    overrides = assigned(values or [])
    given = {"max_steps": max_steps, "max_minutes": max_minutes, "threads": threads, "seed": seed}
    overrides |= {name: value for name, value in given.items() if value is not None}
    from saxsolo.training.settings import read_settings
    from saxsolo.training.solo_inputs import SoloInputs
    from saxsolo.training.train_solo import evaluate_solo, train_solo

    settings = read_settings(config, overrides)
    inputs = SoloInputs(tokens, weimar_dir, builtin, codec, init_from, split.value)
    if evaluate_only:
        print(evaluate_solo(settings, inputs, out, device=device))
        return
    names = None if trackers is None else [tracker.value for tracker in trackers]
    train_solo(settings, inputs, out, device=device, trackers=names)


@needs("train")
def train_codec(
    pairs: Annotated[
        Path | None, typer.Option(help="Folder of pairs; see `saxsolo corpus render`.")
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="In place of pairs: a folder of any sound, no labels needed."),
    ] = None,
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Settings, see configs/.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    init_from: Annotated[
        Path | None, typer.Option(help="A trained codec whose weights a new run starts with.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Of training.", show_default="the config's")
    ] = None,
    threads: ThreadsOption = None,
    evaluate: Annotated[
        Path | None, typer.Option(help="Evaluate this codec, train nothing.")
    ] = None,
    split: Annotated[str, typer.Option(help="Split to evaluate on.")] = "test",
    seconds: Annotated[float, typer.Option(help="Of each solo that is evaluated.")] = 30.0,
    damaged: Annotated[
        bool,
        typer.Option("--damaged", help="With --evaluate: a table under real-world damage too."),
    ] = False,
    device: Annotated[
        Device | None, typer.Option(help="Where to compute.", show_default="the processor")
    ] = None,
) -> None:
    """Train the saxophone codec, or evaluate one.

    Started again with the same --out, a run goes on. OUT gets state/ (to resume), final/ (a Hugging
    Face folder, fp16) and log.jsonl. A config with `train_codes: false` trains the decoder alone
    and leaves the codes of --init-from as they are: tokens made with it stay valid.
    """
    if evaluate is not None:
        use_threads(threads)
        if damaged:
            _print_damaged(evaluate, audio, seconds, device)
            return
        print(json.dumps(_evaluated(evaluate, pairs, audio, split, seconds, device), indent=2))
        return
    if config is None or out is None:
        raise SettingError("training takes a CONFIG and --out RUN; or give --evaluate CODEC")
    from saxsolo.training.codec_settings import read_codec_settings
    from saxsolo.training.codec_trainer import train_codec as run

    given = {"minutes": minutes, "threads": threads}
    overrides = {name: value for name, value in given.items() if value is not None}
    settings = read_codec_settings(config, overrides)
    print(run(settings, pairs, out, init_from, device, audio))


def train_ear(
    accompaniments: Annotated[
        list[Path], typer.Option(help="Folder of `saxsolo corpus accompany`; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Settings, see configs/ear.yaml.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Of training.", show_default="the config's, or 60")
    ] = None,
    init_from: Annotated[
        Path | None, typer.Option(help="Folder of an ear whose weights a new run starts with.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Excerpts a step.", show_default="the config's, or 4"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that compute spectra.")] = 1,
    threads: ThreadsOption = 1,
    device: Annotated[
        Device | None, typer.Option(help="Where to compute.", show_default="the processor")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights and excerpts.")] = 0,
) -> None:
    """Train the ear on accompaniments.

    Spectra are computed once, into OUT/spectra. Started again with the same --out, a run goes on.
    OUT/best holds the averaged weights, to be loaded with --ear; in the end they are made as sure
    as they are right on the validation items. Without CONFIG a small ear is trained, as a core
    needs it. On a GPU all spectra lie in its memory (60 MB an hour).
    """
    from saxsolo.device import chosen_device
    from saxsolo.training.ear import EarTraining
    from saxsolo.training.ear import train_ear as run
    from saxsolo.training.ear_calibration import calibrate
    from saxsolo.training.ear_data import cache_corpus
    from saxsolo.training.ear_settings import read_ear_settings

    use_threads(threads)
    given = {"minutes": minutes, "batch_size": batch_size, "seed": seed}
    if config is None:
        sizes = None
        settings = EarTraining(
            minutes=60.0 if minutes is None else minutes,
            batch_size=4 if batch_size is None else batch_size,
            seed=0 if seed is None else seed,
        )
    else:
        settings, sizes = read_ear_settings(config, given)
    caches, held_out = [], {}
    for number, folder in enumerate(accompaniments):
        cache = out / "spectra" / str(number)
        for split in ("train", "validation"):
            if (folder / split).is_dir():
                cache_corpus(folder, cache, split, workers)
        caches.append(cache)
        held_out[folder.name] = (cache, "validation")
    where = chosen_device(device or "cpu")
    run(caches, out, settings, sizes, held_out, init_from, where)
    calibrate(out / "best", held_out)
    print(out / "best")


def train_planner(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Settings, see configs/planner.yaml.")
    ],
    weimar_dir: Annotated[Path, typer.Option(help="Folder of the Weimar Jazz Database's solos.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    other_horns: Annotated[
        list[Path] | None,
        typer.Option(help="Solos of other instruments in the same format; may be repeated."),
    ] = None,
    quantised: Annotated[
        list[Path] | None,
        typer.Option(help="Saxophone solos with a metronome's onsets; may be repeated."),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="Solo model that the planner is put into in the end.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Of training.", show_default="the config's")
    ] = None,
    threads: ThreadsOption = 1,
    seed: Annotated[int | None, typer.Option(show_default="the config's")] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting in place of the config's, such as max_steps=300, without=[line].",
        ),
    ] = None,
) -> None:
    """Train the planner of notes on transcribed solos.

    No performer and no title of validation or test, over all folders together, is in training.
    OUT/best holds the weights with the best held-out loss, OUT/log.jsonl the losses.
    """
    from saxsolo.training.planner import install_planner, read_planner_settings
    from saxsolo.training.planner import train_planner as run
    from saxsolo.training.planner_data import read_solos

    use_threads(threads)
    given = {"minutes": minutes, "seed": seed}
    overrides = assigned(values or []) | {k: v for k, v in given.items() if v is not None}
    settings = read_planner_settings(config, overrides)
    solos = read_solos([weimar_dir], other_horns or [], quantised or [])
    print(json.dumps(run(solos, out, settings)))
    if into is not None:
        install_planner(out / "best", into)
        print(into)


def _evaluated(
    codec: Path,
    pairs: Path | None,
    audio: Path | None,
    split: str,
    seconds: float,
    device: str | None,
) -> dict[str, Any]:
    from saxsolo.device import chosen_device
    from saxsolo.training.codec_audio_evaluation import evaluate_on_audio
    from saxsolo.training.codec_evaluation import evaluate_codec
    from saxsolo.weights.loading import load_codec

    loaded = load_codec(codec, str(chosen_device(device or "cpu"))).model
    if audio is not None:
        return evaluate_on_audio(loaded, audio, seconds)
    if pairs is None:
        raise SettingError("--evaluate takes --pairs PAIRS or --audio FOLDER")
    return dict(evaluate_codec(loaded, pairs, split, seconds))


def _print_damaged(codec: Path, audio: Path | None, seconds: float, device: str | None) -> None:
    from saxsolo.device import chosen_device
    from saxsolo.evaluation.damage import DAMAGES, TUNINGS, detuned
    from saxsolo.training.codec_audio_evaluation import damage_table
    from saxsolo.weights.loading import load_codec

    if audio is None:
        raise SettingError("--damaged takes --audio FOLDER: it is sound that is damaged")
    loaded = load_codec(codec, str(chosen_device(device or "cpu"))).model
    # a saxophone alone has one channel
    damages = {name: damage for name, damage in DAMAGES.items() if name != "inverted stereo"}
    damages |= {f"{cents:+d} cents": detuned(cents) for cents in TUNINGS}
    for line in damage_table(loaded, audio, seconds, damages):
        print(line, flush=True)
