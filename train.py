"""Trains the solo model.

    python train.py configs/small.yaml --tokens TOKENS --codec CODEC --out runs/small
    python train.py configs/small-scores.yaml --weimar-dir WEIMAR --out runs/scores     # no audio
    python train.py configs/small.yaml --tokens TOKENS --codec CODEC --weimar-dir WEIMAR \\
        --init-from runs/scores --out runs/small                                      # continue
    accelerate launch train.py ...                                   # the same on all the GPUs here
    ACCELERATE_USE_CPU=true torchrun --nproc_per_node 2 train.py ... --threads 1    # on two cores
    python train.py configs/tiny.yaml --builtin --out runs/look                # seconds, for a look
    python train.py configs/small.yaml --tokens TOKENS --out runs/small --evaluate-only --split test

- Started again with the same --out, a run goes on from its newest whole checkpoint.
- Batches and dropout follow from (seed, step): a resumed run equals an uninterrupted one.
- The loss of every part of a batch is weighed by its share of the targets, so that accumulation and
  many processes give the gradient of one big batch.
- The averaged weights are judged on held-out performers with their own backing, another tune's, and
  none; the best are kept. A non-finite loss stops the run. SIGTERM saves and stops.
- RUN holds log.jsonl, checkpoint-*/ (to resume), best/, and final/ (a Hugging Face folder in bf16,
  with the processor and codec, and figures.json).
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch
import yaml

from modeling_saxsolo.codec_adapter_saxsolo import load_codec
from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.errors_saxsolo import CodecError
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from modeling_saxsolo.processing_saxsolo import SaxsoloProcessor
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.corpus.tokens.checks import codes_sha256
from saxsolo.corpus.tokens.score_rows import Row, score_rows
from saxsolo.training.heldout import choose_clips
from saxsolo.training.run_state import RunStateError
from saxsolo.training.settings import SettingsError, TrainSettings, read_settings
from saxsolo.training.trainer import SoloTrainer, TrainingError

FINAL = "final"
# Shards small enough for a slow or narrow line.
SHARD_SIZE = "15MB"


def main(argv: list[str] | None = None) -> int:
    """The command line. Returns 0, or 2 after one clear line on bad input or a diverged run."""
    arguments = _parser().parse_args(argv)
    try:
        _run(arguments)
    except (ValueError, OSError, TrainingError) as error:
        print(f"train.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _run(arguments: argparse.Namespace) -> None:
    settings = read_settings(arguments.config, _overrides(arguments))
    config = SaxsoloConfig(**settings.model)
    audio, scores = load_rows(arguments, settings, config)
    rows = audio or scores
    heldout = [row for row in rows if row["split"] == arguments.split]
    codec = open_codec(arguments.codec) if arguments.codec else None
    if codec is not None and audio:
        check_codec(codec, audio[0])
    torch.manual_seed(settings.seed)
    model = SaxsoloForConditionalGeneration(config)
    if arguments.evaluate_only:
        final = existing(arguments.out / FINAL)
        model = SaxsoloForConditionalGeneration.from_pretrained(final, dtype=torch.float32)
        settings = replace(settings, weight_average=0.0)
    else:
        initialise(model, arguments.init_from, codec)
    trainer = SoloTrainer(
        model,
        settings,
        arguments.out,
        audio=[row for row in audio if row["split"] == "train"],
        scores=[row for row in scores if row["split"] == "train"],
        heldout=heldout,
        resume=not arguments.evaluate_only,
    )
    state = trainer.state
    if not arguments.evaluate_only:
        (arguments.out / "settings.yaml").write_text(yaml.safe_dump(asdict(settings)), "utf-8")
        if not trainer.train():
            print(f"broken off at step {state.step}; the same command goes on", file=sys.stderr)
            return
        trainer.load_best()
    if not trainer.accelerator.is_main_process:
        return
    figures: dict[str, object] = {"split": arguments.split, "has_audio": bool(audio)}
    figures |= {"step": state.step, "minutes": state.seconds / 60}
    figures["parameters"] = model.num_parameters()
    clips = []
    if not arguments.evaluate_only:
        export(model, codec, arguments.out / FINAL)
    if heldout:
        judgement = trainer.judge(choose_clips(heldout, settings.final_clips))
        figures |= judgement.figures()
        clips = judgement.per_clip()
        trainer.log.write("end", state.step, figures)
    trainer.log.close()
    if not arguments.evaluate_only:
        write_json(arguments.out / FINAL / "figures.json", figures)
    write_json(arguments.out / f"heldout-{arguments.split}.json", {**figures, "per_clip": clips})


def load_rows(
    arguments: argparse.Namespace, settings: TrainSettings, config: SaxsoloConfig
) -> tuple[list[Row], list[Row]]:
    """Rows of all splits of the token corpus and of the scores, as far as they are asked for."""
    audio: list[Row] = []
    if arguments.tokens:
        from saxsolo.corpus.tokens.shards import load_tokens  # datasets takes seconds to import

        for split in ("train", arguments.split):
            audio += load_tokens(
                arguments.tokens,
                split,
                num_codebooks=config.num_codebooks,
                codebook_size=config.codebook_size,
            )
    scores = read_weimar(arguments.weimar_dir) if arguments.weimar_dir else []
    rows = score_rows(scores, settings.tempi) if scores else []
    if arguments.builtin:
        # A look at the machinery: what is trained on is also judged by.
        rows += score_rows(builtin_scores())
        rows += [{**row, "split": arguments.split} for row in rows]
    if not audio and not rows:
        raise SettingsError("nothing to train on: give --tokens, --weimar-dir or --builtin")
    return audio, rows


def open_codec(folder: str) -> torch.nn.Module:
    """The codec of a folder or hub id; errors name it."""
    try:
        return load_codec(folder)
    except OSError as error:
        raise OSError(f"cannot load the codec {folder}: {error}") from error


def check_codec(codec: torch.nn.Module, row: Row) -> None:
    """Raises `CodecError` when the corpus was not made with this codec."""
    found = codes_sha256(codec)
    if found != row["codec_sha256"]:
        raise CodecError(
            f"the codec's weights have sha256 {found[:12]}, the tokens were made with "
            f"{str(row['codec_sha256'])[:12]}; tokenise again, or give that codec"
        )


def initialise(
    model: SaxsoloForConditionalGeneration, init_from: Path | None, codec: torch.nn.Module | None
) -> None:
    """Weights of an earlier run's final/ folder, and the codec's vectors, quiet at first, where no
    earlier run has trained the embeddings of codes."""
    heard_audio = False
    if init_from:
        folder = init_from / FINAL if (init_from / FINAL).is_dir() else existing(init_from)
        earlier = SaxsoloForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        # the part that knows beats is silent at first: an earlier run may lack it
        known = earlier.config.rhythm
        wanted = {
            name: value.shape
            for name, value in model.state_dict().items()
            if known or not name.startswith("decoder.rhythm.")
        }
        found = {name: value.shape for name, value in earlier.state_dict().items()}
        if wanted != found:
            name = sorted(n for n in {*wanted, *found} if wanted.get(n) != found.get(n))[0]
            raise RunStateError(
                f"{folder} does not fit the settings: {name} is {found.get(name)} there and "
                f"{wanted.get(name)} here; use the same model section"
            )
        model.load_state_dict(earlier.state_dict(), strict=known)
        figures = folder / "figures.json"
        heard_audio = figures.exists() and json.loads(figures.read_text("utf-8"))["has_audio"]
    if codec is not None and not heard_audio and hasattr(codec, "codebook_vectors"):
        model.init_codec_embeddings(codec.codebook_vectors)
        if init_from:
            model.quieten_codes()


def existing(folder: Path) -> Path:
    """The folder itself. Raises `RunStateError` where it holds no model: the library would take
    its name for one on the hub."""
    if not (folder / "config.json").is_file():
        raise RunStateError(f"{folder} holds no model (config.json is missing)")
    return folder


def export(
    model: SaxsoloForConditionalGeneration, codec: torch.nn.Module | None, folder: Path
) -> None:
    """A Hugging Face folder: bf16 weights in shards of at most 15 MB, the code, and with a codec
    also the processor."""
    small = copy.deepcopy(model).to("cpu", torch.bfloat16).eval()
    small.save_pretrained(folder, max_shard_size=SHARD_SIZE)
    if codec is not None:
        SaxsoloProcessor(codec, model.config).save_pretrained(folder)


def write_json(path: Path, content: object) -> None:
    """JSON with one indent, in UTF-8."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _overrides(arguments: argparse.Namespace) -> dict[str, object]:
    overrides: dict[str, object] = {}
    for text in arguments.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"--set {text!r} has no value; write --set name=value")
        overrides[name] = yaml.safe_load(value)
    for name in ("max_steps", "max_minutes", "threads", "seed"):
        if getattr(arguments, name) is not None:
            overrides[name] = getattr(arguments, name)
    return overrides


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="settings, see configs/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--tokens", type=Path, help="folder of the token corpus")
    parser.add_argument("--weimar-dir", type=Path, help="folder of the Weimar Jazz Database")
    parser.add_argument("--builtin", action="store_true", help="train on the built-in scores")
    parser.add_argument("--codec", help="folder or hub id of the codec the tokens were made with")
    parser.add_argument("--init-from", type=Path, help="run or model folder to begin with")
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--max-minutes", type=float, help="of training; saves and judges after it")
    parser.add_argument("--threads", type=int, help="of torch, on a CPU")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--evaluate-only", action="store_true", help="judge OUT/final")
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
